# SPDX-License-Identifier: GPL-3.0-or-later
"""How well faces cover what shots need: tables of bins for pose, light, expression and detail."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..contract.training_set import AspectCoverage
from .bins import EXPOSURE, EYES, LIGHT, MOUTH, PITCH, SHARPNESS, SIZE, YAW, Bins
from .traits import Traits

# A pose or light seen fewer times than this isn't learned; our judgment.
ENOUGH_FACES = 5


@dataclass(frozen=True)
class Aspect:
    """One respect in which need and supply are compared.

    Attributes:
        name: For documents and panels.
        row: Trait of the rows.
        rows: Its bins.
        column: Trait of the columns.
        columns: Its bins.
    """

    name: str
    row: str
    rows: Bins
    column: str
    columns: Bins

    def counts(self, traits: Traits) -> NDArray[np.int64]:
        """Return how many faces lie in each bin, (rows, columns); faces of unknown traits lie in none."""
        rows, columns = getattr(traits, self.row), getattr(traits, self.column)
        is_known = ~(np.isnan(rows) | np.isnan(columns))
        places = self.rows.of(rows[is_known]) * len(self.columns) + self.columns.of(columns[is_known])
        shape = (len(self.rows), len(self.columns))
        return np.bincount(places, minlength=shape[0] * shape[1]).reshape(shape)


ASPECTS = (
    Aspect("pose", "pitch", PITCH, "yaw", YAW),
    Aspect("light", "exposure", EXPOSURE, "light", LIGHT),
    Aspect("expression", "eyes", EYES, "mouth", MOUTH),
    Aspect("detail", "sharpness", SHARPNESS, "size", SIZE),
)


def measure_coverage(need: Traits, supply: Traits, chosen: Traits) -> tuple[AspectCoverage, ...]:
    """Return need and supply in each respect.

    Args:
        need: The faces in the shots.
        supply: All faces of the performer.
        chosen: Those to train on.
    """
    return tuple(_aspect_coverage(aspect, need, supply, chosen) for aspect in ASPECTS)


def _aspect_coverage(aspect: Aspect, need: Traits, supply: Traits, chosen: Traits) -> AspectCoverage:
    wanted, there, taken = (aspect.counts(traits) for traits in (need, supply, chosen))
    shares = wanted / max(int(wanted.sum()), 1)
    # A larger and sharper face serves wherever a smaller one is needed.
    larger_too = taken[::-1, ::-1].cumsum(axis=0).cumsum(axis=1)[::-1, ::-1]
    serves = larger_too if aspect.name == "detail" else taken
    covered = float(shares[serves >= ENOUGH_FACES].sum())
    return AspectCoverage(
        name=aspect.name,
        rows=aspect.rows.names,
        columns=aspect.columns.names,
        need=_grid(shares.round(4)),
        supply=_grid(there),
        chosen=_grid(taken),
        covered=round(min(covered, 1.0), 4),
    )


def _grid(values: NDArray[np.floating] | NDArray[np.int64]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in values.tolist())
