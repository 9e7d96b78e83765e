# SPDX-License-Identifier: GPL-3.0-or-later
"""Obeying what is asked of a running command: by a program in JSON lines, by a person at a terminal's keyboard."""

from __future__ import annotations

from ..engine.contract.errors import EngineError
from ..engine.contract.orders import decode_order
from ..engine.runtime.reporter import Reporter

SAVE_KEY = "s"
HELP = f"{SAVE_KEY} and Enter saves without stopping, Ctrl-C saves and stops."


class Orders:
    """Passes on what is asked of one run.

    Args:
        reporter: The run's; takes requests and answers what can't be done.
        job: Kind of the job, for the answer.
        can_save: Whether the run is a training, which can save and go on.

    Attributes:
        can_save: The same.
    """

    def __init__(self, reporter: Reporter, job: str, can_save: bool) -> None:
        self._reporter = reporter
        self._job = job
        self.can_save = can_save
        self._has_complained = False

    def obey_line(self, line: str) -> None:
        """Do what a line of JSON asks; the first line that is no order is answered with a warning."""
        if not line.strip():
            return
        try:
            decode_order(line)
        except EngineError as error:
            # Whatever somebody pours into a run must not fill its log.
            if not self._has_complained:
                self._reporter.warning(str(error))
            self._has_complained = True
        else:
            self._save()

    def obey_key(self, line: str) -> None:
        """Do what was typed at a terminal; anything but the one key is somebody's cat."""
        if line.strip().lower() == SAVE_KEY:
            self._save()

    def _save(self) -> None:
        if self.can_save:
            self._reporter.saves.ask()
        else:
            self._reporter.warning(f"Only a training can save before its end and go on; this is the job {self._job}.")
