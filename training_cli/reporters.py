# SPDX-License-Identifier: GPL-3.0-or-later
"""Where messages go: JSON lines for a program that listens, or a terminal for a person. The only place that prints."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from pathlib import Path
from typing import TextIO

from ..engine.contract.messages import (
    Artifact,
    Done,
    Failed,
    Hello,
    Log,
    Message,
    Metrics,
    Preview,
    Progress,
    Stage,
    encode,
    is_last,
)
from ..engine.contract.outlook import outlook_text, plain_figures
from ..engine.runtime.reporter import Reporter
from ..engine.runtime.stop import StopSignal


class CommandReporter(Reporter):
    """A reporter of the command line: sends exactly one last message and nothing behind it."""

    def __init__(self, stop: StopSignal | None = None) -> None:
        super().__init__(stop)
        self.has_ended = False
        # Pipelines may report from a helper thread; lines must not mix.
        self._sending = threading.Lock()

    def send(self, message: Message) -> None:
        """Write one message, unless the last one was written already."""
        with self._sending:
            if not self.has_ended:
                self.has_ended = is_last(message)
                self.write(message)

    def write(self, message: Message) -> None:
        """Put one message where it belongs."""

    def close(self) -> None:
        """Finish whatever is under way."""


class JsonLinesReporter(CommandReporter):
    """Writes each message as one line of JSON.

    Args:
        output: Stream for the lines, not shared with anything else.
        record: File to which the lines are appended too, or None.
        stop: Signal to obey; set here when nobody reads the lines any more.
    """

    def __init__(self, output: TextIO, record: Path | None = None, stop: StopSignal | None = None) -> None:
        super().__init__(stop)
        self._output: TextIO | None = output
        self._record: TextIO | None = None
        if record is not None:
            try:
                self._record = record.open("a", encoding="utf-8", newline="\n")
            except OSError as error:
                # A job file may lie in a read-only place; the listener still hears everything.
                print(f"{record} can't be written: {error.strerror}", file=sys.stderr)

    def write(self, message: Message) -> None:
        """Write one line and flush it."""
        line = encode(message) + "\n"
        if self._output is not None:
            try:
                self._output.write(line)
                self._output.flush()
            except (OSError, ValueError):
                # The listener is gone; what is finished is kept, and the record still tells how it ended.
                self._output = None
                self.stop.set()
        if self._record is not None:
            try:
                self._record.write(line)
                self._record.flush()
            except OSError:
                self._record = None

    def close(self) -> None:
        """Close the record."""
        if self._record is not None:
            self._record.close()
            self._record = None


class TerminalReporter(CommandReporter):
    """Shows one line of progress on standard error and the result on standard output."""

    # Without a terminal a line every ten seconds is enough for a log.
    SECONDS_BETWEEN_LINES = 10.0

    def __init__(self, stop: StopSignal | None = None) -> None:
        super().__init__(stop)
        self._is_terminal = sys.stderr.isatty()
        self._title = ""
        self._figures = ""
        self._shown = 0
        self._last_line = time.monotonic()
        self._artifacts: set[Artifact] = set()

    def write(self, message: Message) -> None:
        """Show one message."""
        if isinstance(message, Stage):
            self._title, self._figures, self._last_line = message.title, "", time.monotonic()
            self._note(f"{message.title} …")
        elif isinstance(message, Progress):
            self._progress(message)
        elif isinstance(message, Metrics):
            values = "  ".join(f"{name} {value:.4g}" for name, value in plain_figures(message.values).items())
            self._figures = f"  step {message.step}  {values}  {outlook_text(message.values)}".rstrip()
        elif isinstance(message, Log):
            self._note(f"warning: {message.text}" if message.level == "warning" else message.text)
        elif isinstance(message, Artifact):
            # A training says so at every save.
            if message not in self._artifacts:
                self._note(f"{message.kind}: {message.path}")
            self._artifacts.add(message)
        elif isinstance(message, Done):
            if message.stopped:
                self._note("Stopped as asked; what is finished is kept.")
            self._clear()
            print(message.summary, flush=True)
        elif isinstance(message, Failed):
            self._note(f"error: {message.message}")
            if message.hint:
                self._note(message.hint)
        else:
            # Hello is for programs, and a preview's file name would scroll by at every step.
            assert isinstance(message, Hello | Preview)

    def close(self) -> None:
        """Take the progress line away."""
        self._clear()

    def _progress(self, message: Progress) -> None:
        text = self._title + progress_text(message) + self._figures
        now = time.monotonic()
        if self._is_terminal:
            width = shutil.get_terminal_size().columns - 1
            text = text[:width]
            print("\r" + text.ljust(min(self._shown, width)), end="", file=sys.stderr, flush=True)
            self._shown = len(text)
        elif now - self._last_line >= self.SECONDS_BETWEEN_LINES and message.done > 0:
            self._last_line = now
            print(text, file=sys.stderr, flush=True)

    def _note(self, text: str) -> None:
        self._clear()
        print(text, file=sys.stderr, flush=True)

    def _clear(self) -> None:
        if self._shown:
            print("\r" + " " * self._shown + "\r", end="", file=sys.stderr, flush=True)
            self._shown = 0


def progress_text(message: Progress) -> str:
    """Return " 42 % (63 of 150 frames), 1:05 left"."""
    if message.total:
        share = min(100, int(100 * message.done / message.total))
        text = f" {share} % ({_number(message.done)} of {_number(message.total)} {message.unit})"
    else:
        text = f" {_number(message.done)} {message.unit}"
    if message.remaining_s is not None and message.remaining_s >= 1:
        text += f", {duration_text(message.remaining_s)} left"
    return text


def duration_text(seconds: float) -> str:
    """Return "0:42", "12:05" or "3:04:05"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _number(value: float) -> str:
    return f"{value:.0f}" if value == int(value) else f"{value:.1f}"
