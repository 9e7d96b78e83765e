# SPDX-License-Identifier: GPL-3.0-or-later
"""Outlines on the way from the plate's pixels to Blender's mask space, and down to few keys; without Blender.

Mask space is the scene's frame, not the strip's: square, as wide as the frame's longer side, centered, y up.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Placement:
    """How a strip places its pictures in the frame, for n timeline frames.

    Attributes:
        plate_size: Width and height of the pictures in px.
        scene_size: Width and height of the frame in px.
        scale: float64 (n, 2), factors in x and y.
        offset: float64 (n, 2), px to the right and up.
        rotation: float64 (n,), radians, counter-clockwise.
        origin: Pivot of scale and rotation as shares of the picture, from its lower left corner.
        flip: Whether the placed picture is mirrored in x and in y, about the middle of the frame.
        is_mask_flipped: Whether Blender mirrors a mask on the strip together with the picture.
    """

    plate_size: tuple[int, int]
    scene_size: tuple[int, int]
    scale: np.ndarray
    offset: np.ndarray
    rotation: np.ndarray
    origin: tuple[float, float] = (0.5, 0.5)
    flip: tuple[bool, bool] = (False, False)
    is_mask_flipped: bool = False

    @property
    def mask_units(self) -> np.ndarray:
        """Length of a plate pixel in mask space, float64 (n,)."""
        return np.sqrt(np.abs(self.scale.prod(axis=1))) / max(self.scene_size)

    def to_frame(self, points: np.ndarray) -> np.ndarray:
        """Return where plate points appear in the frame.

        Args:
            points: (n, k, 2) plate pixels, x right, y down, pixel centers at integers.

        Returns:
            float64 (n, k, 2), px from the lower left corner of the frame, y up.
        """
        placed = self._transformed(points)
        return np.where(self.flip, np.array(self.scene_size) - placed, placed)

    def from_frame(self, points: np.ndarray) -> np.ndarray:
        """Return which plate points appear at places in the frame: the inverse of `to_frame`.

        Args:
            points: (n, k, 2) px from the lower left corner of the frame, y up.

        Returns:
            float64 (n, k, 2) plate pixels; not finite for a strip that is scaled to nothing.
        """
        plate, scene = np.array(self.plate_size, float), np.array(self.scene_size, float)
        points = np.where(self.flip, scene - np.asarray(points, float), points)
        pivot = plate * self.origin
        x, y = np.moveaxis(points - pivot - ((scene - plate) / 2 + self.offset)[:, None], -1, 0)
        cosine, sine = np.cos(self.rotation)[:, None], np.sin(self.rotation)[:, None]
        turned = np.stack([x * cosine + y * sine, y * cosine - x * sine], axis=-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            upward = turned / self.scale[:, None] + pivot
        return np.stack([upward[..., 0] - 0.5, plate[1] - upward[..., 1] - 0.5], axis=-1)

    def to_mask(self, points: np.ndarray) -> np.ndarray:
        """Return plate points, (n, k, 2) as `to_frame` takes them, in mask space."""
        placed = self._transformed(points) if self.is_mask_flipped else self.to_frame(points)
        scene = np.array(self.scene_size, float)
        return (placed - scene / 2) / scene.max() + 0.5

    def _transformed(self, points: np.ndarray) -> np.ndarray:
        plate, scene = np.array(self.plate_size, float), np.array(self.scene_size, float)
        points = np.asarray(points, float)
        upward = np.stack([points[..., 0] + 0.5, plate[1] - (points[..., 1] + 0.5)], axis=-1)
        pivot = plate * self.origin
        x, y = np.moveaxis((upward - pivot) * self.scale[:, None], -1, 0)
        cosine, sine = np.cos(self.rotation)[:, None], np.sin(self.rotation)[:, None]
        turned = np.stack([x * cosine - y * sine, x * sine + y * cosine], axis=-1)
        return turned + pivot + ((scene - plate) / 2 + self.offset)[:, None]


def is_clockwise(points: np.ndarray) -> bool:
    """Whether a closed outline, float (k, 2) with y up, runs clockwise, as Blender's feather wants it."""
    x, y = points.T
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) < 0


def key_indices(times: np.ndarray, values: np.ndarray, tolerance: float) -> Generator[None, None, list[int]]:
    """Choose the samples to keep so that straight lines between them stay close to all others.

    The Ramer-Douglas-Peucker scheme with the error measured at the sampled times. A generator, so that long shots
    can be worked off in slices.

    Args:
        times: (n,) ascending.
        values: (n, k, 2) points.
        tolerance: Largest distance of a point from its interpolated place, in the unit of `values`.

    Returns:
        Ascending indices, the first and the last included.
    """
    kept = {0, len(times) - 1}
    pending = [(0, len(times) - 1)]
    while pending:
        first, last = pending.pop()
        if last - first < 2:
            continue
        inner = slice(first + 1, last)
        share = ((times[inner] - times[first]) / (times[last] - times[first]))[:, None, None]
        between = values[first] + (values[last] - values[first]) * share
        error = np.square(values[inner] - between).sum(axis=-1).max(axis=-1)
        worst = int(error.argmax())
        if error[worst] > tolerance**2:
            middle = first + 1 + worst
            kept.add(middle)
            pending += [(first, middle), (middle, last)]
        yield
    return sorted(kept)
