# SPDX-License-Identifier: GPL-3.0-or-later
"""Positions of all pixels of a view between the points of a bent grid, five by five as the ancestor's.

A view of every face in every batch is bent, so the order of the operations is chosen for the processor: real numbers
instead of complex ones, and memory that is used again instead of found anew.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

GRID = 5


@functools.lru_cache(maxsize=8)
def _between_lines(size: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return between which of the grid's five lines `size` pixel lines lie: the line before, and how far behind it.

    The ancestor enlarges the grid to 80 for 64 pixels and keeps the middle 64: pixel i lies at (i + ½)·4/size between
    the grid's lines, whatever the size.
    """
    position = (np.arange(size) + 0.5) * (GRID - 1) / size
    line = position.astype(np.int64)
    return line, position - line


class BentGrids:
    """The grids of a batch, enlarged one after the other.

    Args:
        grids: Their points, complex (n, 5, 5) x + iy.
        size: Side of the views in pixels.
    """

    def __init__(self, grids: NDArray[np.complex128], size: int) -> None:
        self._line, self._share = _between_lines(size)
        planes = np.stack([grids.real, grids.imag], axis=1)
        before, behind = planes[:, :, self._line], planes[:, :, self._line + 1]
        # Not by `@`: so small a product isn't worth waking its library's threads, which then turn idly for a while.
        self._rows = before * (1.0 - self._share)[:, None] + behind * self._share[:, None]
        self._found, self._other = np.empty((2, 2, size, size))

    def enlarged(self, index: int) -> NDArray[np.float64]:
        """Return x and y of each pixel of a view, (2, S, S); they may be changed, and the next call does."""
        found, other, rows = self._found, self._other, self._rows[index]
        self._spread(rows[..., :-1], found)
        self._spread(rows[..., 1:], other)
        found *= 1.0 - self._share
        other *= self._share
        found += other
        return found

    def _spread(self, of_lines: NDArray[np.float64], result: NDArray[np.float64]) -> None:
        """Give each pixel, (2, S, S), the value of the line before it, of the first four (2, S, 4)."""
        size, cells = result.shape[-1], of_lines.shape[-1]
        if size % cells:
            np.take(of_lines, self._line, axis=-1, out=result, mode="clip")
        else:
            # As many pixels between any two lines.
            result.reshape(2, size, cells, size // cells)[...] = of_lines[..., None]
