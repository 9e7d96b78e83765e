# SPDX-License-Identifier: GPL-3.0-or-later
"""dlib's identity network computed by OpenVINO, several times faster than by dlib and without Python's lock.

Why: docs/explanation/decisions/0030. The numbers are dlib's, the vectors too but for the order of sums.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..runtime.openvino_runtime import Graph
from .dlib_weights import CHIP_SIDE, Block, Convolution, IdentityWeights, read_identity_weights

_RANGE = 256
# One vector takes milliseconds; more threads would contend with the search for the cores.
_THREADS = 1
_FIRST_POOLING, _HALVING = 3, 2


class IdentityNetwork:
    """The network as a function from a face to its identity vector; it may be called from several threads.

    Args:
        path: `dlib_face_recognition_resnet_model_v1.dat`.

    Raises:
        EngineError: `library_missing` without OpenVINO; `model_unreadable` when the file is damaged or another one.
    """

    def __init__(self, path: Path) -> None:
        weights = read_identity_weights(path)
        self._means = weights.means
        self._network = Graph(path, lambda openvino: _build(openvino, weights)).compile(threads=_THREADS)
        self._lock = threading.Lock()

    def __call__(self, chip: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the identity vector, (128,).

        Args:
            chip: RGB face as dlib cuts it, (150, 150, 3).
        """
        values = (chip.astype(np.float32) - self._means) / _RANGE
        picture = np.ascontiguousarray(values.transpose(2, 0, 1)[None])
        with self._lock:
            (vector,) = self._network(picture).values()
            return vector[0].copy()


def _build(openvino: Any, weights: IdentityWeights) -> Any:
    # Weights become constants first, because an operation that is handed an array makes a list of numbers of it.
    operations = openvino.opset13
    entry = operations.parameter([1, 3, CHIP_SIDE, CHIP_SIDE], np.float32)
    values = operations.relu(_convolve(operations, entry, weights.first))
    window = [_FIRST_POOLING, _FIRST_POOLING]
    # Strides, dilations, padding before and behind.
    values = operations.max_pool(values, [2, 2], [1, 1], [0, 0], [0, 0], window).output(0)
    for block in weights.blocks:
        values = _residual(operations, values, block)
    means = operations.reduce_mean(values, [2, 3])
    vector = operations.matmul(means, operations.constant(weights.projection), False, False)
    return openvino.Model([vector], [entry], "identity")


def _residual(operations: Any, values: Any, block: Block) -> Any:
    inner = operations.relu(_convolve(operations, values, block.first))
    inner = _convolve(operations, inner, block.second)
    if block.is_halving:
        sides = [_HALVING, _HALVING]
        values = operations.avg_pool(values, sides, [0, 0], [0, 0], sides, True).output(0)
    return operations.relu(_add(operations, inner, values)).output(0)


def _add(operations: Any, first: Any, second: Any) -> Any:
    """Add two results of different sizes as dlib does: zeros stand for what one of them lacks at its ends.

    The way past a halving block has fewer channels, and the unpadded convolution beside it makes 3 of 8 pixels where
    the average makes 4.
    """
    sizes = np.maximum(list(first.shape), list(second.shape))
    return operations.add(*(_fill_up(operations, values, sizes) for values in (first, second)))


def _fill_up(operations: Any, values: Any, sizes: NDArray[np.integer]) -> Any:
    missing = sizes - list(values.shape)
    if not missing.any():
        return values
    return operations.pad(values, np.zeros_like(missing), missing, "constant", np.float32(0))


def _convolve(operations: Any, values: Any, convolution: Convolution) -> Any:
    steps, edges = [convolution.stride] * 2, [convolution.padding] * 2
    # A shared array is kept by the constant and not copied.
    weights = operations.constant(convolution.weights, shared_memory=True)
    product = operations.convolution(values, weights, steps, edges, edges, [1, 1])
    biases = operations.constant(convolution.biases[None, :, None, None])
    return operations.add(product, biases).output(0)
