# SPDX-License-Identifier: GPL-3.0-or-later
"""Plane geometry of faces: the canonical face, similarities between point sets, and points moved through them.

A canonical unit is one *face square*: the side of the square around the 51 inner landmarks (brows, nose, eyes, mouth;
numbers 17 to 67 of the 68) of the canonical face, whose center is the origin. x points right on screen, y down.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import EngineError, ErrorCode

LANDMARK_COUNT = 68
_SMALLEST_SPREAD = 1e-12
SAME_FACE = 0.5
"""Boxes of one frame that share more than this part of their union are of one face."""
SAME_PLACE = 0.3
"""The same for boxes of neighboring frames, or of a frame that was searched anew."""
INNER = slice(17, 68)
JAW = slice(0, 17)
RIGHT_EYE = slice(36, 42)
LEFT_EYE = slice(42, 48)

# The inner landmarks of a quiet frontal face in centimeters, eyes 6.3 apart; x right on screen, y down, z towards the
# viewer, origin at the mean of the nose. Made by us: the known 3-D landmarks of the three fictional performers that
# were rendered for this project (their quietest frames, head rotation removed), averaged and made symmetric.
CANONICAL_HEAD: NDArray[np.float64] = np.array(
    [
        # brows
        (-5.66, -4.63, -3.41),
        (-4.79, -5.41, -2.43),
        (-3.67, -5.71, -1.59),
        (-2.32, -5.66, -0.96),
        (-1.14, -5.37, -0.71),
        (1.14, -5.37, -0.71),
        (2.32, -5.66, -0.96),
        (3.67, -5.71, -1.59),
        (4.79, -5.41, -2.43),
        (5.66, -4.63, -3.41),
        # nose
        (0.00, -3.23, -0.74),
        (0.00, -2.17, -0.02),
        (0.00, -1.21, 0.71),
        (0.00, -0.10, 1.40),
        (-1.22, 1.31, -0.60),
        (-0.59, 1.34, -0.11),
        (0.00, 1.40, 0.08),
        (0.59, 1.34, -0.11),
        (1.22, 1.31, -0.60),
        # eyes
        (-4.28, -2.96, -2.59),
        (-3.75, -3.36, -1.95),
        (-2.71, -3.45, -1.72),
        (-1.77, -2.78, -2.05),
        (-2.64, -2.68, -1.78),
        (-3.75, -2.70, -1.97),
        (1.77, -2.78, -2.05),
        (2.71, -3.45, -1.72),
        (3.75, -3.36, -1.95),
        (4.28, -2.96, -2.59),
        (3.75, -2.70, -1.97),
        (2.64, -2.68, -1.78),
        # outer lips
        (-2.48, 3.51, -1.26),
        (-1.72, 2.74, -0.36),
        (-0.75, 2.40, 0.19),
        (0.00, 2.42, 0.30),
        (0.75, 2.40, 0.19),
        (1.72, 2.74, -0.36),
        (2.48, 3.51, -1.26),
        (1.78, 4.23, -0.69),
        (1.06, 4.55, -0.21),
        (0.00, 4.67, -0.03),
        (-1.06, 4.55, -0.21),
        (-1.78, 4.23, -0.69),
        # inner lips
        (-2.14, 3.51, -1.38),
        (-1.04, 3.21, -0.47),
        (0.00, 3.25, -0.21),
        (1.04, 3.21, -0.47),
        (2.14, 3.51, -1.38),
        (1.12, 3.59, -0.50),
        (0.00, 3.69, -0.27),
        (-1.12, 3.59, -0.50),
    ]
)


def _face_square(points: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = points.min(axis=0), points.max(axis=0)
    return (points - (low + high) / 2) / (high - low).max()


CANONICAL_INNER: NDArray[np.float64] = _face_square(CANONICAL_HEAD[:, :2])
"""The inner landmarks of the canonical face seen from the front, shape (51, 2), in face squares."""


# Weights of the 68 landmarks in the vector from the right eye's center to the left one's.
_BETWEEN_EYES = np.zeros(68)
_BETWEEN_EYES[LEFT_EYE], _BETWEEN_EYES[RIGHT_EYE] = 1 / 6, -1 / 6


def fit_similarity(source: NDArray[np.floating], target: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the similarity (turn, scale, shift; no mirroring) that brings `source` closest to `target`.

    Least squares after Umeyama 1991. In the plane his solution is the regression of complex numbers: with the points as
    z and w around their means, the turn and scale are sum(conj(z) w) / sum(|z|^2). A test compares it with
    scikit-image's, which takes ten times as long for each face of each frame.

    Args:
        source: Points, shape (n, 2), n >= 2.
        target: Points, shape (n, 2).

    Returns:
        Matrix of shape (2, 3), float64.

    Raises:
        EngineError: `internal`, when the points don't determine a similarity.
    """
    start, end = np.asarray(source, np.float64), np.asarray(target, np.float64)
    start_mean, end_mean = start.sum(axis=0) / len(start), end.sum(axis=0) / len(end)
    # Two neighboring numbers in memory are one complex number.
    z = np.ascontiguousarray(start - start_mean).view(np.complex128)[:, 0]
    w = np.ascontiguousarray(end - end_mean).view(np.complex128)[:, 0]
    spread = np.vdot(z, z).real
    turn = np.vdot(z, w) / spread if spread > _SMALLEST_SPREAD else complex(np.nan)
    if not np.isfinite(turn) or abs(turn) < _SMALLEST_SPREAD:
        raise EngineError(ErrorCode.INTERNAL, "The landmarks of a face all lie in one point.")
    matrix = np.empty((2, 3))
    matrix[:, :2] = linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    matrix[:, 2] = end_mean - linear @ start_mean
    return matrix


