# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done to a swapped face before it is placed: sharpening, and Poisson blending with the plate."""

from __future__ import annotations

import cv2
import numpy as np

# Where the matte is above this, the face takes part in the Poisson blend.
_LEAST_ALPHA = 0.02
# The correction is smooth by nature; this much blur takes away the steps of its eight bits.
_STEP_BLUR_PX = 1.2
# The correction is solved on a raster of at most this side and enlarged: it holds no detail.
_LARGEST_SOLVED = 256


def sharpen_face(face: np.ndarray, amount: float) -> np.ndarray:
    """Return the face with unsharp masking.

    Args:
        face: Shape (s, s, 3), float32 RGB 0…1.
        amount: Share of the fine detail that is added; 0 returns the face unchanged.
    """
    if amount <= 0.0:
        return face
    blurred = cv2.GaussianBlur(face, (0, 0), max(0.8, face.shape[0] / 128.0), borderType=cv2.BORDER_REFLECT_101)
    return np.clip(face + amount * (face - blurred), 0.0, 1.0)


def poisson_face(face: np.ndarray, plate: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """Return the face with its own gradients and the plate's colors along the matte's edge.

    Solved in aligned space, where the region is small, square and never at the edge of a picture
    (Pérez, Gangnet, Blake: Poisson Image Editing, 2003; OpenCV's normal clone).

    Args:
        face: Swapped face, shape (s, s, 3), float32 RGB 0…1.
        plate: The plate's face in the same place, same shape.
        matte: Shape (s, s), float32 0…1.

    Returns:
        Same shape and range; the face itself where the matte is too small to solve anything.
    """
    if face.shape[0] > _LARGEST_SOLVED:
        side = (_LARGEST_SOLVED, _LARGEST_SOLVED)
        small = [cv2.resize(picture, side, interpolation=cv2.INTER_AREA) for picture in (face, plate, matte)]
        correction = cv2.resize(_correction(*small), (face.shape[1], face.shape[0]), interpolation=cv2.INTER_CUBIC)
    else:
        correction = _correction(face, plate, matte)
    return np.clip(face + correction, 0.0, 1.0)


def _correction(face: np.ndarray, plate: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """Return what to add to the face, shape (s, s, 3), float32."""
    # OpenCV needs a border around the region: two pixels are added, and the region is kept off the raster's edge.
    inside = np.zeros((face.shape[0] + 4, face.shape[1] + 4), np.uint8)
    inside[3:-3, 3:-3] = np.where(matte[1:-1, 1:-1] > _LEAST_ALPHA, 255, 0)
    left, top, width, height = cv2.boundingRect(inside)
    if width < 4 or height < 4:
        return np.zeros_like(face)
    bytes_of_face, bytes_of_plate = _padded_bytes(face), _padded_bytes(plate)
    center = (left + width // 2, top + height // 2)
    cloned = cv2.seamlessClone(bytes_of_face, bytes_of_plate, inside, center, cv2.NORMAL_CLONE)
    correction = (cloned.astype(np.float32) - bytes_of_face) / 255.0
    return cv2.GaussianBlur(correction, (0, 0), _STEP_BLUR_PX)[2:-2, 2:-2]


def _padded_bytes(picture: np.ndarray) -> np.ndarray:
    scaled = np.clip(picture * 255.0 + 0.5, 0.0, 255.0).astype(np.uint8)
    return cv2.copyMakeBorder(scaled, 2, 2, 2, 2, cv2.BORDER_REPLICATE)
