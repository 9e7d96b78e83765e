# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of a training run is over: by steps, by time, or because its end was called early."""

from __future__ import annotations

import time

# The share of the steps done that the falling learning rate takes when a run is ended early.
_FINISH = 0.1


class RunClock:
    """Time and share of a run.

    Args:
        limit_s: Seconds it may take, 0 for no limit.
        maximum_steps: Steps after which training ends, in all runs together.
        decay_share: Last share of the run in which the learning rate falls.
    """

    def __init__(self, limit_s: float, maximum_steps: int, decay_share: float) -> None:
        self.limit_s = limit_s
        self.maximum_steps = maximum_steps
        self._decay_share = decay_share
        self._began = time.monotonic()
        self._finish: tuple[int, int] | None = None

    def start(self) -> None:
        """Count time from now on."""
        self._began = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._began

    @property
    def is_finishing(self) -> bool:
        """Whether the end was called early."""
        return self._finish is not None

    def finish(self, steps: int) -> None:
        """Call the end: at once, or after a short fall of the learning rate for recipes that end with one."""
        if self._finish is None:
            self._finish = (steps, steps + (max(1, round(_FINISH * steps)) if self._decay_share else 0))

    def share(self, steps: int) -> float:
        """Return how much of the run is over, 0 … 1, by whatever ends first."""
        by_time = self.elapsed_s / self.limit_s if self.limit_s else 0.0
        return min(1.0, max(steps / self.maximum_steps, by_time, self._finish_share(steps)))

    def is_falling(self, steps: int) -> bool:
        """Whether the learning rate falls already."""
        return self.share(steps) > 1.0 - self._decay_share

    def _finish_share(self, steps: int) -> float:
        if self._finish is None:
            return 0.0
        begin, end = self._finish
        done = 1.0 if end <= begin else (steps - begin) / (end - begin)
        return 1.0 - self._decay_share * (1.0 - min(1.0, done))

    def progress(self, steps: int, first_step: int) -> tuple[float, float, str, float]:
        """Return what is done, of how much, in which unit, and the seconds left; by whatever ends first.

        Args:
            steps: Steps done in all.
            first_step: Steps the run began with.
        """
        elapsed, limit = self.elapsed_s, self.limit_s
        if limit and elapsed / limit > steps / self.maximum_steps and self._finish is None:
            return min(elapsed, limit), limit, "seconds", max(0.0, limit - elapsed)
        last = self.maximum_steps if self._finish is None else min(self.maximum_steps, self._finish[1])
        pace = elapsed / max(1, steps - first_step)
        return steps, last, "steps", pace * (last - steps)
