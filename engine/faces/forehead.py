# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the forehead lies above the landmarks, which end at the brows: an arc from temple to temple."""

from __future__ import annotations

import numpy as np

# The forehead's arc over the line of the eyes, in distances from that line to the nose's base: its height at the
# temples and in the middle, and how far it reaches beyond the brows' ends. Compared with the rendered performers' true
# mattes: the brows' tails lie inside, and 0.3 % of the matte falls on hair or background.
_FOREHEAD_SIDE = 0.75
_FOREHEAD_MIDDLE = 1.05
_FOREHEAD_OUTWARD = 0.3
_FOREHEAD_ARC = 9


def face_axes(landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the middle of the eyes and the vector from there to the nose's base.

    Args:
        landmarks: 68 points, shape (68, 2).

    Returns:
        Two vectors of shape (2,), float64, in the landmarks' pixels.
    """
    points = np.asarray(landmarks, np.float64)
    eyes = points[36:48].mean(axis=0)
    return eyes, points[31:36].mean(axis=0) - eyes


def forehead_points(landmarks: np.ndarray) -> np.ndarray:
    """Return an arc over the forehead, from the right temple to the left, extrapolated from brows, eyes and nose.

    Sideways it follows the head's turn, because the brows do, and it never leaves the jaw's width, which on the far
    side of a turned head is the silhouette. Its height is measured along the line from nose to eyes, which shortens
    with the head's pitch as the forehead does.

    Args:
        landmarks: 68 points, shape (68, 2).

    Returns:
        Shape (9, 2), float64, in the landmarks' pixels.
    """
    points = np.asarray(landmarks, np.float64)
    eyes, down = face_axes(points)
    height = float(np.hypot(*down))
    down = down / max(height, 1e-6)
    across = np.array([down[1], -down[0]])
    share = np.linspace(0.0, 1.0, _FOREHEAD_ARC)
    sideways = _across_forehead(points[17:27] @ across, points[:17] @ across, height * _FOREHEAD_OUTWARD, share)
    bow = np.sqrt(np.clip(1.0 - (2.0 * share - 1.0) ** 2, 0.0, 1.0))
    lift = height * (_FOREHEAD_SIDE + (_FOREHEAD_MIDDLE - _FOREHEAD_SIDE) * bow)
    return eyes + (sideways - eyes @ across)[:, None] * across - lift[:, None] * down


def _across_forehead(brows: np.ndarray, jaw: np.ndarray, outward: float, share: np.ndarray) -> np.ndarray:
    """Return positions across the face: spaced as the brows are, widened at both ends up to the jaw's width."""
    left, right = brows.min(), brows.max()
    wide_left = max(left - outward, min(jaw.min(), left))
    wide_right = min(right + outward, max(jaw.max(), right))
    # Brow points 17…26 run from temple to temple; with the head turned, those of the far side lie closer together.
    spaced = np.interp(share, np.linspace(0.0, 1.0, len(brows)), np.sort(brows))
    return wide_left + (spaced - left) * (wide_right - wide_left) / max(right - left, 1e-6)
