# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong, in words for the user: one exception root with a code, a sentence and a next step."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .frame_mentions import FrameMention


class ErrorCode(StrEnum):
    """Stable names of failures, shared by the engine's messages and Blender's reports."""

    SETTINGS_INVALID = "settings_invalid"
    JOB_INVALID = "job_invalid"
    FOOTAGE_MISSING = "footage_missing"
    FOOTAGE_UNREADABLE = "footage_unreadable"
    FRAME_MISSING = "frame_missing"
    PICTURE_UNREADABLE = "picture_unreadable"
    NO_FACES = "no_faces"
    TOO_FEW_FACES = "too_few_faces"
    ALIGNMENTS_UNREADABLE = "alignments_unreadable"
    ALIGNMENTS_UNSAFE = "alignments_unsafe"
    FACESET_UNREADABLE = "faceset_unreadable"
    TRACKS_MISSING = "tracks_missing"
    CORRECTION_INVALID = "correction_invalid"
    MODEL_MISSING = "model_missing"
    MODEL_UNREADABLE = "model_unreadable"
    MODEL_MISMATCH = "model_mismatch"
    PERFORMER_UNKNOWN = "performer_unknown"
    PROJECT_BUSY = "project_busy"
    PROJECT_UNREADABLE = "project_unreadable"
    DISK_FULL = "disk_full"
    NOT_WRITABLE = "not_writable"
    LIBRARY_MISSING = "library_missing"
    DETECTOR_UNAVAILABLE = "detector_unavailable"
    OUT_OF_MEMORY = "out_of_memory"
    PERCEPTUAL_UNAVAILABLE = "perceptual_unavailable"
    TRAINING_DIVERGED = "training_diverged"
    STRIP_UNSUPPORTED = "strip_unsupported"
    STRIP_MISSING = "strip_missing"
    ENVIRONMENT_BROKEN = "environment_broken"
    OFFLINE = "offline"
    CRASHED = "crashed"
    INTERNAL = "internal"


class EngineError(Exception):
    """A failure whose cause is known.

    Args:
        code: Stable name of the failure.
        message: What happened, naming the file, frame or strip, as one sentence for the user.
        hint: What to do next, as one sentence for the user; may be empty.
        frames: Media frames that message or hint name.
    """

    def __init__(self, code: ErrorCode, message: str, hint: str = "", frames: Sequence[FrameMention] = ()) -> None:
        super().__init__(message)
        self.code = ErrorCode(code)
        self.message = message
        self.hint = hint
        self.frames = tuple(frames)

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()
