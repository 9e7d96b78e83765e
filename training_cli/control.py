# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run hears of the world: the control pipe and its end, keys, Ctrl-C, the request to end; and who owns stdout."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import stat
import sys
import threading
import time
from collections.abc import Callable, Collection
from types import FrameType
from typing import TextIO

from ..engine.runtime.stop import StopSignal
from .exits import Exit

# A run that doesn't heed the stop would outlive a crashed Blender; saving a large model takes less than this.
_SECONDS_UNTIL_EXIT = 60.0
_LONGEST_LINE = 4096
_SECONDS_IN_BACKGROUND = 1.0


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


def watch_stdin(stop: StopSignal, obey: Callable[[str], None]) -> None:
    """Listen to standard input if it is a pipe, from a thread.

    Args:
        stop: Set when the pipe closes: whoever started the run asks it to stop, or is gone.
        obey: Gets each line, without its end.
    """
    try:
        kind = os.fstat(0).st_mode
    except OSError:
        return
    # A terminal or the null device is nobody's control pipe.
    if stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind):
        threading.Thread(target=_listen, args=(stop, obey), name="control pipe", daemon=True).start()


def _listen(stop: StopSignal, obey: Callable[[str], None]) -> None:
    with contextlib.suppress(OSError):
        _read_lines(0, obey)
    stop.set()
    time.sleep(_SECONDS_UNTIL_EXIT)
    os._exit(Exit.FAILED)


def _read_lines(source: int, obey: Callable[[str], None]) -> None:
    """Pass on each line of a descriptor until it ends."""
    rest = b""
    # Raw reads: Python's own stream holds a lock while it waits, which the interpreter needs to shut down.
    while chunk := os.read(source, _LONGEST_LINE):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            obey(line.decode("utf-8", errors="replace"))
        rest = rest[:_LONGEST_LINE]


def watch_keys(obey: Callable[[str], None], source: int = 0) -> bool:
    """Listen to a terminal's keyboard from a thread, and return whether there is one.

    Args:
        obey: Gets each line that is typed.
        source: Descriptor of standard input.
    """
    if not os.isatty(source):
        return False
    if hasattr(signal, "SIGTTIN"):
        # A run in the background (`… &`) would be halted for asking; now it reads an error instead.
        signal.signal(signal.SIGTTIN, signal.SIG_IGN)
    threading.Thread(target=_hear_keys, args=(source, obey), name="keyboard", daemon=True).start()
    return True


def _hear_keys(source: int, obey: Callable[[str], None]) -> None:
    while True:
        try:
            _read_lines(source, obey)
            return
        except OSError:
            # The terminal belongs to another program now, and may come back.
            time.sleep(_SECONDS_IN_BACKGROUND)


def watch_signals(stop: StopSignal) -> None:
    """Set the signal on Ctrl-C or the system's request to end; a second Ctrl-C ends the process at once.

    A thread hears of it. Python calls its own handlers only between two instructions of the main thread, which may be
    at work on a network for a minute.
    """
    reading, writing = os.pipe()
    if os.name != "nt":
        os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    # SIGBREAK is how Windows asks a process group to end.
    numbers = {getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name)}
    for number in numbers:
        signal.signal(number, _leave_to_the_thread)
    threading.Thread(target=_hear_signals, args=(reading, numbers, stop), name="signals", daemon=True).start()


def _leave_to_the_thread(number: int, frame: FrameType | None) -> None:
    """Stand where the system's own reaction would end the process."""


def _hear_signals(reading: int, numbers: Collection[int], stop: StopSignal) -> None:
    while heard := os.read(reading, 1):
        if heard[0] not in numbers:
            continue
        if stop.is_set and heard[0] == signal.SIGINT:
            os._exit(Exit.INTERRUPTED)
        stop.set()