def fit_similarities(
    sources: NDArray[np.complex128], target: NDArray[np.complex128]
) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """Return the similarities a·z + b that bring several point sets closest to one, as `fit_similarity` does for one.

    Args:
        sources: Points x + iy, shape (n, k), k >= 2; those of a set are not all in one place.
        target: Points x + iy, shape (k,).

    Returns:
        a and b, each complex (n,).
    """
    center = sources.mean(axis=1)
    middle = target.mean()
    centered = sources - center[:, None]
    a = np.sum(np.conj(centered) * (target - middle), axis=1) / np.sum(np.abs(centered) ** 2, axis=1)
    return a, middle - a * center


def invert_similarity(matrix: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the inverse of a (2, 3) similarity or affine matrix, float64.

    Raises:
        EngineError: `internal`, when the matrix flattens the plane.
    """
    (a, b, x), (c, d, y) = np.asarray(matrix, float).tolist()
    determinant = a * d - b * c
    if not abs(determinant) > 0:
        raise EngineError(ErrorCode.INTERNAL, "The alignment of a face can't be inverted.")
    a, b, c, d = d / determinant, -b / determinant, -c / determinant, a / determinant
    return np.array([[a, b, -a * x - b * y], [c, d, -c * x - d * y]])


def transform_points(matrix: NDArray[np.floating], points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return `points` (..., 2) moved by a (2, 3) matrix, float64."""
    matrix = np.asarray(matrix, float)
    return np.asarray(points, float) @ matrix[:, :2].T + matrix[:, 2]


def compose(after: NDArray[np.floating], before: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the (2, 3) matrix that does `before` first and `after` then."""
    last, first = np.asarray(after, np.float64), np.asarray(before, np.float64)
    matrix: NDArray[np.float64] = last[:, :2] @ first
    matrix[:, 2] += last[:, 2]
    return matrix


def scale_of(matrix: NDArray[np.floating]) -> float:
    """Return the scale factor of a (2, 3) similarity."""
    (a, b, _), (c, d, _) = np.asarray(matrix, float).tolist()
    return math.sqrt(abs(a * d - b * c))


def box_of(points: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the box x0, y0, x1, y1 around `points` (n, 2), float32."""
    return np.concatenate([np.min(points, axis=0), np.max(points, axis=0)]).astype(np.float32)


def eye_distance(landmarks: NDArray[np.floating]) -> float:
    """Return the distance in pixels between the eye centers of (68, 2) landmarks."""
    return float(np.linalg.norm(landmarks[LEFT_EYE].mean(axis=0) - landmarks[RIGHT_EYE].mean(axis=0)))


def eye_lean(landmarks: NDArray[np.floating]) -> float:
    """Return the clockwise lean on screen, in degrees, of the line through the eyes of (68, 2) landmarks."""
    x, y = (_BETWEEN_EYES @ landmarks).tolist()
    return math.degrees(math.atan2(y, x))


def face_extent(landmarks: NDArray[np.floating]) -> float:
    """Return the size of a face in pixels, the side of a square as large as the box of its landmarks (68, 2)."""
    return float(np.sqrt(np.prod(np.ptp(landmarks, axis=0)) + 1e-12))


def box_overlap(first: NDArray[np.floating], second: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the intersection over union of every box of `first` (n, 4) with every one of `second` (m, 4).

    Returns:
        Shape (n, m), float64 in 0…1.
    """
    first, second = np.asarray(first, float).reshape(-1, 4), np.asarray(second, float).reshape(-1, 4)
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    area_first = np.prod(first[:, 2:] - first[:, :2], axis=1)
    area_second = np.prod(second[:, 2:] - second[:, :2], axis=1)
    union = area_first[:, None] + area_second[None, :] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
