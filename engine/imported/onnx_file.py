# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads from an ONNX file what its graph doesn't compute with: the last stored array, and whether all data is inside.

An ONNX file is a Protocol Buffers message. Only the few fields needed are decoded here, by the public definition
(onnx.proto): ModelProto.graph = 7; GraphProto.initializer = 5; TensorProto dims = 1, data_type = 2, float_data = 4,
raw_data = 9, data_location = 14.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import EngineError, ErrorCode

_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5
_GRAPH, _INITIALIZER = 7, 5
_DIMS, _DATA_TYPE, _FLOAT_DATA, _RAW_DATA, _LOCATION = 1, 2, 4, 9, 14
_FLOAT, _FLOAT16 = 1, 10
_EXTERNAL = 1

Field = tuple[int, int | memoryview]


def last_initializer(path: Path) -> NDArray[np.float32] | None:
    """Return the last stored array of a network, float32, or None when it has none of floating point.

    Args:
        path: The ONNX file; all stored arrays must be inside.

    Raises:
        EngineError: `model_unreadable`, when the file is damaged, is no ONNX file or keeps data in other files.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            view = memoryview(data)
            try:
                return _last_array(view, path)
            finally:
                view.release()
    except (OSError, ValueError, IndexError, BufferError, OverflowError) as error:
        raise EngineError(
            ErrorCode.MODEL_UNREADABLE, f"{path} is no ONNX file or is damaged: {error}.", "Fetch the file again."
        ) from error


def _last_array(view: memoryview, path: Path) -> NDArray[np.float32] | None:
    last: list[Field] | None = None
    graphs = [value for number, value in _fields(view) if number == _GRAPH and isinstance(value, memoryview)]
    if not graphs:
        raise ValueError("it holds no graph")
    for number, value in _fields(graphs[-1]):
        if number != _INITIALIZER or not isinstance(value, memoryview):
            continue
        last = list(_fields(value))
        if (_LOCATION, _EXTERNAL) in last:
            raise EngineError(
                ErrorCode.MODEL_UNREADABLE,
                f"{path} keeps its weights in other files.",
                "Export the network as one file.",
            )
    return None if last is None else _array(last)


def _array(fields: list[Field]) -> NDArray[np.float32] | None:
    kind = next((value for number, value in fields if number == _DATA_TYPE), 0)
    dtype = {_FLOAT: "<f4", _FLOAT16: "<f2"}.get(kind if isinstance(kind, int) else 0)
    if dtype is None:
        return None
    shape = []
    for number, value in fields:
        if number == _DIMS:
            shape += [value] if isinstance(value, int) else _varints(value)
    data = next((value for number, value in fields if number in (_RAW_DATA, _FLOAT_DATA)), memoryview(b""))
    if not isinstance(data, memoryview):
        return None
    return np.frombuffer(bytes(data), dtype).astype(np.float32).reshape(shape)


def _fields(view: memoryview) -> Iterator[Field]:
    """Yield number and value of each field of a message; values of fixed length are left out."""
    position = 0
    while position < len(view):
        key, position = _varint(view, position)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, position = _varint(view, position)
            yield number, value
        elif wire == _BYTES:
            length, position = _varint(view, position)
            if position + length > len(view):
                raise ValueError("it ends too early")
            yield number, view[position : position + length]
            position += length
        elif wire in (_EIGHT_BYTES, _FOUR_BYTES):
            position += 8 if wire == _EIGHT_BYTES else 4
        else:
            raise ValueError(f"there is no field of type {wire}")


def _varint(view: memoryview, position: int) -> tuple[int, int]:
    """Return the number at a position, seven bits a byte, and the position behind it."""
    value = 0
    for shift in range(0, 70, 7):
        byte = view[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("a number in it is too long")


def _varints(view: memoryview) -> list[int]:
    values, position = [], 0
    while position < len(view):
        value, position = _varint(view, position)
        values.append(value)
    return values
