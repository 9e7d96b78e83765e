# SPDX-License-Identifier: GPL-3.0-or-later
"""From a shot's picture to the sequencer's preview and back: pixels of the picture, of the frame, and view units.

No bpy. Frame pixels count from the upper left corner of the edit's frame with centers at integers, like the picture's.
View units are those of the preview's `view2d`: the frame's pixels from its middle, y up, as wide as they are shown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .outline_geometry import Placement


@dataclass(frozen=True)
class PreviewPlacement:
    """How a picture gets into the frame at one timeline frame.

    Attributes:
        levels: The strip's placement and those of the meta strips around it, from the inside out; one frame each.
        scene_size: Width and height of the frame in px.
        pixel_aspect: Width of a pixel over its height.
    """

    levels: tuple[Placement, ...]
    scene_size: tuple[int, int]
    pixel_aspect: float = 1.0

    @property
    def is_mirrored(self) -> bool:
        """Whether a clockwise turn of the picture is counter-clockwise in the frame."""
        factors = [(-1) ** sum(level.flip) * float(np.sign(level.scale.prod())) for level in self.levels]
        return bool(np.prod(factors) < 0)

    def to_frame(self, points: np.ndarray) -> np.ndarray:
        """Return picture pixels (k, 2) in frame pixels, float64 (k, 2)."""
        points = np.asarray(points, float)
        for level in self.levels:
            # Each level's result is the picture of the next one.
            points = self._from_corner(level.to_frame(points[None])[0])
        return points

    def from_frame(self, points: np.ndarray) -> np.ndarray:
        """Return frame pixels (k, 2) in picture pixels, float64 (k, 2); not finite for a strip scaled to nothing."""
        points = np.asarray(points, float)
        for level in reversed(self.levels):
            points = level.from_frame(self._to_corner(points)[None])[0]
        return points

    def to_view(self, points: np.ndarray) -> np.ndarray:
        """Return picture pixels (k, 2) in view units, float64 (k, 2)."""
        centered = self._to_corner(self.to_frame(points)) - np.array(self.scene_size) / 2
        return centered * (self.pixel_aspect, 1)

    def frame_from_view(self, points: np.ndarray) -> np.ndarray:
        """Return view units (k, 2) in frame pixels, float64 (k, 2)."""
        return self._from_corner(np.asarray(points, float) / (self.pixel_aspect, 1) + np.array(self.scene_size) / 2)

    def _to_corner(self, points: np.ndarray) -> np.ndarray:
        """Return frame pixels as px from the frame's lower left corner, y up."""
        return np.stack([points[..., 0] + 0.5, self.scene_size[1] - points[..., 1] - 0.5], axis=-1)

    def _from_corner(self, points: np.ndarray) -> np.ndarray:
        return np.stack([points[..., 0] - 0.5, self.scene_size[1] - points[..., 1] - 0.5], axis=-1)


def box_around(points: np.ndarray) -> tuple[float, float, float, float]:
    """Return the box x0, y0, x1, y1 around points (k, 2)."""
    (x0, y0), (x1, y1) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return (x0, y0, x1, y1)


def corners(box: tuple[float, float, float, float]) -> np.ndarray:
    """Return the corners of a box in the order of its outline, float64 (4, 2)."""
    x0, y0, x1, y1 = box
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], float)
