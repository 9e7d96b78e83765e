# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators that correct face tracks: each adds one correction of the footage and lets the engine apply it.

Corrections lie in the project folder, not in the .blend, and have their own undo.
"""

from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, FloatVectorProperty, IntProperty, StringProperty

from ..blender_addon import ids, readiness, track_editing
from ..blender_addon.job_request import Preparation
from ..blender_addon.track_editing import Space
from ..engine.contract.corrections import DEFAULT_REACH
from .base import Described, JobOperator
from .track_gestures import BoxGesturing, FaceGesturing

_SPACES = [
    (Space.PICTURE, "Picture", "Pixels of the footage, from its upper left corner"),
    (Space.FRAME, "Frame", "Pixels of the edit's frame as the preview shows it, from its upper left corner"),
]


def _track() -> IntProperty:
    return IntProperty(
        name="Face Track",
        description="Number of the face track; 0 takes the only one in the frame",
        default=0,
        min=0,
        options={"SKIP_SAVE"},
    )


def _space() -> EnumProperty:
    return EnumProperty(name="Pixels", description="What the pixels count", items=_SPACES, options={"SKIP_SAVE"})


def _plain(*values: float) -> list[float]:
    """Return numbers as they were typed: Blender keeps single precision, and 3.3 comes back as 3.29999995."""
    return [float(f"{value:.7g}") for value in values]


class Correcting(JobOperator):
    """Mixin of the operators that correct the chosen shot's footage at the playhead."""

    strip: StringProperty(
        name="Strip", description="Name of the shot; empty takes the selected one", options={"SKIP_SAVE"}
    )
    frame: IntProperty(
        name="Media Frame",
        description="Picture of the footage; -1 takes the one at the playhead",
        default=-1,
        min=-1,
        options={"SKIP_SAVE"},
    )

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why nothing can be corrected; a script's own choices are checked when it runs."""
        return readiness.edit_reason(context) if bpy.app.background else readiness.frame_reason(context)

    def corrected(self: Any, context: bpy.types.Context, edit: track_editing.Edit, title: str = "") -> Preparation:
        """Return the preparation of a correction; its job has the operator's name by default."""
        return track_editing.correction_steps(context, title or self.bl_label, edit, self.strip, self.frame)


class UNDERSTUDY_OT_track_activate(Described, bpy.types.Operator):
    """Choose the face that buttons and the mouse work on."""

    bl_idname = ids.Operator.TRACK_ACTIVATE
    bl_label = "Choose Face"
    bl_description = "Choose the face that the buttons below and the mouse in the preview work on"
    bl_options = {"REGISTER", "INTERNAL"}

    track: _track()

    def run(self, context: bpy.types.Context) -> str:
        """Choose it."""
        context.window_manager.understudy.active_face = self.track
        return ""


class UNDERSTUDY_OT_track_move(FaceGesturing, Correcting, bpy.types.Operator):
    """Move, scale and turn a face in one frame, as a key frame."""

    bl_idname = ids.Operator.TRACK_MOVE
    bl_label = "Move Face"
    bl_description = (
        "Move, scale and turn a face in this frame; between corrected frames the correction is interpolated, "
        "beyond them it fades out"
    )
    bl_options = {"REGISTER"}

    track: _track()
    shift: FloatVectorProperty(name="Shift", description="Pixels to the right and down", size=2, options={"SKIP_SAVE"})
    scale: FloatProperty(
        name="Scale",
        description="Factor, about the middle of the face's box",
        default=1.0,
        min=0.1,
        max=10.0,
        options={"SKIP_SAVE"},
    )
    turn: FloatProperty(
        name="Turn", description="Degrees clockwise", default=0.0, min=-180.0, max=180.0, options={"SKIP_SAVE"}
    )
    reach: IntProperty(
        name="Reach",
        description="Frames over which it fades out beyond the outermost corrected frames; 0 changes this frame only, "
        "-1 holds it to the ends of the track",
        default=DEFAULT_REACH,
        min=-1,
        options={"SKIP_SAVE"},
    )
    space: _space()

    def preparation(self, context: bpy.types.Context) -> Preparation:
        """Return the key frame."""
        reach = self.reach if self.reach >= 0 else None
        number, (dx, dy, scale, turn) = self.track, _plain(*self.shift, self.scale, self.turn)
        space = Space(self.space)
        return self.corrected(
            context, lambda frame: track_editing.move_face(frame, number, (dx, dy), scale, turn, space, reach)
        )


class UNDERSTUDY_OT_track_keep(Correcting, bpy.types.Operator):
    """Say that a face is right in this frame."""

    bl_idname = ids.Operator.TRACK_KEEP
    bl_label = "Keep Face as Found"
    bl_description = "Say that the face was found right in this frame: corrections before and after it end here"
    bl_options = {"REGISTER"}

    track: _track()

    def preparation(self, context: bpy.types.Context) -> Preparation:
        """Return the key frame without a change."""
        number = self.track
        return self.corrected(context, lambda frame: track_editing.keep_face(frame, number))


class UNDERSTUDY_OT_track_realign(Correcting, bpy.types.Operator):
    """Follow a face anew from the playhead on."""

    bl_idname = ids.Operator.TRACK_REALIGN
    bl_label = "Re-align from Here"
    bl_description = "Follow the face anew from this frame on, starting from where it is now"
    bl_options = {"REGISTER"}

    track: _track()

    def preparation(self, context: bpy.types.Context) -> Preparation:
        """Return the new start."""
        number = self.track
        return self.corrected(context, lambda frame: track_editing.realign_face(frame, number))


