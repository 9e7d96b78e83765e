# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators for tracking data: face tracks into Blender's movie clips, and what was moved there back."""

import bpy
from bpy.props import IntProperty, StringProperty

from ..blender_addon import ids, readiness, tracking_steps
from ..blender_addon.job_request import Preparation
from .base import JobOperator

_STRIP = "Name of a strip; empty takes the selected ones"


class UNDERSTUDY_OT_tracking_write(JobOperator, bpy.types.Operator):
    """Write face tracks as tracking data of the footage's movie clip."""

    bl_idname = ids.Operator.TRACKING_WRITE
    bl_label = tracking_steps.WRITE
    bl_description = (
        "Write each face of the selected shots as tracks of its footage's movie clip, to stick anything in Blender to"
    )
    bl_options = {"REGISTER"}

    strip: StringProperty(name="Strip", description=_STRIP, options={"SKIP_SAVE"})
    track: IntProperty(
        name="Face Track",
        description="Number of the face track; 0 takes all of them",
        default=0,
        min=0,
        options={"SKIP_SAVE"},
    )

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why no tracking data can be written."""
        return "" if bpy.app.background else readiness.tracking_reason(context)

    def preparation(self, context: bpy.types.Context) -> Preparation:
        """Write it; there is nothing left to run."""
        return tracking_steps.write_steps(context, self.strip, self.track)

    def begun(self) -> str:
        """Return what to say while and after it is written."""
        return "The tracking data is in the Movie Clip Editor"


class UNDERSTUDY_OT_tracking_read(JobOperator, bpy.types.Operator):
    """Take over what was moved in the tracking data as corrections of the face tracks."""

    bl_idname = ids.Operator.TRACKING_READ
    bl_label = tracking_steps.READ
    bl_description = "Take over what you moved in the footage's tracking data as corrections of its face tracks"
    bl_options = {"REGISTER"}

    strip: StringProperty(name="Strip", description=_STRIP, options={"SKIP_SAVE"})

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why no tracking data can be read."""
        return readiness.edit_reason(context) if bpy.app.background else readiness.tracking_read_reason(context)

    def preparation(self, context: bpy.types.Context) -> Preparation:
        """Return the corrections."""
        return tracking_steps.read_steps(context, self.strip)


CLASSES = (UNDERSTUDY_OT_tracking_write, UNDERSTUDY_OT_tracking_read)
