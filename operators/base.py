# SPDX-License-Identifier: GPL-3.0-or-later
"""What all operators share: a poll that says why, and sentences instead of tracebacks."""

import traceback
from collections.abc import Iterable
from typing import Any

import bpy

from ..blender_addon import jobs
from ..blender_addon.job_queue import Job, JobState
from ..blender_addon.job_request import JobRequest, Preparation
from ..blender_addon.reports import outcome_text
from ..blender_addon.slices import finished
from ..engine.contract.errors import EngineError, ErrorCode
from ..engine.contract.project import LOG_FILE


class Described:
    """Mixin of every operator: `reason` greys the button out, `run` does the work, errors become reports."""

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why the operator can't run now, or an empty text."""
        return ""

    @classmethod
    def poll(cls: Any, context: bpy.types.Context) -> bool:
        """Whether the operator can run; the reason is shown beside a grey button."""
        reason = cls.reason(context)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def run(self: Any, context: bpy.types.Context) -> str:
        """Do the work and return a sentence for the status bar.

        Raises:
            EngineError: What the user should read instead.
        """
        raise NotImplementedError

    def execute(self: Any, context: bpy.types.Context) -> set[str]:
        """Run and report."""
        return self.guarded(self.run, context)

    def guarded(self: Any, work: Any, context: bpy.types.Context) -> set[str]:
        """Call `work(context)`, report its sentence, and turn errors into reports."""
        try:
            sentence = work(context)
        except EngineError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        except Exception as error:  # noqa: BLE001 - the operator base: nothing may reach the user as a traceback
            traceback.print_exc()
            self.report(
                {"ERROR"}, f"Understudy met an error it didn't foresee: {error!r}. The console has the details."
            )
            return {"CANCELLED"}
        if sentence:
            self.report({"INFO"}, sentence)
        return {"FINISHED"}


class JobOperator(Described):
    """Mixin of operators that start jobs: they return at once, but in background mode they wait for the end."""

    def requests(self: Any, context: bpy.types.Context) -> list[JobRequest]:
        """Return what to run, in order.

        Raises:
            EngineError: What the user should read instead.
        """
        raise NotImplementedError

    def preparation(self: Any, context: bpy.types.Context) -> Preparation:
        """Find out what to run in steps; overridden where that takes longer than a window may stand still.

        The operator itself is gone after the first step, so a generator may only use what it was given.
        """
        yield from ()
        return self.requests(context)

    def begun(self: Any) -> str:
        """Return what to say when nothing runs yet; overridden where the preparation is all there is to do."""
        return f"{self.bl_label}: the frames of the edit are read first"

    def run(self: Any, context: bpy.types.Context) -> str:
        """Start the jobs; in background mode wait for them, and fail when none of them ended well."""
        preparation = self.preparation(context)
        if not bpy.app.background:
            started = [jobs.start(request) for request in jobs.prepare(self.bl_label, preparation)]
            if not started:
                return self.begun()
            for job in started:
                self._warn(job.request.remarks)
            return started[0].request.title if len(started) == 1 else f"{len(started)} jobs wait in line"
        started = [jobs.start(request) for request in finished(preparation)]
        jobs.wait(started)
        return self._outcome(started) if started else self.begun()

    def _outcome(self: Any, ended: list[Job]) -> str:
        """Report the warnings of jobs that are over, and the failures where others ended well; return what was done."""
        failed = [job for job in ended if job.state is JobState.FAILED]
        for job in ended:
            self._warn(job.warnings)
        if len(failed) == len(ended):
            raise EngineError(
                ErrorCode.CRASHED, outcome_text(failed[0]), f"Its log: {failed[0].request.folder / LOG_FILE}"
            )
        self._warn(f"{job.request.title} failed. {outcome_text(job)}" for job in failed)
        return " ".join(outcome_text(job) for job in ended if job not in failed)

    def _warn(self: Any, sentences: Iterable[str]) -> None:
        for sentence in sentences:
            self.report({"WARNING"}, sentence)
