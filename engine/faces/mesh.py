# SPDX-License-Identifier: GPL-3.0-or-later
"""MediaPipe's face mesh as a fitter of the 68 landmarks: one small network, steady from frame to frame.

The network sees a square of 192 px around the face, eyes level, values in 0…1, and answers 468 points in pixels of that
square and a logit for "there is a face" (Kartynnik et al. 2019). The square is 1.5 times the box around the mesh, as
MediaPipe's model card asks; in a followed face it comes from the landmarks of the frame before, so it doesn't jump with
a detector's box.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .alignment import align_face
from .geometry import eye_lean, invert_similarity, scale_of, transform_points
from .mesh_points import MESH_COUNT, landmarks_of_mesh
from .models import load_network
from .pose import head_pose

_SIDE = 192
_MARGIN = 1.5
# The mesh reaches up to the hair line; above the box of the 68 landmarks lie another 17 % of its height.
_FOREHEAD = 0.17
# A face is level in its square when its lean was known to this many degrees.
_LEVEL_DEG = 8.0
# A fit has settled when it moves by less than this share of the face's longer side from one round to the next.
_SETTLED = 0.005
# In profile fits don't settle: the mesh guesses what it can't see, and every further round strays from the face.
_TURNED_DEG = 45.0
_LARGEST_ROUNDS = 5


class MeshFitter:
    """Fits the 68 landmarks with the face mesh.

    Raises:
        EngineError: `detector_unavailable` or `library_missing`.
    """

    knows_presence = True

    def __init__(self) -> None:
        self._run = load_network("mesh")

    def fit(
        self, image: NDArray[np.uint8], box: NDArray[np.floating], roll_deg: float = 0.0
    ) -> tuple[NDArray[np.float32], float]:
        """Fit a face that a detector found.

        Args:
            image: RGB picture (h, w, 3).
            box: x0, y0, x1, y1 of the face in pixels.
            roll_deg: Clockwise lean of the face on screen.

        Returns:
            Landmarks (68, 2) in picture pixels, float32, and the confidence that there is a face, 0…1.
        """
        box = np.asarray(box, float)
        side = max(box[2] - box[0], box[3] - box[1]) * _MARGIN
        landmarks, presence = self._fit_square(image, (box[:2] + box[2:]) / 2, side, roll_deg)
        # The first fit only places the square: a detector's box is off center by a tenth of the face, and the lean of
        # a face far from upright by much more. A fit that hasn't settled goes on moving in the frames that are followed
        # from it, and no later frame tells that from a movement of the face.
        lean = roll_deg
        for _ in range(_LARGEST_ROUNDS):
            before, found = landmarks, eye_lean(landmarks)
            landmarks, presence = self.follow(image, before)
            is_level = abs((found - lean + 180) % 360 - 180) < _LEVEL_DEG
            if is_level and (_is_settled(before, landmarks) or abs(head_pose(landmarks)[0]) > _TURNED_DEG):
                break
            lean = found
        return landmarks, presence

    def follow(self, image: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> tuple[NDArray[np.float32], float]:
        """Fit a face close to where its (68, 2) landmarks were before; returns as `fit` does."""
        return self._fit_square(image, *_square_around(landmarks))

    def _fit_square(
        self, image: NDArray[np.uint8], center: NDArray[np.float64], side: float, roll_deg: float
    ) -> tuple[NDArray[np.float32], float]:
        matrix = square_matrix(center, max(side, 1.0), roll_deg)
        interpolation = cv2.INTER_LINEAR if scale_of(matrix) >= 0.5 else None
        face = align_face(image, matrix, _SIDE, interpolation).astype(np.float32) / np.float32(255)
        points, logit = self._run(face[None])
        # The network counts from the corner of its input; pixel centers are at integers here.
        mesh = points.reshape(MESH_COUNT, 3)[:, :2].astype(np.float64) - 0.5
        landmarks = landmarks_of_mesh(mesh)
        presence = 1 / (1 + np.exp(-np.clip(float(logit.ravel()[0]), -80, 80)))
        return transform_points(invert_similarity(matrix), landmarks).astype(np.float32), float(presence)


def _is_settled(before: NDArray[np.float32], landmarks: NDArray[np.float32]) -> bool:
    moved = float(np.sqrt(np.mean(np.sum((landmarks - before) ** 2, axis=1))))
    return moved < _SETTLED * float(np.ptp(landmarks, axis=0).max())


def _square_around(landmarks: NDArray[np.floating]) -> tuple[NDArray[np.float64], float, float]:
    """Return center, side and lean in degrees of the square in which the network wants a face."""
    landmarks = np.asarray(landmarks, float)
    roll = np.radians(eye_lean(landmarks))
    turn = np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]])
    level = landmarks @ turn.T
    low, high = level.min(axis=0), level.max(axis=0)
    low[1] -= _FOREHEAD * (high[1] - low[1])
    return turn.T @ ((low + high) / 2), max(high - low) * _MARGIN, float(np.degrees(roll))


def square_matrix(center: NDArray[np.floating], side: float, roll_deg: float, size: int = _SIDE) -> NDArray[np.float64]:
    """Return the (2, 3) matrix that brings a leaning square of the picture upright into `size` pixels.

    Args:
        center: Center of the square in picture pixels.
        side: Its side in picture pixels.
        roll_deg: Its clockwise lean on screen.
        size: Side of the result in pixels.
    """
    roll, scale = np.radians(roll_deg), size / side
    turn = np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]]) * scale
    return np.column_stack([turn, (size - 1) / 2 - turn @ np.asarray(center, float)])
