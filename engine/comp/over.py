# SPDX-License-Identifier: GPL-3.0-or-later
"""The over operation with straight alpha; pixels whose alpha is 0 stay bit-identical."""

from __future__ import annotations

import numpy as np


def composite(plate: np.ndarray, rgba: np.ndarray) -> np.ndarray:
    """Return the plate with a straight-alpha picture over it.

    Only the rectangle that holds alpha is computed; where alpha is 0 the plate's own values are kept, bit for bit.

    Args:
        plate: Shape (h, w, 3), uint8, uint16 or floating; RGB.
        rgba: Shape (h, w, 4), uint8, uint16 or floating (0…1); RGB and straight alpha.

    Returns:
        A new array like `plate`.

    Raises:
        ValueError: When the sizes differ.
    """
    if plate.shape[:2] != rgba.shape[:2]:
        raise ValueError(f"The plate is {plate.shape[:2]}, the picture over it {rgba.shape[:2]}.")
    result = plate.copy()
    box = alpha_box(rgba[..., 3])
    if box is None:
        return result
    layer, below = rgba[box], plate[box]
    alpha = layer[..., 3:].astype(np.float32) / full_scale(rgba.dtype)
    color = layer[..., :3].astype(np.float32) * (full_scale(plate.dtype) / full_scale(rgba.dtype))
    mixed = below.astype(np.float32) * (1.0 - alpha) + color * alpha
    if np.issubdtype(plate.dtype, np.integer):
        mixed = np.clip(np.rint(mixed), 0, full_scale(plate.dtype))
    # Written only where there is alpha: even a weight of exactly 0 could round a float plate.
    np.copyto(result[box], mixed.astype(plate.dtype), where=alpha > 0)
    return result


def alpha_box(alpha: np.ndarray) -> tuple[slice, slice] | None:
    """Return the rows and columns that hold any alpha, or None when there is none."""
    rows = np.flatnonzero(alpha.any(axis=1))
    if not len(rows):
        return None
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    columns = np.flatnonzero(alpha[top:bottom].any(axis=0))
    return slice(top, bottom), slice(int(columns[0]), int(columns[-1]) + 1)


def stack_layers(below: np.ndarray, above: np.ndarray) -> np.ndarray:
    """Return one straight-alpha picture that equals `above` over `below`.

    Args:
        below: Shape (h, w, 4), float32, 0…1, straight alpha.
        above: As `below`.

    Returns:
        Shape (h, w, 4), float32. Where neither has alpha, the color of whichever holds one is kept, so that scaling
        the picture later finds no dark fringe.
    """
    alpha_above, alpha_below = above[..., 3:], below[..., 3:] * (1.0 - above[..., 3:])
    alpha = alpha_above + alpha_below
    color = (above[..., :3] * alpha_above + below[..., :3] * alpha_below) / np.maximum(alpha, 1e-6)
    bare = np.where(above[..., :3].any(axis=2, keepdims=True), above[..., :3], below[..., :3])
    return np.concatenate([np.where(alpha > 0, color, bare), alpha], axis=2)


def full_scale(dtype: np.dtype) -> float:
    """Return the value of white in a picture of this type: 255, 65535, or 1 for floating numbers."""
    return float(np.iinfo(dtype).max) if np.issubdtype(dtype, np.integer) else 1.0
