# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators for people: find the performers in all shots, take suggestions over or say that it isn't them."""

import bpy
from bpy.props import IntProperty, StringProperty

from ..blender_addon import casting, ids, people_search, readiness, suggestions
from ..blender_addon.job_queue import JobRequest
from ..blender_addon.sequencer import sequencer_scene
from ..engine.contract.people import TrackName
from .base import Described, JobOperator

_PERFORMER = "Name of the performer"
_FOOTAGE = "Key of the footage in the project"


class UNDERSTUDY_OT_people_find(JobOperator, bpy.types.Operator):
    """Compare the faces of all extracted footage and suggest where else the performers are."""

    bl_idname = ids.Operator.PEOPLE_FIND
    bl_label = "Find Performers in All Shots"
    bl_description = (
        "Compare the faces of all extracted shots: group them into people, and suggest where else each performer is. "
        "Nothing is assigned before you accept it"
    )
    bl_options = {"REGISTER"}

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why nobody can be looked for."""
        return readiness.edit_reason(context) if bpy.app.background else readiness.people_reason(context)

    def requests(self, context: bpy.types.Context) -> list[JobRequest]:
        """Return the search."""
        return [people_search.people_request(context)]


class UNDERSTUDY_OT_people_accept(Described, bpy.types.Operator):
    """Assign suggested face tracks to a performer."""

    bl_idname = ids.Operator.PEOPLE_ACCEPT
    bl_label = "Accept"
    bl_description = "This is the performer: assign this face track, or all that are surely theirs"
    bl_options = {"REGISTER", "UNDO"}

    performer: StringProperty(name="Performer", description=_PERFORMER, options={"SKIP_SAVE"})
    footage: StringProperty(name="Footage", description=_FOOTAGE, options={"SKIP_SAVE"})
    track: IntProperty(
        name="Face Track",
        description="Id of the face track; -1 takes all that are surely the performer's",
        default=-1,
        options={"SKIP_SAVE"},
    )

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why there is nothing to accept."""
        return "" if bpy.app.background else readiness.suggestions_reason(context)

    def run(self, context: bpy.types.Context) -> str:
        """Assign, and say how many."""
        settings, people = sequencer_scene(context).understudy, people_search.found_people()
        item = casting.require_performer(settings, self.performer)
        if self.track < 0:
            count = suggestions.accept_sure(settings, people, item.performer_id)
        else:
            suggestions.accept(settings, people, item.performer_id, TrackName(self.footage, self.track))
            count = 1
        return f"{'1 face track' if count == 1 else f'{count} face tracks'} assigned to {item.name}."


class UNDERSTUDY_OT_people_reject(Described, bpy.types.Operator):
    """Remember that a suggested face track is not the performer."""

    bl_idname = ids.Operator.PEOPLE_REJECT
    bl_label = "Not Them"
    bl_description = "This isn't the performer: remember it, so that neither this face nor faces like it are suggested"
    bl_options = {"REGISTER", "UNDO"}

    performer: StringProperty(name="Performer", description=_PERFORMER, options={"SKIP_SAVE"})
    footage: StringProperty(name="Footage", description=_FOOTAGE, options={"SKIP_SAVE"})
    track: IntProperty(name="Face Track", description="Id of the face track", options={"SKIP_SAVE"})

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why there is nothing to reject."""
        return "" if bpy.app.background else readiness.suggestions_reason(context)

    def run(self, context: bpy.types.Context) -> str:
        """Remember it."""
        settings, people = sequencer_scene(context).understudy, people_search.found_people()
        item = casting.require_performer(settings, self.performer)
        suggestions.reject(settings, people, item.performer_id, TrackName(self.footage, self.track))
        return f"Face {self.track} is not {item.name}; the next search knows."


CLASSES = (UNDERSTUDY_OT_people_find, UNDERSTUDY_OT_people_accept, UNDERSTUDY_OT_people_reject)
