# SPDX-License-Identifier: GPL-3.0-or-later
"""How good a face picture is: where the head points, how large the face is, how sharp, how bright and how free."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .alignment import align_face, face_matrix
from .geometry import scale_of
from .head_grid import COVERAGE, SIDE
from .occlusion import OcclusionWatch
from .pose import head_pose

# The part of it that is face in most poses, an ellipse: hair and what is behind the head don't count.
_HALF_WIDTH, _HALF_HEIGHT = 0.32, 0.40
# Details of a dark face are as large against its brightness as those of a bright one: sharpness is given for this mean
# luma. What is lifted further is noise.
_USUAL_LUMA = 115.0
_LARGEST_LIFT = 4.0


@dataclass(frozen=True)
class FaceQuality:
    """Figures of one face in one picture.

    Attributes:
        yaw_deg: Head turned to the subject's left (right on screen) is positive.
        pitch_deg: Head looking up is positive.
        roll_deg: Head leaning clockwise on screen is positive.
        size_px: Side of the face square in picture pixels.
        sharpness: Twice the standard deviation of the second derivative of luma (0…255), across or down, whichever is
            smaller, in the aligned face at a fixed size and brightness, so that faces of all sizes compare; below 4 is
            blurred, above 15 crisp. Motion blurs in one direction only, and a face enlarged from few pixels is blurred
            too.
        exposure: Mean luma of the face without its surroundings, 0 (black) to 1 (white).
        occlusion: Guess of the hidden share of the face, 0…1; 0 where nobody watches.
    """

    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    size_px: float
    sharpness: float
    exposure: float
    occlusion: float = 0.0

    @property
    def merit(self) -> float:
        """One figure for choosing the best pictures of a face: frontal, large and sharp ones are high."""
        frontal = np.cos(np.radians(min(abs(self.yaw_deg), 90.0))) * np.cos(np.radians(min(abs(self.pitch_deg), 90.0)))
        return float(frontal**2 * min(self.size_px, 200.0) * (1 + min(self.sharpness, 30.0)))


def measure_quality(
    image: NDArray[np.uint8], landmarks: NDArray[np.floating], watch: OcclusionWatch | None = None
) -> FaceQuality:
    """Return the figures of a face.

    Args:
        image: RGB picture (h, w, 3).
        landmarks: (68, 2) picture pixels.
        watch: Watches the face track for things in front of the face; the picture has to be its next frame.
    """
    yaw, pitch, roll = head_pose(landmarks)
    matrix = face_matrix(landmarks, SIDE, COVERAGE)
    face = align_face(image, matrix, SIDE)
    sharpness, exposure = _sharpness_and_exposure(face)
    return FaceQuality(
        yaw_deg=yaw,
        pitch_deg=pitch,
        roll_deg=roll,
        size_px=SIDE / COVERAGE / scale_of(matrix),
        sharpness=sharpness,
        exposure=exposure,
        occlusion=0.0 if watch is None else watch.look(face, yaw, pitch),
    )


def _sharpness_and_exposure(face: NDArray[np.uint8]) -> tuple[float, float]:
    luma = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)
    mean = cv2.mean(luma, _FACE)[0]
    across, down = (
        float(cv2.meanStdDev(cv2.Sobel(luma, cv2.CV_32F, *order, ksize=1), mask=_FACE)[1][0, 0])
        for order in ((2, 0), (0, 2))
    )
    lift = min(_USUAL_LUMA / max(mean, 1.0), _LARGEST_LIFT)
    return 2 * lift * min(across, down), mean / 255


def _face_ellipse() -> NDArray[np.uint8]:
    rows, columns = (np.mgrid[0:SIDE, 0:SIDE] - (SIDE - 1) / 2) / SIDE
    return ((columns / _HALF_WIDTH) ** 2 + (rows / _HALF_HEIGHT) ** 2 <= 1).astype(np.uint8)


_FACE = _face_ellipse()
