# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of numbers that grow with the footage: the newest in memory, the rest in a nameless file."""

from __future__ import annotations

import tempfile
from typing import IO

import numpy as np
from numpy.typing import NDArray

# Rows in memory before some are written out, and how many stay for who looks back.
_MOST_ROWS = 2048
_ROWS_TO_STAY = 512


class Spool:
    """Rows of float32, appended one after another; an hour of a face's landmarks needs no memory.

    Args:
        width: Numbers in a row.
        looks_back: How far behind its end `rows` will be asked for, in rows, while the spool grows.
    """

    def __init__(self, width: int, looks_back: int = _ROWS_TO_STAY) -> None:
        self._width = width
        self._stay = max(looks_back, 1)
        self._recent = np.empty((_MOST_ROWS + self._stay, width), np.float32)
        self._filled = 0
        self._written = 0
        self._file: IO[bytes] | None = None

    def __len__(self) -> int:
        return self._written + self._filled

    def append(self, rows: NDArray[np.floating]) -> None:
        """Add rows, (n, width) or (width,)."""
        rows = np.asarray(rows, np.float32).reshape(-1, self._width)
        for start in range(0, len(rows), _MOST_ROWS):
            some = rows[start : start + _MOST_ROWS]
            if self._filled + len(some) > len(self._recent):
                self._write_out()
            self._recent[self._filled : self._filled + len(some)] = some
            self._filled += len(some)

    def rows(self, start: int, end: int) -> NDArray[np.float32]:
        """Return rows [start, end) as a copy; rows further back than `looks_back` are read from the file.

        Raises:
            IndexError: When they aren't there.
        """
        if not 0 <= start <= end <= len(self):
            raise IndexError(f"rows {start} to {end} of {len(self)}")
        if start >= self._written:
            return self._recent[start - self._written : end - self._written].copy()
        return np.array(self.all()[start:end])

    def all(self) -> NDArray[np.float32]:
        """Return all rows, (n, width): an array, or a view of the file that is read where it is looked at."""
        if self._file is None:
            return self._recent[: self._filled].copy()
        self._file.seek(self._written * self._width * 4)
        self._file.write(self._recent[: self._filled].tobytes())
        self._file.flush()
        return np.memmap(self._file, np.float32, "r", shape=(len(self), self._width))

    def _write_out(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="understudy-")  # noqa: SIM115 - it lives as long as its rows
        leaving = max(self._filled - self._stay, 0)
        self._file.seek(self._written * self._width * 4)
        self._file.write(self._recent[:leaving].tobytes())
        self._recent[: self._filled - leaving] = self._recent[leaving : self._filled].copy()
        self._written += leaving
        self._filled -= leaving
