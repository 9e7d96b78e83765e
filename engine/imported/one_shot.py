# SPDX-License-Identifier: GPL-3.0-or-later
"""One-shot swappers: a face and the identity of any performer in, the face with that identity out.

The contract of InsightFace's inswapper: inputs `target`, float32 (1, 3, S, S) RGB in 0…1, cut by ArcFace's five points,
and `source`, float32 (1, k): the identity vector of length 1, times the file's last stored array (k, k), of length 1
again. Output: float32 (1, 3, S, S) RGB in 0…1.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import EngineError, ErrorCode
from ..contract.files import WRONG_ARRAYS, damage
from ..contract.imported_model import IDENTITIES_FILE, ImportedModel
from ..runtime.openvino_runtime import Graph
from .network import Faces, ImportedNetwork, shaped, unusable
from .onnx_file import last_initializer

_TARGET, _SOURCE = "target", "source"


class OneShotNetwork(ImportedNetwork):
    """A one-shot swapper, ready to swap.

    Args:
        path: The ONNX file; beside it lies the file of the performers' identities.
        model: What its `model.json` says.
        threads: Processor threads; 0 takes one for each core.

    Raises:
        EngineError: `model_unreadable` or `model_mismatch`.
    """

    def __init__(self, path: Path, model: ImportedModel, threads: int = 0) -> None:
        super().__init__(model)
        graph = Graph(path)
        _side, length = check_one_shot(graph)
        matrix = identity_matrix(path, length)
        identities = load_identities(path.with_name(IDENTITIES_FILE), model.performers, length)
        self._sources = {name: source_vector(vector, matrix) for name, vector in identities.items()}
        self._inputs = list(graph.inputs())
        self._network = graph.compile(threads=threads)

    def swap_one(self, face: Faces, source: str) -> tuple[Faces, None]:
        """Swap one face (S, S, 3) RGB; such networks have no mask."""
        values = {_TARGET: np.ascontiguousarray(face.transpose(2, 0, 1)[None]), _SOURCE: self._sources[source]}
        (result,) = self._network(*(values[name] for name in self._inputs)).values()
        return shaped(result, (3, self.face_size, self.face_size), "a face").transpose(1, 2, 0), None


def check_one_shot(graph: Graph) -> tuple[int, int]:
    """Return the side of a one-shot swapper's faces in pixels and the length of its identities.

    Raises:
        EngineError: `model_mismatch`, saying what is wrong.
    """
    inputs, name = graph.inputs(), graph.path.name
    if set(inputs) != {_TARGET, _SOURCE} or len(graph.outputs()) != 1:
        raise unusable(
            f"{name} is no one-shot swapper: it has the inputs {', '.join(inputs)} instead of target and source, "
            f"and {len(graph.outputs())} outputs instead of one."
        )
    target, source = inputs[_TARGET] or (), inputs[_SOURCE] or ()
    if len(target) != 4 or target[1] != 3 or target[2] is None or target[2] != target[3]:
        raise unusable(f"{name} is no one-shot swapper: its faces are {target}, not (1, 3, side, side).")
    if len(source) != 2 or source[1] is None:
        raise unusable(f"{name} is no one-shot swapper: its identities are {source}, not (1, length).")
    return target[2], source[1]


def identity_matrix(path: Path, length: int) -> NDArray[np.float32]:
    """Return the matrix (length, length) that identities are multiplied with.

    Raises:
        EngineError: `model_unreadable`, or `model_mismatch` when the file has none.
    """
    matrix = last_initializer(path)
    if matrix is None or matrix.shape != (length, length) or not np.isfinite(matrix).all():
        raise unusable(
            f"{path.name} is no one-shot swapper: its last stored array is not a matrix of {length} × {length}."
        )
    return matrix


def source_vector(identity: NDArray[np.floating], matrix: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return what the network takes for an identity, (1, k) float32 of length 1.

    Args:
        identity: (k,), any length but zero.
        matrix: (k, k).
    """
    vector = _unit(np.asarray(identity, np.float64)) @ np.asarray(matrix, np.float64)
    return _unit(vector).astype(np.float32)[None]


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    length = float(np.linalg.norm(vector))
    if not np.isfinite(length) or length == 0.0:
        raise EngineError(
            ErrorCode.MODEL_UNREADABLE, "An identity vector is all zeros or no numbers.", "Make it from other pictures."
        )
    return vector / length


def load_identities(path: Path, performers: tuple[str, ...], length: int) -> dict[str, NDArray[np.float32]]:
    """Return the identity vectors of performers.

    Raises:
        EngineError: `model_unreadable`, naming the file.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            found = {name: np.asarray(archive[name], np.float32).reshape(-1) for name in performers}
    except WRONG_ARRAYS as error:
        raise EngineError(
            ErrorCode.MODEL_UNREADABLE, f"{path} can't be read: {damage(error)}.", "Import the network again."
        ) from error
    for name, vector in found.items():
        if len(vector) != length:
            raise unusable(f"The identity of {name} has {len(vector)} numbers; the network takes {length}.")
    return found
