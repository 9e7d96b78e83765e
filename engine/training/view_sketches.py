# SPDX-License-Identifier: GPL-3.0-or-later
"""The sketches of training views, drawn a little wrong, so that a network doesn't trust them too much.

In a swap the sketch is another person's, whose mouth is wider and whose eyes lie closer together. A network that has
only seen exact sketches of its own performer would draw that mouth.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..faces.eyes import EYE_POINTS
from ..faces.sketch import draw_sketches
from .view_units import Points, in_pixels

# Rows of the 68 landmarks that move together: outline, each brow, nose, each eye, mouth.
_PARTS = (
    range(17),
    range(17, 22),
    range(22, 27),
    range(27, 36),
    range(36, 42),
    range(42, 48),
    range(48, 68),
)
# Standard deviation of each part's shift and of each point's, along each axis, in units.
_PART_SHIFT, _POINT_SHIFT = 1.0, 0.5

# What was fitted of the eyes comes last, and moves with them.
_EYE_PARTS = (4, 5)
_PART_OF_POINT = np.concatenate(
    [np.repeat(range(len(_PARTS)), [len(rows) for rows in _PARTS]), np.repeat(_EYE_PARTS, EYE_POINTS)]
)


def draw_view_sketches(points: Points, size: int, coverage: float, random: np.random.Generator) -> NDArray[np.float32]:
    """Draw the sketches of views.

    Args:
        points: Where each view shows its face's landmarks, (n, POINTS) in units.
        size: Side of the views in pixels.
        coverage: Their side in canonical face squares.
        random: Source of all chance.

    Returns:
        float32 (n, size, size, 4) in 0…1.
    """
    count = len(points)
    parts = random.normal(0.0, _PART_SHIFT, (count, len(_PARTS), 2))[:, _PART_OF_POINT]
    moved = parts + random.normal(0.0, _POINT_SHIFT, (count, len(_PART_OF_POINT), 2))
    wrong = points + moved[..., 0] + 1j * moved[..., 1]
    return draw_sketches((in_pixels(item, size, coverage) for item in wrong), size)
