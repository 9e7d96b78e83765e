# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators for training sets: choose a performer's faces for the chosen shots, and show how well they cover them."""

import bpy
from bpy.props import StringProperty

from ..blender_addon import casting, ids, readiness
from ..blender_addon.build_request import build_requests
from ..blender_addon.job_request import Preparation
from ..blender_addon.job_requests import project_of_edit
from ..blender_addon.sequencer import sequencer_scene
from ..engine.contract.errors import EngineError, ErrorCode
from ..engine.contract.project import COVERAGE_FILE
from .base import Described, JobOperator
from .faces import chosen
from .train import show_image

_PERFORMER = "Whose faces are chosen; empty takes who shall appear"


class UNDERSTUDY_OT_faceset_build(JobOperator, bpy.types.Operator):
    """Choose the faces of a performer that cover the chosen shots best."""

    bl_idname = ids.Operator.FACESET_BUILD
    bl_label = "Build Training Set"
    bl_description = (
        "Choose from all faces of who shall appear those that cover pose, light and expression of the selected shots, "
        "and say what is missing"
    )
    bl_options = {"REGISTER"}

    strip: StringProperty(
        name="Strip", description="Name of a strip; empty takes the selected ones", options={"SKIP_SAVE"}
    )
    performer: StringProperty(name="Performer", description=_PERFORMER, options={"SKIP_SAVE"})
    target: StringProperty(
        name="Target", description="Whose place they take; empty takes the scene's", options={"SKIP_SAVE"}
    )

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why nothing can be built; a script's own choices are checked when it runs."""
        return readiness.edit_reason(context) if bpy.app.background else readiness.build_reason(context)

    def preparation(self, context: bpy.types.Context) -> Preparation:
        """Find out what the shots use of their footage."""
        return build_requests(context, chosen(context, self.strip), self.performer.strip(), self.target.strip())


class UNDERSTUDY_OT_faceset_show(Described, bpy.types.Operator):
    """Show the coverage of a training set in an Image Editor."""

    bl_idname = ids.Operator.FACESET_SHOW
    bl_label = "Show Coverage"
    bl_description = "Show in an Image Editor what the shots need and what the chosen faces cover"
    bl_options = {"REGISTER"}

    performer: StringProperty(name="Performer", description=_PERFORMER, options={"SKIP_SAVE"})

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why there is nothing to show."""
        return "" if bpy.data.filepath else "Save the .blend first"

    def run(self, context: bpy.types.Context) -> str:
        """Load the picture and show it where there is room."""
        settings = sequencer_scene(context).understudy
        item = casting.require_performer(settings, self.performer.strip() or settings.source)
        path = project_of_edit().training_set(item.performer_id) / COVERAGE_FILE
        if not path.is_file():
            raise EngineError(ErrorCode.FACESET_UNREADABLE, f"{item.name} has no training set yet.", "Build it first.")
        show_image(context, path)
        return ""


CLASSES = (UNDERSTUDY_OT_faceset_build, UNDERSTUDY_OT_faceset_show)
