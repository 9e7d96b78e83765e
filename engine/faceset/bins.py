# SPDX-License-Identifier: GPL-3.0-or-later
"""The bins into which poses, light, expressions and sizes are sorted, and their names for the user."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Bins:
    """Ranges of a figure, each with a name.

    Attributes:
        edges: Where one ends and the next begins, ascending.
        names: One more than edges.
    """

    edges: tuple[float, ...]
    names: tuple[str, ...]

    def of(self, values: NDArray[np.floating]) -> NDArray[np.int64]:
        """Return the number of the bin of each value, from 0."""
        return np.searchsorted(np.array(self.edges), np.asarray(values), side="right").astype(np.int64)

    def __len__(self) -> int:
        return len(self.names)


# Degrees. Left and right are those of the picture: a head with negative yaw looks to its left edge.
YAW = Bins(
    (-50.0, -30.0, -15.0, 15.0, 30.0, 50.0),
    (
        "left beyond 50°",
        "left 30 to 50°",
        "left 15 to 30°",
        "ahead",
        "right 15 to 30°",
        "right 30 to 50°",
        "right beyond 50°",
    ),
)
PITCH = Bins(
    (-25.0, -10.0, 10.0, 25.0), ("down beyond 25°", "down 10 to 25°", "level", "up 10 to 25°", "up beyond 25°")
)
# Mean luma of the face square.
EXPOSURE = Bins((0.2, 0.6), ("dark", "middling", "bright"))
# Brightness of the right half of the face against the left one.
LIGHT = Bins((-0.15, 0.15), ("light from the left", "even light", "light from the right"))
# Face squares, see `expression`.
MOUTH = Bins((0.045, 0.12), ("mouth closed", "mouth ajar", "mouth open"))
# Share of how far the person's eyes are usually open.
EYES = Bins((0.7,), ("eyes shut", "eyes open"))
# Pixels of the footage, side of the face square.
SIZE = Bins((64.0, 128.0, 256.0), ("below 64 px", "64 to 128 px", "128 to 256 px", "256 px and more"))
# As `faces.quality`.
SHARPNESS = Bins((5.0, 15.0), ("blurred", "soft", "sharp"))
