# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages between two processes of the engine: names and numbers as JSON, arrays as their bytes behind it."""

from __future__ import annotations

import json
import math
import struct
import tempfile
from collections.abc import Iterator, Sequence
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from .shared_ring import SharedRing

_LENGTH = struct.Struct("<I")
# Arrays from this size on land in a nameless file that is read where it is looked at, so that memory stays flat.
_LARGE_BYTES = 1 << 20
# Smaller ones are written in less time than a place for them is found.
_SMALL_BYTES = 1 << 14
_PIECE_BYTES = 1 << 18

ArrayMessage = tuple[dict[str, Any], list[NDArray[Any]]]


def write_message(
    stream: IO[bytes], content: dict[str, Any], arrays: Sequence[NDArray[Any]] = (), ring: SharedRing | None = None
) -> None:
    """Write a message and send it off.

    Args:
        stream: A pipe.
        content: Plain values, as JSON takes them.
        arrays: Numbers of any type but objects.
        ring: Memory shared with who reads it, for arrays that are neither small nor large.

    Raises:
        OSError: The other side is gone.
    """
    ends = [ring.put(item) if ring and _SMALL_BYTES <= item.nbytes < _LARGE_BYTES else None for item in arrays]
    kinds = [[item.dtype.str, item.shape, end] for item, end in zip(arrays, ends, strict=True)]
    head = json.dumps([content, kinds]).encode("ascii")
    stream.write(_LENGTH.pack(len(head)) + head)
    for item, end in zip(arrays, ends, strict=True):
        for piece in _pieces(item) if end is None else ():
            stream.write(np.ascontiguousarray(piece).reshape(-1).view(np.uint8).data)
    stream.flush()


def read_message(stream: IO[bytes], ring: SharedRing | None = None) -> ArrayMessage | None:
    """Return the next message, or None where the other side has closed the pipe, also in the middle of a message."""
    length = stream.read(_LENGTH.size)
    if len(length) < _LENGTH.size:
        return None
    head = stream.read(_LENGTH.unpack(length)[0])
    try:
        content, kinds = json.loads(head)
    except ValueError:
        return None
    arrays = []
    for kind, shape, end in kinds:
        if end is not None:
            assert ring is not None, "who sends by a ring knows that there is one"
            arrays.append(ring.take(end, np.dtype(kind), tuple(shape)))
            continue
        item = _room(np.dtype(kind), tuple(shape))
        if item.size and not _fill(stream, item):
            return None
        arrays.append(item)
    return content, arrays


def _pieces(item: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield rows, so that only some of a long array whose numbers aren't side by side are copied at a time."""
    if item.flags.c_contiguous or item.nbytes <= _PIECE_BYTES:
        if item.size:
            yield item
        return
    rows = max(1, _PIECE_BYTES * len(item) // item.nbytes)
    for start in range(0, len(item), rows):
        yield item[start : start + rows]


def _room(kind: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    if math.prod(shape) * kind.itemsize < _LARGE_BYTES:
        return np.empty(shape, kind)
    with tempfile.TemporaryFile(prefix="understudy-") as file:
        # The map keeps what it needs of the file.
        return np.memmap(file, kind, "w+", shape=shape)


def _fill(stream: IO[bytes], item: NDArray[Any]) -> bool:
    wanted = item.reshape(-1).view(np.uint8).data
    while len(wanted):
        count = stream.readinto(wanted)  # type: ignore[attr-defined] # buffered binary streams have it
        if not count:
            return False
        wanted = wanted[count:]
    return True