class UNDERSTUDY_OT_track_add(BoxGesturing, Correcting, bpy.types.Operator):
    """Add a face that was not found, by its box."""

    bl_idname = ids.Operator.TRACK_ADD
    bl_label = "Add Face"
    bl_description = "Add a face by its box in this frame, from the brows to the chin; it is followed both ways"
    bl_options = {"REGISTER"}

    box: FloatVectorProperty(
        name="Box", description="Left, top, right and bottom in pixels", size=4, options={"SKIP_SAVE"}
    )
    space: _space()

    def preparation(self, context: bpy.types.Context) -> Preparation:
        """Return the new face."""
        (x0, y0, x1, y1), space = _plain(*self.box), Space(self.space)
        return self.corrected(context, lambda frame: track_editing.add_face(frame, (x0, y0, x1, y1), space))


class UNDERSTUDY_OT_track_split(Correcting, bpy.types.Operator):
    """Begin a new face track at the playhead."""

    bl_idname = ids.Operator.TRACK_SPLIT
    bl_label = "Split Face Track"
    bl_description = "Let a new face track begin in this frame, where the face turns into somebody else's"
    bl_options = {"REGISTER"}

    track: _track()

    def preparation(self, context: bpy.types.Context) -> Preparation:
        """Return the split."""
        number = self.track
        return self.corrected(context, lambda frame: track_editing.split_track(frame, number))


class UNDERSTUDY_OT_track_merge(Correcting, bpy.types.Operator):
    """Make two face tracks of the same face one."""

    bl_idname = ids.Operator.TRACK_MERGE
    bl_label = "Merge Face Tracks"
    bl_description = "Make two face tracks one that show the same face one after the other; the first keeps its number"
    bl_options = {"REGISTER"}

    track: _track()
    other: IntProperty(name="Other Track", description="Number of the face track that joins the first", min=0)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask for the other track's number."""
        return context.window_manager.invoke_props_dialog(self)

    def draw(self, context: bpy.types.Context) -> None:
        """Draw what the button hasn't said already."""
        self.layout.label(text=f"Face {self.track} keeps its number.")
        self.layout.prop(self, "other")

    def preparation(self, context: bpy.types.Context) -> Preparation:
        """Return the merger."""
        number, other = self.track, self.other
        return self.corrected(context, lambda frame: track_editing.merge_tracks(frame, number, other))


class UNDERSTUDY_OT_track_delete(Correcting, bpy.types.Operator):
    """Delete a face track, or some of its frames."""

    bl_idname = ids.Operator.TRACK_DELETE
    bl_label = "Delete Face Track"
    bl_description = "Delete a face track, or its frames in the preview range, or without such a range this frame"
    bl_options = {"REGISTER"}

    track: _track()
    frames_only: BoolProperty(
        name="Frames Only",
        description="Delete only the frames of the preview range, or the one at the playhead",
        default=False,
        options={"SKIP_SAVE"},
    )
    start: IntProperty(
        name="Start",
        description="First media frame to delete; -1 takes the preview range",
        default=-1,
        min=-1,
        options={"SKIP_SAVE"},
    )
    end: IntProperty(
        name="End", description="Media frame behind the last one to delete", default=0, min=0, options={"SKIP_SAVE"}
    )

    def preparation(self, context: bpy.types.Context) -> Preparation:
        """Return the deletion."""
        number, start, end = self.track, self.start, self.end
        if self.frames_only or start >= 0:
            title = "Delete Frames of Face Track"
            return self.corrected(context, lambda frame: track_editing.delete_frames(frame, number, start, end), title)
        return self.corrected(context, lambda frame: track_editing.delete_track(frame, number))


class UNDERSTUDY_OT_track_undo(JobOperator, bpy.types.Operator):
    """Take the last correction of the shot's footage back."""

    bl_idname = ids.Operator.TRACK_UNDO
    bl_label = "Undo Correction"
    bl_description = (
        "Take back the last correction of this footage; Blender's own undo doesn't reach the project folder"
    )
    bl_options = {"REGISTER"}

    strip: StringProperty(
        name="Strip", description="Name of the shot; empty takes the selected one", options={"SKIP_SAVE"}
    )
    everything: BoolProperty(
        name="Everything", description="Take back all corrections", default=False, options={"SKIP_SAVE"}
    )

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why there is nothing to take back."""
        return readiness.edit_reason(context) if bpy.app.background else readiness.undo_reason(context)

    def preparation(self, context: bpy.types.Context) -> Preparation:
        """Return the undo."""
        return track_editing.undo_steps(context, self.strip, self.everything)


CLASSES = (
    UNDERSTUDY_OT_track_activate,
    UNDERSTUDY_OT_track_move,
    UNDERSTUDY_OT_track_keep,
    UNDERSTUDY_OT_track_realign,
    UNDERSTUDY_OT_track_add,
    UNDERSTUDY_OT_track_split,
    UNDERSTUDY_OT_track_merge,
    UNDERSTUDY_OT_track_delete,
    UNDERSTUDY_OT_track_undo,
)
