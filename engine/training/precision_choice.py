# SPDX-License-Identifier: GPL-3.0-or-later
"""How exactly each part of a network computes in a swap: bfloat16 where its pictures stay the same, float32 elsewhere.

bfloat16 is three to four times faster on processors that have it, but has eight bits, as a picture has. How much a
network's pictures suffer depends on its weights and on which layers are rounded, so it is measured on faces that a
performer's decoder swaps, and kept in the model's folder for as long as the weights are the same.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import EngineError, ErrorCode
from ..contract.files import read_document, write_document
from ..runtime.openvino_runtime import BFLOAT16, BRANCHES, FEWER_BRANCHES, FLOAT32

SCHEMA = "understudy.precision"
# The first version knew parts in bfloat16 or float32 as a whole; what it chose is measured again.
VERSION = 2
FILE = "precision.json"

# The pictures are to be those of Keras within 1/255. Over 300 faces the largest difference was 1.5 times that of eight.
LIMIT = 1.0 / 255 / 1.5

# Fewer faces don't decide, and made ones always have a say: a shot may begin in the dark, where every precision does.
ENOUGH = 8

Faces = NDArray[np.float32]


@dataclass(frozen=True)
class Precision:
    """Precision of each part of a network.

    Attributes:
        encoder: `FLOAT32`, `BFLOAT16` or `BRANCHES`.
        decoder: `FLOAT32`, `BFLOAT16`, `BRANCHES` or `FEWER_BRANCHES`.
    """

    encoder: str = FLOAT32
    decoder: str = FLOAT32

    @property
    def title(self) -> str:
        """For the record, such as "bf16" or "branches and f32"."""
        return " and ".join(dict.fromkeys((self.encoder, self.decoder)))


EXACT = Precision()
# Fastest first. An encoder's branches are rounded before a decoder is computed exactly: they cost the least exactness.
ROUGH = (
    Precision(BFLOAT16, BFLOAT16),
    Precision(BRANCHES, BFLOAT16),
    Precision(BRANCHES, BRANCHES),
    Precision(BRANCHES, FEWER_BRANCHES),
    Precision(BRANCHES, FLOAT32),
)


@dataclass(frozen=True)
class Choice:
    """What was measured for one performer.

    Attributes:
        precision: The fastest precision whose pictures are the same.
        differences: Largest difference to float32 on the measured faces by precision's title, in 0…1.
    """

    precision: Precision
    differences: dict[str, float]


def made_faces(size: int) -> Faces:
    """Return eight smooth pictures with grain, from dark to light and of any color; float32 (8, S, S, 3) in 0…1."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:size, 0:size, 0:1][:2] / size
    pictures = []
    for brightness in np.linspace(0.1, 0.9, 8):
        waves = np.sin(rng.uniform(2.0, 9.0, 3) * x + rng.uniform(2.0, 9.0, 3) * y + rng.uniform(0.0, 6.0, 3))
        pictures.append(brightness + 0.4 * waves + rng.normal(0.0, 0.02, (size, size, 3)))
    return np.clip(np.stack(pictures), 0.0, 1.0).astype(np.float32)


def choose(faces: Faces, compute: Callable[[Precision, Faces], Faces]) -> Choice:
    """Measure on some faces and choose.

    Args:
        faces: float32 (n, S, S, 3) in 0…1.
        compute: Swaps faces at a precision.
    """
    exact = compute(EXACT, faces)
    differences = {}
    for precision in ROUGH:
        differences[precision.title] = float(np.abs(compute(precision, faces) - exact).max())
        if differences[precision.title] <= LIMIT:
            return Choice(precision, differences)
    return Choice(EXACT, differences)


def load_choices(folder: Path, fingerprint: str) -> dict[str, Precision]:
    """Return what was chosen for a model by performer; empty for other weights or when it can't be read."""
    with contextlib.suppress(EngineError, TypeError, KeyError, AttributeError):
        content = read_document(folder / FILE, SCHEMA, VERSION, ErrorCode.MODEL_UNREADABLE)
        if content["version"] == VERSION and content["fingerprint"] == fingerprint:
            known = {(item.encoder, item.decoder): item for item in (EXACT, *ROUGH)}
            return {str(name): known[item["encoder"], item["decoder"]] for name, item in content["performers"].items()}
    return {}


def save_choices(folder: Path, fingerprint: str, choices: Mapping[str, Choice]) -> None:
    """Keep what was chosen; a folder that can't be written measures again next time."""
    earlier = {
        name: {**asdict(precision), "differences": {}} for name, precision in load_choices(folder, fingerprint).items()
    }
    fresh = {name: {**asdict(item.precision), "differences": item.differences} for name, item in choices.items()}
    with contextlib.suppress(EngineError):
        write_document(folder / FILE, SCHEMA, VERSION, {"fingerprint": fingerprint, "performers": {**earlier, **fresh}})
