# SPDX-License-Identifier: GPL-3.0-or-later
"""DeepFaceLive's DFM networks: one performer's face for any face, with masks, as DeepFaceLab exports them.

Inputs: `in_face:0`, float32 (n, S, S, 3) BGR in 0…1; in some `morph_value:0`, float32 (1,). Outputs: `out_face_mask:0`,
the mask of the face that went in; `out_celeb_face:0`; `out_celeb_face_mask:0`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..contract.imported_model import ImportedModel
from ..runtime.openvino_runtime import Graph
from .network import Faces, ImportedNetwork, shaped, unusable

_FACE, _MORPH = "in_face", "morph_value"
_OUTPUTS = ("out_face_mask", "out_celeb_face", "out_celeb_face_mask")


class DfmNetwork(ImportedNetwork):
    """A DFM network, ready to swap.

    Args:
        path: The ONNX file.
        model: What its `model.json` says.
        threads: Processor threads; 0 takes one for each core.

    Raises:
        EngineError: `model_unreadable` or `model_mismatch`.
    """

    def __init__(self, path: Path, model: ImportedModel, threads: int = 0) -> None:
        super().__init__(model)
        graph = Graph(path)
        check_dfm(graph)
        self._inputs = [_plain(name) for name in graph.inputs()]
        self._morph = np.array([model.morph], np.float32)
        self._network = graph.compile(threads=threads)

    def swap_one(self, face: Faces, source: str) -> tuple[Faces, Faces]:
        """Swap one face (S, S, 3) RGB; the mask is where both the face that went in and the performer's are."""
        values = {_FACE: np.ascontiguousarray(face[None, ..., ::-1]), _MORPH: self._morph}
        results = {_plain(name): array for name, array in self._network(*(values[n] for n in self._inputs)).items()}
        side = self.face_size
        masks = [shaped(results[name], (side, side), "a mask") for name in (_OUTPUTS[0], _OUTPUTS[2])]
        swapped = shaped(results[_OUTPUTS[1]], (side, side, 3), "a face")[..., ::-1]
        return swapped, np.clip(masks[0], 0.0, 1.0) * np.clip(masks[1], 0.0, 1.0)


def check_dfm(graph: Graph) -> int:
    """Return the side of a DFM network's faces in pixels.

    Raises:
        EngineError: `model_mismatch`, saying what is missing.
    """
    inputs = {_plain(name): shape for name, shape in graph.inputs().items()}
    outputs = {_plain(name) for name in graph.outputs()}
    missing = [name for name in (_FACE, *_OUTPUTS) if name not in inputs and name not in outputs]
    strange = sorted(set(inputs) - {_FACE, _MORPH})
    if missing or strange:
        what = f"lacks {', '.join(missing)}" if missing else f"also wants {', '.join(strange)}"
        raise unusable(f"{graph.path.name} is no DFM network: it {what}.")
    shape = inputs[_FACE] or ()
    side = shape[1] if len(shape) == 4 and shape[1] == shape[2] and shape[3] == 3 else None
    if side is None:
        raise unusable(f"{graph.path.name} is no DFM network: its faces are {shape}, not (n, side, side, 3).")
    return side


def _plain(name: str) -> str:
    return name.removesuffix(":0")
