# SPDX-License-Identifier: GPL-3.0-or-later
"""The wish for a checkpoint while a training goes on: asked for from anywhere, answered after the step it is in."""

from __future__ import annotations

import threading


class SaveRequest:
    """A flag that whoever watches a training raises and the training takes down. Safe to use from any thread."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def ask(self) -> None:
        """Ask the training to save when its step is done, and to go on."""
        self._event.set()

    @property
    def is_asked(self) -> bool:
        """Whether a save was asked for and not made yet."""
        return self._event.is_set()

    def take(self) -> bool:
        """Return whether a save was asked for; it counts as made from now on."""
        is_asked = self._event.is_set()
        self._event.clear()
        return is_asked
