# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenes with known faces: performers put before backgrounds by known maps, hidden, darkened, and what is then known.

A scene is put together from the back to the front. The landmarks of every face move with its performer's map, and how
much of a face one sees is counted on points spread over it, so that tests need no detector to know the truth.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from performers import Performer

# Points spread over a face, on which its visible share is counted.
_PROBES = 24


@dataclass(frozen=True, eq=False)
class KnownFace:
    """A face whose place is known.

    Attributes:
        landmarks: float64 (68, 2), pixels of the scene, also where hidden or outside.
        visible: Share of the face that is inside the picture and not hidden, 0…1.
        person: "A" or "B".
    """

    landmarks: np.ndarray
    visible: float
    person: str

    @property
    def box(self) -> np.ndarray:
        """x0, y0, x1, y1 around the landmarks."""
        return np.concatenate([self.landmarks.min(axis=0), self.landmarks.max(axis=0)])

    @property
    def size(self) -> float:
        """Longer side of the face when upright."""
        return float(np.linalg.norm(self.landmarks[8] - self.landmarks[27]) * 1.35)


class Stage:
    """Puts a scene together.

    Args:
        background: RGB, uint8 (h, w, 3).
    """

    def __init__(self, background: np.ndarray) -> None:
        self._image = background.astype(np.float32)
        self._faces: list[tuple[np.ndarray, np.ndarray, np.ndarray, str]] = []

    def put(self, who: Performer, matrix: np.ndarray, light: Callable[[np.ndarray], np.ndarray] | None = None) -> None:
        """Put a performer in front of everything so far.

        Args:
            who: The performer.
            matrix: (2, 3), from the performer's pixels to the scene's.
            light: Changes the performer's picture, float32 0…255, before.
        """
        image = who.image.astype(np.float32)
        self.cover(image if light is None else light(image), who.alpha, matrix)
        landmarks = moved(matrix, who.landmarks)
        probes = moved(matrix, _probes(who.landmarks))
        height, width = self._image.shape[:2]
        hidden = ((probes < -0.5) | (probes > (width - 0.5, height - 0.5))).any(axis=1)
        self._faces.append((landmarks, probes, hidden, who.person))

    def cover(self, image: np.ndarray, alpha: np.ndarray, matrix: np.ndarray) -> None:
        """Put anything in front of everything so far: a picture (h, w, 3) with its alpha (h, w)."""
        height, width = self._image.shape[:2]
        layer = np.dstack([np.asarray(image, np.float32) * alpha[..., None], alpha])
        scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
        if scale < 0.7:
            before = np.array(layer.shape[1::-1])
            reduced = np.maximum(1, np.round(before * scale)).astype(int)
            layer = cv2.resize(layer, tuple(map(int, reduced)), interpolation=cv2.INTER_AREA)
            step = before / reduced
            matrix = np.column_stack([matrix[:, :2] * step, matrix[:, :2] @ ((step - 1) / 2) + matrix[:, 2]])
        size = layer.shape[1::-1]
        corners = moved(matrix, np.array([[0, 0], [size[0], 0], size, [0, size[1]]], float))
        low = np.clip(np.floor(corners.min(axis=0)).astype(int) - 2, 0, (width, height))
        high = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 2, 0, (width, height))
        if (high <= low).any():
            return
        local = matrix - np.array([[0, 0, low[0]], [0, 0, low[1]]])
        flags = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_LINEAR
        placed = cv2.warpAffine(layer, local, tuple(map(int, high - low)), flags=flags)
        front = np.clip(placed[..., 3:], 0, 1)
        part = self._image[low[1] : high[1], low[0] : high[0]]
        part[:] = part * (1 - front) + placed[..., :3]
        back = cv2.invertAffineTransform(matrix)
        for _, probes, hidden, _ in self._faces:
            at = moved(back, probes).astype(np.float32)
            seen = cv2.remap(layer[..., 3], at[:, 0], at[:, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
            hidden |= seen.ravel() > 0.5

    def picture(self, grade: Callable[[np.ndarray], np.ndarray] | None = None) -> np.ndarray:
        """Return the scene, RGB uint8; `grade` changes it, float32 0…255, before it is rounded."""
        image = self._image if grade is None else grade(self._image)
        return np.clip(np.round(image), 0, 255).astype(np.uint8)

    @property
    def faces(self) -> list[KnownFace]:
        """The faces, from the back to the front."""
        return [KnownFace(marks, 1 - float(hidden.mean()), person) for marks, _, hidden, person in self._faces]


def place(who: Performer, center: Sequence[float], size: float, roll_deg: float = 0.0) -> np.ndarray:
    """Return the (2, 3) matrix that brings a performer's face to a center, a size in pixels and a clockwise lean."""
    scale, roll = size / who.size, np.radians(roll_deg)
    turn = scale * np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    return np.column_stack([turn, np.asarray(center, float) - turn @ who.center])


def moved(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return points (n, 2) under a (2, 3) matrix."""
    return points @ matrix[:, :2].T + matrix[:, 2]


def _probes(landmarks: np.ndarray) -> np.ndarray:
    """Return points evenly spread over the face."""
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    steps = (np.arange(_PROBES) + 0.5) / _PROBES
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2) * (high - low) + low
    hull = cv2.convexHull(landmarks.astype(np.float32))
    return grid[[cv2.pointPolygonTest(hull, (float(x), float(y)), False) > 0 for x, y in grid]]
