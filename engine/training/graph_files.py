# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a trained model keeps the graphs of its network: computation without weights, for a swap without TensorFlow.

A graph has the weights as inputs, so it is a few kilobytes, is the same for every checkpoint of a model, and is as
fresh as the checkpoint whose weights it is given. No TensorFlow in this module.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from .checkpoint import ModelDocument

_NETWORKS = Path(__file__).resolve().parents[1] / "networks"
_PREFIX = "graph-"
ENCODER, TRUNK = "encoder", "trunk"
PARTS = (ENCODER, "decoder")


@dataclass(frozen=True)
class GraphFiles:
    """The files of a model's graphs.

    Attributes:
        encoder: From "faces" (n, S, S, 3), or what `network_inputs` returns, and weights to the code.
        decoder: From "code" and weights to what `decoded.joined` understands, such as faces (n, S, S, 3).
    """

    encoder: Path
    decoder: Path

    @property
    def are_there(self) -> bool:
        """Whether both were written."""
        return self.encoder.is_file() and self.decoder.is_file()

    def remove(self) -> None:
        """Delete both, for instance because they are damaged."""
        for path in (self.encoder, self.decoder):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def remove_others(self) -> None:
        """Delete graphs that an older version or another network left in the folder."""
        for path in self.encoder.parent.glob(f"{_PREFIX}*.pb"):
            if path not in (self.encoder, self.decoder):
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)


def graph_files(folder: Path, document: ModelDocument) -> GraphFiles:
    """Return where the graphs of a model belong, whether they are there or not.

    Their names change with whatever the computation depends on: the source of the networks, the family, its size and
    its numbers of parameters.
    """
    figures = [document.family, document.face_size, document.coverage, sorted(document.parameters.items())]
    digest = hashlib.sha256(json.dumps(figures).encode("utf-8"))
    for path in sorted(_NETWORKS.glob("*.py")):
        digest.update(path.read_bytes())
    key = digest.hexdigest()[:12]
    return GraphFiles(*(folder / f"{_PREFIX}{part}-{key}.pb" for part in PARTS))


def input_name(index: int, weight: str, is_shared: bool = False) -> str:
    """Return what a graph calls a weight: the fourth weight "kernel" is "w03_kernel", of a trunk "t03_kernel"."""
    return f"{'t' if is_shared else 'w'}{index:02d}_{re.sub(r'[^A-Za-z0-9]', '_', weight)}"


def weight_inputs(part: str, names: list[str]) -> dict[str, str]:
    """Return, for one part of a network ("encoder", "decoder:<performer>"), graph input -> name in the checkpoint.

    The weights of a trunk, which all decoders share, belong to each of them.

    Args:
        part: Name of the part.
        names: Names of the checkpoint's weights, such as "encoder/03.kernel".
    """
    found = {}
    for name in names:
        place, _slash, numbered = name.rpartition("/")
        is_shared = place == TRUNK and part != ENCODER
        if place == part or is_shared:
            index, _dot, weight = numbered.partition(".")
            found[input_name(int(index), weight, is_shared)] = name
    return found
