# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbered RGBA pictures of a swap, written by threads and counted in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

import numpy as np

from ..contract.errors import EngineError
from ..contract.files import write_bytes
from ..media.images import write_png
from ..media.png import encode_png
from .place import empty_picture
from .record import picture_path

_THREADS = 2
# Pictures in memory at once; more would not be faster.
_LARGEST_QUEUE = 4


class PictureWriter:
    """Writes pictures; a context manager that ends when all are on disk.

    Args:
        folder: Where.
        width: Pixels.
        height: Pixels.
        bit_depth: 8 or 16.
        xmp: Packet for every picture, or None.
        on_written: Called with media frame and reason, in order, once a picture is on disk.
    """

    def __init__(
        self,
        folder: Path,
        width: int,
        height: int,
        bit_depth: int,
        xmp: bytes | None,
        on_written: Callable[[int, str], None],
    ) -> None:
        self._folder = folder
        self._size = (width, height)
        self._bit_depth = bit_depth
        self._xmp = xmp
        self._on_written = on_written
        self._pool = ThreadPoolExecutor(_THREADS)
        self._queue: deque[tuple[int, str, Future[None]]] = deque()
        # The bytes of the last empty picture: most are alike.
        self._empty: dict[tuple[int, int, int], bytes] = {}

    def __enter__(self) -> PictureWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # One picture that can't be written doesn't hide the others that could.
        first: EngineError | None = None
        while self._queue:
            try:
                self._finish(len(self._queue) - 1)
            except EngineError as failure:
                first = first or failure
        self._pool.shutdown()
        if first is not None and error is None:
            raise first

    def write(self, media_frame: int, picture: np.ndarray) -> None:
        """Write a picture, shape (height, width, 4), straight alpha; it must not be changed afterwards.

        Raises:
            EngineError: `disk_full` or `not_writable`, for this or an earlier picture.
        """
        self._put(media_frame, "", self._pool.submit(write_png, self._path(media_frame), picture, self._xmp))

    def write_empty(self, media_frame: int, reason: str = "", size: tuple[int, int] | None = None) -> None:
        """Write a fully transparent picture.

        Args:
            media_frame: Its number.
            reason: Why it is empty, when a face should be in it.
            size: Width and height, where they differ from the writer's.
        """
        shape = (*(size or self._size), self._bit_depth)
        if shape not in self._empty:
            self._empty = {shape: encode_png(empty_picture(*shape), self._xmp)}
        self._put(media_frame, reason, self._pool.submit(write_bytes, self._path(media_frame), self._empty[shape]))

    def _path(self, media_frame: int) -> Path:
        return picture_path(self._folder, media_frame)

    def _put(self, media_frame: int, reason: str, future: Future[None]) -> None:
        self._queue.append((media_frame, reason, future))
        self._finish(_LARGEST_QUEUE)

    def _finish(self, keep: int) -> None:
        while len(self._queue) > keep:
            media_frame, reason, future = self._queue.popleft()
            future.result()
            self._on_written(media_frame, reason)
