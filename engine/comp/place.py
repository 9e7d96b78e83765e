# SPDX-License-Identifier: GPL-3.0-or-later
"""A face back in its place: one inverse warp of face and matte, inside the face's box of an RGBA picture."""

from __future__ import annotations

import cv2
import numpy as np

from ..faces.geometry import invert_similarity, scale_of, transform_points
from .over import full_scale, stack_layers

# Color reaches this far beyond the alpha, so that filters which mix neighbors find skin there, not black.
_BLEED_PX = 4


def empty_picture(width: int, height: int, bit_depth: int) -> np.ndarray:
    """Return a fully transparent picture, shape (height, width, 4), uint8 or uint16."""
    return np.zeros((height, width, 4), np.uint16 if bit_depth == 16 else np.uint8)


def scaled_about_center(image_to_face: np.ndarray, size: int, scale: float) -> np.ndarray:
    """Return the matrix that shows the aligned face `scale` times as large, about the crop's center.

    Args:
        image_to_face: Similarity, shape (2, 3).
        size: Side of the aligned face in pixels.
        scale: Factor; 1 changes nothing.
    """
    center = (size - 1) / 2.0
    matrix = np.asarray(image_to_face, np.float64) / scale
    matrix[:, 2] += center - center / scale
    return matrix


def place_face(picture: np.ndarray, face: np.ndarray, matte: np.ndarray, image_to_face: np.ndarray) -> None:
    """Draw a face into an RGBA picture, over what is there; nothing outside of its box is touched.

    Face and matte may have different sizes; both show the same square and each is resampled once.

    Args:
        picture: Shape (h, w, 4), uint8 or uint16, straight alpha; changed in place.
        face: Shape (s, s, 3), float32 RGB 0…1.
        matte: Shape (m, m), float32 0…1, 0 on its border.
        image_to_face: Similarity from the picture to pixels of `face`, shape (2, 3).
    """
    box = _box_of(picture.shape, face.shape[0], image_to_face)
    if box is None:
        return
    left, top, right, bottom = box
    to_box = np.asarray(image_to_face, np.float64).copy()
    to_box[:, 2] += to_box[:, :2] @ (left, top)
    extent = (right - left, bottom - top)
    alpha = _warp_back(matte, resized_matrix(to_box, matte.shape[0] / face.shape[0]), extent, cv2.INTER_LINEAR)
    color = _warp_back(face, to_box, extent, cv2.INTER_CUBIC)
    layer = np.concatenate([color, alpha[..., None]], axis=2)
    reach = cv2.dilate((alpha > 0).astype(np.uint8), np.ones((2 * _BLEED_PX + 1, 2 * _BLEED_PX + 1), np.uint8))
    layer *= reach[..., None]
    part = picture[top:bottom, left:right]
    white = full_scale(picture.dtype)
    if part[..., 3].any():
        layer = stack_layers(part.astype(np.float32) / white, layer)
    else:
        # Bare color of an earlier face next to this one is kept where this face has none.
        layer = np.where(reach[..., None] > 0, layer, part.astype(np.float32) / white)
    part[...] = np.clip(np.rint(layer * white), 0, white).astype(picture.dtype)


def _box_of(shape: tuple[int, ...], size: int, image_to_face: np.ndarray) -> tuple[int, int, int, int] | None:
    """Return left, top, right, bottom (exclusive) of the crop in the picture, or None when it lies outside."""
    edge = np.array([[-0.5, -0.5], [size - 0.5, -0.5], [size - 0.5, size - 0.5], [-0.5, size - 0.5]])
    corners = transform_points(invert_similarity(image_to_face), edge)
    left, top = np.maximum(np.floor(corners.min(axis=0)).astype(int) - _BLEED_PX, 0)
    right, bottom = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + _BLEED_PX + 1, (shape[1], shape[0]))
    return None if right <= left or bottom <= top else (int(left), int(top), int(right), int(bottom))


def resized_matrix(matrix: np.ndarray, factor: float) -> np.ndarray:
    """Return the matrix to the same square on a raster `factor` times as fine (pixel centers at integers).

    Args:
        matrix: Any (2, 3) matrix to pixels of the square's raster.
        factor: New side divided by old side.
    """
    result = matrix * factor
    result[:, 2] += (factor - 1.0) / 2.0
    return result


def _warp_back(source: np.ndarray, to_source: np.ndarray, extent: tuple[int, int], interpolation: int) -> np.ndarray:
    """Resample `source` into a box; averages first where several of its pixels fall onto one of the picture's."""
    density = scale_of(to_source)
    if density > 1.5:
        side = max(4, round(source.shape[0] / density))
        to_source = resized_matrix(to_source, side / source.shape[0])
        source = cv2.resize(source, (side, side), interpolation=cv2.INTER_AREA)
    warped = cv2.warpAffine(
        source, to_source, extent, flags=interpolation | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
    )
    return np.clip(warped, 0.0, 1.0)
