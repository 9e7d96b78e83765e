# SPDX-License-Identifier: GPL-3.0-or-later
"""What the end of a training costs, by what its parts have cost in this run: so that a time limit can include it.

After its last step a training measures and saves the model and draws its previews. A run with a time limit keeps that
much time back. Nobody knows what hasn't been done in this run; so each part is done once by half of the time, which
also leaves a checkpoint for whoever pulls the plug.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator
from enum import StrEnum

# The share of the limit by which every part of the end was done once.
_FIRST_BY = 0.5
# What steps take changes as pictures grow.
_STEPS_REMEMBERED = 5


class EndPart(StrEnum):
    """What comes after the last step."""

    SAVE = "save"
    PREVIEW = "preview"


class EndCosts:
    """Notes what steps and the parts of the end take, and foresees what one more step and the end would.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last_s: dict[EndPart, float] = {}
        self._steps_s: deque[float] = deque(maxlen=_STEPS_REMEMBERED)

    def note(self, part: EndPart, seconds: float) -> None:
        """Note what a part took, wherever in the run it was done."""
        self._last_s[part] = seconds

    @contextlib.contextmanager
    def timed(self, part: EndPart) -> Iterator[None]:
        """Time a part."""
        began = self._clock()
        yield
        self.note(part, self._clock() - began)

    @contextlib.contextmanager
    def step(self) -> Iterator[None]:
        """Time a training step."""
        began = self._clock()
        yield
        self._steps_s.append(self._clock() - began)

    @property
    def reserve_s(self) -> float:
        """Seconds that one more step and the end behind it take; a part that was never done counts for nothing."""
        # The fastest, because the first one compiles; that one alone says nothing of the next.
        step_s = min(self._steps_s) if len(self._steps_s) > 1 else 0.0
        return step_s + sum(self._last_s.values())

    def is_due(self, part: EndPart, share: float) -> bool:
        """Whether a part was never done in this run and should be now, at this share of the time limit."""
        # With the time over, the end comes at once.
        return _FIRST_BY <= share < 1.0 and part not in self._last_s
