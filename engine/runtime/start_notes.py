# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps what TensorFlow and LiteRT note at their start off standard error; all else passes, also when they crash.

TensorFlow 2.21 writes some notes before it looks at TF_CPP_MIN_LOG_LEVEL, and LiteRT has no such choice; both write
straight to the file descriptor. A process of its own reads that and passes the rest on: so nothing is lost of what a
library says before it ends this process.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

from .side_process import can_start_processes

# TensorFlow's lines of information and warning begin with a letter and the date ("I0000 "), its errors with E and F;
# LiteRT's begin with the word.
_PASS_ON = """
import sys
for line in sys.stdin.buffer:
    is_note = line[:1] in (b"I", b"W") and line[1:5].isdigit() and line[5:6] == b" "
    if not (is_note or line.startswith(b"INFO: ") or b"before absl::InitializeLog()" in line):
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
"""
_PATIENCE_S = 5.0
# There is one descriptor for all threads.
_one_at_a_time = threading.Lock()


@contextlib.contextmanager
def without_start_notes() -> Iterator[None]:
    """Leave lines of information and warning out of standard error inside the block.

    Where no process can be started, or there is no standard error, everything passes.
    """
    with _one_at_a_time, contextlib.ExitStack() as stack:
        # Without a process the block runs all the same.
        with contextlib.suppress(OSError):
            if can_start_processes():
                stack.enter_context(_passed_on())
        yield


@contextlib.contextmanager
def _passed_on() -> Iterator[None]:
    own = os.dup(2)
    try:
        # Ctrl-C in a terminal is for this process: the other one ends when its input does.
        apart: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            apart = {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
        reader = subprocess.Popen([sys.executable, "-I", "-S", "-c", _PASS_ON], stdin=subprocess.PIPE, **apart)
        assert reader.stdin is not None
        os.dup2(reader.stdin.fileno(), 2)
        reader.stdin.close()
        try:
            yield
        finally:
            # The last copy of the pipe's end goes with this, so the other process comes to its end.
            os.dup2(own, 2)
            with contextlib.suppress(subprocess.TimeoutExpired):
                reader.wait(_PATIENCE_S)
    finally:
        os.close(own)
