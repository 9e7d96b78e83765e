# SPDX-License-Identifier: GPL-3.0-or-later
"""The same head in poses and shapes that no frame shows: input and target bent alike.

A network that has seen a hundred frames knows these frames by heart and blurs all others. Bending a frame as if the
head were turned a little further makes the frames between and beside them. Positions are complex numbers in the
stored face, in units of 1/160 face square around its center.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..faces.geometry import CANONICAL_INNER

Positions = NDArray[np.complex128]

# A face is taken for a dome over an ellipse: half axes across and down, and height, in units.
_ACROSS, _DOWN, _HEIGHT = 118.0, 140.0, 75.0
_GRID = 5
_UNITS_PER_SQUARE = 160.0


def dome(positions: Positions) -> NDArray[np.float64]:
    """Return how far the face stands out towards the viewer at some positions, in units; 0 beside the face."""
    return _HEIGHT * np.maximum(0.0, 1.0 - (positions.real / _ACROSS) ** 2 - (positions.imag / _DOWN) ** 2)


# Alignment puts the inner landmarks in place whatever the pose, so the turn is about their mean depth.
_PIVOT = float(dome((CANONICAL_INNER[:, 0] + 1j * CANONICAL_INNER[:, 1]) * _UNITS_PER_SQUARE).mean())


class OtherHeads:
    """How each face of a batch is bent; nothing is drawn for what is off.

    Args:
        count: Number of faces.
        head_turn_deg: Largest turn and nod.
        reshape: Standard deviation of a 5 × 5 grid's points in units.
        random: Source of all chance.
    """

    def __init__(self, count: int, head_turn_deg: float, reshape: float, random: np.random.Generator) -> None:
        self._tilt: NDArray[np.complex128] | None = None
        self._bend: NDArray[np.float32] | None = None
        if head_turn_deg:
            turn = np.tan(np.deg2rad(random.uniform(-head_turn_deg, head_turn_deg, (count, 2))))
            self._tilt = turn[:, 0] + 1j * turn[:, 1]
        if reshape:
            self._bend = random.normal(0.0, reshape, (count, _GRID, _GRID, 2)).astype(np.float32)

    def look(self, index: int, positions: Positions) -> Positions:
        """Return where to look in the stored face for pixels that show `positions` of the other head, (S, S)."""
        if self._bend is not None:
            size = positions.shape[0]
            field = cv2.resize(self._bend[index], (size, size), interpolation=cv2.INTER_CUBIC)
            positions = positions + (field[..., 0] + 1j * field[..., 1])
        if self._tilt is not None:
            positions = positions - self._tilt[index] * (dome(positions) - _PIVOT)
        return positions
