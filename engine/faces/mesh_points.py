# SPDX-License-Identifier: GPL-3.0-or-later
"""The 68 landmarks as blends of face mesh vertices.

Worked out by us: the mesh was fitted to pictures whose 68 landmarks are known (the fictional performers rendered for
this project); for each inner landmark the shares of up to three neighboring vertices were fitted by non-negative least
squares, right and left side together, and rounded to twentieths. The jaw line is the mesh's outline from temple to
temple over the chin, cut into 16 pieces of equal length on the mean frontal face. Against those pictures the inner
landmarks lie within 4.2 % of the eye distance on average (3.2 % in frontal views).

The outline's vertices stay on the cheek when the head turns, while landmarks 0-16 mean the contour one sees. On the
far side they are therefore moved out to the hull of the cheeks.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

MESH_COUNT = 468

# For each landmark: (mesh vertex, share) pairs; shares add up to 1.
_BLENDS: tuple[tuple[tuple[int, float], ...], ...] = (
    # jaw
    ((127, 1),),
    (
        (234, 0.8),
        (93, 0.2),
    ),
    (
        (93, 0.6),
        (132, 0.4),
    ),
    (
        (132, 0.5),
        (58, 0.5),
    ),
    (
        (58, 0.4),
        (172, 0.6),
    ),
    (
        (136, 0.9),
        (150, 0.1),
    ),
    (
        (150, 0.2),
        (149, 0.8),
    ),
    (
        (176, 0.45),
        (148, 0.55),
    ),
    ((152, 1),),
    (
        (377, 0.55),
        (400, 0.45),
    ),
    (
        (378, 0.8),
        (379, 0.2),
    ),
    (
        (379, 0.1),
        (365, 0.9),
    ),
    (
        (397, 0.6),
        (288, 0.4),
    ),
    (
        (288, 0.5),
        (361, 0.5),
    ),
    (
        (361, 0.4),
        (323, 0.6),
    ),
    (
        (323, 0.2),
        (454, 0.8),
    ),
    ((356, 1),),
    # brows
    (
        (70, 0.75),
        (46, 0.25),
    ),
    (
        (63, 0.45),
        (53, 0.3),
        (105, 0.25),
    ),
    (
        (105, 0.4),
        (66, 0.4),
        (52, 0.2),
    ),
    (
        (66, 0.4),
        (107, 0.45),
        (65, 0.15),
    ),
    (
        (107, 0.45),
        (55, 0.3),
        (9, 0.25),
    ),
    (
        (336, 0.45),
        (285, 0.3),
        (9, 0.25),
    ),
    (
        (296, 0.4),
        (336, 0.45),
        (295, 0.15),
    ),
    (
        (334, 0.4),
        (296, 0.4),
        (282, 0.2),
    ),
    (
        (293, 0.45),
        (283, 0.3),
        (334, 0.25),
    ),
    (
        (300, 0.75),
        (276, 0.25),
    ),
    # nose
    (
        (168, 0.45),
        (6, 0.55),
    ),
    ((197, 1),),
    (
        (195, 0.45),
        (5, 0.55),
    ),
    (
        (5, 0.35),
        (1, 0.65),
    ),
    (
        (98, 0.65),
        (97, 0.35),
    ),
    (
        (97, 0.9),
        (2, 0.1),
    ),
    (
        (2, 0.4),
        (164, 0.6),
    ),
    (
        (326, 0.9),
        (2, 0.1),
    ),
    (
        (327, 0.65),
        (326, 0.35),
    ),
    # eyes
    (
        (7, 0.65),
        (246, 0.35),
    ),
    ((160, 1),),
    (
        (158, 0.85),
        (157, 0.15),
    ),
    ((133, 1),),
    (
        (153, 0.85),
        (154, 0.15),
    ),
    (
        (144, 0.85),
        (163, 0.15),
    ),
    ((362, 1),),
    (
        (385, 0.85),
        (384, 0.15),
    ),
    ((387, 1),),
    (
        (249, 0.65),
        (466, 0.35),
    ),
    (
        (373, 0.85),
        (390, 0.15),
    ),
    (
        (380, 0.85),
        (381, 0.15),
    ),
    # outer lips
    (
        (61, 0.6),
        (76, 0.4),
    ),
    (
        (39, 0.65),
        (40, 0.35),
    ),
    ((37, 1),),
    ((0, 1),),
    ((267, 1),),
    (
        (269, 0.65),
        (270, 0.35),
    ),
    (
        (291, 0.6),
        (306, 0.4),
    ),
    (
        (321, 0.6),
        (405, 0.4),
    ),
    (
        (314, 0.6),
        (405, 0.4),
    ),
    (
        (17, 0.7),
        (18, 0.3),
    ),
    (
        (84, 0.6),
        (181, 0.4),
    ),
    (
        (91, 0.6),
        (181, 0.4),
    ),
    # inner lips
    ((78, 1),),
    (
        (81, 0.65),
        (41, 0.35),
    ),
    ((13, 1),),
    (
        (311, 0.65),
        (271, 0.35),
    ),
    ((308, 1),),
    (
        (402, 0.85),
        (403, 0.15),
    ),
    (
        (14, 0.75),
        (15, 0.25),
    ),
    (
        (178, 0.85),
        (179, 0.15),
    ),
)


def _weights() -> NDArray[np.float32]:
    weights = np.zeros((len(_BLENDS), MESH_COUNT), dtype=np.float32)
    for row, blend in enumerate(_BLENDS):
        for vertex, share in blend:
            weights[row, vertex] = share
    return weights


MESH_TO_LANDMARKS: NDArray[np.float32] = _weights()
"""Shape (68, 468): landmarks = `MESH_TO_LANDMARKS @ mesh`."""

_MESH_TO_LANDMARKS_64 = MESH_TO_LANDMARKS.astype(np.float64)

# Vertices of cheeks, temples and jaw (no nose, no lips) that are on the hull of a face turned by up to 45 degrees.
_CHEEKS = np.array(
    [21, 34, 50, 53, 54, 58, 63, 68, 70, 71, 93, 103, 104, 105, 116, 123, 127, 132, 135, 136, 137, 138, 139, 147, 148]
    + [149, 150, 152, 162, 169, 170, 172, 176, 177, 186, 187, 192, 202, 205, 207, 210, 211, 212, 213, 214, 215, 216]
    + [227, 234, 251, 264, 280, 283, 284, 288, 293, 298, 300, 301, 323, 332, 333, 334, 345, 352, 356, 361, 364, 365]
    + [366, 367, 368, 376, 377, 378, 379, 389, 394, 395, 397, 400, 401, 410, 411, 416, 422, 425, 427, 430, 431, 432]
    + [433, 434, 435, 436, 447, 454]
)
# The chin (landmarks 7 to 9) hides no contour behind itself.
# The nose's shift to a side, in half face widths, up to which nothing of the contour is hidden.
_NEARLY_FRONTAL = 0.1
_NOSE_TIP, _RIGHT_TEMPLE, _LEFT_TEMPLE = 1, 127, 356
_RIGHT_JAW, _LEFT_JAW = slice(0, 7), slice(10, 17)


def landmarks_of_mesh(mesh: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the 68 landmarks of a face mesh whose eyes are level.

    Args:
        mesh: Points of shape (468, 2), x right, y down, the face upright.

    Returns:
        Shape (68, 2), float64, in the same coordinates.
    """
    mesh = np.asarray(mesh, dtype=np.float64)
    landmarks = _MESH_TO_LANDMARKS_64 @ mesh
    right, nose, left = mesh[_RIGHT_TEMPLE, 0], mesh[_NOSE_TIP, 0], mesh[_LEFT_TEMPLE, 0]
    if abs(2 * nose - right - left) < _NEARLY_FRONTAL * abs(left - right):
        # Seen from the front the outline is the contour.
        return landmarks
    hull = cv2.convexHull(mesh[_CHEEKS].astype(np.float32)).reshape(-1, 2).astype(np.float64)
    enters, leaves = _hull_rows(hull, landmarks[:17, 1])
    landmarks[_RIGHT_JAW, 0] = np.minimum(landmarks[_RIGHT_JAW, 0], enters[_RIGHT_JAW])
    landmarks[_LEFT_JAW, 0] = np.maximum(landmarks[_LEFT_JAW, 0], leaves[_LEFT_JAW])
    return landmarks


def _hull_rows(hull: NDArray[np.float64], rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where rows y (n,) enter and leave a convex polygon (m, 2); inf and -inf beyond its ends."""
    x, y = np.concatenate([hull, hull]).T
    top, bottom, count = int(hull[:, 1].argmin()), int(hull[:, 1].argmax()), len(hull)
    down = slice(top, top + (bottom - top) % count + 1)
    up = slice(bottom, bottom + (top - bottom) % count + 1)
    one, other = np.interp(rows, y[down], x[down]), np.interp(rows, y[up][::-1], x[up][::-1])
    beyond = (rows < hull[top, 1]) | (rows > hull[bottom, 1])
    enters, leaves = np.minimum(one, other), np.maximum(one, other)
    enters[beyond], leaves[beyond] = np.inf, -np.inf
    return enters, leaves
