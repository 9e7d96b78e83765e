# SPDX-License-Identifier: GPL-3.0-or-later
"""The blend mask of an aligned face: its shape, its soft edge, and the outline an editor's spline starts from.

Lengths given as shares are shares of the face's size: the side of the canonical face square (`size / coverage`).
The soft edge lies inside the mask's shape and always ends inside the network's crop, so no box can show.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..contract.settings import SwapSettings
from ..faces.forehead import forehead_points
from .region import ConvexRegion, hull_region, square_region

OUTLINE_POINTS = 16

# The edge of the crop fades over at least this share of the crop, whatever the feather.
_CROP_FADE = 0.05
# Where the 0.9 level of the soft edge lies, as a share of its width: 3t² - 2t³ = 0.9.
_OUTLINE_LEVEL = 0.8042


@dataclass(frozen=True)
class Mask:
    """Where a swapped face shows, on a raster of one size.

    Attributes:
        shape: The mask's own shape after erosion, in pixels of the raster.
        crop: What the network sees.
        feather_px: Width of the soft edge inside `shape`.
        crop_fade_px: Width of the soft edge inside `crop`.
        size: Side of the raster in pixels.
    """

    shape: ConvexRegion
    crop: ConvexRegion
    feather_px: float
    crop_fade_px: float
    size: int

    def matte(self, margin_px: float = 0.0) -> np.ndarray:
        """Return the soft matte.

        Args:
            margin_px: How far the alpha reaches beyond the mask, in pixels of the raster.

        Returns:
            Shape (size, size), float32, 0…1; 0 on the raster's border.
        """
        inner = _soft_step(self.shape.grown(margin_px).depth(self.size), self.feather_px)
        return np.minimum(inner, _soft_step(self.crop.depth(self.size), self.crop_fade_px))

    def outline(self, center: np.ndarray, down: np.ndarray) -> np.ndarray:
        """Return the closed line where the matte without margin is 0.9.

        Args:
            center: A point of the face, shape (2,), pixels of the raster.
            down: Direction from there to the chin, shape (2,); the first point lies in it.

        Returns:
            Points, clockwise on the screen, shape (16, 2), float64. The same index is the same place of the face in
            every frame, because the rays' angles are fixed to the face.
        """
        core = self.shape.grown(-_OUTLINE_LEVEL * self.feather_px).shared_with(
            self.crop.grown(-_OUTLINE_LEVEL * self.crop_fade_px)
        )
        angles = np.arctan2(down[1], down[0]) + np.arange(OUTLINE_POINTS) * (2 * np.pi / OUTLINE_POINTS)
        directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        return center + directions * core.exits(center, directions)[:, None]

    @property
    def outline_feather_px(self) -> float:
        """Distance from the outline to where the matte ends, in pixels of the raster."""
        return _OUTLINE_LEVEL * self.feather_px


def _soft_step(depth: np.ndarray, width_px: float) -> np.ndarray:
    """Return 0 at the edge and outside, 1 from `width_px` inwards, with no kink at either end."""
    # Never narrower than a pixel: that is antialiasing, not feather.
    share = np.clip(depth / max(width_px, 1.0), 0.0, 1.0)
    return share * share * (3.0 - 2.0 * share)


def build_mask(landmarks: np.ndarray, size: int, coverage: float, settings: SwapSettings) -> Mask:
    """Return the blend mask of an aligned face.

    Args:
        landmarks: 68 points in pixels of the aligned face, shape (68, 2).
        size: Side of the aligned face in pixels.
        coverage: Side of the aligned face in canonical face squares.
        settings: `mask`, `erode` and `feather` are used.
    """
    face_px = size / coverage
    crop = square_region(size)
    if settings.mask == "rect":
        shape = crop
    elif settings.mask == "extended-hull":
        shape = hull_region(np.concatenate([landmarks, forehead_points(landmarks)]))
    else:
        shape = hull_region(landmarks)
    if settings.mask == "hull-and-rect":
        shape = shape.shared_with(crop)
    return Mask(
        shape=shape.grown(-settings.erode * face_px),
        crop=crop.grown(-1.0),
        feather_px=settings.feather * face_px,
        crop_fade_px=max(settings.feather * face_px, _CROP_FADE * size),
        size=size,
    )
