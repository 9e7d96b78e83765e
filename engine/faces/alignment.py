# SPDX-License-Identifier: GPL-3.0-or-later
"""Aligned faces: the matrix from a picture to the canonical pose, and the warps there and back."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .geometry import CANONICAL_INNER, INNER, fit_similarity


def face_square_matrix(size: int, coverage: float) -> NDArray[np.float64]:
    """Return the (2, 3) matrix from canonical units to pixels of an aligned face.

    The crop is `coverage` face squares wide and centered on the canonical origin; pixel centers are at integers, so
    the crop's edges lie at -0.5 and `size` - 0.5.
    """
    scale = size / coverage
    center = (size - 1) / 2
    return np.array([[scale, 0.0, center], [0.0, scale, center]])


def canonical_landmarks(size: int, coverage: float) -> NDArray[np.float64]:
    """Return where the inner landmarks of the canonical face lie in an aligned face, (51, 2) pixels."""
    return CANONICAL_INNER * (size / coverage) + (size - 1) / 2


def face_matrix(landmarks: NDArray[np.floating], size: int, coverage: float) -> NDArray[np.float64]:
    """Return the alignment of a face: the similarity from picture pixels to pixels of the aligned face.

    Args:
        landmarks: The 68 landmarks in picture pixels, shape (68, 2).
        size: Side of the aligned face in pixels.
        coverage: Side of the aligned face in face squares.

    Returns:
        `image_to_face`, shape (2, 3), float64.

    Raises:
        EngineError: `internal`, when all landmarks lie in one point.
    """
    return fit_similarity(np.asarray(landmarks)[INNER], canonical_landmarks(size, coverage))


def align_face(
    image: NDArray[Any],
    image_to_face: NDArray[np.floating],
    size: int,
    interpolation: int | None = None,
) -> NDArray[Any]:
    """Cut a face out of a picture in the canonical pose.

    Beyond the picture's edge its outermost pixels are repeated.

    Args:
        image: Shape (h, w, channels) or (h, w); uint8, uint16 or float32.
        image_to_face: Shape (2, 3).
        size: Side of the result in pixels.
        interpolation: An OpenCV constant; by default area averaging when the face shrinks to less than half, else
            cubic.

    Returns:
        Shape (size, size, channels), the picture's dtype.
    """
    matrix = np.asarray(image_to_face, dtype=np.float64)
    if interpolation is None:
        scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
        if scale < 0.5:
            return _align_shrinking(image, matrix, size, scale)
        interpolation = cv2.INTER_CUBIC
    return cv2.warpAffine(image, matrix, (size, size), flags=interpolation, borderMode=cv2.BORDER_REPLICATE)


def _align_shrinking(image: NDArray[Any], matrix: NDArray[np.float64], size: int, scale: float) -> NDArray[Any]:
    # Warping straight to less than half size would skip pixels and flicker; a larger warp is averaged down instead.
    factor = int(np.ceil(0.5 / scale)) + 1
    larger = matrix * factor
    # Centers of the small pixels lie in the middle of `factor` large ones.
    larger[:, 2] += (factor - 1) / 2
    side = size * factor
    warped = cv2.warpAffine(image, larger, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cv2.resize(warped, (size, size), interpolation=cv2.INTER_AREA)
