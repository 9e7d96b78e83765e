# SPDX-License-Identifier: GPL-3.0-or-later
"""When the next preview is due: every so many steps, but rarely enough to cost only a small share of training time."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

SHARE = 0.03


class Pacing:
    """Spaces previews so that all of a run together, with what was prepared for them, cost at most `share` of its time.

    The first one comes at its step, whatever it costs. What it took too much, the next ones wait for; and before each,
    the cost of the one that ends the run is put aside. So the share holds for every run that is long enough to pay for
    its first and its last picture.

    Args:
        interval: Steps between two previews at least.
        share: Share of the time that previews may take.
        clock: Monotonic seconds.
    """

    def __init__(self, interval: int, share: float = SHARE, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = interval
        self._share = share
        self._clock = clock
        self._began = clock()
        self._last_step = 0
        self._last_cost_s: float | None = None
        self.spent_s = 0.0

    def start(self, step: int, prepared_s: float = 0.0) -> None:
        """Begin a run.

        Args:
            step: Steps the model has.
            prepared_s: What previews have cost before the run began.
        """
        self._began = self._clock()
        self._last_step = step - step % self._interval
        self.spent_s = prepared_s

    def is_due(self, step: int) -> bool:
        """Whether a preview should be made after this step."""
        if step - self._last_step < self._interval:
            return False
        if self._last_cost_s is None:
            return True
        # This one, and the last one of the run.
        return self.spent_s + 2.0 * self._last_cost_s <= self._share * self._elapsed_s

    @property
    def last_cost_s(self) -> float | None:
        """Seconds that the last preview took, without what is done once; None before the first."""
        return self._last_cost_s

    @property
    def spent_share(self) -> float:
        """Share of the run's time so far that previews took; above 1 only if preparing took longer than the run."""
        return self.spent_s / self._elapsed_s if self.spent_s else 0.0

    @property
    def _elapsed_s(self) -> float:
        return self._clock() - self._began

    @contextlib.contextmanager
    def prepared(self) -> Iterator[None]:
        """Time what is done once: it counts, but says nothing about the cost of the next preview."""
        began = self._clock()
        try:
            yield
        finally:
            self.spent_s += self._clock() - began

    @contextlib.contextmanager
    def timed(self, step: int) -> Iterator[None]:
        """Time a preview; the dearer it was, the longer none follows."""
        before = self.spent_s
        try:
            with self.prepared():
                yield
        finally:
            self._last_cost_s = self.spent_s - before
            self._last_step = step
