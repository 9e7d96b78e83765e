# SPDX-License-Identifier: GPL-3.0-or-later
"""How a pipeline tells what it is doing: an interface whose every method may be ignored."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..contract.frame_mentions import FrameMention
from ..contract.messages import Artifact, Done, Log, Message, Metrics, Preview, Progress, Stage, is_last
from .save_request import SaveRequest
from .stop import Stopped, StopSignal


class Reporter:
    """Receives what a pipeline reports and says whether it should stop.

    A subclass overrides `send`; this class drops every message, so it serves as the silent reporter too.

    Args:
        stop: Signal that makes `progress` and `is_stopped` true; a fresh one by default.

    Attributes:
        saves: Where a checkpoint is asked for while a training goes on.
    """

    # Progress and metrics are sent at most this often per stage, so that a fast loop can't flood the reader.
    SECONDS_BETWEEN = 0.25

    def __init__(self, stop: StopSignal | None = None) -> None:
        self.stop = stop or StopSignal()
        self.saves = SaveRequest()
        self._stage = ""
        self._stage_began = 0.0
        self._last_progress = -1e9
        self._last_metrics = -1e9

    def send(self, message: Message) -> None:
        """Take one message."""

    @property
    def is_stopped(self) -> bool:
        """Whether a stop was asked for."""
        return self.stop.is_set

    def leave_if_stopped(self) -> None:
        """Leave work that has nothing to keep yet.

        Raises:
            Stopped: A stop was asked for.
        """
        if self.is_stopped:
            raise Stopped

    def stage(self, name: str, title: str) -> None:
        """Say that a named part of the job begins."""
        self._stage = name
        self._stage_began = time.monotonic()
        self._last_progress = -1e9
        self.send(Stage(name, title))

    def progress(self, done: float, total: float | None, unit: str, remaining_s: float | None = None) -> bool:
        """Say how far the stage is; return whether to stop.

        Args:
            done: Units finished.
            total: Units in all, or None when unknown.
            unit: What is counted.
            remaining_s: Seconds left; estimated from the pace so far when None.
        """
        now = time.monotonic()
        is_end = total is not None and done >= total
        if is_end or now - self._last_progress >= self.SECONDS_BETWEEN:
            self._last_progress = now
            if remaining_s is None and total is not None and done > 0:
                remaining_s = (now - self._stage_began) * (total - done) / done
            self.send(Progress(self._stage, done, total, unit, remaining_s))
        return self.is_stopped

    def metrics(self, step: int, values: dict[str, float]) -> None:
        """Report figures of a step; too frequent ones are dropped."""
        now = time.monotonic()
        if now - self._last_metrics >= self.SECONDS_BETWEEN:
            self._last_metrics = now
            self.send(Metrics(step, values))

    def preview(self, kind: str, path: Path) -> None:
        """Say that a preview picture was written."""
        self.send(Preview(kind, str(path)))

    def artifact(self, kind: str, path: Path) -> None:
        """Say that a result exists."""
        self.send(Artifact(kind, str(path)))

    def info(self, text: str) -> None:
        """Report a sentence worth keeping."""
        self.send(Log("info", text))

    def warning(self, text: str, frames: Sequence[FrameMention] = ()) -> None:
        """Report something the user should know although the job goes on; `frames` are those that the text names."""
        self.send(Log("warning", text, tuple(frames)))

    def done(self, summary: str, result: dict[str, Any], frames: Sequence[FrameMention] = ()) -> Done:
        """Build and send the last message of a run that ended as it should; `frames` are those the summary names."""
        message = Done(self.is_stopped, summary, result, tuple(frames))
        self.send(message)
        return message


class CallbackReporter(Reporter):
    """Hands every message to a function; for scripts and tests."""

    def __init__(self, callback: Callable[[Message], None], stop: StopSignal | None = None) -> None:
        super().__init__(stop)
        self._callback = callback

    def send(self, message: Message) -> None:
        """Hand the message on."""
        self._callback(message)


class PartReporter(Reporter):
    """Passes everything on but the last message: a part of a larger run, which has one end only.

    Args:
        whole: Receives the messages; its stop signal and its requests to save are shared.
    """

    def __init__(self, whole: Reporter) -> None:
        super().__init__(whole.stop)
        self.saves = whole.saves
        self._whole = whole

    def send(self, message: Message) -> None:
        """Pass the message on unless it would end the run."""
        if not is_last(message):
            self._whole.send(message)
