# SPDX-License-Identifier: GPL-3.0-or-later
"""When the next preview is due: every so many steps, but rarely enough to cost only a small share of training time."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

SHARE = 0.03


class Pacing:
    """Spaces previews so that all but the first together cost at most `share` of the time between them.

    Args:
        interval: Steps between two previews at least.
        share: Share of the time that previews may take.
        clock: Monotonic seconds.
    """

    def __init__(self, interval: int, share: float = SHARE, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = interval
        self._share = share
        self._clock = clock
        self._rest_until = -float("inf")
        self._last_step = 0
        self.spent_s = 0.0

    def is_due(self, step: int) -> bool:
        """Whether a preview should be made after this step."""
        return step - self._last_step >= self._interval and self._clock() >= self._rest_until

    def start(self, step: int) -> None:
        """Count steps from here; for a training that goes on."""
        self._last_step = step - step % self._interval

    @contextlib.contextmanager
    def timed(self, step: int) -> Iterator[None]:
        """Time a preview; the dearer it was, the longer none follows."""
        began = self._clock()
        try:
            yield
        finally:
            ended = self._clock()
            self.spent_s += ended - began
            # d seconds of preview and d·(1 - share)/share of training make d the wanted share of both.
            self._rest_until = ended + (ended - began) * (1.0 - self._share) / self._share
            self._last_step = step
