# SPDX-License-Identifier: GPL-3.0-or-later
"""Where networks made elsewhere want the face: DeepFaceLab's face types and ArcFace's five points."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..faces.geometry import CANONICAL_INNER, INNER, LANDMARK_COUNT, LEFT_EYE, RIGHT_EYE, fit_similarity, scale_of
from ..faceset.mean_face import DEEPFACELAB_PADDINGS, deepfacelab_matrix

# Eye on the picture's left, eye on its right, tip of the nose, corners of the mouth, in ArcFace's pictures of 112 px.
_FIVE_POINTS = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)]
)
_NOSE_TIP, _MOUTH_RIGHT, _MOUTH_LEFT = 30, 48, 54
ARCFACE = "arcface"


def alignment_matrix(alignment: str, landmarks: NDArray[np.floating], size: int) -> NDArray[np.float64]:
    """Return the similarity from the picture to the face as a network wants it, shape (2, 3).

    Args:
        alignment: A key of `contract.imported_model.ALIGNMENTS`.
        landmarks: (68, 2) picture pixels.
        size: Side of the face in pixels.
    """
    if alignment in DEEPFACELAB_PADDINGS:
        return deepfacelab_matrix(landmarks, size, alignment)
    return fit_similarity(five_points(landmarks), arcface_points(size))


def five_points(landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return eyes, nose and corners of the mouth, (5, 2), of 68 landmarks."""
    points = np.asarray(landmarks, np.float64)
    eyes = points[RIGHT_EYE].mean(axis=0), points[LEFT_EYE].mean(axis=0)
    return np.stack([*eyes, points[_NOSE_TIP], points[_MOUTH_RIGHT], points[_MOUTH_LEFT]])


def arcface_points(size: int) -> NDArray[np.float64]:
    """Return where the five points lie in a face of `size` pixels, (5, 2).

    Multiples of 112 are ArcFace's own square enlarged; other sizes have it with 8 of 128 px added on either side, as
    InsightFace cuts faces for its networks of 128 px.
    """
    if size % 112 == 0:
        return _FIVE_POINTS * (size / 112)
    return (_FIVE_POINTS + (8.0, 0.0)) * (size / 128)


def coverage_of(alignment: str, size: int) -> float:
    """Return how many canonical face squares the side of such a face of `size` pixels is."""
    landmarks = np.zeros((LANDMARK_COUNT, 2))
    landmarks[INNER] = CANONICAL_INNER
    return round(size / scale_of(alignment_matrix(alignment, landmarks, size)), 4)
