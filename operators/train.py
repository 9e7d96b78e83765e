# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators for training: start it, let it save, and show its preview large."""

from pathlib import Path

import bpy
from bpy.props import FloatProperty, StringProperty

from ..blender_addon import casting, ids, job_requests, jobs, preview_shots, previews, readiness
from ..blender_addon.job_request import JobRequest
from ..blender_addon.sequencer import sequencer_scene
from ..engine.contract.errors import EngineError, ErrorCode
from ..engine.contract.project import PREVIEW_FILE
from .base import Described, JobOperator


class UNDERSTUDY_OT_train_start(JobOperator, bpy.types.Operator):
    """Train a model on the assigned faces, or go on with it."""

    bl_idname = ids.Operator.TRAIN_START
    bl_label = "Train"
    bl_description = (
        "Train the model on the performers' faces, or go on where it stopped; stop whenever the preview is good"
    )
    bl_options = {"REGISTER"}

    model: StringProperty(name="Model", description="Name of the model; empty takes the scene's", options={"SKIP_SAVE"})
    performers: StringProperty(
        name="Performers",
        description="Names separated by commas; empty takes everybody with assigned faces",
        options={"SKIP_SAVE"},
    )
    minutes: FloatProperty(
        name="Minutes",
        description="Stop after this time, 0 for no limit; -1 takes the scene's setting",
        default=-1.0,
        min=-1.0,
        options={"SKIP_SAVE"},
    )

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why no model can be trained."""
        return readiness.train_reason(context)

    def requests(self, context: bpy.types.Context) -> list[JobRequest]:
        """Return the training."""
        names = [name.strip() for name in self.performers.split(",") if name.strip()]
        settings = sequencer_scene(context).understudy
        learned = [casting.require_performer(settings, name).performer_id for name in names]
        preview = preview_shots.shots_at_the_playhead(context, learned)
        return [job_requests.train_request(context, self.model.strip(), names, self.minutes, preview)]


class UNDERSTUDY_OT_train_save(Described, bpy.types.Operator):
    """Write a checkpoint of the running training without stopping it."""

    bl_idname = ids.Operator.TRAIN_SAVE
    bl_label = "Save Now"
    bl_description = "Write a checkpoint after the step that the training is in, and go on training"
    bl_options = {"REGISTER"}

    uid: StringProperty(name="Job", description="Id of the job; empty takes the running one", options={"SKIP_SAVE"})

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why there is nothing to save."""
        return readiness.save_reason()

    def run(self, context: bpy.types.Context) -> str:
        """Ask the training to save and return at once."""
        job = jobs.save(self.uid)
        if job is None:
            raise EngineError(ErrorCode.JOB_INVALID, "This job is no running training.", "Choose the one that runs.")
        return f"{job.request.title}: saving after the step it is in"


class UNDERSTUDY_OT_preview_show(Described, bpy.types.Operator):
    """Show the training preview in an Image Editor; it follows the training."""

    bl_idname = ids.Operator.PREVIEW_SHOW
    bl_label = "Show Preview"
    bl_description = "Show the training preview in an Image Editor; it is renewed while the training runs"
    bl_options = {"REGISTER"}

    model: StringProperty(name="Model", description="Name of the model; empty takes the scene's", options={"SKIP_SAVE"})

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why there is no preview."""
        return "" if bpy.data.filepath else "Save the .blend first"

    def run(self, context: bpy.types.Context) -> str:
        """Load the preview and show it where there is room."""
        name = self.model.strip() or sequencer_scene(context).understudy.model
        path = job_requests.project_of_edit().model(name) / PREVIEW_FILE
        if not path.is_file():
            raise EngineError(ErrorCode.MODEL_MISSING, f"The model “{name}” has no preview yet.", "Train it first.")
        show_image(context, path)
        return ""


def show_image(context: bpy.types.Context, path: Path) -> None:
    """Show a picture file in an Image Editor that is open, else in a new window."""
    image = previews.as_image(path)
    areas = [area for window in context.window_manager.windows for area in window.screen.areas]
    area = next((area for area in areas if area.type == "IMAGE_EDITOR"), None)
    if area is None and not bpy.app.background:
        with context.temp_override(window=context.window or context.window_manager.windows[0]):
            bpy.ops.wm.window_new()
        area = context.window_manager.windows[-1].screen.areas[0]
        area.type = "IMAGE_EDITOR"
    if area is not None:
        area.spaces.active.image = image
        area.tag_redraw()


CLASSES = (UNDERSTUDY_OT_train_start, UNDERSTUDY_OT_train_save, UNDERSTUDY_OT_preview_show)
