# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine as a child process: launched by path, read by a thread, stopped by closing its standard input. No bpy.

The child gets one job, sends messages as JSON lines on standard output and writes everything else to the job's log
file. A line on its standard input is an order (`engine.contract.orders`), and end-of-file means "stop at the next step
and save"; the same end-of-file arrives when Blender dies, so no engine outlives its Blender.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..engine.contract.errors import EngineError, ErrorCode
from ..engine.contract.messages import Failed, Log, Message, Metrics, Preview, Progress, decode, is_last
from ..engine.contract.orders import Order, encode_order
from ..engine.contract.project import LOG_FILE

LAUNCH_FILE = Path(__file__).resolve().parent.parent / "training_cli" / "launch.py"

# How long a child may take to save when Blender ends, and to go after being told to.
SAVING_SECONDS = 10.0
# Otherwise nobody waits for it: compiling the first step of a large network and saving it take longer. The engine ends
# itself a minute after it was asked to.
STOPPING_SECONDS = 65.0
LEAVING_SECONDS = 5.0

_TAIL_BYTES = 8192


def engine_command(python: Path, arguments: Sequence[str]) -> list[str]:
    """Return the command that starts this copy of the engine with the given Python."""
    # -I keeps the script's folder and the user's packages off sys.path.
    return [str(python), "-I", "-u", "-X", "utf8", str(LAUNCH_FILE), *arguments]


def clean_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment variables for a child: none that steer Blender or its Python."""
    variables = os.environ if environment is None else environment
    return {key: value for key, value in variables.items() if not key.upper().startswith(("PYTHON", "BLENDER_"))}


class Mailbox:
    """Messages between the reader thread and the main thread; of what changes fast only the latest is kept.

    An engine that floods its reader can therefore neither fill the memory nor keep Blender busy.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: dict[object, Message] = {}
        self._number = 0

    def put(self, message: Message) -> None:
        """Add a message; it takes the place of a waiting one that it outdates."""
        with self._lock:
            self._number += 1
            key: object = self._number
            if isinstance(message, Progress | Metrics):
                key = type(message)
            elif isinstance(message, Preview):
                key = (Preview, message.kind)
            self._pending.pop(key, None)
            self._pending[key] = message

    def take(self) -> list[Message]:
        """Return and remove what is waiting, in order of arrival."""
        with self._lock:
            taken, self._pending = self._pending, {}
        return list(taken.values())


