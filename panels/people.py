# SPDX-License-Identifier: GPL-3.0-or-later
"""Step 3, over all shots: where else the performers are, to be accepted or not, and who looks alike."""

from pathlib import Path
from typing import Any

import bpy

from ..blender_addon import casting, ids, previews, readiness, shots, suggestions
from ..blender_addon.job_requests import project_of_edit, settings_of
from ..blender_addon.project_view import ProjectView, view
from ..blender_addon.sequencer import sequencer_scene
from ..engine.contract.people import Contested, LookAlikes, People, Suggestion, TrackName
from ..engine.contract.settings import PeopleSettings
from .layout import SidebarPanel, button, sentence

_SUGGESTIONS_SHOWN = 6
_QUESTIONS_SHOWN = 4
_ICON_SCALE = 2.6


class SEQUENCER_PT_understudy_people(SidebarPanel, bpy.types.Panel):
    """The performers in all shots."""

    bl_idname = ids.Panel.PEOPLE
    bl_parent_id = ids.Panel.SHOTS
    bl_label = "Performers in All Shots"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the threshold, the search button, the suggestions and the open questions."""
        layout, settings = self.layout, sequencer_scene(context).understudy
        looked = view(project_of_edit()) if bpy.data.filepath else None
        # Before there is anybody to look for they would only be in the way.
        if looked is not None and looked.has_footage:
            column = layout.column()
            column.use_property_split, column.use_property_decorate = True, False
            column.prop(settings.people, "threshold", slider=True)
            column.prop(settings.people, "look_alike_margin", text="Ask Margin", slider=True)
        button(layout, ids.Operator.PEOPLE_FIND, readiness.people_reason(context), icon="VIEWZOOM")
        people = None if looked is None else looked.people()
        if looked is None or people is None:
            return
        found = (readiness.found_in(context, strip) for strip in shots.chosen_strips(context))
        unseen = suggestions.unseen_tracks(people, [item for item in found if item is not None])
        _draw_outcome(layout, settings, people, unseen)
        questions = suggestions.open_questions(settings, people)
        for item in settings.performers:
            _draw_performer(layout, item.name, questions.of(item.performer_id), looked)
        for contest in questions.contested[:_QUESTIONS_SHOWN]:
            _draw_contest(layout.box(), settings, contest, looked)
        for pair in questions.look_alikes[:_QUESTIONS_SHOWN]:
            _draw_look_alikes(layout.box(), people, pair, looked)


def _draw_outcome(layout: bpy.types.UILayout, settings: Any, people: People, unseen: int) -> None:
    count = sum(len(person.members) for person in people.people)
    persons = f"{len(people.people)} {'person' if len(people.people) == 1 else 'people'}"
    layout.label(text=f"{persons} in {count} face track{'' if count == 1 else 's'}", icon="COMMUNITY")
    if settings_of(settings.people, PeopleSettings) != people.settings:
        searched = f"{people.settings.threshold:.2f}, asking up to {people.settings.limit:.2f}"
        sentence(layout, f"These were found with {searched}; find again to use the new values.", icon="INFO")
    if unseen:
        text = "1 face track of the chosen shots is" if unseen == 1 else f"{unseen} face tracks of the chosen shots are"
        sentence(layout, f"{text} newer than this; find again to compare them, too.", icon="INFO")


def _draw_performer(layout: bpy.types.UILayout, name: str, found: list[Suggestion], looked: ProjectView) -> None:
    if not found:
        return
    sure = sum(suggestion.is_sure for suggestion in found)
    box = layout.box()
    counts = [f"{count} {verdict}" for count, verdict in ((sure, "sure"), (len(found) - sure, "perhaps")) if count]
    box.label(text=f"{name}: {', '.join(counts)}", icon="USER")
    if sure:
        operator = box.operator(ids.Operator.PEOPLE_ACCEPT, text=f"Accept All Sure ({sure})", icon="CHECKMARK")
        operator.performer = name
    for suggestion in found[:_SUGGESTIONS_SHOWN]:
        _draw_suggestion(box.row(), name, suggestion, looked)
    if len(found) > _SUGGESTIONS_SHOWN:
        box.label(text=f"and {len(found) - _SUGGESTIONS_SHOWN} more")


def _draw_suggestion(row: bpy.types.UILayout, performer: str, item: Suggestion, looked: ProjectView) -> None:
    row.template_icon(icon_value=_icon(item.name, looked), scale=_ICON_SCALE)
    column = row.column(align=True)
    column.label(text=f"{_place(item.name, looked)}: {suggestions.verdict_text(item)}")
    if item.reason:
        sentence(column, "Seen in one frame with another face that looks like them", icon="INFO")
    line = column.row(align=True)
    for identifier, text in ((ids.Operator.PEOPLE_ACCEPT, "Accept"), (ids.Operator.PEOPLE_REJECT, "Not Them")):
        operator = line.operator(identifier, text=text)
        operator.performer, operator.footage, operator.track = performer, item.name.key, item.name.track


def _draw_contest(box: bpy.types.UILayout, settings: Any, contest: Contested, looked: ProjectView) -> None:
    row = box.row()
    row.template_icon(icon_value=_icon(contest.name, looked), scale=_ICON_SCALE)
    column = row.column(align=True)
    column.label(text=f"Who is it? {_place(contest.name, looked)}", icon="QUESTION")
    line = column.row(align=True)
    for identity, distance in contest.candidates:
        item = casting.find_performer(settings, identity)
        if item is not None:
            operator = line.operator(ids.Operator.PEOPLE_ACCEPT, text=f"{item.name} {distance:.2f}")
            operator.performer, operator.footage, operator.track = item.name, contest.name.key, contest.name.track


def _draw_look_alikes(box: bpy.types.UILayout, people: People, pair: LookAlikes, looked: ProjectView) -> None:
    box.label(text=f"Perhaps the same? {pair.distance:.2f}", icon="QUESTION")
    row = box.row()
    for number in (pair.first, pair.second):
        person = people.person(number)
        if person is not None:
            name = person.members[0].name
            column = row.column()
            column.template_icon(icon_value=_icon(name, looked), scale=_ICON_SCALE)
            column.label(text=_place(name, looked))


def _icon(name: TrackName, looked: ProjectView) -> int:
    footage = looked.footage_of_key(name.key)
    track = None if footage is None else next((item for item in footage.tracks if item.id == name.track), None)
    return previews.icon(track.thumbnail or "") if track is not None else 0


def _place(name: TrackName, looked: ProjectView) -> str:
    footage = looked.footage_of_key(name.key)
    # A sequence's location is its folder, a movie's its file; a key ends with digits nobody can read.
    where = name.key.rpartition("-")[0] if footage is None else Path(footage.location[0]).stem
    return f"{where}, face {name.track}"


class SEQUENCER_PT_understudy_people_pictures(SidebarPanel, bpy.types.Panel):
    """Pictures of the active performer, and of people who aren't."""

    bl_idname = ids.Panel.PEOPLE_PICTURES
    bl_parent_id = ids.Panel.PEOPLE
    bl_label = "Reference Pictures"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the active performer's pictures and the buttons that add some."""
        layout, settings = self.layout, sequencer_scene(context).understudy
        if not settings.performers:
            layout.label(text="Add a performer first")
            return
        item = settings.performers[min(settings.active_performer, len(settings.performers) - 1)]
        for picture in settings.pictures:
            if picture.performer_id == item.performer_id:
                _draw_picture(layout.row(), item.name, picture)
        for is_them, text in ((True, f"Picture of {item.name}"), (False, f"Picture of Somebody Else than {item.name}")):
            operator = layout.operator(ids.Operator.PICTURE_ADD, text=text, icon="ADD")
            operator.performer, operator.is_them = item.name, is_them


def _draw_picture(row: bpy.types.UILayout, performer: str, picture: Any) -> None:
    path = Path(bpy.path.abspath(picture.path))
    row.template_icon(icon_value=previews.icon(path), scale=_ICON_SCALE)
    row.label(text=path.name, icon="CHECKMARK" if picture.is_them else "CANCEL")
    operator = row.operator(ids.Operator.PICTURE_REMOVE, text="", icon="X")
    operator.performer, operator.filepath = performer, picture.path


CLASSES = (SEQUENCER_PT_understudy_people, SEQUENCER_PT_understudy_people_pictures)
