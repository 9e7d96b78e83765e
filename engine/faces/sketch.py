# SPDX-License-Identifier: GPL-3.0-or-later
"""A face's sketch: its landmarks drawn as outline, brows, eyes and mouth, which say where things are, not whose.

Networks get it beside the picture (docs/explanation/decisions/0036). Everything is in 0…255 and smoothed, so that a
tenth of a pixel shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ..contract.sketch import SKETCH_CHANNELS
from .geometry import LEFT_EYE, RIGHT_EYE

# Rows of the 68 landmarks: lines that stay open, by channel.
_LINES = ((range(17), range(27, 31), range(31, 36)), (range(17, 22), range(22, 27)))
EYES = (RIGHT_EYE, LEFT_EYE)
"""Rows of each eye among the 68 landmarks, that on the left of the picture first."""
# Eyes against the iris in them, which is a disc: its radius in distances of the eyes' middles.
_EYE_VALUE, _IRIS_RADIUS = 140, 0.093
_LIPS, _MOUTH = range(48, 60), range(60, 68)
# Lips against the line between them, so that a closed mouth is told from an open one.
_LIPS_VALUE, _FULL = 160, 255
# OpenCV counts in so many parts of a pixel, and in 32 bits.
_SHIFT = 4
_LANDMARKS = 68
_FARTHEST = 8.0
# A line is one pixel wide in pictures of this side, and as wide in larger ones once they are reduced to it.
_FINE_SIDE = 128


def draw_sketch(points: NDArray[np.floating], size: int) -> NDArray[np.uint8]:
    """Draw a face.

    Args:
        points: 68 landmarks in pixels of the result, shape (68, 2), and behind them, if known, the points of both eyes
            (`EyeFitter`). Where a landmark isn't a number nothing is drawn, where a point of an eye is none the eye
            as its landmarks say.
        size: Side of the result in pixels.

    Returns:
        uint8 (size, size, 4): outline and nose, brows, eyes, mouth.
    """
    planes = [np.zeros((size, size), np.uint8) for _ in range(SKETCH_CHANNELS)]
    if np.isfinite(points[:_LANDMARKS]).all():
        fixed = _fixed(points[:_LANDMARKS], size)
        width = max(1, round(size / _FINE_SIDE))
        for plane, lines in zip(planes, _LINES, strict=False):
            for line in lines:
                cv2.polylines(plane, [fixed[_rows(line)]], False, _FULL, width, cv2.LINE_AA, _SHIFT)
        planes[2] = _eyes(points, size)
        cv2.fillPoly(planes[3], [fixed[_rows(_LIPS)]], _LIPS_VALUE, cv2.LINE_AA, _SHIFT)
        cv2.fillPoly(planes[3], [fixed[_rows(_MOUTH)]], 0, cv2.LINE_AA, _SHIFT)
        cv2.polylines(planes[3], [fixed[_rows(_MOUTH)]], True, _FULL, width, cv2.LINE_AA, _SHIFT)
    return np.stack(planes, axis=-1)


def draw_sketches(landmarks: Iterable[NDArray[np.floating]], size: int) -> NDArray[np.float32]:
    """Draw some faces, one at least, as networks take them: float32 (n, size, size, 4) in 0…1; see `draw_sketch`."""
    return np.stack([draw_sketch(points, size) for points in landmarks]).astype(np.float32) * np.float32(1 / 255)


def _eyes(points: NDArray[np.floating], size: int) -> NDArray[np.uint8]:
    """Return the plane of the eyes: each as far as its lids leave it open, and in it the iris where it is known."""
    eyes, discs = (np.zeros((size, size), np.uint8) for _ in range(2))
    left, right = (points[eye].mean(axis=0) for eye in EYES)
    radius = max(1, round(min(float(np.hypot(*(right - left))), size) * _IRIS_RADIUS * 2**_SHIFT))
    seen = points[_LANDMARKS:].reshape(len(EYES), -1, 2) if len(points) > _LANDMARKS else np.empty((len(EYES), 0, 2))
    for eye, fitted in zip(EYES, seen, strict=True):
        is_fitted = len(fitted) > 0 and bool(np.isfinite(fitted).all())
        outline = fitted[1:] if is_fitted else points[eye]
        cv2.fillPoly(eyes, [_fixed(outline, size)], _EYE_VALUE, cv2.LINE_AA, _SHIFT)
        if is_fitted:
            cv2.circle(discs, _fixed(fitted[0], size).tolist(), radius, _FULL, cv2.FILLED, cv2.LINE_AA, _SHIFT)
    inside = eyes.astype(np.uint16) * discs // _EYE_VALUE
    return np.maximum(eyes, np.minimum(inside, _FULL).astype(np.uint8))


def _fixed(points: NDArray[np.floating], size: int) -> NDArray[np.int32]:
    """Return points as OpenCV counts them; far outside of the picture its integers would overflow."""
    return np.rint(np.clip(points, -_FARTHEST * size, _FARTHEST * size) * 2**_SHIFT).astype(np.int32)


def _rows(rows: Sequence[int]) -> slice:
    return slice(rows[0], rows[-1] + 1)
