# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators for jobs: stop, open the log, forget what is over, open the project folder."""

from pathlib import Path

import bpy
from bpy.props import BoolProperty, StringProperty

from ..blender_addon import ids, job_requests, jobs, readiness
from ..engine.contract.errors import EngineError, ErrorCode
from ..engine.contract.project import LOG_FILE
from .base import Described


class UNDERSTUDY_OT_job_stop(Described, bpy.types.Operator):
    """Stop a job at its next step; what is finished is kept."""

    bl_idname = ids.Operator.JOB_STOP
    bl_label = "Stop"
    bl_description = "Stop at the next step and keep what is finished; a waiting job is taken out of the queue"
    bl_options = {"REGISTER"}

    uid: StringProperty(name="Job", description="Id of the job; empty takes the running one", options={"SKIP_SAVE"})
    everything: BoolProperty(
        name="Everything", description="Also take out what waits", default=False, options={"SKIP_SAVE"}
    )

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why there is nothing to stop."""
        return readiness.stop_reason(context)

    def run(self, context: bpy.types.Context) -> str:
        """Tell the jobs to stop and return at once."""
        told = jobs.stop(self.uid, self.everything)
        return f"Stopping: {', '.join(job.request.title for job in told)}" if told else ""


class UNDERSTUDY_OT_job_open_log(Described, bpy.types.Operator):
    """Open the log of a job."""

    bl_idname = ids.Operator.JOB_OPEN_LOG
    bl_label = "Open Log"
    bl_description = "Open what the engine wrote about this job"
    bl_options = {"REGISTER"}

    uid: StringProperty(name="Job", description="Id of the job; empty takes the latest", options={"SKIP_SAVE"})

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why there is no log."""
        return "" if jobs.queue.jobs else "No job has run yet"

    def run(self, context: bpy.types.Context) -> str:
        """Open the file with the system's program for texts."""
        job = jobs.queue.find(self.uid) if self.uid else jobs.queue.jobs[-1]
        path = None if job is None else job.request.folder / LOG_FILE
        if path is None or not path.is_file():
            raise EngineError(
                ErrorCode.FRAME_MISSING, "This job has no log.", "It ended before the engine was started."
            )
        if not bpy.app.background:
            open_path(path)
        return str(path)


class UNDERSTUDY_OT_jobs_clear(Described, bpy.types.Operator):
    """Forget the jobs that are over."""

    bl_idname = ids.Operator.JOBS_CLEAR
    bl_label = "Clear Finished Jobs"
    bl_description = "Take finished jobs off the list; their files and logs stay"
    bl_options = {"REGISTER"}

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why there is nothing to clear."""
        return "" if any(job.is_over for job in jobs.queue.jobs) else "No job is over"

    def run(self, context: bpy.types.Context) -> str:
        """Clear the list."""
        jobs.clear()
        return ""


class UNDERSTUDY_OT_folder_open(Described, bpy.types.Operator):
    """Open the project folder."""

    bl_idname = ids.Operator.FOLDER_OPEN
    bl_label = "Open Project Folder"
    bl_description = "Open the folder beside the .blend that holds faces, models and swapped frames"
    bl_options = {"REGISTER"}

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why there is no project folder."""
        return "" if bpy.data.filepath else "Save the .blend first; the project folder is made beside it"

    def run(self, context: bpy.types.Context) -> str:
        """Create the folder if need be and open it."""
        project = job_requests.project_of_edit()
        project.create()
        if not bpy.app.background:
            open_path(project.root)
        return str(project.root)


def open_path(path: Path) -> None:
    """Open a file or folder with the system's program for it."""
    bpy.ops.wm.path_open(filepath=str(path))


CLASSES = (
    UNDERSTUDY_OT_job_stop,
    UNDERSTUDY_OT_job_open_log,
    UNDERSTUDY_OT_jobs_clear,
    UNDERSTUDY_OT_folder_open,
)
