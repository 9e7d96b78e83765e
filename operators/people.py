# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators for people: find the performers in all shots, answer suggestions, keep pictures to compare with."""

from pathlib import Path

import bpy
from bpy.props import BoolProperty, IntProperty, StringProperty

from ..blender_addon import casting, ids, people_search, readiness, suggestions
from ..blender_addon.job_request import JobRequest
from ..blender_addon.sequencer import sequencer_scene
from ..engine.contract.errors import EngineError, ErrorCode
from ..engine.contract.people import TrackName
from .base import Described, JobOperator

_PERFORMER = "Name of the performer"
_FOOTAGE = "Key of the footage in the project"
_PATH = {"SKIP_SAVE", "PATH_SUPPORTS_BLEND_RELATIVE"}


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


class UNDERSTUDY_OT_picture_add(Described, bpy.types.Operator):
    """Add a picture that says what a performer looks like, or who isn't the performer."""

    bl_idname = ids.Operator.PICTURE_ADD
    bl_label = "Add Reference Picture"
    bl_description = "Choose a picture of the performer, or of somebody who isn't; the next search compares with it"
    bl_options = {"REGISTER", "UNDO"}

    performer: StringProperty(name="Performer", description=_PERFORMER, options={"SKIP_SAVE"})
    filepath: StringProperty(
        name="Picture", description="Picture file; its largest face counts", options=_PATH, subtype="FILE_PATH"
    )
    filter_image: BoolProperty(
        name="Pictures", description="Show pictures in the file browser", default=True, options={"HIDDEN", "SKIP_SAVE"}
    )
    is_them: BoolProperty(
        name="Shows Them", description="It shows the performer, not somebody else", default=True, options={"SKIP_SAVE"}
    )

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why there is nobody to add a picture of."""
        return "" if sequencer_scene(context).understudy.performers else "Add a performer first"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask for the file."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def run(self, context: bpy.types.Context) -> str:
        """Note the picture; whether it shows a face is found out by the search."""
        settings = sequencer_scene(context).understudy
        item = casting.require_performer(settings, self.performer)
        path = Path(bpy.path.abspath(self.filepath))
        if not path.is_file():
            raise EngineError(
                ErrorCode.PICTURE_UNREADABLE, f"There is no picture {path}.", "Choose a file with a face in it."
            )
        casting.add_picture(settings, self.filepath, item.performer_id, self.is_them)
        return (
            f"{path.name} shows {item.name}." if self.is_them else f"{path.name} shows somebody else than {item.name}."
        )


class UNDERSTUDY_OT_picture_remove(Described, bpy.types.Operator):
    """Take a reference picture away."""

    bl_idname = ids.Operator.PICTURE_REMOVE
    bl_label = "Remove Reference Picture"
    bl_description = "Don't compare with this picture any more; the file stays"
    bl_options = {"REGISTER", "UNDO"}

    performer: StringProperty(name="Performer", description=_PERFORMER, options={"SKIP_SAVE"})
    filepath: StringProperty(name="Picture", description="Picture file", options=_PATH, subtype="FILE_PATH")

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why there is no picture to remove."""
        return "" if sequencer_scene(context).understudy.pictures else "There is no reference picture"

    def run(self, context: bpy.types.Context) -> str:
        """Remove it."""
        settings = sequencer_scene(context).understudy
        item = casting.require_performer(settings, self.performer)
        if not casting.remove_picture(settings, self.filepath, item.performer_id):
            raise EngineError(
                ErrorCode.PICTURE_UNREADABLE,
                f"{self.filepath} is no reference picture for {item.name}.",
                "Choose one of the list.",
            )
        return ""


CLASSES = (
    UNDERSTUDY_OT_people_find,
    UNDERSTUDY_OT_people_accept,
    UNDERSTUDY_OT_people_reject,
    UNDERSTUDY_OT_picture_add,
    UNDERSTUDY_OT_picture_remove,
)
