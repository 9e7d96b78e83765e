# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run is told to stop: the closed control pipe, Ctrl-C and the system's request to end; and who owns stdout."""

from __future__ import annotations

import io
import os
import signal
import stat
import sys
import threading
import time
from types import FrameType
from typing import TextIO

from ..engine.runtime.stop import StopSignal
from .exits import Exit

# A run that doesn't heed the stop would outlive a crashed Blender; saving a large model takes less than this.
_SECONDS_UNTIL_EXIT = 60.0


def claim_stdout() -> TextIO:
    """Return a stream to standard output that nothing else can reach; everything else goes to standard error from now.

    The descriptor itself is redirected, so libraries and child processes that write to it can't spoil the messages.
    """
    sys.stdout.flush()
    own = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(own, "w", encoding="utf-8", newline="\n")


def forgive_odd_characters() -> None:
    """Let a terminal that can't show a character of a name show a question mark instead of ending the run."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def abandon_stdout() -> None:
    """Send what is still to be written to standard output nowhere, because its reader has gone (`… | head`)."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def watch_stdin(stop: StopSignal) -> None:
    """Set the signal when standard input is a pipe and closes: whoever started the run asks it to stop, or is gone."""
    try:
        kind = os.fstat(0).st_mode
    except OSError:
        return
    # A terminal or the null device is nobody's control pipe.
    if stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind):
        threading.Thread(target=_wait_for_end, args=(stop,), name="control pipe", daemon=True).start()


def _wait_for_end(stop: StopSignal) -> None:
    # Raw reads: Python's own stream holds a lock while it waits, which the interpreter needs to shut down.
    try:
        while os.read(0, 4096):
            continue
    except OSError:
        stop.set()
    stop.set()
    time.sleep(_SECONDS_UNTIL_EXIT)
    os._exit(Exit.FAILED)


def watch_signals(stop: StopSignal) -> None:
    """Set the signal on Ctrl-C or the system's request to end; a second Ctrl-C ends the process at once."""

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.is_set and number == signal.SIGINT:
            os._exit(Exit.INTERRUPTED)
        stop.set()

    # SIGBREAK is how Windows asks a process group to end.
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), ask)
