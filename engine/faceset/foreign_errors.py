# SPDX-License-Identifier: GPL-3.0-or-later
"""The two failures of files from other programs: unsafe ones that ask for code, and unreadable ones."""

from __future__ import annotations

from pathlib import Path

from ..contract.errors import EngineError, ErrorCode


def unsafe(path: Path, reason: str) -> EngineError:
    """Return the sentence for a file that would run code if it were loaded the usual way."""
    return EngineError(
        ErrorCode.ALIGNMENTS_UNSAFE,
        f"{path} is refused: {reason}, and reading it could run code hidden inside.",
        "Convert it with the program that wrote it to JSON, or extract the faces again.",
    )


def unreadable(path: Path, reason: str) -> EngineError:
    """Return the sentence for a file that is missing, damaged or of another kind."""
    return EngineError(
        ErrorCode.ALIGNMENTS_UNREADABLE,
        f"The alignments {path} can't be read: {reason}.",
        "Correct the path or the entry, or extract the faces again.",
    )


def read_bytes(path: Path, most_bytes: int) -> bytes:
    """Return a file's content.

    Raises:
        EngineError: `alignments_unreadable`, when it is missing, can't be read or is larger than `most_bytes`.
    """
    try:
        if path.stat().st_size > most_bytes:
            raise unreadable(path, f"it is larger than {most_bytes >> 20} MiB")
        return path.read_bytes()
    except OSError as error:
        reason = "it is missing" if isinstance(error, FileNotFoundError) else error.strerror
        raise unreadable(path, str(reason)) from error
