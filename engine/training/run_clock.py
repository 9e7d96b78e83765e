# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of a training run is over: by steps, by time, or because its end was called early."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..contract.settings import TrainSettings

# The share of the steps done that the falling learning rate takes when a run is ended early.
_FINISH = 0.1
_UNASKED = TrainSettings().maximum_steps


class RunClock:
    """Time and share of a run.

    Args:
        limit_s: Seconds it may take, its end included, 0 for no limit.
        maximum_steps: Steps after which training ends, in all runs together.
        decay_share: Last share of the run in which the learning rate falls.
        clock: Monotonic seconds.
    """

    def __init__(
        self, limit_s: float, maximum_steps: int, decay_share: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.limit_s = limit_s
        self.maximum_steps = maximum_steps
        self._decay_share = decay_share
        self._clock = clock
        self._began = clock()
        self._first_step = -1
        self._reserve_s = 0.0
        self._finish: tuple[int, int] | None = None

    def start(self, steps: int) -> None:
        """Count time from now on; whatever the limit, a run of a model with `steps` steps does at least one more."""
        self._began = self._clock()
        self._first_step = steps

    def keep_back(self, seconds: float) -> None:
        """Let the steps end so much earlier than the limit."""
        self._reserve_s = seconds

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._began

    @property
    def limit_share(self) -> float:
        """How much of the time limit is over, the end of the run included; 0 without one."""
        return self.elapsed_s / self.limit_s if self.limit_s else 0.0

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
        return min(1.0, max(steps / self.maximum_steps, self._time_share(steps), self._finish_share(steps)))

    def _time_share(self, steps: int) -> float:
        if not self.limit_s or steps <= self._first_step:
            return 0.0
        for_steps = self.limit_s - self._reserve_s
        return self.elapsed_s / for_steps if for_steps > 0 else 1.0

    def is_falling(self, steps: int) -> bool:
        """Whether the learning rate falls already."""
        return self.share(steps) > 1.0 - self._decay_share

    def _finish_share(self, steps: int) -> float:
        if self._finish is None:
            return 0.0
        begin, end = self._finish
        done = 1.0 if end <= begin else (steps - begin) / (end - begin)
        return 1.0 - self._decay_share * (1.0 - min(1.0, done))

    def progress(self, steps: int, first_step: int) -> tuple[float, float | None, str, float | None]:
        """Return what is done, of how much, in which unit, and the seconds left; by whatever ends first.

        Nobody waits for the last of the steps that a training takes when none are asked for: of them only what is done
        is told.

        Args:
            steps: Steps done in all.
            first_step: Steps the run began with.
        """
        elapsed, limit = self.elapsed_s, self.limit_s
        is_unasked = self._finish is None and self.maximum_steps >= _UNASKED
        if limit and self._finish is None and (is_unasked or elapsed / limit > steps / self.maximum_steps):
            return min(elapsed, limit), limit, "seconds", max(0.0, limit - elapsed)
        if is_unasked:
            return steps, None, "steps", None
        last = self.maximum_steps if self._finish is None else min(self.maximum_steps, self._finish[1])
        pace = elapsed / max(1, steps - first_step)
        return steps, last, "steps", pace * (last - steps)
