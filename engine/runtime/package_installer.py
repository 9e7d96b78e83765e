# SPDX-License-Identifier: GPL-3.0-or-later
"""pip as a child process: its output becomes progress, its failures become sentences, a stop ends it at once."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Sequence

from ..contract.errors import EngineError, ErrorCode
from .child_process import run_child

# What pip prints for each kind of failure; the first match counts, so causes stand before their consequences.
_FAILURES: tuple[tuple[str, ErrorCode, str, str], ...] = (
    (
        r"No space left on device|\[Errno 28\]|WinError 112|Disk quota exceeded",
        ErrorCode.DISK_FULL,
        "The disk is full: the engine's libraries could not be written.",
        "Free about 4 GB, or choose another folder, then install again; what is there already is kept.",
    ),
    (
        r"DO NOT MATCH THE HASHES|HashMismatch",
        ErrorCode.ENVIRONMENT_BROKEN,
        "A downloaded package is not the one on the pinned list, so it was not installed.",
        "Install again; if it happens twice, ask whoever runs your network or package mirror what alters downloads.",
    ),
    (
        r"Read-only file system|Permission denied|\[Errno 13\]|\[Errno 30\]|WinError 5\b",
        ErrorCode.NOT_WRITABLE,
        "The engine's folder could not be written.",
        "Choose a folder in which you may write, then install again.",
    ),
    (
        r"NewConnectionError|Failed to establish a new connection|Temporary failure in name resolution|getaddrinfo"
        r"|Name or service not known|ConnectTimeout|ReadTimeout|ProxyError|Connection refused|Network is unreachable"
        r"|SSLError|CERTIFICATE_VERIFY_FAILED|Connection aborted|IncompleteRead|NameResolutionError",
        ErrorCode.OFFLINE,
        "The package index could not be reached.",
        "Check the network connection, the proxy and pip's own configuration, then install again; it goes on where it "
        "ended.",
    ),
    (
        r"No matching distribution found|Could not find a version that satisfies|is not a supported wheel",
        ErrorCode.ENVIRONMENT_BROKEN,
        "pip found no package for this Python on this system: {detail}.",
        "If the network is in order, choose another Python, 3.11 has the most packages, and install again.",
    ),
)


def run_pip(
    command: Sequence[str], on_line: Callable[[str], None], on_tick: Callable[[], bool], environment: dict[str, str]
) -> bool:
    """Run a pip command to its end, or until a stop is asked for.

    Args:
        command: Program and arguments.
        on_line: Gets every line that pip prints.
        on_tick: Called several times a second; returns whether to stop.
        environment: Environment variables of the child; pip's own (`PIP_*`) are the user's and should be among them.

    Returns:
        Whether pip came to its end; False means it was stopped.

    Raises:
        EngineError: When pip failed, with the cause as far as its output tells.
    """
    tail: deque[str] = deque(maxlen=400)

    def take(line: str) -> None:
        tail.append(line)
        on_line(line)

    code = run_child(command, take, on_tick, environment)
    if code:
        raise failure_of(tail)
    return code is not None


def failure_of(lines: Sequence[str] | deque[str]) -> EngineError:
    """Return the error that pip's last lines tell of."""
    text = "\n".join(lines)
    detail = _error_line(lines)
    for pattern, code, message, hint in _FAILURES:
        if re.search(pattern, text):
            return EngineError(code, message.format(detail=detail.rstrip(".")), hint)
    return EngineError(
        ErrorCode.ENVIRONMENT_BROKEN,
        f"pip could not install the engine's libraries: {detail}",
        "Install again; if it fails the same way, remove the environment and choose another Python.",
    )


def _error_line(lines: Sequence[str] | deque[str]) -> str:
    for pattern in (r"^ERROR: ", r"^\s*\w*(?:Error|Exception): ", r"\S"):
        found = [line.strip() for line in lines if re.search(pattern, line)]
        if found:
            return found[-1].removeprefix("ERROR:").strip()
    return "it said nothing"
