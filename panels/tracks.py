# SPDX-License-Identifier: GPL-3.0-or-later
"""Below the shots: the faces at the playhead, their corrections, and tracking data."""

from typing import Any

import bpy

from ..blender_addon import faces_in_frame, ids, readiness, shots
from ..blender_addon.faces_in_frame import FaceInFrame
from ..blender_addon.project_view import correction_count
from .layout import SidebarPanel, button, sentence

_FACES_SHOWN = 8


class SEQUENCER_PT_understudy_tracks(SidebarPanel, bpy.types.Panel):
    """Faces in this frame, and what can be corrected."""

    bl_idname = ids.Panel.TRACKS
    bl_parent_id = ids.Panel.SHOTS
    bl_label = "Faces in This Frame"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the faces, the buttons of the active one, the corrections and the tracking data."""
        layout = self.layout
        layout.prop(context.window_manager.understudy, "show_faces", icon="HIDE_OFF")
        reason = readiness.frame_reason(context)
        faces = [] if reason else faces_in_frame.faces_at_playhead(context)
        active = faces_in_frame.active_face(context, faces)
        for face in faces[:_FACES_SHOWN]:
            _draw_face(layout.row(align=True), face, faces_in_frame.face_label(context, face), face is active)
        if not faces and not reason:
            layout.label(text="No face in this frame")
        _draw_edits(layout, reason, active, _other_tracks(context, active))
        _draw_corrections(layout, context)
        _draw_tracking(layout, context)


def _draw_face(row: bpy.types.UILayout, face: FaceInFrame, label: str, is_active: bool) -> None:
    text = f"{label}{', lost here' if face.is_bridged else ''}"
    icon = "RADIOBUT_ON" if is_active else "RADIOBUT_OFF"
    row.operator(ids.Operator.TRACK_ACTIVATE, text=text, icon=icon).track = face.track.id
    delete = row.operator(ids.Operator.TRACK_DELETE, text="", icon="TRASH")
    delete.strip, delete.track = face.strip, face.track.id


def _other_tracks(context: bpy.types.Context, face: FaceInFrame | None) -> list[int]:
    """Return the numbers of the other face tracks of the same footage."""
    found = [readiness.found_in(context, strip) for strip in shots.chosen_strips(context)]
    return [
        track.id
        for item in found
        if item is not None and face is not None and item.key == face.key
        for track in item.tracks
        if track.id != face.track.id
    ]


def _draw_edits(layout: bpy.types.UILayout, reason: str, active: FaceInFrame | None, others: list[int]) -> None:
    add = button(layout, ids.Operator.TRACK_ADD, reason, "Add Face: Draw Its Box", "ADD")
    if active is None:
        return
    add.strip = active.strip
    column = layout.column(align=True)
    _edit(column, ids.Operator.TRACK_MOVE, active, f"Move Face {active.track.id}", "ARROW_LEFTRIGHT")
    _edit(column, ids.Operator.TRACK_KEEP, active, "Keep as Found Here", "KEYFRAME")
    _edit(column, ids.Operator.TRACK_REALIGN, active, "Re-align from Here", "TRACKING_FORWARDS")
    _edit(column, ids.Operator.TRACK_SPLIT, active, "Split Here", "MOD_EDGESPLIT")
    if others:
        _edit(column, ids.Operator.TRACK_MERGE, active, "Merge with…", "AUTOMERGE_ON").other = others[0]
    _edit(column, ids.Operator.TRACK_DELETE, active, "Delete Frames", "X").frames_only = True


def _edit(layout: bpy.types.UILayout, operator: ids.Operator, face: FaceInFrame, text: str, icon: str) -> Any:
    properties = layout.operator(operator, text=text, icon=icon)
    properties.strip, properties.track = face.strip, face.track.id
    return properties


def _draw_corrections(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    found = {item.key: item for item in (readiness.found_in(context, s) for s in shots.chosen_strips(context)) if item}
    count = sum(correction_count(item) for item in found.values())
    if count:
        row = layout.row(align=True)
        row.label(text=f"{count} correction{'' if count == 1 else 's'}")
        row.operator(ids.Operator.TRACK_UNDO, text="Undo Last", icon="LOOP_BACK")
        sentence(layout, "They are kept in the project folder; Ctrl-Z doesn't take them back.")


def _draw_tracking(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    reason = readiness.tracking_reason(context)
    if reason:
        return
    row = layout.row(align=True)
    row.operator(ids.Operator.TRACKING_WRITE, icon="TRACKER")
    if not readiness.tracking_read_reason(context):
        row.operator(ids.Operator.TRACKING_READ, text="Read Back", icon="IMPORT")


CLASSES = (SEQUENCER_PT_understudy_tracks,)
