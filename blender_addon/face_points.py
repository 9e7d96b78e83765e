# SPDX-License-Identifier: GPL-3.0-or-later
"""The few named points that stand for a face in Blender's tracking data, and the motion between two sets of them.

No bpy. Right and left are the subject's, as in the numbering of the 68 landmarks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Landmarks (Multi-PIE numbers) whose mean each point is. The center is stiffer than any single one.
_LANDMARKS: dict[str, tuple[int, ...]] = {
    "right eye": tuple(range(36, 42)),
    "left eye": tuple(range(42, 48)),
    "nose": (30,),
    "mouth right": (48,),
    "mouth left": (54,),
    "chin": (8,),
}
CENTER = "center"
_CENTER_OF = ("right eye", "left eye", "mouth right", "mouth left")
NAMES = (CENTER, *_LANDMARKS)


# Where the points lie in the box from brows to chin of a face seen from the front, as shares of the box; measured on
# the demo's clip and made symmetric.
_IN_BOX = {
    CENTER: (0.5, 0.445),
    "right eye": (0.28, 0.205),
    "left eye": (0.72, 0.205),
    "nose": (0.5, 0.41),
    "mouth right": (0.33, 0.685),
    "mouth left": (0.67, 0.685),
    "chin": (0.5, 1.0),
}


def named_points(landmarks: np.ndarray) -> np.ndarray:
    """Return the points of `NAMES` from (n, 68, 2) landmarks, float64 (n, 7, 2): center first."""
    points = {name: np.asarray(landmarks[:, list(rows)], float).mean(axis=1) for name, rows in _LANDMARKS.items()}
    center = np.mean([points[name] for name in _CENTER_OF], axis=0)
    return np.stack([center, *points.values()], axis=1)


@dataclass(frozen=True)
class Motion:
    """A similarity between two pictures of a face: p ↦ pivot + scale · turn(p - pivot) + shift.

    Attributes:
        shift: px to the right and down, of the pivot.
        scale: Factor.
        turn: Degrees, clockwise on screen.
    """

    shift: tuple[float, float]
    scale: float = 1.0
    turn: float = 0.0

    def moved(self, points: np.ndarray, pivot: np.ndarray) -> np.ndarray:
        """Return (…, 2) points after the motion, float64."""
        angle = np.radians(self.turn)
        cosine, sine = np.cos(angle), np.sin(angle)
        # y points down, so this matrix turns clockwise on screen.
        matrix = self.scale * np.array([[cosine, -sine], [sine, cosine]])
        return (np.asarray(points, float) - pivot) @ matrix.T + pivot + np.array(self.shift)

    def limited(self, largest_scale: float) -> Motion:
        """Return the motion with a scale of at most a factor, and at least its inverse."""
        return Motion(self.shift, min(max(self.scale, 1 / largest_scale), largest_scale), self.turn)


def motion_between(before: np.ndarray, after: np.ndarray, pivot: np.ndarray) -> Motion:
    """Return the similarity that takes points closest to where they went.

    Least squares over translation, turn and scale; in the plane these are one complex factor, so the solution is
    closed (Umeyama 1991 reduces to it). One point tells a shift alone.

    Args:
        before: (k, 2) px, k ≥ 1.
        after: (k, 2) px.
        pivot: (2,) px, what the shift is told for.
    """
    first, second = np.asarray(before, float), np.asarray(after, float)
    middle, target = first.mean(axis=0), second.mean(axis=0)
    z = (first - middle) @ np.array([1, 1j])
    w = (second - target) @ np.array([1, 1j])
    spread = float((np.abs(z) ** 2).sum())
    factor = complex((np.conj(z) * w).sum() / spread) if spread > 1e-9 else 1 + 0j
    if abs(factor) < 1e-6:
        # All points on one spot: nothing but a shift can be meant.
        factor = 1 + 0j
    motion = Motion((0.0, 0.0), abs(factor), float(np.degrees(np.angle(factor))))
    shift = target - motion.moved(middle[None], np.asarray(pivot, float))[0]
    return Motion((float(shift[0]), float(shift[1])), motion.scale, motion.turn)


def box_around(points: dict[str, np.ndarray]) -> tuple[float, float, float, float]:
    """Return the box x0, y0, x1, y1 from brows to chin of a face of which some points are known.

    Args:
        points: At least two places by name, (2,) px each.
    """
    inside = np.array([_IN_BOX[name] for name in points])
    places = np.array(list(points.values()), float)
    motion = motion_between(inside, places, np.zeros(2))
    corners = motion.moved(np.array([(0, 0), (1, 0), (1, 1), (0, 1)], float), np.zeros(2))
    x0, y0 = corners.min(axis=0).tolist()
    x1, y1 = corners.max(axis=0).tolist()
    return (x0, y0, x1, y1)
