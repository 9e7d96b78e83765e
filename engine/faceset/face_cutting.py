# SPDX-License-Identifier: GPL-3.0-or-later
"""Aligned faces cut anew from face pictures of another alignment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..faces.alignment import align_face
from ..faces.geometry import compose, invert_similarity, transform_points

# A shift below a thousandth of a pixel changes no 8-bit value that one could see; the pixels are kept as they are.
_SAME_PX = 1e-3


def recut(
    picture: NDArray[np.uint8],
    image_to_picture: NDArray[np.floating],
    image_to_face: NDArray[np.floating],
    size: int,
    is_edge_black: bool = False,
) -> NDArray[np.uint8]:
    """Return a face in another alignment than its picture has.

    Args:
        picture: uint8 (h, w, 3) RGB.
        image_to_picture: (2, 3) matrix from the frame to `picture`.
        image_to_face: (2, 3) matrix from the frame to the result.
        size: Side of the result in pixels.
        is_edge_black: Leave black what `picture` doesn't show; otherwise its outermost pixels are repeated.

    Returns:
        uint8 (size, size, 3); `picture` itself, unchanged, where both alignments are the same.
    """
    matrix = compose(image_to_face, invert_similarity(image_to_picture))
    corners = _corners(size)
    if picture.shape[:2] == (size, size) and np.abs(transform_points(matrix, corners) - corners).max() < _SAME_PX:
        return picture
    face = align_face(picture, matrix, size)
    if is_edge_black:
        face[~_shown(invert_similarity(matrix), size, picture.shape)] = 0
    return face


def shown_share(
    picture_shape: tuple[int, ...],
    image_to_picture: NDArray[np.floating],
    image_to_face: NDArray[np.floating],
    size: int,
) -> float:
    """Return how much larger the aligned face could be before its edge leaves the picture; below 1 it does already.

    The middle of the aligned face stays where it is.
    """
    to_picture = compose(image_to_picture, invert_similarity(image_to_face))
    middle = transform_points(to_picture, np.array([(size - 1) / 2, (size - 1) / 2]))
    reach = np.abs(transform_points(to_picture, _corners(size)) - middle).max(axis=0)
    height, width = picture_shape[:2]
    # Half a pixel of tolerance: an edge that touches the picture's edge is inside.
    room = np.minimum(middle, (width - 1, height - 1) - middle) + 0.5
    return float(max((room / reach).min(), 0.0))


def _corners(size: int) -> NDArray[np.float64]:
    last = size - 1.0
    return np.array([[0.0, 0.0], [last, 0.0], [last, last], [0.0, last]])


def _shown(face_to_picture: NDArray[np.float64], size: int, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    columns, rows = np.meshgrid(np.arange(size), np.arange(size))
    points = transform_points(face_to_picture, np.stack([columns, rows], axis=-1).astype(np.float64))
    inside = (points >= -0.5) & (points <= (shape[1] - 0.5, shape[0] - 0.5))
    return inside[..., 0] & inside[..., 1]