class EngineProcess:
    """One run of the engine. Every method returns at once, except `close`.

    Args:
        command: Program and arguments, usually from `engine_command`.
        folder: Existing folder; standard error goes to its `log.txt`.

    The last message in `mailbox` is always a `Done` or a `Failed`: if the child dies without one, the reader thread
    adds `Failed("crashed")` with the end of the log.
    """

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        self.command = list(command)
        self.folder = folder
        self.log_path = folder / LOG_FILE
        self.mailbox = Mailbox()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_stopping = False
        self._waiting_orders: list[Order] = []
        self._was_forced = False
        self._ended = threading.Event()
        # Starting a program can take longer than a redraw, so even that happens in the thread.
        self._reader = threading.Thread(target=self._run, name=f"understudy {folder.name}", daemon=True)

    @property
    def is_alive(self) -> bool:
        """Whether the last message hasn't been put into the mailbox yet."""
        return not self._ended.is_set()

    @property
    def pid(self) -> int | None:
        """Process id, or None before the child was started."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the child and the thread that reads it."""
        self._reader.start()

    def order(self, order: Order) -> None:
        """Ask something of the child; what is asked before it is there waits for it."""
        with self._lock:
            if self._process is None:
                self._waiting_orders.append(order)
            elif not self._is_stopping:
                self._write(order)

    def _write(self, order: Order) -> None:
        # A line is far shorter than what a pipe takes without being read. A child that is gone needs no orders.
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError, ValueError):
                self._process.stdin.write(f"{encode_order(order)}\n".encode())
                self._process.stdin.flush()

    def stop(self) -> None:
        """Ask the child to stop at its next step and save; end it if it doesn't."""
        with self._lock:
            if self._is_stopping or not self.is_alive:
                return
            self._is_stopping = True
            self._close_stdin()
        threading.Thread(target=self._see_it_end, name="understudy stop", daemon=True).start()

    def close(self, saving_s: float = SAVING_SECONDS, leaving_s: float = LEAVING_SECONDS) -> None:
        """Stop the child and wait until it is gone; for the end of Blender or of the extension."""
        self.stop()
        if not self._ended.wait(saving_s):
            self._signal(force=False)
            if not self._ended.wait(leaving_s):
                self._signal(force=True)
        self._reader.join(1.0)

    def _see_it_end(self) -> None:
        if not self._ended.wait(STOPPING_SECONDS):
            self._signal(force=False)
            if not self._ended.wait(LEAVING_SECONDS):
                self._signal(force=True)

    def _close_stdin(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def _signal(self, force: bool) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        self._was_forced = True
        with contextlib.suppress(OSError):
            if sys.platform == "win32":
                # Ending the child alone would leave its worker processes behind.
                subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True, check=False)
            else:
                os.killpg(process.pid, signal.SIGKILL if force else signal.SIGTERM)

    def _run(self) -> None:
        last: Message | None = None
        try:
            with open(self.log_path, "ab") as log:
                process = self._launch(log)
                last = self._read(process)
                code = process.wait()
                with self._lock:
                    self._close_stdin()
            if last is None:
                last = self._crash(code)
        except OSError as error:
            last = Failed(
                ErrorCode.ENVIRONMENT_BROKEN,
                f"The engine could not be started: {error.strerror or error} ({self.command[0]}).",
                "Install the engine again, or choose another Python in the preferences.",
            )
        finally:
            self.mailbox.put(last or Failed(ErrorCode.CRASHED, "The engine's messages could not be read."))
            self._ended.set()

    def _launch(self, log: Any) -> subprocess.Popen[bytes]:
        own_group: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            own_group = {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
        launch = functools.partial(subprocess.Popen[bytes], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        with self._lock:
            process = launch(self.command, env=clean_environment(), cwd=self.folder, **own_group)
            self._process = process
            for order in self._waiting_orders:
                self._write(order)
            if self._is_stopping:
                self._close_stdin()
        return process

    def _read(self, process: subprocess.Popen[bytes]) -> Message | None:
        assert process.stdout is not None
        last: Message | None = None
        with process.stdout as lines:
            for line in lines:
                message = self._message(line)
                if last is None and message is not None:
                    if is_last(message):
                        last = message
                    else:
                        self.mailbox.put(message)
        return last

    @staticmethod
    def _message(line: bytes) -> Message | None:
        text = line.decode("utf-8", errors="replace").strip()
        if not text:
            return None
        try:
            return decode(text)
        except EngineError:
            # Something wrote to standard output behind the reporter's back; worth seeing, not worth failing.
            return Log("warning", text[:500])

    def _crash(self, code: int) -> Failed:
        if self._was_forced:
            return Failed(
                ErrorCode.CRASHED,
                "The job did not stop by itself and was ended.",
                "What it had saved before is kept.",
            )
        return Failed(
            ErrorCode.CRASHED,
            f"The engine ended without a word ({_exit_reason(code)}). {log_tail(self.log_path)}".strip(),
        )


def _exit_reason(code: int) -> str:
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"


def log_tail(path: Path, lines: int = 1) -> str:
    """Return the last lines of a log file that say something; empty when there are none."""
    try:
        with open(path, "rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - _TAIL_BYTES))
            text = log.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    found = [line.strip() for line in text.splitlines() if line.strip()]
    return "\n".join(found[-lines:])[-600:]
