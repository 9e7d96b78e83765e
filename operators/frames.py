# SPDX-License-Identifier: GPL-3.0-or-later
"""Operator that moves the playhead to where a strip shows frames of its footage that a sentence named."""

import bpy
from bpy.props import StringProperty

from ..blender_addon import ids, readiness
from ..blender_addon.edit_frames import showing, time_code, words_for
from ..blender_addon.sequencer import sequencer_scene
from ..blender_addon.strips import strip_frames, strip_shot
from ..engine.contract.errors import EngineError, ErrorCode
from ..engine.contract.frame_mentions import frames_in_list, spelled
from .base import Described
from .faces import chosen


class UNDERSTUDY_OT_frames_show(Described, bpy.types.Operator):
    """Move the playhead to the next range of some frames of a strip's footage."""

    bl_idname = ids.Operator.FRAMES_SHOW
    bl_label = "Go to Frames"
    bl_description = "Move the playhead to the first of these frames, and with every further press to the next range"
    bl_options = {"REGISTER"}

    strip: StringProperty(
        name="Strip", description="Name of a strip; empty takes the selected one", options={"SKIP_SAVE"}
    )
    frames: StringProperty(
        name="Media Frames",
        description="Frames of the footage, as 30-53,60 with both ends included",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why there is no edit to go anywhere in."""
        return "" if bpy.app.background or sequencer_scene(context).sequence_editor else readiness.shots_reason(context)

    def run(self, context: bpy.types.Context) -> str:
        """Go there, and say where that is."""
        scene, strip = sequencer_scene(context), chosen(context, self.strip)[0]
        media = frames_in_list(self.frames)
        shown = strip_frames(scene, strip, strip_shot(scene, strip).used)
        places = showing(shown, media)
        if not places:
            what = spelled(media) if media else "no frame"
            raise EngineError(
                ErrorCode.FRAME_MISSING,
                f"“{strip.name}” doesn't show {what} of its footage.",
                "The strip was trimmed since, or the frames are another footage's.",
            )
        starts = [item.start for item in places]
        target = next((start for start in starts if start > scene.frame_current), starts[0])
        scene.frame_set(target)
        return f"Frame {target} ({time_code(target, shown.rate)}) of {words_for([shown], media)}."


CLASSES = (UNDERSTUDY_OT_frames_show,)
