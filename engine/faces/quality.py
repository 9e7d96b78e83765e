# SPDX-License-Identifier: GPL-3.0-or-later
"""How good a face picture is: where the head points, how large the face is, how sharp and how bright."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .alignment import align_face, face_matrix
from .geometry import scale_of
from .pose import head_pose

# Sharpness is measured on an aligned face of this size, so that it compares faces of different sizes.
_SHARPNESS_SIDE = 96


@dataclass(frozen=True)
class FaceQuality:
    """Figures of one face in one picture.

    Attributes:
        yaw_deg: Head turned to the subject's left (right on screen) is positive.
        pitch_deg: Head looking up is positive.
        roll_deg: Head leaning clockwise on screen is positive.
        size_px: Side of the face square in picture pixels.
        sharpness: Standard deviation of the Laplacian of the aligned face at a fixed size, luma 0…255; below 5 is
            blurred, above 20 crisp. A face enlarged from few pixels is blurred too.
        exposure: Mean luma of the face square, 0 (black) to 1 (white).
    """

    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    size_px: float
    sharpness: float
    exposure: float

    @property
    def merit(self) -> float:
        """One figure for choosing the best pictures of a face: frontal, large and sharp ones are high."""
        frontal = np.cos(np.radians(min(abs(self.yaw_deg), 90.0))) * np.cos(np.radians(min(abs(self.pitch_deg), 90.0)))
        return float(frontal**2 * min(self.size_px, 200.0) * (1 + min(self.sharpness, 30.0)))


def measure_quality(image: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> FaceQuality:
    """Return the figures of a face.

    Args:
        image: RGB picture (h, w, 3).
        landmarks: (68, 2) picture pixels.
    """
    yaw, pitch, roll = head_pose(landmarks)
    matrix = face_matrix(landmarks, _SHARPNESS_SIDE, 1.25)
    luma = cv2.cvtColor(align_face(image, matrix, _SHARPNESS_SIDE), cv2.COLOR_RGB2GRAY)
    sharpness = float(cv2.Laplacian(luma, cv2.CV_32F)[1:-1, 1:-1].std())
    return FaceQuality(
        yaw_deg=yaw,
        pitch_deg=pitch,
        roll_deg=roll,
        size_px=_SHARPNESS_SIDE / 1.25 / scale_of(matrix),
        sharpness=sharpness,
        exposure=float(luma.mean()) / 255,
    )
