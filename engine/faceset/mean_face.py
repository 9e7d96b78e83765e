# SPDX-License-Identifier: GPL-3.0-or-later
"""Where faceswap and DeepFaceLab put a face in their pictures: their mean faces, paddings and centers.

These numbers are the programs' formats: a picture can't be told to be theirs without them. Both fit the landmarks to
the same mean face by a similarity after Umeyama 1991, on a unit square; then they differ.

- faceswap (alignments 2.x): 37.5 % of the side is left for the unit square, whose middle is moved to the middle of the
  skull, found by fitting 26 landmarks to a head in space with a camera of focal length 4. Older ones, "legacy", leave
  62.5 % and move nothing, as the ancestor did.
- DeepFaceLab: a padding for each face type, in unit squares on each side; `whole_face` lies 7 % higher.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from ..faces.geometry import INNER, fit_similarity, transform_points

# Landmarks 17 to 67 on the unit square; the left half, because the right one mirrors it at x = 0.5.
_MEAN_FACE: NDArray[np.float64] = np.array(
    [
        # brows
        (0.010086, 0.106454),
        (0.085135, 0.038915),
        (0.191003, 0.018748),
        (0.300643, 0.034489),
        (0.403270, 0.077391),
        (0.596729, 0.077391),
        (0.699356, 0.034489),
        (0.808997, 0.018748),
        (0.914864, 0.038915),
        (0.989913, 0.106454),
        # nose
        (0.500000, 0.203352),
        (0.500000, 0.307009),
        (0.500000, 0.409805),
        (0.500000, 0.515625),
        (0.376753, 0.587326),
        (0.435909, 0.609345),
        (0.500000, 0.628106),
        (0.564090, 0.609345),
        (0.623246, 0.587326),
        # eyes
        (0.131610, 0.216423),
        (0.196995, 0.178758),
        (0.275698, 0.179852),
        (0.344479, 0.231733),
        (0.270791, 0.245099),
        (0.192616, 0.244077),
        (0.655520, 0.231733),
        (0.724301, 0.179852),
        (0.803005, 0.178758),
        (0.868389, 0.216423),
        (0.807383, 0.244077),
        (0.729208, 0.245099),
        # outer lips
        (0.264022, 0.780233),
        (0.350858, 0.745405),
        (0.438731, 0.727388),
        (0.500000, 0.742578),
        (0.561268, 0.727388),
        (0.649141, 0.745405),
        (0.735977, 0.780233),
        (0.652032, 0.864805),
        (0.566594, 0.902192),
        (0.500000, 0.909281),
        (0.433405, 0.902192),
        (0.347967, 0.864805),
        # inner lips
        (0.300252, 0.784792),
        (0.437969, 0.778746),
        (0.500000, 0.785343),
        (0.562030, 0.778746),
        (0.699747, 0.784792),
        (0.563237, 0.824182),
        (0.500000, 0.831803),
        (0.436763, 0.824182),
    ]
)
# DeepFaceLab's copy lies this much further left, and it fits to brows, nose, eyes and the corners of the mouth only.
_DEEPFACELAB_SHIFT = 0.009873
_DEEPFACELAB_POINTS = [*range(17, 49), 54]

# The head in space: landmark -> x, y, z in centimeters. The anthropometric model that is public as
# "glAnthropometric3DModel"; x grows to the left on screen, y up, z towards the viewer.
_HEAD_IN_SPACE = {
    6: (4.056931, -11.432347, 1.636229),
    7: (1.833492, -12.542305, 4.061275),
    8: (0.0, -12.901019, 4.070434),
    9: (-1.833492, -12.542305, 4.061275),
    10: (-4.056931, -11.432347, 1.636229),
    17: (6.825897, 1.275284, 4.402142),
    21: (1.330353, 1.636816, 6.903745),
    22: (-1.330353, 1.636816, 6.903745),
    26: (-6.825897, 1.275284, 4.402142),
    31: (1.930245, -5.060977, 5.914376),
    32: (0.746313, -5.136947, 6.263227),
    33: (0.0, -5.485328, 6.76343),
    34: (-0.746313, -5.136947, 6.263227),
    35: (-1.930245, -5.060977, 5.914376),
    36: (5.311432, 0.0, 3.987654),
    39: (1.78993, -0.091703, 4.413414),
    42: (-1.78993, -0.091703, 4.413414),
    45: (-5.311432, 0.0, 3.987654),
    48: (2.774015, -7.566103, 5.048531),
    50: (0.509714, -7.056507, 6.566167),
    51: (0.0, -7.131772, 6.704956),
    52: (-0.509714, -7.056507, 6.566167),
    54: (-2.774015, -7.566103, 5.048531),
    56: (-0.589441, -8.443925, 6.109526),
    57: (0.0, -8.601736, 6.097667),
    58: (0.589441, -8.443925, 6.109526),
}
_CAMERA = np.array([[4.0, 0.0, 0.5], [0.0, 4.0, 0.5], [0.0, 0.0, 1.0]])
_SKULL = np.array([[0.0, 0.0, -2.3]])

HEAD_PADDING = 0.625
LEGACY_PADDING = 0.375
# DeepFaceLab states its paddings along the diagonal.
DEEPFACELAB_PADDINGS = {
    "half_face": 0.0,
    "midfull_face": 0.0675 * math.sqrt(2),
    "full_face": 0.2109375 * math.sqrt(2),
    "whole_face": 0.40 * math.sqrt(2),
}
"""Face type -> unit squares that are added on each side."""
_WHOLE_FACE_LIFT = 0.07


def faceswap_matrix(landmarks: NDArray[np.floating], size: int, is_legacy: bool = False) -> NDArray[np.float64]:
    """Return the matrix from a picture to the face picture that faceswap extracts.

    Args:
        landmarks: (68, 2) picture pixels.
        size: Side of the face picture in pixels.
        is_legacy: Whether it is one of before alignments 2.0, centered on the nose.

    Returns:
        Shape (2, 3), float64.
    """
    unit = fit_similarity(np.asarray(landmarks)[INNER], _MEAN_FACE)
    padding = round(size * (LEGACY_PADDING if is_legacy else HEAD_PADDING) / 2)
    if not is_legacy:
        unit[:, 2] -= _skull_offset(transform_points(unit, landmarks))
    matrix = unit * (size - 2 * padding)
    matrix[:, 2] += padding
    return matrix


def _skull_offset(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where the middle of the skull is seen, from the middle of the unit square."""
    head = np.array(list(_HEAD_IN_SPACE.values()))
    seen = np.ascontiguousarray(points[list(_HEAD_IN_SPACE)])
    _, rotation, translation = cv2.solvePnP(head, seen, _CAMERA, np.zeros((4, 1)), flags=cv2.SOLVEPNP_ITERATIVE)
    middle, _ = cv2.projectPoints(_SKULL, rotation, translation, _CAMERA, np.zeros((4, 1)))
    return np.asarray(middle, np.float64).reshape(2) - 0.5


def deepfacelab_matrix(landmarks: NDArray[np.floating], size: int, face_type: str) -> NDArray[np.float64]:
    """Return the matrix from a picture to the face picture that DeepFaceLab extracts.

    Args:
        landmarks: (68, 2) picture pixels.
        size: Side of the face picture in pixels.
        face_type: A key of `DEEPFACELAB_PADDINGS`.

    Returns:
        Shape (2, 3), float64.
    """
    mean = _MEAN_FACE - (_DEEPFACELAB_SHIFT, 0.0)
    unit = fit_similarity(np.asarray(landmarks)[_DEEPFACELAB_POINTS], mean[np.array(_DEEPFACELAB_POINTS) - 17])
    padding = DEEPFACELAB_PADDINGS[face_type]
    center = np.array([0.5, 0.5 - (_WHOLE_FACE_LIFT if face_type == "whole_face" else 0.0)])
    scale = size / (1 + 2 * padding)
    matrix = unit * scale
    matrix[:, 2] += size / 2 - center * scale
    return matrix
