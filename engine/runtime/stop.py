# SPDX-License-Identifier: GPL-3.0-or-later
"""The wish to stop: set once from anywhere, asked for by every loop, and told to work that can't ask."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator


class Stopped(Exception):
    """Work that has nothing to keep yet was left, because a stop was asked for; whoever began it ends the run."""


class StopSignal:
    """A flag that only ever goes up. Safe to set from a signal handler or another thread."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._listeners: deque[Callable[[], None]] = deque()

    def set(self) -> None:
        """Ask the run to stop at its next step, keeping what is finished."""
        self._event.set()
        self._tell()

    @contextlib.contextmanager
    def heard_by(self, listener: Callable[[], None]) -> Iterator[None]:
        """Let a function know at once while the block is at work on something long that can't ask.

        Args:
            listener: Is called in a thread of its own, at most once.
        """
        self._listeners.append(listener)
        if self.is_set:
            self._tell()
        try:
            yield
        finally:
            with contextlib.suppress(ValueError):
                self._listeners.remove(listener)

    def _tell(self) -> None:
        # Not in this thread: it may be a signal handler, or hold what the listener needs.
        with contextlib.suppress(IndexError):
            while True:
                threading.Thread(target=self._listeners.pop(), name="stop", daemon=True).start()

    @property
    def is_set(self) -> bool:
        """Whether a stop was asked for."""
        return self._event.is_set()
