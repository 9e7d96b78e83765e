# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user reads about a job: progress in words, and for each failure a sentence, a next step and a button."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..engine.contract.errors import ErrorCode
from ..engine.contract.messages import Failed
from .ids import Operator
from .job_queue import Job, JobState

# What helps when the engine gave no next step itself, and the button that goes with it.
_ADVICE: dict[ErrorCode, tuple[str, Operator | None]] = {
    ErrorCode.NO_FACES: ("Choose another detector or a lower confidence, then extract again.", Operator.EXTRACT),
    ErrorCode.TOO_FEW_FACES: ("Extract and assign more shots of this performer.", Operator.EXTRACT),
    ErrorCode.TRACKS_MISSING: ("Extract the faces of this shot first.", Operator.EXTRACT),
    ErrorCode.FACESET_UNREADABLE: ("Extract the faces of this shot again.", Operator.EXTRACT),
    ErrorCode.MODEL_MISSING: ("Train a model first.", Operator.TRAIN_START),
    ErrorCode.MODEL_UNREADABLE: ("Restore the model's folder from a backup, or train under another name.", None),
    ErrorCode.MODEL_MISMATCH: ("Train under another model name, or go back to the settings it was trained with.", None),
    ErrorCode.PERFORMER_UNKNOWN: ("Choose a performer the model was trained on.", None),
    ErrorCode.PROJECT_BUSY: ("Wait until the other job has ended, then start again.", None),
    ErrorCode.DISK_FULL: ("Free some space, then start again; finished work is kept.", Operator.FOLDER_OPEN),
    ErrorCode.NOT_WRITABLE: ("Save the .blend where you may write, then start again.", Operator.FOLDER_OPEN),
    ErrorCode.STRIP_MISSING: ("Select the strip and press Insert Frames.", Operator.SWAP_INSERT),
    ErrorCode.LIBRARY_MISSING: (
        "Install the engine again; what is there already is kept.",
        Operator.ENVIRONMENT_INSTALL,
    ),
    ErrorCode.ENVIRONMENT_BROKEN: (
        "Install the engine again; what is there already is kept.",
        Operator.ENVIRONMENT_INSTALL,
    ),
    ErrorCode.DETECTOR_UNAVAILABLE: (
        "Choose another detector, or install the engine again.",
        Operator.ENVIRONMENT_INSTALL,
    ),
    ErrorCode.OUT_OF_MEMORY: ("Lower the batch size or choose a smaller network, then start again.", None),
    ErrorCode.OFFLINE: ("Allow online access in Blender's system preferences.", Operator.PREFERENCES_OPEN),
    ErrorCode.CRASHED: ("Open the log to see its last words.", Operator.JOB_OPEN_LOG),
    ErrorCode.INTERNAL: ("Open the log, and report it with what you did.", Operator.JOB_OPEN_LOG),
}


@dataclass(frozen=True)
class FailureReport:
    """A failure as the user meets it.

    Attributes:
        sentence: What happened.
        hint: What to do next; may be empty.
        operator: The button that helps, or None.
    """

    sentence: str
    hint: str
    operator: Operator | None

    def __str__(self) -> str:
        return f"{self.sentence} {self.hint}".strip()


def failure_report(failure: Failed) -> FailureReport:
    """Return the sentence, next step and button for a failure; unknown codes of a newer engine are fine."""
    try:
        hint, operator = _ADVICE.get(ErrorCode(failure.code), ("", None))
    except ValueError:
        hint, operator = "", None
    return FailureReport(failure.message, failure.hint or hint, operator)


def duration_text(seconds: float) -> str:
    """Return a duration for the user: "8 s", "3 min", "2 h 05 min"."""
    if seconds < 59.5:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def clock_text(seconds: float) -> str:
    """Return a time as a clock shows it: "1:07" or "2:05:00"."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def progress_factor(job: Job) -> float:
    """Return how far the job's stage is, 0 to 1; 0 when that is unknown."""
    if job.progress is None or not job.progress.total:
        return 0.0
    return min(1.0, max(0.0, job.progress.done / job.progress.total))


def progress_text(job: Job) -> str:
    """Return one line on what the job is doing, short enough for a progress bar in a side bar."""
    if job.state is JobState.WAITING:
        return "Waiting"
    if job.state is JobState.STOPPING:
        return "Stopping, saving what is finished"
    progress = job.progress
    if progress is None:
        return job.stage
    if progress.unit == "seconds":
        count = clock_text(progress.done) + (f" of {clock_text(progress.total)}" if progress.total else "")
    else:
        count = f"{progress.done:.0f}" + (f" / {progress.total:.0f}" if progress.total else "") + f" {progress.unit}"
    is_known = progress.remaining_s is not None and progress.remaining_s >= 0.5
    left = f", {duration_text(progress.remaining_s or 0)} left" if is_known else ""
    return count + left


def check_report(result: dict[str, Any]) -> str:
    """Return what the check found, one finding a line, from the result of a check job."""
    gib = 1 << 30
    libraries = ", ".join(f"{name} {version}" for name, version in result.get("libraries", {}).items())
    models = ", ".join(f"{model['name']}{'' if model['works'] else ' (broken)'}" for model in result.get("models", ()))
    lines = [
        f"Engine {result.get('engine', '')}, Python {result.get('python', '')}",
        f"Device: {result.get('device', '')}, {result.get('cores', 0)} cores",
        f"Memory: {result.get('free_memory', 0) / gib:.1f} of {result.get('memory', 0) / gib:.1f} GiB free",
        f"Disk: {result.get('free_disk', 0) / gib:.0f} GiB free",
        f"Libraries: {libraries}",
        f"Models: {models}",
    ]
    return "\n".join(lines)


def outcome_text(job: Job) -> str:
    """Return the sentence a finished job leaves behind."""
    if job.failure is not None:
        return str(failure_report(job.failure))
    return "" if job.done is None else job.done.summary
