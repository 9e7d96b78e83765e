# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs inside Blender: the one application timer, the state the panels read, undo, and the end of it all.

Operators start jobs and return. While one runs, a persistent timer reads messages and takes over results within a
time budget; in background mode, where timers never fire, `wait` does the same by the same code.
"""

from __future__ import annotations

import atexit
import contextlib
import time
import traceback
from collections.abc import Sequence
from typing import Any

import bpy
from bpy.app.handlers import persistent

from ..engine.contract.outlook import outlook_text, plain_figures
from . import previews, shots
from .job_queue import Job, JobQueue, JobState
from .job_request import JobRequest, Preparation
from .reports import failure_report, progress_factor, progress_text

TICK_SECONDS = 0.1
# A tick reads messages this long and then finishes the step it is in; a step of an insertion takes up to 8 ms, so
# that Blender gets its window back within one picture of a 60 Hz screen.
BUDGET_SECONDS = 0.006

queue = JobQueue()


def start(request: JobRequest) -> Job:
    """Queue a job and see to it that it is driven."""
    job = queue.add(request)
    publish()
    _ensure_timer()
    return job


def prepare(title: str, preparation: Preparation) -> list[JobRequest]:
    """Return what is to be run if that is known within a moment; otherwise the timer goes on and starts it itself.

    Retimed strips need some milliseconds for every frame, more than Blender's window may stand still.

    Raises:
        EngineError: Why nothing can be run.
    """
    deadline = time.perf_counter() + BUDGET_SECONDS
    try:
        while time.perf_counter() < deadline:
            next(preparation)
    except StopIteration as end:
        return end.value
    queue.add_preparation(title, preparation)
    publish()
    _ensure_timer()
    return []


def wait(jobs: Sequence[Job]) -> None:
    """Drive the queue until these jobs are over; for background mode. An interruption stops them."""
    try:
        while not all(job.is_over for job in jobs):
            if not tick():
                time.sleep(0.02)
    except KeyboardInterrupt:
        queue.stop_all()
        raise


def tick() -> bool:
    """Do a slice of the work; return whether anything changed."""
    before = queue.current
    try:
        changed = queue.poll(BUDGET_SECONDS)
    except Exception as error:  # noqa: BLE001 - like the operator base: a timer that raises is silently dropped
        traceback.print_exc()
        changed = True
        if before is not None:
            before.fail(f"Taking over the result failed: {error}.", "The job's files are kept; report it with the log.")
    if before is not None and before.is_over:
        _after(before)
    if changed:
        publish()
    return changed


def stop(uid: str = "", everything: bool = False) -> list[Job]:
    """Stop one job, by default the running one, or all; return those that were told to."""
    if everything:
        told = [job for job in queue.jobs if not job.is_over]
    else:
        job = queue.find(uid) if uid else queue.current
        told = [] if job is None or job.is_over else [job]
    for job in reversed(told):
        job.stop()
    publish()
    return told


def save(uid: str = "") -> Job | None:
    """Let a training save and go on, by default the one that runs; return it, or None where there is none."""
    job = queue.find(uid) if uid else queue.current
    if job is None or not job.can_save:
        return None
    job.save()
    publish()
    return job


def clear() -> None:
    """Forget the jobs that are over."""
    queue.clear()
    publish()


def _after(job: Job) -> None:
    if job.request.undo and job.state is not JobState.FAILED:
        push_undo(job.request.undo)


def push_undo(message: str) -> None:
    """Make what was changed since the last undo step one of its own."""
    windows = bpy.context.window_manager.windows
    if not windows:
        return
    with bpy.context.temp_override(window=windows[0]):
        if bpy.ops.ed.undo_push.poll():
            bpy.ops.ed.undo_push(message=message)


def publish() -> None:
    """Copy the queue into `WindowManager.understudy` and redraw the sequencer, if anything is different there."""
    state: Any = getattr(bpy.context.window_manager, "understudy", None)
    if state is None:
        return
    rows = [_row(job) for job in queue.jobs]
    changed = len(state.jobs) != len(rows)
    while len(state.jobs) > len(rows):
        state.jobs.remove(len(state.jobs) - 1)
    while len(state.jobs) < len(rows):
        state.jobs.add()
    for item, row in zip(state.jobs, rows, strict=True):
        for name, value in row.items():
            if getattr(item, name) != value:
                setattr(item, name, value)
                changed = True
    for job in queue.jobs:
        while job.fresh_previews:
            previews.refresh(job.fresh_previews.pop())
            changed = True
    if changed:
        redraw()


def _row(job: Job) -> dict[str, Any]:
    report = None if job.failure is None else failure_report(job.failure)
    return {
        "uid": job.uid,
        "kind": job.request.kind,
        "title": job.request.title,
        "state": job.state.value,
        "stage": job.stage,
        # Single precision is what Blender stores; rounding keeps the comparison true.
        "permille": round(progress_factor(job) * 1000),
        "text": progress_text(job),
        "summary": report.sentence if report else (job.done.summary if job.done else ""),
        "hint": report.hint if report else "",
        "helper": (report.operator or "") if report else "",
        "warning": job.warnings[-1] if job.warnings else "",
        "can_save": job.can_save,
        # Of the other jobs the last message is worth more.
        "note": job.note if job.request.kind == "train" else "",
        "figures": "  ".join(f"{name} {value:.4g}" for name, value in plain_figures(job.metrics).items()),
        "outlook": outlook_text(job.metrics),
        "folder": str(job.request.folder),
        "preview": job.previews.get("training", ""),
    }


def redraw() -> None:
    """Redraw the sequencers, the pictures and the clips of every window."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in {"SEQUENCE_EDITOR", "IMAGE_EDITOR", "CLIP_EDITOR"}:
                area.tag_redraw()


def _on_timer() -> float | None:
    tick()
    if queue.is_idle:
        return None
    return TICK_SECONDS


def _ensure_timer() -> None:
    if not bpy.app.background and not bpy.app.timers.is_registered(_on_timer):
        bpy.app.timers.register(_on_timer, first_interval=0.0, persistent=True)


@persistent
def _on_history(*_: object) -> None:
    # An undo step or a loaded file replaces every strip in memory; what a finisher holds may be stale.
    for job in queue.jobs:
        job.note_changed_edit()


@persistent
def _on_load(*_: object) -> None:
    shots.note_loaded_file()
    _on_history()
    publish()


@persistent
def _on_exit(*_: object) -> None:
    queue.close()


_HANDLERS = (("undo_post", _on_history), ("redo_post", _on_history), ("load_post", _on_load), ("exit_pre", _on_exit))


def register() -> None:
    """Watch for undo, file loads and the end of Blender."""
    for name, function in _HANDLERS:
        # exit_pre is new in Blender 5.0; atexit covers 4.5.
        handlers = getattr(bpy.app.handlers, name, None)
        if handlers is not None:
            handlers.append(function)
    atexit.register(queue.close)


def unregister() -> None:
    """Stop every job and leave no timer or handler behind."""
    queue.close()
    queue.jobs.clear()
    # The window manager keeps its list over an update of the extension; nobody could take these jobs off it.
    publish()
    if bpy.app.timers.is_registered(_on_timer):
        bpy.app.timers.unregister(_on_timer)
    for name, function in _HANDLERS:
        handlers = getattr(bpy.app.handlers, name, None)
        if handlers is not None:
            with contextlib.suppress(ValueError):
                handlers.remove(function)
    atexit.unregister(queue.close)
