# SPDX-License-Identifier: GPL-3.0-or-later
"""A hand drawn from 21 points, so that tests know exactly where it is."""

import cv2
import numpy as np

# Wrist, thumb, index, middle, ring and little finger from root to tip; palms breadths, y down, fingers up.
OPEN_HAND = np.array(
    [
        (0.0, 0.0),
        (-0.40, -0.22), (-0.72, -0.55), (-0.95, -0.82), (-1.15, -1.05),
        (-0.48, -1.38), (-0.60, -1.95), (-0.68, -2.30), (-0.74, -2.60),
        (-0.12, -1.48), (-0.14, -2.15), (-0.15, -2.55), (-0.16, -2.88),
        (0.20, -1.42), (0.27, -2.02), (0.32, -2.38), (0.36, -2.68),
        (0.50, -1.25), (0.68, -1.70), (0.79, -1.96), (0.88, -2.20),
    ]
)  # fmt: skip
_FINGERS = ((0, 1, 2, 3, 4), (0, 5, 6, 7, 8), (0, 9, 10, 11, 12), (0, 13, 14, 15, 16), (0, 17, 18, 19, 20))
_SKIN = np.array([214.0, 160.0, 132.0])
_FINE, _BITS = 4, 4


def hand_points(wrist: tuple[float, float], breadth: float, angle: float = 0.0) -> np.ndarray:
    """Return the points of an open hand in a picture, (21, 2); `angle` turns it clockwise, in radians."""
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return breadth * OPEN_HAND @ turn.T + wrist


def with_hand(image: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture with a hand drawn over it, uint8, and what the hand covers, float 0…1."""
    large = cv2.resize(image, None, fx=_FINE, fy=_FINE, interpolation=cv2.INTER_LINEAR)
    alpha = np.zeros(large.shape[:2], np.uint8)
    breadth = float(np.linalg.norm(points[5] - points[17]))
    palm = points[[0, 1, 5, 9, 13, 17]]
    # Round in the light: dark at the edges, bright in the middle.
    for share, shade in ((1.0, 0.62), (0.82, 0.8), (0.6, 0.95), (0.35, 1.06)):
        color = tuple((shade * _SKIN).tolist())
        arm = [points[0] + (points[0] - points[9]) * 3, points[0]]
        for picture, paint in ((large, color), (alpha, 255)) if share == 1.0 else ((large, color),):
            _line(picture, arm, 0.62 * share * breadth, paint)
            cv2.fillConvexPoly(picture, _fixed(cv2.convexHull(palm.astype(np.float32))[:, 0]), paint, shift=_BITS)
            for finger in _FINGERS:
                for start, end, width in zip(finger[1:-1], finger[2:], (0.32, 0.29, 0.25), strict=True):
                    _line(picture, points[[start, end]], width * share * breadth, paint)
                _line(picture, points[[finger[0], finger[1]]], 0.36 * share * breadth, paint)
    size = (image.shape[1], image.shape[0])
    drawn = cv2.resize(large, size, interpolation=cv2.INTER_AREA)
    return drawn, cv2.resize(alpha, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def _line(picture: np.ndarray, points: object, width: float, color: object) -> None:
    first, second = _fixed(np.asarray(points)).tolist()
    cv2.line(picture, first, second, color, max(1, round(width * _FINE)), shift=_BITS)


def _fixed(points: np.ndarray) -> np.ndarray:
    return np.rint(((np.asarray(points) + 0.5) * _FINE - 0.5) * 2**_BITS).astype(np.int32)
