# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs one after another: what each is doing, told by its messages, and its results taken over in small steps. No bpy.

`JobQueue.poll` is the only driver. Blender's timer calls it ten times a second, background mode calls it in a loop,
tests call it by hand; it never takes longer than the budget it is given, but for a single step of a finisher.
"""

from __future__ import annotations

import time
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from ..engine.contract.errors import EngineError, ErrorCode
from ..engine.contract.messages import (
    Artifact,
    Done,
    Failed,
    Hello,
    Log,
    Message,
    Metrics,
    Preview,
    Progress,
    Stage,
)
from ..engine.contract.orders import Order
from .edit_frames import in_edit
from .job_request import JobRequest, Preparation
from .process import EngineProcess

KEPT_LOGS = 50


class JobState(StrEnum):
    """Where a job is in its life."""

    PREPARING = "preparing"
    WAITING = "waiting"
    RUNNING = "running"
    STOPPING = "stopping"
    FINISHING = "finishing"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


OVER = frozenset({JobState.DONE, JobState.STOPPED, JobState.FAILED})


@dataclass
class Job:
    """One request and how far it is. Filled from messages; read by panels and operators."""

    request: JobRequest
    uid: str = field(default_factory=lambda: uuid.uuid4().hex)
    state: JobState = JobState.WAITING
    hello: Hello | None = None
    stage: str = ""
    progress: Progress | None = None
    step: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    previews: dict[str, str] = field(default_factory=dict)
    fresh_previews: set[str] = field(default_factory=set)
    artifacts: dict[str, str] = field(default_factory=dict)
    logs: deque[Log] = field(default_factory=lambda: deque(maxlen=KEPT_LOGS))
    done: Done | None = None
    failure: Failed | None = None
    process: EngineProcess | None = None
    preparation: Preparation | None = None
    _inbox: deque[Message] = field(default_factory=deque)
    _finishing: Iterator[None] | None = None
    _is_stale: bool = False

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in OVER

    @property
    def is_active(self) -> bool:
        """Whether it has begun and isn't over."""
        return self.state in (JobState.RUNNING, JobState.STOPPING, JobState.FINISHING)

    @property
    def can_save(self) -> bool:
        """Whether it can write a checkpoint and go on: a running training can."""
        return self.request.kind == "train" and self.state is JobState.RUNNING

    @property
    def note(self) -> str:
        """What it said last that is no warning."""
        return next((log.text for log in reversed(self.logs) if log.level == "info"), "")

    @property
    def result(self) -> dict[str, Any]:
        """Figures and paths of the last message; empty before it came."""
        return {} if self.done is None else self.done.result

    @property
    def warnings(self) -> list[str]:
        """Sentences the user should know although the job went on, in frames of the timeline as it was."""
        strips = self.request.strips
        return [*self.request.remarks, *(in_edit(log.text, log.frames, strips) for log in self.warning_logs)]

    @property
    def warning_logs(self) -> list[Log]:
        """The engine's warnings, in frames of the footage."""
        return [log for log in self.logs if log.level == "warning"]

    def start(self) -> None:
        """Launch the engine."""
        self.process = EngineProcess(self.request.command, self.request.folder)
        self.state = JobState.RUNNING
        self.stage = "Starting"
        self.process.start()

    def stop(self) -> None:
        """Stop it where it is; a result that is being taken over is taken over to the end."""
        if self.state in (JobState.PREPARING, JobState.WAITING):
            if self.preparation is not None:
                self.preparation.close()
            self.state = JobState.STOPPED
            self.done = Done(True, "Taken out of the queue before it began.")
        elif self.state is JobState.RUNNING and self.process is not None:
            self.state = JobState.STOPPING
            self.process.stop()

    def save(self) -> None:
        """Let a running training write a checkpoint after the step it is in, and go on; its note tells when it did."""
        if self.can_save and self.process is not None:
            self.process.order(Order.SAVE)
            self.logs.append(Log("info", "Saving after this step"))

    def advance(self, deadline: float) -> bool:
        """Read messages and take over results until `deadline` (`time.perf_counter`); return whether anything changed.

        At least one message or one step is worked off, so that a tight budget slows a job down but never halts it.
        """
        if self.state is JobState.FINISHING:
            return self._finish(deadline)
        if self.process is not None:
            self._inbox.extend(self.process.mailbox.take())
        changed = bool(self._inbox)
        while self._inbox:
            self.apply(self._inbox.popleft())
            if time.perf_counter() >= deadline:
                break
        return changed

    def apply(self, message: Message) -> None:
        """Note what a message says."""
        match message:
            case Hello():
                self.hello = message
            case Stage():
                self.stage, self.progress = message.title, None
            case Progress():
                self.progress = message
            case Metrics():
                self.step, self.metrics = message.step, dict(message.values)
            case Preview():
                self.previews[message.kind] = message.path
                self.fresh_previews.add(message.path)
            case Artifact():
                self.artifacts[message.kind] = message.path
            case Log():
                self.logs.append(message)
            case Done():
                self._take_done(message)
            case Failed():
                self.failure, self.state = self._in_edit(message), JobState.FAILED

    def _in_edit(self, message: Failed) -> Failed:
        text, hint = (in_edit(item, message.frames, self.request.strips) for item in (message.message, message.hint))
        return replace(message, message=text, hint=hint)

    def _take_done(self, message: Done) -> None:
        self.done = replace(message, summary=in_edit(message.summary, message.frames, self.request.strips))
        if self.request.finisher is None:
            self.state = JobState.STOPPED if message.stopped else JobState.DONE
        else:
            self.state, self.stage, self.progress = JobState.FINISHING, "Taking over the result", None

    def note_changed_edit(self) -> None:
        """Let go of what may have gone with an undo step or a loaded file: begin the take-over anew, end preparing."""
        self._is_stale = True

    def prepare(self, deadline: float) -> list[JobRequest] | None:
        """Go on preparing until `deadline`; return what is to be run once that is known."""
        assert self.preparation is not None
        try:
            if self._is_stale:
                self.preparation.close()
                raise EngineError(ErrorCode.JOB_INVALID, "The edit changed while its frames were read.", "Start again.")
            while True:
                next(self.preparation)
                if time.perf_counter() >= deadline:
                    return None
        except StopIteration as end:
            return end.value
        except EngineError as error:
            self.failure, self.state = Failed(error.code, error.message, error.hint), JobState.FAILED
        return None

    def _finish(self, deadline: float) -> bool:
        assert self.done is not None and self.request.finisher is not None
        try:
            while True:
                if self._finishing is None or self._is_stale:
                    self._finishing, self._is_stale = iter(self.request.finisher(self.done)), False
                next(self._finishing)
                if time.perf_counter() >= deadline:
                    return True
        except StopIteration:
            self.state = JobState.STOPPED if self.done.stopped else JobState.DONE
        except EngineError as error:
            self.failure, self.state = Failed(error.code, error.message, error.hint), JobState.FAILED
        return True

    def fail(self, message: str, hint: str = "") -> None:
        """End it because taking over its result went wrong in a way nobody foresaw."""
        self.failure, self.state = Failed(ErrorCode.INTERNAL, message, hint), JobState.FAILED


