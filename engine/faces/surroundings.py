# SPDX-License-Identifier: GPL-3.0-or-later
"""The pixels around a face, few enough to be kept for some frames: what looks for hands beside it sees no more."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .picture_views import Pyramid, View

# How far from the face's center they reach, in extents of its landmarks.
_REACH = 3.0
# Of a larger face whole levels of the pyramid are left out: hands are seen at 224 pixels, and are about as large.
_LARGEST_EXTENT_PX = 256
# Corners lie on multiples of this, so that halving keeps the pixels where the whole picture has them.
_STEP = 16


@dataclass(frozen=True, eq=False)
class Surroundings:
    """A part of a picture around a face.

    Attributes:
        landmarks: The face's, shape (68, 2), picture pixels.
        pyramid: The part's pixels.
        left: Its first column in the picture.
        top: Its first row in the picture.
        factor: Picture pixels in a pixel of the part, in each direction.
    """

    landmarks: NDArray[np.float64]
    pyramid: Pyramid
    left: int
    top: int
    factor: int

    @classmethod
    def around(cls, image: NDArray[np.uint8] | NDArray[np.uint16], landmarks: NDArray[np.floating]) -> Surroundings:
        """Copy a face's surroundings out of a picture.

        Args:
            image: RGB picture (h, w, 3).
            landmarks: The face's, shape (68, 2), picture pixels; they may lie beyond the picture's edge.
        """
        points = np.asarray(landmarks, np.float64)
        low, high = points.min(axis=0), points.max(axis=0)
        extent, center = float((high - low).max()), (low + high) / 2
        height, width = image.shape[:2]
        left, right = _span(center[0] - _REACH * extent, center[0] + _REACH * extent, width)
        top, bottom = _span(center[1] - _REACH * extent, center[1] + _REACH * extent, height)
        part = image[top:bottom, left:right]
        shallow = np.array(part if part.dtype == np.uint8 else part >> 8, np.uint8)
        factor = 1
        while factor < _STEP and extent / factor > _LARGEST_EXTENT_PX:
            factor *= 2
        return cls(points, Pyramid(shallow).from_level(factor.bit_length() - 1), left, top, factor)

    def cut(self, view: View, cell: int) -> NDArray[np.uint8]:
        """Return a view, given in pixels of the picture, as a picture (cell, cell, 3)."""
        x, y = (view.x - self.left + 0.5) / self.factor - 0.5, (view.y - self.top + 0.5) / self.factor - 0.5
        return self.pyramid.cut(replace(view, x=x, y=y, side=view.side / self.factor), cell)


def _span(first: float, last: float, length: int) -> tuple[int, int]:
    """Return where a range of pixels begins and ends within `length`, at least one pixel of it."""
    start = int(np.clip(np.floor(first / _STEP) * _STEP, 0, (length - 1) // _STEP * _STEP))
    return start, int(np.clip(np.ceil(last / _STEP) * _STEP, start + 1, length))
