# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the layers of dlib's identity network from the file in which dlib keeps it.

dlib writes a network from its input to its loss, each layer as its name, its settings and its weights, followed by the
state of training, which is nothing here. Whole numbers are packed: a byte whose low four bits say how many bytes
follow, least first, and whose highest bit is the sign. A floating-point number is two of them, mantissa and exponent of
two; a text is its length and its bytes; a tensor is its version, its four sizes and plain float32. The layers are those
of dlib's `anet_type` (examples/dnn_face_recognition_ex.cpp); any other network is refused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import EngineError, ErrorCode

CHIP_SIDE = 150
# Of each residual block from the input on: its filters, and whether it halves width and height.
_BLOCKS = (
    *((32, False),) * 3,
    *((64, True), *((64, False),) * 3),
    *((128, True), *((128, False),) * 2),
    *((256, True), *((256, False),) * 2),
    (256, True),
)
_CHANNELS, _FIRST_FILTERS, _FIRST_SIDE, _SIDE, _LENGTH = 3, 32, 7, 3, 128
_INPUT = "input_rgb_image_sized"
# The input's name follows the versions of all layers, and a layer's name the training state of the one before.
_LONGEST_GAP = 1024
_TENSOR_VERSION, _ALIAS_VERSION, _OF_CHANNELS = 2, 1, 0
_LONGEST_INTEGER, _LARGEST_EXPONENT = 8, 64
_LENGTH_BITS, _SIGN_BIT = 0x0F, 0x80

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Convolution:
    """A convolution with the scale and shift that follow it folded into its numbers.

    Attributes:
        weights: (filters, channels, height, width).
        biases: (filters,).
        stride: Pixels from window to window, both ways.
        padding: Zeros at each edge.
    """

    weights: Floats
    biases: Floats
    stride: int
    padding: int


@dataclass(frozen=True)
class Block:
    """A residual block: two convolutions with a rectifier between them, and what came in added.

    Attributes:
        first: The first convolution.
        second: The second.
        is_halving: Whether what came in is averaged over 2 x 2 pixels before it is added.
    """

    first: Convolution
    second: Convolution
    is_halving: bool


@dataclass(frozen=True)
class IdentityWeights:
    """All numbers of the network.

    Attributes:
        means: What is subtracted from red, green and blue, (3,).
        first: The convolution before the pooling.
        blocks: The residual blocks from the input on.
        projection: (channels of the last block, 128).
    """

    means: Floats
    first: Convolution
    blocks: tuple[Block, ...]
    projection: Floats


def read_identity_weights(path: Path) -> IdentityWeights:
    """Read the network.

    Args:
        path: `dlib_face_recognition_resnet_model_v1.dat`.

    Raises:
        EngineError: `model_unreadable`, when the file can't be read, is damaged or holds another network.
    """
    try:
        return _network(_Numbers(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise EngineError(
            ErrorCode.MODEL_UNREADABLE,
            f"{path} is not the identity network it should be: {error}.",
            "Run the engine's set-up again; it puts the models in place.",
        ) from error


def _network(numbers: _Numbers) -> IdentityWeights:
    numbers.go_to(_INPUT)
    means = np.array([numbers.real() for _ in range(_CHANNELS)], np.float32)
    numbers.expect(CHIP_SIDE, CHIP_SIDE)
    first = _convolution(numbers, _CHANNELS, _FIRST_FILTERS, _FIRST_SIDE, 2)
    numbers.go_to("relu_")
    _pooling(numbers, "max_pool_2", 3)
    channels, blocks = _FIRST_FILTERS, []
    for filters, is_halving in _BLOCKS:
        blocks.append(_block(numbers, channels, filters, is_halving))
        channels = filters
    numbers.go_to("avg_pool_2")
    numbers.expect(0, 0, 1, 1, 0, 0)
    numbers.go_to("fc_2")
    numbers.expect(_LENGTH, channels)
    projection = numbers.tensor(channels, _LENGTH, 1, 1).reshape(channels, _LENGTH)
    return IdentityWeights(means, first, tuple(blocks), projection)


def _block(numbers: _Numbers, channels: int, filters: int, is_halving: bool) -> Block:
    first = _convolution(numbers, channels, filters, _SIDE, 2 if is_halving else 1)
    numbers.go_to("relu_")
    second = _convolution(numbers, filters, filters, _SIDE, 1)
    if is_halving:
        _pooling(numbers, "avg_pool_2", 2)
    numbers.go_to("add_prev_")
    numbers.go_to("relu_")
    return Block(first, second, is_halving)


def _pooling(numbers: _Numbers, name: str, side: int) -> None:
    numbers.go_to(name)
    numbers.expect(side, side, 2, 2, 0, 0)


def _convolution(numbers: _Numbers, channels: int, filters: int, side: int, stride: int) -> Convolution:
    count = filters * channels * side * side
    numbers.go_to("con_4")
    values = numbers.tensor(count + filters, 1, 1, 1).ravel()
    # dlib pads with half a window, but not where it strides.
    padding = side // 2 if stride == 1 else 0
    numbers.expect(filters, side, side, stride, stride, padding, padding)
    numbers.expect(_ALIAS_VERSION, filters, channels, side, side)
    numbers.expect(_ALIAS_VERSION, 1, filters, 1, 1)
    numbers.go_to("affine_")
    scale, shift = numbers.tensor(2 * filters, 1, 1, 1).reshape(2, filters)
    numbers.expect(*(_ALIAS_VERSION, 1, filters, 1, 1) * 2, _OF_CHANNELS)
    weights = values[:count].reshape(filters, channels, side, side)
    return Convolution(weights * scale[:, None, None, None], values[count:] * scale + shift, stride, padding)


class _Numbers:
    """What a file holds, read from its beginning on; every method raises ValueError where something else lies."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._place = 0

    def go_to(self, name: str) -> None:
        """Move behind a layer's name, past the small numbers before it."""
        text = bytes([1, len(name)]) + name.encode("ascii")
        found = self._content.find(text, self._place, self._place + _LONGEST_GAP)
        if found < 0:
            raise ValueError(f"no layer {name} follows byte {self._place}")
        self._place = found + len(text)

    def integer(self) -> int:
        head = self._take(1)[0]
        if head & ~(_LENGTH_BITS | _SIGN_BIT) or not 1 <= head & _LENGTH_BITS <= _LONGEST_INTEGER:
            raise ValueError(f"there is no number at byte {self._place - 1}")
        size = int.from_bytes(self._take(head & _LENGTH_BITS), "little")
        return -size if head & _SIGN_BIT else size

    def real(self) -> float:
        mantissa, exponent = self.integer(), self.integer()
        if abs(exponent) > _LARGEST_EXPONENT:
            raise ValueError(f"a number before byte {self._place} is out of range")
        return math.ldexp(mantissa, exponent)

    def expect(self, *values: int) -> None:
        for value in values:
            found = self.integer()
            if found != value:
                raise ValueError(f"the number before byte {self._place} is {found} instead of {value}")

    def tensor(self, *sizes: int) -> Floats:
        self.expect(_TENSOR_VERSION, *sizes)
        values = np.frombuffer(self._take(4 * math.prod(sizes)), "<f4").astype(np.float32, copy=False)
        if not np.isfinite(values).all():
            raise ValueError(f"a weight before byte {self._place} is no number")
        return values.reshape(sizes)

    def _take(self, count: int) -> bytes:
        if self._place + count > len(self._content):
            raise ValueError(f"it ends at byte {len(self._content)}")
        self._place += count
        return self._content[self._place - count : self._place]