class JobQueue:
    """Runs jobs one after another, in the order they were added."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    @property
    def current(self) -> Job | None:
        """The job that is running, or None."""
        return next((job for job in self.jobs if job.is_active), None)

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs and nothing waits."""
        return all(job.is_over for job in self.jobs)

    def add(self, request: JobRequest) -> Job:
        """Put a request at the end of the queue; `poll` starts it when its turn comes."""
        job = Job(request)
        self.jobs.append(job)
        return job

    def add_preparation(self, title: str, preparation: Preparation) -> Job:
        """Put what finds out its requests by itself at the end of the queue; `poll` goes on with it."""
        request = JobRequest("prepare", title, (), Path())
        job = Job(request, state=JobState.PREPARING, stage="Reading the frames of the edit", preparation=preparation)
        self.jobs.append(job)
        return job

    def find(self, uid: str) -> Job | None:
        """Return the job of this id, or None."""
        return next((job for job in self.jobs if job.uid == uid), None)

    def poll(self, budget_s: float) -> bool:
        """Start, read and finish jobs within a time budget; return whether anything changed."""
        deadline = time.perf_counter() + budget_s
        preparing = next((item for item in self.jobs if item.state is JobState.PREPARING), None)
        if preparing is not None and (self.current is None or not self.current.advance(time.perf_counter())):
            self._prepare(preparing, deadline)
            return True
        job = self.current
        if job is None:
            job = next((item for item in self.jobs if item.state is JobState.WAITING), None)
            if job is None:
                return False
            job.start()
            return True
        return job.advance(deadline)

    def _prepare(self, job: Job, deadline: float) -> None:
        requests = job.prepare(deadline)
        if requests is not None:
            place = self.jobs.index(job)
            self.jobs[place : place + 1] = [Job(request) for request in requests]

    def stop_all(self) -> None:
        """Stop what runs and drop what waits."""
        for job in reversed(self.jobs):
            job.stop()

    def clear(self) -> None:
        """Forget the jobs that are over."""
        self.jobs = [job for job in self.jobs if not job.is_over]

    def close(self) -> None:
        """Stop everything and wait until no child is left."""
        self.stop_all()
        for job in self.jobs:
            if job.process is not None:
                job.process.close()
