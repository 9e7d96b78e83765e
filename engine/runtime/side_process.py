# SPDX-License-Identifier: GPL-3.0-or-later
"""A second Python process of the engine's, for work that would wait for this one's lock: messages go out and come back.

It isn't one of multiprocessing's, which run the caller's main file again: a script that uses the engine as a library
may be anything. The same Python is started on this copy of the code, with the same places to import from, and talks
through its standard input and output. It ends when its input is closed, so it never outlives this process.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

from numpy.typing import NDArray

from ..contract.errors import EngineError, ErrorCode
from .array_messages import ArrayMessage, read_message, write_message
from .shared_memory import SharedMemory
from .shared_ring import SharedRing, make_ring

_ROOT = Path(__file__).resolve().parents[2]
_NAME = "understudy"
# A pipe that holds a whole face wakes the other side less often; systems may give less.
_PIPE_BYTES = 1 << 20
_GRACE_S = 1.0
# Ctrl+C in a terminal, and what ends a group, reach this process too; the one that started it decides how to stop.
_START = """
import signal
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
import importlib, importlib.util, json, sys
name, module, root, handles, sys.path[:] = json.loads(sys.argv[1])
spec = importlib.util.spec_from_file_location(name, root + "/__init__.py", submodule_search_locations=[root])
sys.modules[name] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules[name])
importlib.import_module(name + "." + module).main(*handles)
"""


def can_start_processes() -> bool:
    """Whether `sys.executable` is a Python: in a program that embeds one it may be that program."""
    return Path(sys.executable or "").stem.lower().startswith("python") and not getattr(sys, "frozen", False)


class SideProcess:
    """A process that runs a module's `main`, which is to call `answer_messages`.

    Args:
        module: The module, counted from the package's root: "engine.…"; its `main` takes what it is to hand on to
            `answer_messages`, or the handles of `memories`.
        work: What it does, as an error tells it: "records faces".
        memories: What it shares with this process; without any it gets a ring for the arrays that it is sent.

    Raises:
        OSError: It can't be started.
    """

    def __init__(self, module: str, work: str, memories: Sequence[SharedMemory] = ()) -> None:
        self._work = work
        self._ring = None if memories else make_ring()
        handles = [item.handle for item in memories] if self._ring is None else [self._ring.handle]
        start = json.dumps([_NAME, module, str(_ROOT), handles, sys.path])
        is_windows = sys.platform == "win32"
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-X", "utf8", "-c", _START, start],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=[handle for handle in handles if isinstance(handle, int)],
                # numpy's own threads wait busily, at the cost of those that compute; the work here is small arrays.
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
                creationflags=subprocess.CREATE_NO_WINDOW if is_windows else 0,
            )
        finally:
            if self._ring is not None:
                self._ring.close_handle()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._out, self._in = self._process.stdin, self._process.stdout
        _widen(self._out)
        self._answers: queue.SimpleQueue[ArrayMessage | None] = queue.SimpleQueue()
        self._error: EngineError | None = None
        threading.Thread(target=self._read, name="side-process", daemon=True).start()

    def send(self, content: dict[str, Any], arrays: Sequence[NDArray[Any]] = ()) -> None:
        """Send a message; waits while the process has more to do than its pipe holds.

        Raises:
            EngineError: What the process said went wrong with an earlier one, or `crashed`.
        """
        self.check()
        try:
            write_message(self._out, content, arrays, self._ring)
        except (OSError, ValueError) as error:
            raise self._error or self._crashed() from error

    def ask(self, content: dict[str, Any], arrays: Sequence[NDArray[Any]] = ()) -> ArrayMessage:
        """Send a message that is answered, and return the answer; raises as `send` does."""
        self.send(content, arrays)
        return self.receive()

    def receive(self) -> ArrayMessage:
        """Return the next answer; raises as `send` does."""
        answer = self._answers.get()
        if answer is None:
            self._answers.put(None)
            raise self._error or self._crashed()
        if "error" in answer[0]:
            raise _error_of(answer[0])
        return answer

    @property
    def is_silent(self) -> bool:
        """Whether it neither waits with an answer nor has ended."""
        return self._answers.empty()

    def check(self) -> None:
        """Raise what went wrong with an earlier message."""
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """End the process: it finishes what it was sent, for a second at most."""
        with contextlib.suppress(OSError, ValueError):
            self._out.close()
        try:
            self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the process at once, whatever it does."""
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(OSError, ValueError):
            self._out.close()

    def _crashed(self) -> EngineError:
        return EngineError(
            ErrorCode.CRASHED,
            f"The process that {self._work} ended unexpectedly.",
            "Start again; if it happens again, free some memory first.",
        )

    def _read(self) -> None:
        with self._in:
            while (message := read_message(self._in)) is not None:
                if message[0].get("is_late"):
                    self._error = self._error or _error_of(message[0])
                else:
                    self._answers.put(message)
        self._answers.put(None)


def answer_messages(
    handle: Callable[[dict[str, Any], list[NDArray[Any]]], ArrayMessage | None], ring_handle: int | None = None
) -> None:
    """Serve as a `SideProcess`: say that it is there, then handle messages until the other side closes the pipe.

    Args:
        handle: Takes a message; returns the answer of one that is asked with "ask": true, None for the others. Its
            engine errors are told: as the answer, or as soon as they occur; others end the process.
        ring_handle: File descriptor of the memory that the other side shares, where it does.
    """
    incoming, outgoing = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    # Nothing that a library prints may get between the answers.
    with contextlib.suppress(OSError):
        os.dup2(2, 1)
    ring = None if ring_handle is None else SharedRing(ring_handle)
    if ring is not None:
        ring.close_handle()
    is_heard = _tell(outgoing, {"ready": True})
    while is_heard and (message := read_message(incoming, ring)) is not None:
        try:
            answer = handle(*message)
        except EngineError as error:
            said = {"error": error.code.value, "message": error.message, "hint": error.hint}
            is_heard = _tell(outgoing, said if message[0].get("ask") else {**said, "is_late": True})
        else:
            if answer is not None:
                is_heard = _tell(outgoing, *answer)
    # What couldn't be written would be tried again, and complained about, when Python ends.
    with contextlib.suppress(OSError):
        outgoing.close()


def _tell(outgoing: IO[bytes], content: dict[str, Any], arrays: Sequence[NDArray[Any]] = ()) -> bool:
    """Write an answer; return whether the other side is still there."""
    try:
        write_message(outgoing, content, arrays)
    except OSError:
        return False
    return True


def _error_of(said: dict[str, Any]) -> EngineError:
    return EngineError(ErrorCode(said["error"]), said["message"], said["hint"])


def _widen(pipe: IO[bytes]) -> None:
    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
