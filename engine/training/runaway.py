# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells that a training has run away although its losses are numbers: they are as bad as at the start, and stay so.

A step that goes too far can drive a network into a corner where it paints one color and no gradient leads out. Saving
that would bury the last good checkpoint, so a rise is suspected first, and no regular checkpoint is written while it
is. A run that ends in between is saved all the same: backups and the best weights remain.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..contract.errors import EngineError, ErrorCode

# Weight of the newest step in the running mean.
_NEWEST = 0.1
# A larger picture's error is up to two and a half times that of the smaller one before it; a finish or another size of
# the batch change less.
_SUSPECT, _CERTAIN_STEPS = 4.0, 100


def diverged(step: int, saved_step: int, what: str) -> EngineError:
    """Return the error of a training that ran away.

    Args:
        step: Where it is.
        saved_step: Step of its last checkpoint, 0 for none.
        what: What shows it.
    """
    kept = f"The checkpoint of step {saved_step} is kept" if saved_step else "Nothing was saved yet"
    return EngineError(
        ErrorCode.TRAINING_DIVERGED,
        f"Training ran away at step {step}: {what}. {kept}.",
        "Train on with a smaller learning rate, or with the precision float32.",
    )


class Runaway:
    """Watches the losses of a run, step after step."""

    def __init__(self) -> None:
        self._mean = self._best = float("inf")
        self._suspected_steps = 0

    @property
    def is_suspected(self) -> bool:
        """Whether the losses are far above the best of this run."""
        return self._suspected_steps > 0

    def add(self, losses: Iterable[float]) -> bool:
        """Take a step's losses of the performers, finite numbers; return whether the training has run away for sure."""
        values = list(losses)
        loss = sum(values) / len(values)
        self._mean = loss if self._mean == float("inf") else self._mean + _NEWEST * (loss - self._mean)
        self._best = min(self._best, self._mean)
        self._suspected_steps = self._suspected_steps + 1 if self._mean > _SUSPECT * self._best else 0
        return self._suspected_steps >= _CERTAIN_STEPS
