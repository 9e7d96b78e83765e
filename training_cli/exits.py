# SPDX-License-Identifier: GPL-3.0-or-later
"""The program's exit codes, and which failure ends with which."""

from __future__ import annotations

from enum import IntEnum

from ..engine.contract.errors import ErrorCode


class Exit(IntEnum):
    """What the process tells whoever started it."""

    DONE = 0  # also after a stop that was asked for
    FAILED = 1
    USAGE = 2
    ENVIRONMENT = 3
    INTERRUPTED = 130  # ended at once by a second Ctrl-C; the shell's number for that


_ENVIRONMENT_CODES = (ErrorCode.LIBRARY_MISSING, ErrorCode.ENVIRONMENT_BROKEN)


def exit_of(code: ErrorCode) -> Exit:
    """Return the exit code for a failure."""
    return Exit.ENVIRONMENT if code in _ENVIRONMENT_CODES else Exit.FAILED
