# SPDX-License-Identifier: GPL-3.0-or-later
"""Where in an aligned face the face is, and how much each of its pixels matters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..faces.geometry import CANONICAL_INNER

# Where the look and the speech of a face are, though they are few pixels: rows of the inner landmarks, the extra weight
# in the middle, and its spread in face squares. Decision 0012 has the gain.
_FEATURES = ((slice(19, 25), 3.0, 0.07), (slice(25, 31), 3.0, 0.07), (slice(31, 51), 1.5, 0.11))


def face_area(size: int, coverage: float) -> NDArray[np.float64]:
    """Return how far each pixel of an aligned face belongs to the face: a soft ellipse, float64 (S, S) in 0…1.

    Args:
        size: Side in pixels.
        coverage: Side in canonical face squares.
    """
    line = _line(size, coverage)
    # Half axes of a face with chin and forehead in face squares, measured on frontal and turned faces.
    radius = np.hypot(line[None, :] / 0.66, (line[:, None] + 0.02) / 0.78)
    return np.clip((1.15 - radius) / 0.3, 0.0, 1.0)


def _line(size: int, coverage: float) -> NDArray[np.float64]:
    return ((np.arange(size) + 0.5) / size - 0.5) * coverage


def face_weight(size: int, coverage: float, outside: float = 0.1, eyes_and_mouth: float = 1.0) -> NDArray[np.float32]:
    """Return how much each pixel of an aligned face matters; float32 (S, S, 1), mean 1.

    A soft ellipse around the face, and more on its eyes and mouth.

    Args:
        size: Side in pixels.
        coverage: Side in canonical face squares.
        outside: Weight far from the face against 1 on it.
        eyes_and_mouth: Factor of the extra weight of eyes and mouth; with 0 they weigh what the face does.
    """
    line = _line(size, coverage)
    weight = outside + (1.0 - outside) * face_area(size, coverage)
    for rows, extra, spread in _FEATURES:
        x, y = CANONICAL_INNER[rows].mean(axis=0)
        bump = np.exp(-((line[None, :] - x) ** 2 + (line[:, None] - y) ** 2) / (2.0 * spread**2))
        weight = weight * (1.0 + eyes_and_mouth * extra * bump)
    return (weight / weight.mean()).astype(np.float32)[..., None]
