# SPDX-License-Identifier: GPL-3.0-or-later
"""Views of a picture: parts of it, each at its size and turn, side by side in the small inputs of a network.

A view is a square of the picture that fills a square cell of an input. Several cells in one input let a network look at
several places, or at one place turned four ways, for the price of one look.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

# Neighboring tiles share this much of their side, so that small faces on a seam are whole in one of them.
_OVERLAP = 0.12
# Tiles may be larger by this factor where fewer of them are then needed.
_SLACK = 1.15


@dataclass(frozen=True)
class View:
    """A square of the picture, upright on screen or turned.

    Attributes:
        x: Horizontal center in picture pixels; pixel centers are at integers.
        y: Vertical center.
        side: Side in picture pixels; may reach out of the picture, where it is black.
        turn_deg: By how many degrees the picture is turned counterclockwise in it.
    """

    x: float
    y: float
    side: float
    turn_deg: float = 0.0


class Pyramid:
    """A picture and its halves, quarters … made when they are asked for: views are cut without skipping pixels.

    Args:
        image: RGB picture (h, w, 3).
    """

    def __init__(self, image: NDArray[np.uint8]) -> None:
        self.height, self.width = image.shape[:2]
        self._levels = [image]

    def from_level(self, level: int) -> Pyramid:
        """Return the pyramid without its first levels, whose pixels may then be forgotten."""
        while len(self._levels) <= level:
            self._levels.append(_halved(self._levels[-1]))
        return Pyramid(self._levels[level])

    def cut(self, view: View, cell: int) -> NDArray[np.uint8]:
        """Return a view as a picture (cell, cell, 3)."""
        level = max(0, math.floor(math.log2(max(view.side / cell, 1.0)) + 1e-9))
        while len(self._levels) <= level:
            self._levels.append(_halved(self._levels[-1]))
        image = self._levels[level]
        # From pixels of the cell to those of the level, whose sides are shares of the picture's.
        share = np.array([image.shape[1] / self.width, image.shape[0] / self.height])
        angle, scale = math.radians(view.turn_deg), view.side / cell
        turn = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        corner = np.array([view.x, view.y]) - turn.sum(axis=1) * (cell - 1) / 2
        matrix = np.column_stack([turn * share[:, None], (corner + 0.5) * share - 0.5])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpAffine(image, matrix, (cell, cell), flags=flags), np.uint8)


def _halved(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    half = max(1, (width + 1) // 2), max(1, (height + 1) // 2)
    return np.asarray(cv2.resize(image, half, interpolation=cv2.INTER_AREA), np.uint8)


def mosaic(
    pyramid: Pyramid, views: Sequence[View], side: int, cells: int
) -> tuple[NDArray[np.uint8], list[tuple[int, int]]]:
    """Return an input (side, side, 3) with up to cells x cells views, and the corner (x, y) of each view's cell."""
    cell = side // cells
    canvas = np.zeros((side, side, 3), np.uint8)
    corners = []
    for number, view in enumerate(views):
        x, y = cell * (number % cells), cell * (number // cells)
        canvas[y : y + cell, x : x + cell] = pyramid.cut(view, cell)
        corners.append((x, y))
    return canvas, corners


def tiles(width: int, height: int, wanted: float, most: int) -> list[View]:
    """Return overlapping squares that cover a picture, none where one square as large as the picture does.

    Args:
        width: Of the picture in pixels.
        height: Of the picture in pixels.
        wanted: Side of a square in pixels; larger ones are taken where it would need too many.
        most: How many squares there may be.
    """
    longest = max(width, height)
    if longest <= wanted * _SLACK:
        return []
    side = _tile_side(width, height, wanted, most)
    return [
        View(float(x), float(y), side)
        for y in _centers(height, side, _count(height, side))
        for x in _centers(width, side, _count(width, side))
    ]


def _tile_side(width: int, height: int, wanted: float, most: int) -> float:
    longest = max(width, height)
    for side in np.geomspace(wanted, longest, 60):
        count = _count(width, side) * _count(height, side)
        larger = min(side * _SLACK, longest)
        if count <= most and _count(width, larger) * _count(height, larger) >= count:
            return float(side)
    return float(longest)


def _count(length: int, side: float) -> int:
    return 1 + max(0, math.ceil((length - side) / (side * (1 - _OVERLAP)) - 1e-9))


def _centers(length: int, side: float, count: int) -> NDArray[np.float64]:
    if count == 1:
        return np.array([(length - 1) / 2])
    return np.linspace((side - 1) / 2, length - 1 - (side - 1) / 2, count)
