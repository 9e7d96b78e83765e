# SPDX-License-Identifier: GPL-3.0-or-later
"""Step 3: the chosen shots, the faces found in them, whose they are, and how fit they are for a swap."""

from dataclasses import fields
from typing import Any

import bpy

from ..blender_addon import casting, ids, previews, readiness, shot_fitness, shots
from ..blender_addon.project_view import FoundFootage, FoundTrack
from ..blender_addon.sequencer import sequencer_scene
from ..engine.contract.model_licences import LICENCES, models_used, paid_work_sentence
from ..engine.contract.settings import ExtractSettings
from ..engine.contract.steadiness import steadiness_sentence
from .layout import SidebarPanel, button, sentence, settings_rows

_SHOTS_SHOWN = 4
_TRACKS_SHOWN = 8
# With more performers than this only the active one fits beside a face.
_NAMES_SHOWN = 3


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
        _draw_paid_work(layout, settings.extract)
        for strip in strips[:_SHOTS_SHOWN]:
            _draw_shot(layout.box(), context, settings, strip, is_alone=len(strips) == 1)
        if len(strips) > _SHOTS_SHOWN:
            layout.label(text=f"and {len(strips) - _SHOTS_SHOWN} more shots")
        found = [item for item in (readiness.found_in(context, strip) for strip in strips) if item is not None]
        free = sum(_free_tracks(settings, item) for item in found)
        if settings.performers and free > 1:
            index = min(settings.active_performer, len(settings.performers) - 1)
            name = settings.performers[index].name
            which = "All" if free == sum(len(item.tracks) for item in found) else "the Rest"
            operator = layout.operator(ids.Operator.FACES_ASSIGN, text=f"Assign {which} to {name}", icon="USER")
            operator.performer, operator.track, operator.unassigned_only = name, -1, True


def _free_tracks(settings: Any, found: FoundFootage) -> int:
    cast = casting.assigned(settings, found.key)
    return sum(track.id not in cast for track in found.tracks)


def _draw_shot(box: bpy.types.UILayout, context: bpy.types.Context, settings: Any, strip: Any, is_alone: bool) -> None:
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
        _draw_fitness(box.column(align=True), context, strip, found, track)
    if count > _TRACKS_SHOWN:
        box.label(text=f"and {count - _TRACKS_SHOWN} more")
    if count and is_alone:
        sentence(box, steadiness_sentence(found.steadiness))


def _draw_track(row: bpy.types.UILayout, settings: Any, strip: Any, track: FoundTrack, performer_id: str) -> None:
    row.template_icon(icon_value=previews.icon(track.thumbnail or ""), scale=2.6)
    column = row.column(align=True)
    column.label(text=f"Face {track.id}, {track.frames} frame{'' if track.frames == 1 else 's'} in all")
    item = casting.find_performer(settings, performer_id)
    line = column.row(align=True)
    if item is not None:
        line.label(text=item.name, icon="USER")
        operator = line.operator(ids.Operator.FACES_ASSIGN, text="", icon="X")
        operator.performer, operator.strip, operator.track, operator.clear = item.name, strip.name, track.id, True
    elif settings.performers:
        names = _names_to_choose(settings)
        if len(names) > 1:
            line.label(text="This is")
        for name in names:
            operator = line.operator(ids.Operator.FACES_ASSIGN, text=name if len(names) > 1 else f"This is {name}")
            operator.performer, operator.strip, operator.track = name, strip.name, track.id
    else:
        line.label(text="Add a performer first")


def _names_to_choose(settings: Any) -> list[str]:
    names = [item.name for item in settings.performers]
    index = min(settings.active_performer, len(names) - 1)
    return names if len(names) <= _NAMES_SHOWN else names[index : index + 1]


def _draw_fitness(
    column: bpy.types.UILayout, context: bpy.types.Context, strip: Any, found: FoundFootage, track: FoundTrack
) -> None:
    fitness = readiness.fitness_in(found, track.id)
    judged = shot_fitness.strip_fitness(sequencer_scene(context), strip, found, fitness)
    if judged is None:
        return
    row = column.row(align=True)
    row.alignment = "LEFT"
    for icon in shot_fitness.heat_tiles(f"{found.key} {strip.name} {track.id}", judged.values):
        row.template_icon(icon_value=icon, scale=1.6)
    where = "In the whole footage: " if judged.is_of_footage else ""
    worst = judged.shot.ranges[0].sentence if judged.shot.ranges else ""
    text = f"{where}{judged.shot.sentence} {worst[:1].upper()}{worst[1:]}{'.' if worst else ''}".strip()
    sentence(column, text, icon="ERROR" if worst else "CHECKMARK")
    if judged.shot.ranges:
        operator = column.operator(ids.Operator.FACE_WORST_FRAME, text="Go to Worst Frame", icon="TIME")
        operator.strip, operator.track = strip.name, track.id


def _draw_paid_work(layout: bpy.types.UILayout, extract: Any) -> None:
    """Warn where it can't be overlooked; the terms of all models are drawn beside their menus."""
    used = models_used(extract.detector, extract.landmarks)
    if not all(LICENCES[name].paid_work for name in used):
        sentence(layout, paid_work_sentence(used), icon="ERROR")


def _draw_licences(layout: bpy.types.UILayout, extract: Any) -> None:
    box = layout.box()
    box.label(text="Models and paid work")
    for name in models_used(extract.detector, extract.landmarks):
        licence = LICENCES[name]
        sentence(box, licence.sentence, icon="CHECKMARK" if licence.paid_work else "ERROR")


class SEQUENCER_PT_understudy_shots_settings(SidebarPanel, bpy.types.Panel):
    """Settings of the search."""

    bl_idname = ids.Panel.SHOTS_SETTINGS
    bl_parent_id = ids.Panel.SHOTS
    bl_label = "Search Settings"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the settings; what only folders of pictures need is left to the command line."""
        settings = sequencer_scene(context).understudy
        self.layout.use_property_split, self.layout.use_property_decorate = True, False
        self.layout.prop(settings, "handles")
        skipped = ("processes", "skip_existing", "debug_landmarks")
        models = ("detector", "landmarks")
        others = [item.name for item in fields(ExtractSettings) if item.name not in models]
        settings_rows(self.layout, settings.extract, ExtractSettings, others)
        _draw_licences(self.layout, settings.extract)
        settings_rows(self.layout, settings.extract, ExtractSettings, (*models, *skipped))


CLASSES = (SEQUENCER_PT_understudy_shots, SEQUENCER_PT_understudy_shots_settings)
