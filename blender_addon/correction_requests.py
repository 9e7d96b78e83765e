# SPDX-License-Identifier: GPL-3.0-or-later
"""Corrections on their way to the engine, and what a corrected footage changes in the edit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import bpy

from ..engine.contract.corrections import AnyCorrection, MergeTracks
from ..engine.contract.jobs import CorrectJob
from ..engine.contract.messages import Done
from ..engine.contract.project import Project
from ..engine.contract.timing import Footage
from . import casting, footage_clip, previews, tracking_data, tracking_reading
from .edit_frames import StripFrames
from .job_request import Finisher, JobRequest
from .job_requests import job_request
from .project_view import FoundFootage, view
from .track_arrays import read_tracks

# Whose face a track showed that a correction took away, by footage and track, until the undo brings it back.
_cast_of_lost_tracks: dict[tuple[str, int], str] = {}


@dataclass(frozen=True)
class CorrectedFootage:
    """What is corrected, kept by names and paths so that it outlives undo and file loads.

    Attributes:
        project: The project.
        footage: As the engine was told it.
        found: What was found in it before the correction.
        scene: Name of the edit's scene.
        clip: Where the footage's movie clip is loaded from (`footage_clip.place_of`).
        shown: What the strip shows from which it is corrected.
    """

    project: Project
    footage: Footage
    found: FoundFootage
    scene: str
    clip: tuple[str, str]
    shown: StripFrames


def correct_request(
    target: CorrectedFootage,
    title: str,
    corrections: Sequence[AnyCorrection] = (),
    undo: int = 0,
    clear: bool = False,
    is_from_clip: bool = False,
) -> JobRequest:
    """Return the request that corrects a footage.

    Args:
        target: The footage.
        title: What the user sees, for example "Move Face 1".
        corrections: What to add.
        undo: How many of the last corrections to take back first.
        clear: Whether to take all of them back first.
        is_from_clip: Whether the corrections were read from the clip's tracking data, which is then written anew.

    Raises:
        EngineError: `environment_broken` without an engine; `not_writable` or `disk_full`.
    """
    job = CorrectJob(target.project.root, target.footage, tuple(corrections), undo, clear)
    finisher = _after_correction(target, tuple(corrections), is_from_clip)
    name = f"{title}: {target.footage.path.name}"
    request = job_request(job, name, target.project, finisher, "Correct Face Track")
    return replace(request, strips=(target.shown,))


def _after_correction(target: CorrectedFootage, corrections: tuple[AnyCorrection, ...], is_from_clip: bool) -> Finisher:
    def finish(done: Done) -> Iterator[None]:
        view(target.project).forget()
        found = view(target.project).footage(target.found.location)
        if done.stopped or found is None:
            return
        for track in found.tracks:
            previews.refresh(track.thumbnail or "")
        scene = bpy.data.scenes.get(target.scene)
        if scene is not None:
            known = {str(track.id) for track in target.found.tracks}
            parents = {int(t): int(p) for t, p in done.result.get("parents", {}).items() if t not in known}
            follow_assignments(scene.understudy, found, parents, corrections)
        yield
        yield from _renew_tracking_data(target, found, is_from_clip)

    return finish


def follow_assignments(
    settings: Any, found: FoundFootage, parents: Mapping[int, int], corrections: Sequence[AnyCorrection]
) -> None:
    """Let parts of a track that was cut, a merged one, and one that is back show the performer that the track showed.

    Args:
        settings: The scene's properties.
        found: The footage as it is now.
        parents: For each track that was just cut off another one, the number of that one.
        corrections: What was added.
    """
    cast = casting.assigned(settings, found.key)
    for item in corrections:
        if isinstance(item, MergeTracks) and item.second in cast and item.first not in cast:
            casting.assign(settings, found.key, item.first, cast[item.second])
    for track, parent in sorted(parents.items()):
        cast = casting.assigned(settings, found.key)
        if track not in cast and parent in cast:
            casting.assign(settings, found.key, track, cast[parent])
    _follow_deletions(settings, found)
    casting.drop_lost_tracks(settings, found)


def _follow_deletions(settings: Any, found: FoundFootage) -> None:
    """Remember whose face a deleted track showed, and say it again when the track is back."""
    cast, there = casting.assigned(settings, found.key), {track.id for track in found.tracks}
    for track in sorted(there - set(cast)):
        identity = _cast_of_lost_tracks.pop((found.key, track), "")
        if casting.find_performer(settings, identity) is not None:
            casting.assign(settings, found.key, track, identity)
    for track in set(cast) - there:
        _cast_of_lost_tracks[found.key, track] = cast[track]


def _renew_tracking_data(target: CorrectedFootage, found: FoundFootage, is_from_clip: bool) -> Iterator[None]:
    """Bring the tracking data in the footage's clip up to date, unless that would lose what the editor moved there."""
    clip = footage_clip.clip_at(target.clip)
    if clip is None or found.folder is None:
        return
    written = set(tracking_data.written_tracks(clip))
    if is_from_clip:
        # What the editor tracked and what became of it belong side by side.
        written |= {track.id for track in found.tracks} - {track.id for track in target.found.tracks}
    elif tracking_reading.has_moved_markers(clip, found.size):
        return
    tracks = [track for track in read_tracks(found.folder) if track.id in written]
    if tracks:
        yield from tracking_data.write_faces(clip.name, tracks, found.size)
