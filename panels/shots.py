# SPDX-License-Identifier: GPL-3.0-or-later
"""Step 3: the chosen shots, the faces found in them, and whose they are."""

from typing import Any

import bpy

from ..blender_addon import casting, ids, previews, readiness, shots
from ..blender_addon.project_view import FoundTrack
from ..blender_addon.sequencer import sequencer_scene
from ..engine.contract.settings import ExtractSettings
from .layout import SidebarPanel, button, settings_rows

_SHOTS_SHOWN = 4
_TRACKS_SHOWN = 8


class SEQUENCER_PT_understudy_shots(SidebarPanel, bpy.types.Panel):
    """Faces of the chosen shots."""

    bl_idname = ids.Panel.SHOTS
    bl_label = "3  Shots"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the search button and what was found."""
        layout, settings = self.layout, sequencer_scene(context).understudy
        strips = [strip for strip in shots.chosen_strips(context) if strip.type in shots.SHOT_KINDS]
        text = "Extract Faces" if len(strips) < 2 else f"Extract Faces of {len(strips)} Shots"
        button(layout, ids.Operator.EXTRACT, readiness.extract_reason(context), text, "VIEWZOOM")
        for strip in strips[:_SHOTS_SHOWN]:
            _draw_shot(layout.box(), context, settings, strip)
        if len(strips) > _SHOTS_SHOWN:
            layout.label(text=f"and {len(strips) - _SHOTS_SHOWN} more shots")
        found = [item for item in (readiness.found_in(context, strip) for strip in strips) if item is not None]
        if settings.performers and any(item.tracks for item in found):
            index = min(settings.active_performer, len(settings.performers) - 1)
            name = settings.performers[index].name
            operator = layout.operator(ids.Operator.FACES_ASSIGN, text=f"Assign All to {name}", icon="USER")
            operator.performer, operator.track = name, -1


def _draw_shot(box: bpy.types.UILayout, context: bpy.types.Context, settings: Any, strip: Any) -> None:
    found = readiness.found_in(context, strip)
    if found is None:
        box.label(text=strip.name, icon="SEQUENCE")
        box.label(text="Faces not extracted yet", icon="BLANK1")
        return
    count = len(found.tracks)
    number = f"{count} face track{'' if count == 1 else 's'}" if count else "no face found"
    box.label(text=f"{strip.name}: {number}", icon="SEQUENCE")
    cast = casting.assigned(settings, found.key)
    for track in found.tracks[:_TRACKS_SHOWN]:
        _draw_track(box.row(), settings, strip, track, cast.get(track.id, ""))
    if count > _TRACKS_SHOWN:
        box.label(text=f"and {count - _TRACKS_SHOWN} more")


def _draw_track(row: bpy.types.UILayout, settings: Any, strip: Any, track: FoundTrack, performer_id: str) -> None:
    row.template_icon(icon_value=previews.icon(track.thumbnail or ""), scale=2.6)
    column = row.column(align=True)
    column.label(text=f"Face {track.id}, {track.frames} frames")
    item = casting.find_performer(settings, performer_id)
    line = column.row(align=True)
    if item is not None:
        line.label(text=item.name, icon="USER")
        operator = line.operator(ids.Operator.FACES_ASSIGN, text="", icon="X")
        operator.performer, operator.strip, operator.track, operator.clear = item.name, strip.name, track.id, True
    elif settings.performers:
        index = min(settings.active_performer, len(settings.performers) - 1)
        name = settings.performers[index].name
        operator = line.operator(ids.Operator.FACES_ASSIGN, text=f"This is {name}")
        operator.performer, operator.strip, operator.track = name, strip.name, track.id
    else:
        line.label(text="Add a performer first")


class SEQUENCER_PT_understudy_shots_settings(SidebarPanel, bpy.types.Panel):
    """Settings of the search."""

    bl_idname = ids.Panel.SHOTS_SETTINGS
    bl_parent_id = ids.Panel.SHOTS
    bl_label = "Search Settings"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the settings; what only folders of pictures need is left to the command line."""
        settings = sequencer_scene(context).understudy
        self.layout.use_property_split = True
        self.layout.prop(settings, "handles")
        skipped = ("processes", "skip_existing", "debug_landmarks")
        settings_rows(self.layout, settings.extract, ExtractSettings, skipped)


CLASSES = (SEQUENCER_PT_understudy_shots, SEQUENCER_PT_understudy_shots_settings)
