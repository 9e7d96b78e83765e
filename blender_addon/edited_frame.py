# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the playhead stands in a shot that is to be corrected: its footage, its face tracks, its media frame."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import bpy

from ..engine.contract.errors import EngineError, ErrorCode
from ..engine.contract.timing import ranges_of
from . import footage_clip, shots
from .correction_requests import CorrectedFootage
from .edit_frames import words_for
from .faces_in_frame import preview_placement, shots_at_playhead
from .job_requests import project_of_edit
from .preview_geometry import PreviewPlacement
from .project_view import view
from .sequencer import sequencer_scene, visible_frames
from .strips import strip_frames, strip_shot_steps
from .track_arrays import TrackArrays, read_tracks


@dataclass(frozen=True, eq=False)
class EditedFrame:
    """Where the playhead stands in a shot, and what was found there.

    Attributes:
        target: The footage to correct.
        tracks: Its face tracks.
        media_frame: The frame to work in.
        placement: How its picture gets into the preview.
        marked: Media frames of the edit's preview range, or only `media_frame` when there is none.
    """

    target: CorrectedFootage
    tracks: tuple[TrackArrays, ...]
    media_frame: int
    placement: PreviewPlacement
    marked: tuple[int, ...]

    def track(self, number: int) -> TrackArrays:
        """Return a face track by its number; 0 takes the only one in the frame.

        Raises:
            EngineError: `tracks_missing`, when there is no such track, or none or several in the frame.
        """
        if number:
            found = [track for track in self.tracks if track.id == number]
        else:
            found = [track for track in self.tracks if track.index(self.media_frame) is not None]
        if len(found) == 1:
            return found[0]
        name = self.target.footage.path.name
        if number:
            raise EngineError(
                ErrorCode.TRACKS_MISSING,
                f"{name} has no face track {number}; it has {_listed(self.tracks)}.",
                "Choose one of them.",
            )
        what = f"{_listed(found)}; say which" if found else "no face"
        raise EngineError(
            ErrorCode.TRACKS_MISSING,
            f"In {self.words(self.media_frame)} there is {what}.",
            "Choose a face in the panel." if found else "Go to a frame with the face, or add it there.",
        )

    def row(self, track: TrackArrays) -> int:
        """Return the position of the frame in a track's arrays.

        Raises:
            EngineError: `tracks_missing`, when the track isn't in this frame.
        """
        index = track.index(self.media_frame)
        if index is None:
            raise EngineError(
                ErrorCode.TRACKS_MISSING,
                f"Face track {track.id} is not in {self.words(self.media_frame)}; it has "
                f"{self.words(*map(int, track.frames))}.",
                "Move the playhead into it.",
            )
        return index

    def words(self, *media_frames: int) -> str:
        """Return what the edit calls frames of the footage."""
        return words_for([self.target.shown], ranges_of(media_frames))


def _listed(tracks: Sequence[TrackArrays]) -> str:
    return ", ".join(f"face {track.id}" for track in tracks) or "none"


def edited_frame_steps(
    context: bpy.types.Context, strip_name: str = "", media_frame: int = -1
) -> Generator[None, None, EditedFrame]:
    """Find where the playhead stands in the chosen shot, in steps of some milliseconds."""
    scene, project = sequencer_scene(context), project_of_edit()
    timeline_frame = scene.frame_current
    strip = _shot(context, strip_name, media_frame < 0)
    place, location, frames = footage_clip.place_of(strip), shots.location_of(strip), visible_frames(strip)
    found = None if location is None else view(project).footage(location)
    if found is None or found.folder is None:
        raise EngineError(
            ErrorCode.TRACKS_MISSING, f"The faces of “{strip.name}” were not extracted yet.", "Extract them first."
        )
    placement = preview_placement(strip, found.size, timeline_frame)
    marked = range(scene.frame_preview_start, scene.frame_preview_end + 1) if scene.use_preview_range else range(0)
    scene_name, shown = scene.name, strip_frames(scene, strip, ())
    # The last look at the strip: undo may run between two steps.
    shot = yield from strip_shot_steps(scene, strip)
    at = media_frame if media_frame >= 0 else shot.used[timeline_frame - frames.start]
    used = {shot.used[frame - frames.start] for frame in frames if frame in marked}
    return EditedFrame(
        target=CorrectedFootage(project, shot.footage, found, scene_name, place, replace(shown, used=shot.used)),
        tracks=read_tracks(found.folder),
        media_frame=at,
        placement=placement,
        marked=tuple(sorted(used)) or (at,),
    )


def _shot(context: bpy.types.Context, name: str, is_at_playhead: bool) -> Any:
    strips = shots.chosen_strips(context, name)
    here = shots_at_playhead(context, name) if is_at_playhead else strips
    if here:
        return here[0]
    if strips and strips[0].type not in shots.SHOT_KINDS:
        return strips[0]  # to be refused by what it is
    if strips:
        frame = sequencer_scene(context).frame_current
        raise EngineError(
            ErrorCode.STRIP_MISSING,
            f"The playhead at frame {frame} is not in “{strips[0].name}”.",
            "Move it to the frame that is to be corrected.",
        )
    raise EngineError(
        ErrorCode.STRIP_MISSING,
        f"There is no strip “{name}” in this edit." if name else "No strip is selected.",
        "Select a movie or image strip.",
    )


def edited_footage_steps(
    context: bpy.types.Context, strip_name: str = ""
) -> Generator[None, None, tuple[CorrectedFootage, tuple[TrackArrays, ...]]]:
    """Find the footage of the chosen shot and its face tracks, wherever the playhead stands."""
    frame = yield from edited_frame_steps(context, strip_name, media_frame=0)
    return frame.target, frame.tracks
