# SPDX-License-Identifier: GPL-3.0-or-later
"""How good a model in training is, when it will hardly get better, and whether that moment has come."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..contract.outlook import PLATEAU, PLATEAU_HIGH, PLATEAU_LOW, SIMILARITY
from .held_out import Measurement
from .history import held_out_series
from .plateau import Plateau, estimate_plateau

# One measurement may be lucky.
_SURE_MEASUREMENTS = 2


class Outlook:
    """Follows the held-out measurements of one model.

    Args:
        history: Lines of the model's history so far.
    """

    def __init__(self, history: Sequence[Mapping[str, Any]]) -> None:
        self._steps, self._errors = held_out_series(history)
        self._similarity = 1.0 - self._errors[-1] if self._errors else None
        self._plateau: Plateau | None = None
        self._reached = 0

    def add(self, measured: Measurement, is_comparable: bool) -> None:
        """Take a measurement in.

        Args:
            measured: The measurement.
            is_comparable: Whether it says how training goes on; not while the learning rate falls.
        """
        self._similarity = measured.ssim
        if not is_comparable:
            return
        self._steps.append(measured.step)
        self._errors.append(1.0 - measured.ssim)
        self._plateau = estimate_plateau(self._steps, self._errors)
        is_reached = self._plateau is not None and self._plateau.is_reached(measured.step)
        self._reached = self._reached + 1 if is_reached else 0

    @property
    def is_at_plateau(self) -> bool:
        """Whether more training surely hardly helps, by the last measurements."""
        return self._reached >= _SURE_MEASUREMENTS

    def figures(self, step: int, seconds_per_step: float) -> dict[str, float]:
        """Return the figures for the user: similarity, and seconds to the plateau where they are known.

        Args:
            step: Steps done.
            seconds_per_step: How fast training is.
        """
        found = {} if self._similarity is None else {SIMILARITY: self._similarity}
        if self._plateau is None:
            return found
        places = {PLATEAU: self._plateau.step, PLATEAU_LOW: self._plateau.low, PLATEAU_HIGH: self._plateau.high}
        left = {name: max(0.0, place - step) * seconds_per_step for name, place in places.items()}
        return found | {name: seconds for name, seconds in left.items() if math.isfinite(seconds)}
