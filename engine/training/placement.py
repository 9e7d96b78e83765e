# SPDX-License-Identifier: GPL-3.0-or-later
"""How the views of a batch are turned, zoomed, shifted and mirrored: the way from view to stored face, and back.

Positions are in units (`view_units`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.complex128]


@dataclass(frozen=True, eq=False)
class Placement:
    """Where some views lie.

    Attributes:
        factor: Turn and zoom of each, complex (n,).
        shift: Complex (n,).
        mirrored: Bool (n,).
    """

    factor: Positions
    shift: Positions
    mirrored: NDArray[np.bool_]

    def only(self, index: int) -> Placement:
        """Return the placement of one view."""
        one = slice(index, index + 1)
        return Placement(self.factor[one], self.shift[one], self.mirrored[one])

    def stored(self, positions: Positions) -> Positions:
        """Return where in the stored faces the positions of the views lie, (n, …)."""
        each = (slice(None), *[None] * (positions.ndim - 1))
        turned = np.where(self.mirrored[each], -np.conj(positions), positions)
        return (turned - self.shift[each]) / self.factor[each]

    def shown(self, stored: Positions) -> Positions:
        """Return where the views show positions of the stored faces, (n, k): the way back from `stored`."""
        moved = stored * self.factor[:, None] + self.shift[:, None]
        return np.where(self.mirrored[:, None], -np.conj(moved), moved)
