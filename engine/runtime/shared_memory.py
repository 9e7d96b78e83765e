# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory that a process shares with those it starts; no file of it can stay behind, and it goes with its last user.

It is a nameless piece of memory on Linux, a nameless file elsewhere, and a named piece of memory on Windows, which
knows no other way. Python's own `multiprocessing.shared_memory` would be a name in `/dev/shm` that a killed process
leaves behind, on a disk that containers keep at 64 MB.
"""

from __future__ import annotations

import mmap
import os
import sys
import tempfile
import uuid
import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

Handle = int | str

_PIECE_BYTES = 1 << 20


class SharedMemory:
    """Memory as one process sees it.

    Args:
        handle: A file descriptor, which the other process inherits; on Windows a name.
        size: Bytes.
    """

    def __init__(self, handle: Handle, size: int) -> None:
        self.handle = handle
        self.size = size
        self._memory = _map(handle, size)
        if isinstance(handle, int):
            # What is mapped stays; the descriptor is for processes that are still to be started.
            weakref.finalize(self, os.close, handle)

    def array(self, begin: int, kind: type[np.generic], shape: tuple[int, ...]) -> NDArray[Any]:
        """Return an array that lies there from byte `begin` on; it keeps the memory, also without this object."""
        return np.ndarray(shape, kind, self._memory, begin)


def make_shared_memory(size: int) -> SharedMemory:
    """Return new memory.

    Args:
        size: Bytes, more than none.

    Raises:
        OSError: There is no room for it.
    """
    if sys.platform == "win32":
        return SharedMemory(f"understudy-{uuid.uuid4()}", size)
    handle = os.memfd_create("understudy") if hasattr(os, "memfd_create") else _nameless_file()
    try:
        _reserve(handle, size)
    except OSError:
        os.close(handle)
        raise
    return SharedMemory(handle, size)


def _map(handle: Handle, size: int) -> mmap.mmap:
    if sys.platform == "win32":
        # Other systems' stubs lack the name.
        return mmap.mmap(-1, size, tagname=str(handle))  # pyright: ignore[reportCallIssue]
    assert isinstance(handle, int), "names are for Windows"
    return mmap.mmap(handle, size)


def _nameless_file() -> int:
    with tempfile.TemporaryFile(prefix="understudy-") as file:
        return os.dup(file.fileno())


def _reserve(handle: int, size: int) -> None:
    """Give memory its size in earnest: a process that touches a page for which there is no room is ended."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(handle, 0, size)
        return
    piece = bytes(_PIECE_BYTES)
    with open(handle, "wb", closefd=False) as file:
        for begin in range(0, size, _PIECE_BYTES):
            file.write(piece[: size - begin])
