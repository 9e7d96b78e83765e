# SPDX-License-Identifier: GPL-3.0-or-later
"""The wish to stop: set once from anywhere, asked for by every loop."""

from __future__ import annotations

import threading


class Stopped(Exception):
    """Work that has nothing to keep yet was left, because a stop was asked for; whoever began it ends the run."""


class StopSignal:
    """A flag that only ever goes up. Safe to set from a signal handler or another thread."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Ask the run to stop at its next step, keeping what is finished."""
        self._event.set()

    @property
    def is_set(self) -> bool:
        """Whether a stop was asked for."""
        return self._event.is_set()
