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
from ..runtime.openvino_runtime import BFLOAT16, BRANCHES, CORE, DEEP_CORE, FLOAT32, OPEN_CORE
from .network_inputs import pictures_of

SCHEMA = "understudy.precision"
# Earlier versions knew other ways of rounding; what they chose is measured again.
VERSION = 3
FILE = "precision.json"

# The pictures are to be those of Keras within 1/255. Later faces differ more than those measured, so a share is kept
# for them: of two performers' 222 faces the worst gave up to 1.36 times what was measured (decision 22).
LIMIT = 1.0 / 255 / 1.4

# Fewer faces don't decide.
ENOUGH = 16

# A face whose values span less is nearly black or in fog, where each precision may do, or none.
CONTRAST = 0.3

Faces = NDArray[np.float32]


@dataclass(frozen=True)
class Precision:
    """Precision of each part of a network.

    Attributes:
        encoder: A name of `openvino_runtime`'s, such as `DEEP_CORE`.
        decoder: The same.
    """

    encoder: str = FLOAT32
    decoder: str = FLOAT32

    @property
    def title(self) -> str:
        """For the record, such as "bf16" or "deep core and core"."""
        return " and ".join(dict.fromkeys((self.encoder, self.decoder)))


EXACT = Precision()
# Fastest first. An encoder's branches are rounded before a decoder is computed exactly: they cost the least exactness.
ROUGH = (
    Precision(BFLOAT16, BFLOAT16),
    Precision(DEEP_CORE, BFLOAT16),
    Precision(DEEP_CORE, OPEN_CORE),
    Precision(DEEP_CORE, CORE),
    Precision(BRANCHES, BRANCHES),
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


def telling(faces: Faces) -> NDArray[np.bool_]:
    """Return which faces, given as a network takes them, show enough to decide and to be computed so; (n,)."""
    axes, pictures = (1, 2, 3), pictures_of(faces)
    return np.asarray(pictures.max(axes) - pictures.min(axes) >= CONTRAST)


def relit(faces: Faces) -> Faces:
    """Return eight of some faces in five other lights, so that a shot's first frames can decide for all.

    Patterns don't do: a network answers them with what no face ever shows, and rounding with it.

    Args:
        faces: As a network takes them, one at least; their sketches stay.
    """
    inputs = faces[np.linspace(0, len(faces) - 1, 8).astype(int)]
    chosen = pictures_of(inputs)
    low, high = chosen.min((1, 2, 3), keepdims=True), chosen.max((1, 2, 3), keepdims=True)
    whole = (chosen - low) / np.maximum(high - low, 1e-6)
    warm = np.array((1.2, 1.0, 0.7), np.float32)
    tinted = np.where(np.arange(8).reshape(8, 1, 1, 1) % 2, whole * warm, whole * warm[::-1])
    lights = (whole**0.5, whole**2, whole * (CONTRAST + 0.05), whole * 1.5, tinted)
    pictures = np.clip(np.concatenate(lights), 0.0, 1.0).astype(np.float32)
    return np.concatenate([pictures, np.concatenate([inputs[..., 3:]] * len(lights))], axis=-1)


def choose(faces: Faces, compute: Callable[[Precision, Faces], Faces]) -> Choice:
    """Measure on some faces and choose.

    Args:
        faces: As a network takes them.
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
        content = read_document(folder / FILE, SCHEMA, VERSION, ErrorCode.MODEL_UNREADABLE, "")
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
