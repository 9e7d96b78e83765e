# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of a picture around a face, kept so that the face can be cut after the picture is gone."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .alignment import align_face, face_matrix
from .geometry import compose, invert_similarity, scale_of, transform_points

# The kept part is this many times the aligned face, so that steadied landmarks and dlib's own crop stay inside.
_PART_MARGIN = 1.3
_PART_BORDER_PX = 8


@dataclass(frozen=True, eq=False)
class PicturePart:
    """The part of a picture around a face.

    Attributes:
        image: RGB pixels, uint8 (h, w, 3).
        picture_to_part: Matrix (2, 3) from picture pixels to pixels of the part.
    """

    image: NDArray[np.uint8]
    picture_to_part: NDArray[np.float64]

    @classmethod
    def around(
        cls, image: NDArray[np.uint8], landmarks: NDArray[np.floating], size: int, coverage: float
    ) -> PicturePart:
        """Copy the part that the aligned face needs; a very large face is averaged down by a whole factor."""
        matrix = face_matrix(landmarks, size, coverage * _PART_MARGIN)
        last = size - 1
        corners = transform_points(invert_similarity(matrix), np.array([[0.0, 0], [last, 0], [last, last], [0, last]]))
        left, top = np.maximum(np.floor(corners.min(axis=0)) - _PART_BORDER_PX, 0).astype(int)
        right, bottom = (np.ceil(corners.max(axis=0)) + _PART_BORDER_PX + 1).astype(int)
        part = image[min(top, image.shape[0] - 1) : max(bottom, 1), min(left, image.shape[1] - 1) : max(right, 1)]
        left, top = min(left, image.shape[1] - 1), min(top, image.shape[0] - 1)
        # Cutting to the aligned size averages pixels anyway; doing half of it here bounds the memory.
        factor = max(1, int(0.5 / scale_of(matrix)))
        if factor > 1:
            width, height = max(1, part.shape[1] // factor), max(1, part.shape[0] // factor)
            part = cv2.resize(part[: height * factor, : width * factor], (width, height), interpolation=cv2.INTER_AREA)
        shift = np.array([[1.0, 0, -left], [0, 1.0, -top]])
        reduce = np.array([[1 / factor, 0, 0.5 / factor - 0.5], [0, 1 / factor, 0.5 / factor - 0.5]])
        return cls(np.array(part, np.uint8), compose(reduce, shift))

    def align(self, image_to_face: NDArray[np.floating], size: int) -> NDArray[np.uint8]:
        """Return the aligned face (size, size, 3) for a matrix from picture pixels."""
        return align_face(self.image, compose(image_to_face, invert_similarity(self.picture_to_part)), size)

    def landmarks(self, landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return landmarks in pixels of the part."""
        return transform_points(self.picture_to_part, landmarks)
