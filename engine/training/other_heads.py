# SPDX-License-Identifier: GPL-3.0-or-later
"""The same head in poses that no frame shows: input and target bent alike.

A network that has seen a hundred frames knows these frames by heart and blurs all others. Bending a frame as if the
head were turned a little further makes the frames between and beside them. Positions are x and y in the stored face,
in units of 1/160 face square around its center.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..faces.geometry import CANONICAL_INNER
from .view_units import UNITS_PER_SQUARE

Positions = NDArray[np.float64]

_STEPS_BACK = 6

# A face is taken for a dome over an ellipse: half axes across and down, and height, in units.
_ACROSS, _DOWN, _HEIGHT = 118.0, 140.0, 75.0


def dome(positions: Positions) -> NDArray[np.float64]:
    """Return how far the face stands out towards the viewer at positions (2, …), in units; 0 beside the face."""
    return _HEIGHT * np.maximum(0.0, 1.0 - (positions[0] / _ACROSS) ** 2 - (positions[1] / _DOWN) ** 2)


# Alignment puts the inner landmarks in place whatever the pose, so the turn is about their mean depth.
_PIVOT = float(dome(CANONICAL_INNER.T * UNITS_PER_SQUARE).mean())


class OtherHeads:
    """How far each head of a batch is turned; nothing is drawn where that is off.

    Args:
        count: Number of faces.
        head_turn_deg: Largest turn and nod.
        random: Source of all chance.
    """

    def __init__(self, count: int, head_turn_deg: float, random: np.random.Generator) -> None:
        self._tilt: NDArray[np.float64] | None = None
        if head_turn_deg:
            self._tilt = np.tan(np.deg2rad(random.uniform(-head_turn_deg, head_turn_deg, (count, 2))))

    @property
    def are_turned(self) -> bool:
        """Whether any head is."""
        return self._tilt is not None

    def look(self, index: int, positions: Positions) -> Positions:
        """Return where to look in the stored face for what shows `positions` of the turned head, (2, …)."""
        if self._tilt is None:
            return positions
        tilt = self._tilt[index].reshape(2, *[1] * (positions.ndim - 1))
        return positions - tilt * (dome(positions) - _PIVOT)

    def shown(self, index: int, stored: Positions) -> Positions:
        """Return where the turned head shows `stored` positions of the stored face, the way back from `look`."""
        found = stored
        # Each step leaves a share of the error that is the dome's steepness times the turn, a third for 12 degrees.
        for _ in range(_STEPS_BACK):
            found = found - (self.look(index, found) - stored)
        return found
