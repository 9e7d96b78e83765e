# SPDX-License-Identifier: GPL-3.0-or-later
"""dlib's regression trees as a fitter of the 68 landmarks, kept finer than a pixel.

dlib returns whole pixels. The face is therefore enlarged to a square of fixed size before the fit, where a whole pixel
is about 0.1 % of the face, and the mean of a few slightly moved boxes is taken, which halves the jitter of the trees.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .alignment import align_face
from .geometry import LANDMARK_COUNT, eye_lean, invert_similarity, transform_points
from .mesh import square_matrix
from .models import import_library, model_path

_SIDE = 1000
# The enlarged square is this many times the face box, so that turned corners and the chin are inside.
_MARGIN = 1.8
# Measured: dlib's detector puts a box of 1.07 times the landmarks' extent, its center 11 % of it higher.
_BOX_SCALE = 1.07
_BOX_RAISE = 0.115
_SHIFTS = ((0.0, 0.0), (0.03, 0.0), (-0.03, 0.0), (0.0, 0.03), (0.0, -0.03))


class DlibFitter:
    """Fits the 68 landmarks with dlib's shape predictor (trained on iBUG 300-W: not for paid work).

    Raises:
        EngineError: `detector_unavailable` or `library_missing`.
    """

    knows_presence = False

    def __init__(self) -> None:
        self._dlib = import_library("dlib")
        self._predict = self._dlib.shape_predictor(str(model_path("dlib-68")))

    def fit(
        self, image: NDArray[np.uint8], box: NDArray[np.floating], roll_deg: float = 0.0
    ) -> tuple[NDArray[np.float32], float]:
        """Fit a face that a detector found.

        Args:
            image: RGB picture (h, w, 3).
            box: x0, y0, x1, y1 of the face in pixels.
            roll_deg: Clockwise lean of the face on screen.

        Returns:
            Landmarks (68, 2) in picture pixels, float32, and 1.0: the trees don't know whether there is a face.
        """
        box = np.asarray(box, float)
        return self._fit_square(image, (box[:2] + box[2:]) / 2, float(np.max(box[2:] - box[:2])), roll_deg), 1.0

    def follow(self, image: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> tuple[NDArray[np.float32], float]:
        """Fit a face close to where its (68, 2) landmarks were before; returns as `fit` does."""
        landmarks = np.asarray(landmarks, float)
        roll = np.radians(eye_lean(landmarks))
        turn = np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]])
        level = landmarks @ turn.T
        low, high = level.min(axis=0), level.max(axis=0)
        extent = float(np.sqrt(np.prod(np.maximum(high - low, 1e-3))))
        center = (low + high) / 2 - (0.0, _BOX_RAISE * extent)
        return self._fit_square(image, turn.T @ center, _BOX_SCALE * extent, float(np.degrees(roll))), 1.0

    def _fit_square(
        self, image: NDArray[np.uint8], center: NDArray[np.float64], side: float, roll_deg: float
    ) -> NDArray[np.float32]:
        matrix = square_matrix(center, max(side, 1.0) * _MARGIN, roll_deg, _SIDE)
        face = np.ascontiguousarray(align_face(image, matrix, _SIDE, cv2.INTER_LINEAR))
        half, middle = _SIDE / _MARGIN / 2, (_SIDE - 1) / 2
        total = np.zeros((LANDMARK_COUNT, 2))
        for shift_x, shift_y in _SHIFTS:
            x, y = middle + shift_x * 2 * half, middle + shift_y * 2 * half
            rectangle = self._dlib.rectangle(round(x - half), round(y - half), round(x + half), round(y + half))
            total += [(point.x, point.y) for point in self._predict(face, rectangle).parts()]
        return transform_points(invert_similarity(matrix), total / len(_SHIFTS)).astype(np.float32)
