# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run is told to stop: the closed control pipe, Ctrl-C and the system's request to end; and who owns stdout."""

from __future__ import annotations

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

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask)
