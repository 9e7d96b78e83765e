# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known about one aligned face of a faceset."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Faces of the ancestor are 256 px wide with a margin of 48 px around the face square: 256 / 160. Plain pictures
# without records are taken to be cut like that.
PLAIN_COVERAGE = 1.6


@dataclass(frozen=True, eq=False)
class FaceRecord:
    """One aligned face.

    Attributes:
        file: Name of the picture in the faceset's folder.
        picture: File name of the picture it was cut from; empty for footage.
        media_frame: Media frame of the footage it was cut from; -1 for pictures.
        track: Id of its face track; -1 where there is none.
        rotation: Turn applied before the face was found, degrees counterclockwise: 0, 90, 180 or 270. All coordinates
            are of the unturned picture.
        box: Detector's box x0, y0, x1, y1 in pixels of the picture.
        score: Detector's confidence.
        landmarks: (68, 2) float32, pixels of the picture, unrounded; None for plain pictures.
        image_to_face: (2, 3) float64 matrix from picture to aligned face; None for plain pictures.
        size: Side of the aligned face in pixels; 0 where the file couldn't be looked at.
        coverage: Side of the aligned face in canonical face squares.
        sharpness: Sharpness of the face in the picture; larger is sharper, 0 means unknown.
        exposure: Mean luma of the face, 0…1; 0 means unknown.
        occlusion: Guess of the hidden share of the face, 0…1.
        yaw: Turn of the head in degrees, positive to the viewer's right.
        pitch: Nod in degrees, positive upwards.
        roll: Tilt in degrees, positive clockwise.
        identity: (128,) float32 vector of the person, or None.
    """

    file: str
    picture: str = ""
    media_frame: int = -1
    track: int = -1
    rotation: int = 0
    box: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    score: float = 0.0
    landmarks: NDArray[np.float32] | None = None
    image_to_face: NDArray[np.float64] | None = None
    size: int = 0
    coverage: float = PLAIN_COVERAGE
    sharpness: float = 0.0
    exposure: float = 0.0
    occlusion: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    identity: NDArray[np.float32] | None = None

    @property
    def is_plain(self) -> bool:
        """Whether nothing but the aligned picture is known."""
        return self.landmarks is None

    @property
    def size_in_picture_px(self) -> float:
        """Side of the face square in pixels of the picture it was cut from; 0 for plain pictures."""
        if self.image_to_face is None:
            return 0.0
        scale = float(np.sqrt(abs(np.linalg.det(self.image_to_face[:, :2]))))
        return self.size / self.coverage / scale if scale > 0 else 0.0
