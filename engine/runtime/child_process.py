# SPDX-License-Identifier: GPL-3.0-or-later
"""A child process whose lines are read as they come and that a stop ends at once, with everything it has started."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from ..contract.errors import EngineError, ErrorCode

_POLL_S = 0.2
_GRACE_S = 1.0


def run_child(
    command: Sequence[str], on_line: Callable[[str], None], on_tick: Callable[[], bool], environment: dict[str, str]
) -> int | None:
    """Run a command to its end, or until a stop is asked for.

    Args:
        command: Program and arguments.
        on_line: Gets every line it prints, standard error included.
        on_tick: Called several times a second; returns whether to stop.
        environment: Environment variables of the child.

    Returns:
        Exit code, or None when it was stopped.

    Raises:
        EngineError: `environment_broken`, when the program can't be started.
    """
    process = _start(command, environment)
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(process, lines), daemon=True).start()
    try:
        while not on_tick():
            with suppress(queue.Empty):
                line = lines.get(timeout=_POLL_S)
                if line is None:
                    return process.wait()
                on_line(line)
        return None
    finally:
        end_process(process)


def end_process(process: subprocess.Popen[str]) -> None:
    """End a child and the children it started, if it still runs: politely first, within two seconds in any case."""
    if process.poll() is None:
        _signal_group(process, signal.SIGTERM)
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            _signal_group(process, signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
            process.wait()


def clean_environment() -> dict[str, str]:
    """Return the variables for a child Python: the user's, without those that would change how Python starts."""
    dropped = ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONUSERBASE", "__PYVENV_LAUNCHER__")
    return {key: value for key, value in os.environ.items() if key not in dropped}


def _start(command: Sequence[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    # A group of its own, so that stopping takes the compilers and unpackers that pip starts along.
    try:
        if sys.platform == "win32":
            flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
            return _popen(command, environment, creationflags=flags)
        return _popen(command, environment, start_new_session=True)
    except OSError as error:
        raise EngineError(
            ErrorCode.ENVIRONMENT_BROKEN,
            f"{command[0]} could not be started: {error.strerror or error}.",
            "Check that it is there, or choose another Python.",
        ) from error


def _popen(
    command: Sequence[str], environment: dict[str, str], creationflags: int = 0, start_new_session: bool = False
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        cwd=Path(command[0]).anchor or None,
        encoding="utf-8",
        errors="replace",
        creationflags=creationflags,
        start_new_session=start_new_session,
    )


def _read(process: subprocess.Popen[str], lines: queue.SimpleQueue[str | None]) -> None:
    if process.stdout is not None:
        # The reader closes the pipe itself: closing it from another thread would wait for the read to end.
        with process.stdout:
            for line in process.stdout:
                lines.put(line.rstrip())
    lines.put(None)


def _signal_group(process: subprocess.Popen[str], number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        if os.name == "nt":
            process.terminate()
        else:
            os.killpg(process.pid, number)
