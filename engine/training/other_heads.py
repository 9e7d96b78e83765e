# SPDX-License-Identifier: GPL-3.0-or-later
"""The same head in poses that no frame shows: input and target bent alike.

A network that has seen a hundred frames knows these frames by heart and blurs all others. Bending a frame as if the
head were turned a little further makes the frames between and beside them. Positions are complex numbers in the
stored face, in units of 1/160 face square around its center.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..faces.geometry import CANONICAL_INNER

Positions = NDArray[np.complex128]

# A face is taken for a dome over an ellipse: half axes across and down, and height, in units.
_ACROSS, _DOWN, _HEIGHT = 118.0, 140.0, 75.0
UNITS_PER_SQUARE = 160.0
"""Units in the side of a face square: the ancestor's pixels."""


def dome(positions: Positions) -> NDArray[np.float64]:
    """Return how far the face stands out towards the viewer at some positions, in units; 0 beside the face."""
    return _HEIGHT * np.maximum(0.0, 1.0 - (positions.real / _ACROSS) ** 2 - (positions.imag / _DOWN) ** 2)


# Alignment puts the inner landmarks in place whatever the pose, so the turn is about their mean depth.
_PIVOT = float(dome((CANONICAL_INNER[:, 0] + 1j * CANONICAL_INNER[:, 1]) * UNITS_PER_SQUARE).mean())


class OtherHeads:
    """How far each head of a batch is turned; nothing is drawn where that is off.

    Args:
        count: Number of faces.
        head_turn_deg: Largest turn and nod.
        random: Source of all chance.
    """

    def __init__(self, count: int, head_turn_deg: float, random: np.random.Generator) -> None:
        self._tilt: NDArray[np.complex128] | None = None
        if head_turn_deg:
            turn = np.tan(np.deg2rad(random.uniform(-head_turn_deg, head_turn_deg, (count, 2))))
            self._tilt = turn[:, 0] + 1j * turn[:, 1]

    @property
    def are_turned(self) -> bool:
        """Whether any head is."""
        return self._tilt is not None

    def look(self, index: int, positions: Positions) -> Positions:
        """Return where to look in the stored face for pixels that show `positions` of the turned head, (S, S)."""
        if self._tilt is None:
            return positions
        return positions - self._tilt[index] * (dome(positions) - _PIVOT)
