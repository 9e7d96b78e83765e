# SPDX-License-Identifier: GPL-3.0-or-later
"""The real launcher as a child process, started as Blender starts it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from understudy.engine.contract.messages import Done, Failed, Hello, Message, decode

LAUNCH = Path(__file__).resolve().parents[2] / "training_cli" / "launch.py"


def command(*arguments: Any) -> list[str]:
    return [sys.executable, "-I", "-u", "-X", "utf8", str(LAUNCH), *map(str, arguments)]


def start(*arguments: Any, **options: Any) -> subprocess.Popen:
    """Start the program with pipes for all three streams."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command(*arguments), encoding="utf-8", **{**pipes, **options})


def run(*arguments: Any, **options: Any) -> subprocess.CompletedProcess:
    """Run the program to its end with standard input that nobody closes early."""
    settings = {"stdin": subprocess.DEVNULL, "capture_output": True, "encoding": "utf-8", "timeout": 60}
    return subprocess.run(command(*arguments), check=False, **{**settings, **options})


def messages(text: str) -> list[Message]:
    """Return the messages of a whole standard output; every line must be one, the first Hello, the last an end."""
    found = [decode(line) for line in text.splitlines()]
    assert isinstance(found[0], Hello)
    assert isinstance(found[-1], Done | Failed)
    assert not any(isinstance(message, Done | Failed) for message in found[:-1])
    return found


def is_running(pid: int) -> bool:
    """Whether a process exists and isn't merely waiting to be collected."""
    if os.name == "nt":
        listing = subprocess.run(["tasklist", "/FI", f"PID eq {pid}"], capture_output=True, text=True, check=False)
        return str(pid) in listing.stdout
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
