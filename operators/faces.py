# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators for faces: find them in the chosen shots, say whose they are, and go where a swap is least fit."""

from typing import Any

import bpy
from bpy.props import IntProperty, StringProperty

from ..blender_addon import casting, ids, job_requests, readiness, shot_fitness, shots
from ..blender_addon.batch import Batch
from ..blender_addon.job_request import Preparation
from ..blender_addon.project_view import FoundFootage
from ..blender_addon.sequencer import sequencer_scene
from ..engine.contract.errors import EngineError, ErrorCode
from .base import Described, JobOperator

_STRIP = "Name of a strip; empty takes the selected ones"


class UNDERSTUDY_OT_extract(JobOperator, bpy.types.Operator):
    """Find, follow and cut out the faces of the chosen shots."""

    bl_idname = ids.Operator.EXTRACT
    bl_label = "Extract Faces"
    bl_description = "Find and follow the faces in the frames the selected strips use, and cut them out for training"
    bl_options = {"REGISTER"}

    strip: StringProperty(name="Strip", description=_STRIP, options={"SKIP_SAVE"})

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why no faces can be extracted."""
        return readiness.edit_reason(context) if bpy.app.background else readiness.extract_reason(context)

    def preparation(self, context: bpy.types.Context) -> Preparation:
        """Find out one search for each footage."""
        return job_requests.extract_requests(context, chosen(context, self.strip))


class UNDERSTUDY_OT_faces_assign(Described, bpy.types.Operator):
    """Say whose face a face track shows."""

    bl_idname = ids.Operator.FACES_ASSIGN
    bl_label = "Assign Faces"
    bl_description = "Say whose face this is: one face track, or all of the selected strips"
    bl_options = {"REGISTER", "UNDO"}

    performer: StringProperty(name="Performer", description="Name; empty takes the active one", options={"SKIP_SAVE"})
    strip: StringProperty(name="Strip", description=_STRIP, options={"SKIP_SAVE"})
    track: IntProperty(
        name="Face Track", description="Id of the face track; -1 takes all of them", default=-1, options={"SKIP_SAVE"}
    )
    clear: bpy.props.BoolProperty(
        name="Clear", description="Take the assignment away instead", default=False, options={"SKIP_SAVE"}
    )

    unassigned_only: bpy.props.BoolProperty(
        name="Unassigned Only",
        description="Leave face tracks alone that are somebody's already",
        default=False,
        options={"SKIP_SAVE"},
    )

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why no face can be assigned."""
        return "" if bpy.app.background else readiness.assign_reason(context)

    def run(self, context: bpy.types.Context) -> str:
        """Assign, and say how many."""
        settings = sequencer_scene(context).understudy
        index = settings.active_performer
        active = settings.performers[index].name if 0 <= index < len(settings.performers) else ""
        item = casting.require_performer(settings, self.performer or active)
        batch, known, count = Batch(), [], 0
        for strip in chosen(context, self.strip):
            with batch.attempt():
                known.append(_extracted(context, strip))
        batch.require(bool(known))
        for found in known:
            cast = casting.assigned(settings, found.key) if self.unassigned_only else {}
            for track in found.tracks:
                if self.track in (-1, track.id) and track.id not in cast:
                    casting.assign(settings, found.key, track.id, "" if self.clear else item.performer_id)
                    count += 1
        for remark in batch.remarks:
            self.report({"WARNING"}, remark)
        if not count:
            raise EngineError(
                ErrorCode.NO_FACES,
                f"There is no face track {self.track} in these shots."
                if self.track >= 0
                else "There are no faces in these shots.",
                "Choose another shot, or extract with another detector.",
            )
        noun = "1 face track" if count == 1 else f"{count} face tracks"
        return f"{noun} assigned to {'nobody' if self.clear else item.name}."


def _extracted(context: bpy.types.Context, strip: Any) -> FoundFootage:
    found = readiness.found_in(context, strip)
    if found is None:
        raise EngineError(
            ErrorCode.TRACKS_MISSING, f"The faces of “{strip.name}” were not extracted yet.", "Extract them first."
        )
    return found


class UNDERSTUDY_OT_face_worst_frame(Described, bpy.types.Operator):
    """Move the playhead to the frame of a strip that is least fit for a swap."""

    bl_idname = ids.Operator.FACE_WORST_FRAME
    bl_label = "Go to Worst Frame"
    bl_description = "Move the playhead to the frame of this strip in which the face is least fit for a swap"
    bl_options = {"REGISTER"}

    strip: StringProperty(name="Strip", description=_STRIP, options={"SKIP_SAVE"})
    track: IntProperty(name="Face Track", description="Id of the face track", default=1, options={"SKIP_SAVE"})

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why there is no shot to look at."""
        return "" if bpy.app.background else readiness.shots_reason(context)

    def run(self, context: bpy.types.Context) -> str:
        """Go there, and say what is wrong."""
        scene, strip = sequencer_scene(context), chosen(context, self.strip)[0]
        found = readiness.found_in(context, strip)
        fitness = None if found is None else readiness.fitness_in(found, self.track)
        if fitness is None:
            raise EngineError(
                ErrorCode.TRACKS_MISSING,
                f"The fitness of face {self.track} of “{strip.name}” isn't known.",
                "Extract the faces of this shot first.",
            )
        shot = shot_fitness.judge_exactly(scene, strip, fitness)
        assert shot.worst is not None
        scene.frame_set(shot.worst)
        return shot.worst_sentence


def chosen(context: bpy.types.Context, name: str) -> list:
    """Return the strips to work on.

    Raises:
        EngineError: `strip_missing`, when there is none.
    """
    strips = shots.chosen_strips(context, name)
    if not strips:
        raise EngineError(
            ErrorCode.STRIP_MISSING,
            f"There is no strip “{name}” in this edit." if name else "No strip is selected.",
            "Select a movie or image strip.",
        )
    return strips


CLASSES = (UNDERSTUDY_OT_extract, UNDERSTUDY_OT_faces_assign, UNDERSTUDY_OT_face_worst_frame)
