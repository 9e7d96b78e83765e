# SPDX-License-Identifier: GPL-3.0-or-later
"""When more training hardly helps: a falling power law fitted to the held-out error, and how sure that is.

The plateau is where training twice as long would lower the held-out error by no more than a twentieth. Learning curves
are modelled as e(s) = a + b·s^-c (Hestness et al. 2017, "Deep Learning Scaling is Predictable, Empirically", eq. 1);
the plateau of that curve has a closed form. How sure it is comes from fitting the curve again to resampled residuals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

GAIN = 0.05
MINIMUM_POINTS = 8

_EXPONENTS = np.geomspace(0.15, 3.0, 80)
_RESAMPLED = 100
# The first steps follow another law: the network still learns what a face is.
_IGNORED_SHARE = 0.1
_SURE = (0.1, 0.9)
# A curve says nothing of a future many times as long as what it was fitted to.
_HORIZON = 10.0

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Plateau:
    """Where the plateau begins, in training steps; infinite means that it is not in sight.

    Attributes:
        step: The likeliest place.
        low: It is later than this with nine chances in ten.
        high: It is earlier than this with nine chances in ten.
    """

    step: float
    low: float
    high: float

    def is_reached(self, step: int) -> bool:
        """Whether the plateau is behind `step` with nine chances in ten."""
        return self.high <= step


def estimate_plateau(steps: Sequence[int], errors: Sequence[float]) -> Plateau | None:
    """Estimate where the plateau begins.

    Args:
        steps: Steps of the measurements, ascending.
        errors: The held-out error at each, smaller is better.

    Returns:
        The estimate, or None while there are too few measurements.
    """
    at, found = np.asarray(steps, np.float64), np.asarray(errors, np.float64)
    kept = np.isfinite(found) & (at > 0)
    if kept.any():
        kept &= at >= _IGNORED_SHARE * at[kept][-1]
    at, found = at[kept], found[kept]
    if len(at) < MINIMUM_POINTS:
        return None
    unit = at / at[-1]
    floor, gain, exponent = _fit(unit, found[None])
    fitted = floor[0] + gain[0] * unit ** -exponent[0]
    samples = fitted + _resampled(found - fitted)
    places = np.sort(_place(*_fit(unit, samples)))
    low, high = (float(places[min(len(places) - 1, int(share * len(places)))]) for share in _SURE)
    step = float(_place(floor, gain, exponent)[0])
    return Plateau(*(_in_sight(value) * at[-1] for value in (step, low, high)))


def _in_sight(place: float) -> float:
    return place if place <= _HORIZON else np.inf


def _resampled(residuals: Values) -> Values:
    """Return residuals drawn in blocks, (resamples, n): neighboring measurements err alike."""
    random = np.random.default_rng(0)
    count = len(residuals)
    block = max(1, round(count ** (1 / 3)))
    starts = random.integers(0, count, (_RESAMPLED, -(-count // block)))
    picked = (starts[:, :, None] + np.arange(block)).reshape(_RESAMPLED, -1)[:, :count] % count
    return residuals[picked]


def _fit(unit: Values, errors: Values) -> tuple[Values, Values, Values]:
    """Fit a + b·u^-c with a, b ≥ 0 by least squares, c from a list.

    Args:
        unit: Places of the measurements, (n,).
        errors: Curves to fit, (m, n).

    Returns:
        a, b and c, each (m,).
    """
    count = len(errors)
    best = np.full(count, np.inf)
    found = [np.zeros(count), np.zeros(count), np.zeros(count)]
    for exponent in _EXPONENTS:
        falling = unit**-exponent
        centered = falling - falling.mean()
        gain = np.maximum(0.0, errors @ centered / (centered @ centered))
        floor = errors.mean(axis=1) - gain * falling.mean()
        # Where the best floor is negative, the best one allowed is zero.
        gain = np.where(floor < 0.0, errors @ falling / (falling @ falling), gain)
        floor = np.maximum(0.0, floor)
        misfit = np.sum((errors - floor[:, None] - gain[:, None] * falling) ** 2, axis=1)
        is_better = misfit < best
        best = np.where(is_better, misfit, best)
        for values, fresh in zip(found, (floor, gain, np.full(count, exponent)), strict=True):
            values[is_better] = fresh[is_better]
    return found[0], found[1], found[2]


def _place(floor: Values, gain: Values, exponent: Values) -> Values:
    """Return where e(s) - e(2s) = GAIN·e(s); 0 where a curve never falls that fast, infinite where it always does."""
    excess = gain * (1.0 - GAIN - 2.0**-exponent)
    with np.errstate(divide="ignore", invalid="ignore"):
        place = (excess / (GAIN * floor)) ** (1.0 / exponent)
    return np.where(excess <= 0.0, 0.0, np.where(floor <= 0.0, np.inf, place))
