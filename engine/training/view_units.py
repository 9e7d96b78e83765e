# SPDX-License-Identifier: GPL-3.0-or-later
"""Positions in an aligned face, whatever its size: complex numbers x + iy around its center, in 1/160 face square.

The unit is the ancestor's pixel, because its 256-pixel faces hold the face square in their middle 160.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..faces.eyes import EYE_POINTS

UNITS_PER_SQUARE = 160.0

# The landmarks, and behind them the points of both eyes (`EyeFitter`).
LANDMARKS = 68
POINTS = LANDMARKS + 2 * EYE_POINTS
# (POINTS,); not a number where unknown.
Points = NDArray[np.complex128]
UNKNOWN: Points = np.full(POINTS, np.nan + 1j * np.nan)


def in_units(points: NDArray[np.floating], size: int, coverage: float) -> Points:
    """Return points (n, 2) in pixels of an aligned face in units.

    Args:
        points: Pixels of the face.
        size: Its side in pixels.
        coverage: Its side in canonical face squares.
    """
    scale, middle = size / (coverage * UNITS_PER_SQUARE), (size - 1) / 2
    centered = (np.asarray(points, np.float64) - middle) / scale
    return np.asarray(centered[:, 0] + 1j * centered[:, 1])


def in_pixels(points: Points, size: int, coverage: float) -> NDArray[np.float64]:
    """Return points in units as pixels (n, 2) of an aligned face; see `in_units`."""
    scale, middle = size / (coverage * UNITS_PER_SQUARE), (size - 1) / 2
    return np.stack([points.real, points.imag], axis=-1) * scale + middle
