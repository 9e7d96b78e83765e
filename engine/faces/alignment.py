# SPDX-License-Identifier: GPL-3.0-or-later
"""Aligned faces: the matrix from a picture to the canonical pose, and the warps there and back."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .geometry import CANONICAL_INNER, INNER, compose, fit_similarity, invert_similarity, scale_of, transform_points


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
        interpolation: An OpenCV constant; by default area averaging when the face shrinks to less than half,
            linear when it shrinks, cubic when it grows.

    Returns:
        Shape (size, size, channels), the picture's dtype.
    """
    matrix = np.asarray(image_to_face, dtype=np.float64)
    if interpolation is None:
        scale = scale_of(matrix)
        if scale < 0.5:
            return _align_shrinking(image, matrix, size, scale)
        # Cubic weights only pay where pixels have to be made up; they take fifteen times as long.
        interpolation = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_LINEAR
    return _warp(image, matrix, size, interpolation)


def _warp(image: NDArray[Any], matrix: NDArray[np.float64], size: int, interpolation: int) -> NDArray[Any]:
    if interpolation != cv2.INTER_LINEAR or image.dtype != np.uint8 or image.shape[2:] != (3,):
        return cv2.warpAffine(image, matrix, (size, size), flags=interpolation, borderMode=cv2.BORDER_REPLICATE)
    # OpenCV warps four channels in half the time it takes for three, to the same values. Cutting away what isn't needed
    # moves some of them by a step of 255, so it is done where widening the rest would cost more than it saves.
    part, left, top = _needed_part(image, matrix, size, border=2)
    if 4 * part.size > image.size:
        part, left, top = image, 0, 0
    shifted = compose(matrix, np.array([[1.0, 0, left], [0, 1.0, top]]))
    wide = cv2.cvtColor(part, cv2.COLOR_RGB2RGBA)
    face = cv2.warpAffine(wide, shifted, (size, size), flags=interpolation, borderMode=cv2.BORDER_REPLICATE)
    return cv2.cvtColor(face, cv2.COLOR_RGBA2RGB)


def _needed_part(
    image: NDArray[Any], matrix: NDArray[np.float64], size: int, border: int
) -> tuple[NDArray[Any], int, int]:
    """Return the part of a picture that a warp to `size` looks at, with its first column and row."""
    last = size - 0.5
    corners = transform_points(
        invert_similarity(matrix), np.array([[-0.5, -0.5], [last, -0.5], [last, last], [-0.5, last]])
    )
    left, top = (np.floor(corners.min(axis=0)) - border).astype(int).tolist()
    right, bottom = (np.ceil(corners.max(axis=0)) + border + 1).astype(int).tolist()
    height, width = image.shape[:2]
    left, top = min(max(left, 0), width - 1), min(max(top, 0), height - 1)
    return image[top : min(max(bottom, top + 1), height), left : min(max(right, left + 1), width)], left, top


def _align_shrinking(image: NDArray[Any], matrix: NDArray[np.float64], size: int, scale: float) -> NDArray[Any]:
    # Warping straight to less than half size would skip pixels and flicker, so the part that is needed is averaged down
    # by a whole factor first, which OpenCV does fast.
    factor = int(1 / scale)
    part, left, top = _needed_part(image, matrix, size, factor)
    across, down = min(factor, part.shape[1]), min(factor, part.shape[0])
    part = part[: part.shape[0] // down * down, : part.shape[1] // across * across]
    small = cv2.resize(part, (part.shape[1] // across, part.shape[0] // down), interpolation=cv2.INTER_AREA)
    # Centers of the large pixels lie in the middle of `factor` small ones.
    enlarge = np.array([[across, 0, (across - 1) / 2 + left], [0, down, (down - 1) / 2 + top]])
    return _warp(small, compose(matrix, enlarge), size, cv2.INTER_LINEAR)
