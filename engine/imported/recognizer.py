# SPDX-License-Identifier: GPL-3.0-or-later
"""An ArcFace network that the user brings: identity vectors for a one-shot swapper, from pictures.

Input: float32 (1, 3, 112, 112) RGB, (value - 127.5) / 127.5; output: (1, k).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..faces.alignment import align_face
from ..runtime.openvino_runtime import Graph
from .alignments import ARCFACE, alignment_matrix
from .network import unusable


class Recognizer:
    """Describes faces for a one-shot swapper.

    Args:
        path: The ONNX file.

    Raises:
        EngineError: `model_unreadable` or `model_mismatch`.
    """

    def __init__(self, path: Path) -> None:
        graph = Graph(path)
        shapes = list(graph.inputs().values())
        shape = shapes[0] if len(shapes) == 1 else None
        if shape is None or len(shape) != 4 or shape[1] != 3 or shape[2] is None or shape[2] != shape[3]:
            raise unusable(f"{path.name} is no ArcFace network: it takes {shapes}, not one face (1, 3, 112, 112).")
        self._side = shape[2]
        self._network = graph.compile()

    def embed(self, image: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the identity vector (k,) of a face in an RGB picture, of length 1."""
        face = align_face(image, alignment_matrix(ARCFACE, landmarks, self._side), self._side)
        values = (face.astype(np.float32) - 127.5) / 127.5
        (result,) = self._network(np.ascontiguousarray(values.transpose(2, 0, 1)[None])).values()
        vector = np.array(result, np.float32).reshape(-1)
        return vector / np.float32(max(float(np.linalg.norm(vector)), 1e-12))
