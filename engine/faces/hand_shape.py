# SPDX-License-Identifier: GPL-3.0-or-later
"""What a hand covers, drawn from its 21 points: tapered fingers, the palm as a rounded hull, where the arm begins."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from .geometry import transform_points
from .hands import Hand

# Half widths in breadths of the palm. Compared on a clip with a true matte: 0.13 leaves a rim of the hand to the swap,
# 0.19 takes the gaps between fingers.
_ROOT, _TIP, _THUMB_ROOT, _ARM = 0.16, 0.12, 0.2, 0.3
_ARM_LENGTH = 0.4
# Breadth of a palm (index to little finger's root) over its length (wrist to middle finger's root), for hands seen from
# the side.
_BREADTH_OF_LENGTH = 0.65
_WRIST = 0
_ROOTS = (5, 9, 13, 17)
_FINGERS = ((1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11, 12), (13, 14, 15, 16), (17, 18, 19, 20))
_PALM = (0, 1, 5, 9, 13, 17)
# Drawn twice as fine and averaged down; corners lie at sixteenths of a pixel.
_FINE, _BITS = 2, 4
# The soft edge, as a share of the raster's side.
_SOFTNESS = 1 / 256


def draw_hands(hands: Iterable[Hand], image_to_face: NDArray[np.floating], size: int) -> NDArray[np.float32]:
    """Return what hands cover of a face's square.

    Args:
        hands: Hands in the picture.
        image_to_face: Similarity from the picture to the raster, shape (2, 3).
        size: Side of the raster in pixels.

    Returns:
        Shape (size, size), float32 0…1 with a soft edge.
    """
    canvas = np.zeros((size * _FINE, size * _FINE), np.uint8)
    for hand in hands:
        _draw(canvas, (transform_points(image_to_face, hand.points) + 0.5) * _FINE - 0.5)
    drawn = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return np.asarray(cv2.GaussianBlur(drawn, (0, 0), max(_SOFTNESS * size, 0.5)), np.float32)


def _draw(canvas: NDArray[np.uint8], points: NDArray[np.float64]) -> None:
    length = float(np.linalg.norm(points[_WRIST] - points[9]))
    breadth = max(float(np.linalg.norm(points[5] - points[17])), _BREADTH_OF_LENGTH * length)
    for number, finger in enumerate(_FINGERS):
        root = _ROOT if number else _THUMB_ROOT
        widths = np.linspace(root, _TIP, len(finger))
        for start, end, width in zip(finger, finger[1:], widths, strict=False):
            _stroke(canvas, points[start], points[end], width * breadth)
    palm = np.asarray(cv2.convexHull(points[list(_PALM)].astype(np.float32))[:, 0], np.float32)
    cv2.fillConvexPoly(canvas, _fixed(palm, canvas), 255, shift=_BITS)
    for start, end in zip(palm, np.roll(palm, -1, axis=0), strict=True):
        _stroke(canvas, start, end, _ROOT * breadth)
    back = points[_WRIST] - points[list(_ROOTS)].mean(axis=0)
    back = back / max(float(np.linalg.norm(back)), 1e-6)
    _stroke(canvas, points[_WRIST], points[_WRIST] + _ARM_LENGTH * breadth * back, _ARM * breadth)


def _stroke(
    canvas: NDArray[np.uint8], start: NDArray[np.floating], end: NDArray[np.floating], half_width: float
) -> None:
    first, second = _fixed(np.stack([start, end]), canvas)
    # A wider stroke covers the whole raster anyway.
    thickness = int(np.clip(round(2 * half_width), 1, 4 * canvas.shape[0]))
    cv2.line(canvas, first.tolist(), second.tolist(), 255, thickness, shift=_BITS)


def _fixed(points: NDArray[np.floating], canvas: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Return points as OpenCV's fixed-point numbers, shape (n, 2); far outside they would overflow."""
    limit = 8 * canvas.shape[0]
    return np.rint(np.clip(points, -limit, limit) * 2**_BITS).astype(np.int32)
