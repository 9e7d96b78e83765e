# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracking data of the chosen shots: written into the clips of their footage, and read back as corrections."""

from __future__ import annotations

import bpy

from ..engine.contract.errors import EngineError, ErrorCode
from . import footage_clip, jobs, shots, tracking_data
from .correction_requests import correct_request
from .edited_frame import edited_footage_steps
from .job_request import Preparation
from .job_requests import project_of_edit
from .project_view import view
from .track_arrays import read_tracks
from .tracking_reading import read_corrections

WRITE = "Write Tracking Data"
READ = "Read Tracking Data"


def write_steps(context: bpy.types.Context, strip_name: str = "", number: int = 0) -> Preparation:
    """Write the face tracks of the chosen shots' footage into its clip, in steps of some milliseconds; one undo step.

    Args:
        context: Blender's context.
        strip_name: Name of the strip; by default the selected ones.
        number: Face track; 0 takes all of them.

    Raises:
        EngineError: When there is no shot, no such face track, or no clip of the footage.
    """
    project, chosen = project_of_edit(), {}
    for strip in shots.chosen_strips(context, strip_name):
        location = shots.location_of(strip)
        found = None if location is None else view(project).footage(location)
        if found is None or found.folder is None:
            raise EngineError(
                ErrorCode.TRACKS_MISSING, f"The faces of “{strip.name}” were not extracted yet.", "Extract them first."
            )
        tracks = [track for track in read_tracks(found.folder) if number in (0, track.id)]
        if not tracks:
            raise EngineError(
                ErrorCode.TRACKS_MISSING,
                f"“{strip.name}” has no face track {number}." if number else f"No face was found in “{strip.name}”.",
                "Choose another one.",
            )
        chosen[footage_clip.footage_clip(strip).name] = (tracks, found.size)
    if not chosen:
        raise EngineError(ErrorCode.STRIP_MISSING, "No strip is selected.", "Select a movie or image strip.")
    for name, (tracks, size) in chosen.items():
        yield from tracking_data.write_faces(name, tracks, size)
    jobs.push_undo(WRITE)
    return []


def read_steps(context: bpy.types.Context, strip_name: str = "") -> Preparation:
    """Find the request that takes over what the editor changed in the tracking data of the chosen shot's footage.

    Raises:
        EngineError: When there is no shot, no clip, or nothing was changed.
    """
    target, tracks = yield from edited_footage_steps(context, strip_name)
    clip = footage_clip.clip_at(target.clip)
    if clip is None:
        raise EngineError(
            ErrorCode.TRACKS_MISSING,
            f"{target.footage.path.name} has no movie clip in this file.",
            "Write the tracking data first, or open the footage in the Movie Clip Editor.",
        )
    corrections = read_corrections(clip, tracks, target.found.size)
    if not corrections:
        raise EngineError(
            ErrorCode.CORRECTION_INVALID,
            f"Nothing was moved in the tracking data of “{clip.name}” since it was written.",
            "Move markers in the Movie Clip Editor, or make a tracking object whose tracks have the names of a face's.",
        )
    return [correct_request(target, READ, corrections, is_from_clip=True)]
