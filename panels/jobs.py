# SPDX-License-Identifier: GPL-3.0-or-later
"""Running and finished jobs, on top of the tab while there are any."""

from typing import Any

import bpy

from ..blender_addon import ids, job_frames, jobs
from ..blender_addon.job_queue import Job, JobState
from ..engine.contract.frame_mentions import frame_list
from .layout import SidebarPanel, sentence

_SHOWN = 6
_WARNINGS_SHOWN = 3
_ICONS = {
    JobState.PREPARING: "VIEWZOOM",
    JobState.WAITING: "TIME",
    JobState.RUNNING: "PLAY",
    JobState.STOPPING: "PAUSE",
    JobState.FINISHING: "IMPORT",
    JobState.DONE: "CHECKMARK",
    JobState.STOPPED: "SNAP_FACE",
    JobState.FAILED: "ERROR",
}


class SEQUENCER_PT_understudy_jobs(SidebarPanel, bpy.types.Panel):
    """What runs, what waits and how the last ones ended."""

    bl_idname = ids.Panel.JOBS
    bl_label = "Jobs"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether there is any job to show."""
        return len(context.window_manager.understudy.jobs) > 0

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the newest jobs."""
        listed = list(context.window_manager.understudy.jobs)
        for job in listed[-_SHOWN:]:
            box = self.layout.box()
            _draw_job(box, job)
            _draw_warnings(box, context, jobs.queue.find(job.uid))
        if any(job.state in (JobState.DONE, JobState.STOPPED, JobState.FAILED) for job in listed):
            self.layout.operator(ids.Operator.JOBS_CLEAR, icon="X")


def _draw_job(box: bpy.types.UILayout, job: Any) -> None:
    state = JobState(job.state)
    is_running = state is JobState.RUNNING
    row = box.split(factor=0.5 if job.can_save else 0.72) if is_running else box.row()
    row.label(text=job.title, icon=_ICONS[state])
    if job.can_save:
        row = row.row(align=True)
        row.operator(ids.Operator.TRAIN_SAVE, text="Save", icon="FILE_TICK").uid = job.uid
    if is_running or state in (JobState.PREPARING, JobState.WAITING):
        row.operator(ids.Operator.JOB_STOP, text="Stop" if is_running else "", icon="CANCEL").uid = job.uid
    if state in (JobState.RUNNING, JobState.STOPPING, JobState.FINISHING):
        box.progress(factor=job.permille / 1000, type="BAR", text=job.text)
        if job.text != job.stage:
            box.label(text=job.stage)
        if job.figures:
            box.label(text=job.figures, icon="BLANK1")
        if job.outlook:
            sentence(box, job.outlook)
        if job.note:
            sentence(box, job.note, icon="INFO")
    elif state is JobState.FAILED:
        sentence(box, job.summary)
        sentence(box, job.hint, icon="FORWARD")
        _draw_help(box.row(align=True), job)
    elif job.summary:
        sentence(box, _summary(job))


def _draw_warnings(box: bpy.types.UILayout, context: bpy.types.Context, job: Job | None) -> None:
    """Draw the newest warnings in frames of the timeline, each with a button that goes there."""
    if job is None:
        return
    for remark in job.request.remarks:
        sentence(box, remark, icon="ERROR")
    logs, shown = job.warning_logs, job_frames.frames_now(context, job)
    for log in logs[-_WARNINGS_SHOWN:]:
        sentence(box, shown.sentence(log), icon="INFO")
        place = shown.place(log)
        if place is not None:
            operator = box.operator(ids.Operator.FRAMES_SHOW, text="Go to These Frames", icon="TIME")
            operator.strip, operator.frames = place[0], frame_list(place[1])
    if len(logs) > _WARNINGS_SHOWN:
        box.label(text=f"and {len(logs) - _WARNINGS_SHOWN} earlier warnings", icon="BLANK1")


def _summary(job: Any) -> str:
    # What else the search says stands in the panel Shots, and stays true there when a strip is moved.
    return f"{job.summary.split('. ')[0].rstrip('.')}." if job.kind == "extract" else job.summary


def _draw_help(row: bpy.types.UILayout, job: Any) -> None:
    if job.helper and job.helper != ids.Operator.JOB_OPEN_LOG:
        row.operator(job.helper)
    row.operator(ids.Operator.JOB_OPEN_LOG, icon="TEXT").uid = job.uid


CLASSES = (SEQUENCER_PT_understudy_jobs,)
