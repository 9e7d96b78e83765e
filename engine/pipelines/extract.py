# SPDX-License-Identifier: GPL-3.0-or-later
"""Extraction: the face tracks and aligned faces of one footage, decoded once and added to what is known of it.

Every frame passes through `face_search`; aligned faces are written while decoding goes on, tracks at the end. Frames
that were searched before with the same settings and for the same persons aren't decoded again. With other settings all
frames the footage has results for are searched anew, so that they stay of one kind; faces keep their ids.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2  # noqa: TID253 - its threads are set here; all pictures pass through the layers below
import numpy as np
from numpy.typing import NDArray

from ..contract.errors import EngineError, ErrorCode
from ..contract.jobs import ExtractJob
from ..contract.messages import Done
from ..contract.project import FOOTAGE_FILE, Project, ProjectLock
from ..contract.settings import ExtractSettings
from ..contract.timing import FrameRange, merge_ranges, ranges_of, ranges_without
from ..faces.joining import join_tracks, keep_ids
from ..faces.tracks import FaceTrack, TrackSet, steadiness_of, thumbnail_name
from ..media.ahead import read_ahead
from ..media.fingerprint import footage_key
from ..media.images import write_png
from ..media.picture import FootagePicture
from ..media.reader import FootageReader
from ..runtime.reporter import Reporter
from .extract_report import finish_extraction
from .face_keeping import DEBUG_FOLDER
from .face_search import FootageSearch, load_models
from .faceset_desk import FacesetDesks
from .persons import load_persons
from .reapply import load_found, reapply_corrections, save_found
from .usable_detector import with_usable_detector

# Pictures decoded ahead of the search, which takes twelve at a time: decoding goes on while it is at work on them.
_PICTURES_AHEAD = 14
_SWITCH_S = 0.0005


@dataclass(frozen=True)
class ExtractPlaces:
    """Where an extraction writes.

    Attributes:
        tracks: Folder of tracks.npz, footage.json and the tracks' thumbnails.
        faceset: Folder of the aligned faces.
    """

    tracks: Path
    faceset: Path


def extract(job: ExtractJob, reporter: Reporter) -> Done:
    """Find, follow and cut out the faces of a footage into its project.

    Returns:
        The last message; `result` has `key`, `footage_folder`, `faceset_folder`, `pictures` (frames searched in the
        job's ranges), `faces` (seen in them), `tracks` (ids), `several` (frames with more than one face), `rejected`
        (sentences), `steadiness` (`raw_jitter`, `jitter`: shares of the eye distance) and `fitness` (a list: for each
        track what `contract.fitness.ShotFitness.to_json` gives, and `track`).

    Raises:
        EngineError: `no_faces`, naming the footage; `project_busy`; or what reading, models and writing raise.
    """
    project = Project(job.project)
    project.create()
    with ProjectLock(project, job.kind):
        key = footage_key(job.footage)
        return extract_footage(job, key, ExtractPlaces(project.footage(key), project.faceset(key)), reporter)


def extract_footage(job: ExtractJob, key: str, places: ExtractPlaces, reporter: Reporter) -> Done:
    """Extract a footage into any two folders, without a project's lock; returns and raises as `extract` does."""
    job = replace(job, settings=with_usable_detector(job.settings, reporter.warning))
    with FootageReader(job.footage) as reader, _threads_for_the_stages():
        info = reader.info
        empty = TrackSet(
            job.footage, key, info.width, info.height, info.rate, info.frame_count, (), job.settings, (),
            references=tuple(map(str, job.references)), rejects=tuple(map(str, job.rejects)),
        )  # fmt: skip
        plan = _plan(job, empty, _known(places.tracks, reporter), reporter)
        rejected: list[str] = []
        if plan.todo:
            plan, rejected = _search(job, plan, places, reader, reporter)
    known = reapply_corrections(places.tracks, places.faceset, plan.known, reporter)
    return finish_extraction(known, plan.wanted, places.tracks, places.faceset, rejected, reporter)


@contextlib.contextmanager
def _threads_for_the_stages() -> Iterator[None]:
    """Tune threading for stages that run beside each other, each in a thread of its own.

    OpenCV doesn't split small pictures over more threads, and Python hands its lock on after half a millisecond: a
    stage that comes back from a short library call would wait for ten of those otherwise.
    """
    usual, interval = cv2.getNumThreads(), sys.getswitchinterval()
    cv2.setNumThreads(1)
    sys.setswitchinterval(_SWITCH_S)
    try:
        yield
    finally:
        cv2.setNumThreads(usual)
        sys.setswitchinterval(interval)


@dataclass(frozen=True)
class _Plan:
    """What is to be searched.

    Attributes:
        wanted: Media frames of the job.
        todo: Media frames to decode.
        known: What the footage has already, or nothing.
        is_addition: Whether the new results join the known ones instead of replacing them.
    """

    wanted: tuple[FrameRange, ...]
    todo: tuple[FrameRange, ...]
    known: TrackSet
    is_addition: bool


def _known(folder: Path, reporter: Reporter) -> TrackSet | None:
    if not (folder / FOOTAGE_FILE).exists():
        return None
    try:
        return load_found(folder)
    except EngineError as error:
        reporter.warning(f"{error.message} The footage is searched anew.")
        return None


def _plan(job: ExtractJob, empty: TrackSet, known: TrackSet | None, reporter: Reporter) -> _Plan:
    wanted = _inside(job, empty.frame_count, reporter)
    if known is None:
        return _Plan(wanted, wanted, empty, False)
    if _is_same_search(known, empty):
        found = replace(known, footage=job.footage, settings=job.settings)
        return _Plan(wanted, ranges_without(wanted, known.ranges), found, True)
    reporter.info("The settings have changed since the footage was searched; all of it is searched again.")
    todo = merge_ranges([*wanted, *known.ranges])
    return _Plan(wanted, todo, replace(empty, tracks=known.tracks), False)


def _inside(job: ExtractJob, frame_count: int, reporter: Reporter) -> tuple[FrameRange, ...]:
    """Return the job's ranges cut to the footage: handles may reach beyond its ends."""
    asked = job.ranges or (FrameRange(0, frame_count),)
    wanted = merge_ranges(FrameRange(min(max(r.start, 0), frame_count), min(r.end, frame_count)) for r in asked
                          if r.start < frame_count)  # fmt: skip
    if not wanted:
        raise EngineError(
            ErrorCode.FRAME_MISSING,
            f"{job.footage.path.name} has {frame_count} frames; none of them is in the range asked for.",
            "Choose a range inside the footage.",
        )
    return wanted


# How the work is done, not what is found.
_IRRELEVANT = {"processes": 1, "skip_existing": False, "debug_landmarks": False}


def _is_same_search(known: TrackSet, wanted: TrackSet) -> bool:
    first, second = (replace(item.settings, **_IRRELEVANT) for item in (known, wanted))
    return first == second and (known.references, known.rejects) == (wanted.references, wanted.rejects)


def _search(
    job: ExtractJob, plan: _Plan, places: ExtractPlaces, reader: FootageReader, reporter: Reporter
) -> tuple[_Plan, list[str]]:
    settings = job.settings
    total = sum(map(len, plan.todo))
    with FacesetDesks(
        settings, places.faceset, places.tracks / DEBUG_FOLDER, keep=plan.is_addition, frames=total
    ) as desks:
        reporter.stage("loading", "Loading the detectors")
        models = load_models(settings, reporter.warning)
        search = FootageSearch(
            models,
            settings,
            load_persons(job.references, job.rejects, settings, models),
            desks.desk,
            first_id=max((track.id for track in plan.known.tracks), default=0) + 1,
            minimum_track=min(settings.minimum_track, total),
            seams=_seams(plan),
            rate=plan.known.rate,
        )
        _look_at_frames(search, plan.todo, reader, reporter)
        tracks, names = _combine(plan, search.tracks, settings)
        desks.rename_tracks(names)
    ranges = merge_ranges([*(plan.known.ranges if plan.is_addition else ()), *search.searched])
    known = replace(plan.known, ranges=ranges, tracks=tuple(tracks), steadiness=steadiness_of(tracks))
    save_found(places.tracks, known)
    _write_thumbnails(places.tracks, known, {names.get(k, k): v for k, v in search.thumbnails.items()}, plan)
    return replace(plan, known=known), search.rejections


def _look_at_frames(
    search: FootageSearch, todo: tuple[FrameRange, ...], reader: FootageReader, reporter: Reporter
) -> None:
    reporter.stage("search", "Finding and following faces")
    total = sum(map(len, todo))
    rest = list(todo)
    # Closed in any case: the decoding thread must be gone before the file is.
    readable = search.watched(_readable_pictures(reader, todo, reporter), todo)
    with contextlib.closing(read_ahead(readable, _PICTURES_AHEAD)) as pictures:
        for done, (media_frame, picture) in enumerate(pictures, start=1):
            if media_frame >= rest[0].end:
                # Frames searched earlier lie in between: their tracks are joined afterwards, not bridged over.
                search.end_tracks()
                rest = [item for item in rest if media_frame < item.end]
            search.look(media_frame, picture)
            if reporter.progress(done, total, "frames"):
                break
    search.end_tracks(is_hurried=reporter.is_stopped)


def _seams(plan: _Plan) -> set[int]:
    """Return the frames to search whose neighbors were searched before."""
    if not plan.is_addition:
        return set()
    # Ranges don't touch, so what was searched next to an end begins or ends there.
    edges = {frame for item in merge_ranges(plan.known.ranges) for frame in (item.start - 1, item.end)}
    return {frame for item in plan.todo for frame in (item.start, item.end - 1) if frame in edges}


def _readable_pictures(
    reader: FootageReader, todo: tuple[FrameRange, ...], reporter: Reporter
) -> Iterator[tuple[int, FootagePicture]]:
    """Yield the pictures; a damaged picture of a sequence is passed over, a damaged movie ends where it breaks."""
    rest = list(todo)
    while rest:
        last = rest[0].start - 1
        try:
            for media_frame, picture in reader.pictures(rest):
                last = media_frame
                yield media_frame, picture
            return
        except EngineError as error:
            if error.code not in (ErrorCode.PICTURE_UNREADABLE, ErrorCode.FOOTAGE_UNREADABLE):
                raise
            frames = [frame for item in rest for frame in item if frame > last]
            is_first = last < todo[0].start
            if error.code is ErrorCode.FOOTAGE_UNREADABLE:
                if is_first:
                    raise
                reporter.warning(f"{error.message} The frames before it are kept.", error.frames)
                return
            reporter.warning(f"Skipped: {error.message}", error.frames)
            rest = list(ranges_of(frames[1:]))


def _combine(plan: _Plan, found: list[FaceTrack], settings: ExtractSettings) -> tuple[list[FaceTrack], dict[int, int]]:
    if plan.is_addition:
        return join_tracks(plan.known.tracks, found, settings.smoothing)
    return keep_ids(plan.known.tracks, found)


def _write_thumbnails(folder: Path, known: TrackSet, thumbnails: dict[int, NDArray[np.uint8]], plan: _Plan) -> None:
    kept = {track.id for track in plan.known.tracks} if plan.is_addition else set()
    for track, image in thumbnails.items():
        if track not in kept:
            write_png(folder / thumbnail_name(track), image)
    wanted = {thumbnail_name(track.id) for track in known.tracks}
    for path in folder.glob("t*.png"):
        if path.name not in wanted:
            path.unlink(missing_ok=True)
