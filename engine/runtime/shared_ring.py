# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory that two processes share, in which arrays go from one to the other: written once, read once, in order.

A pipe copies twice and stops both sides at every megabyte. There is no waiting here: where the ring has no room, the
array takes another way.
"""

from __future__ import annotations

import math
import mmap
import os
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SIZE = 1 << 24
# In front of the ring lies how many bytes of it were read since the beginning.
_COUNT = struct.Struct("<Q")
_START = 64


class SharedRing:
    """One end of the ring; one process puts arrays in, another one takes them out.

    Args:
        handle: The memory's file descriptor, which the other process inherits.
    """

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self._memory = mmap.mmap(handle, _START + _SIZE)
        self._written = 0

    def close_handle(self) -> None:
        """Close the file descriptor; what is mapped stays."""
        os.close(self.handle)

    def put(self, item: NDArray[Any]) -> int | None:
        """Write an array.

        Returns:
            Where it ends, for `take`; None when there is no room for it now.
        """
        begin = self._written
        if begin % _SIZE + item.nbytes > _SIZE:
            # It would reach over the end.
            begin += _SIZE - begin % _SIZE
        (read,) = _COUNT.unpack_from(self._memory, 0)
        if begin + item.nbytes - read > _SIZE:
            return None
        self._view(begin, item.dtype, item.shape)[...] = item
        self._written = begin + item.nbytes
        return self._written

    def take(self, end: int, kind: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        """Return a copy of the array that ends there; its place is free from now on, as are those before it."""
        begin = end - math.prod(shape) * kind.itemsize
        item = self._view(begin, kind, shape).copy()
        _COUNT.pack_into(self._memory, 0, end)
        return item

    def _view(self, begin: int, kind: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        return np.ndarray(shape, kind, self._memory, _START + begin % _SIZE)


def make_ring() -> SharedRing | None:
    """Return an empty ring, or None where the system has no memory without a name (Linux has)."""
    if not hasattr(os, "memfd_create"):
        return None
    try:
        handle = os.memfd_create("understudy")
        os.ftruncate(handle, _START + _SIZE)
        return SharedRing(handle)
    except OSError:
        return None
