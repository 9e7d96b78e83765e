# SPDX-License-Identifier: GPL-3.0-or-later
"""The search for people: the face tracks of all footage grouped, and the performers' other tracks found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..contract.errors import EngineError, ErrorCode
from ..contract.messages import Done
from ..contract.people import People, TrackName, load_people, save_people
from ..contract.people_job import KnownPerformer, PeopleJob
from ..contract.project import FOOTAGE_FILE, Project, ProjectLock
from ..contract.settings import ExtractSettings
from ..faces.identity import IDENTITY_LENGTH
from ..faces.people import Casting, TrackFace, group_people, seen_together
from ..faces.suggestions import Wanted, suggest_tracks
from ..faces.tracks import FaceTrack, load_tracks
from ..runtime.reporter import Reporter
from .face_search import FaceModels, load_models
from .persons import picture_identities


def people(job: PeopleJob, reporter: Reporter) -> Done:
    """Group the face tracks of a project into people and write `people.json`.

    Returns:
        The last message; `result` has `file`, and how many `footage`, `tracks`, `people`, `look_alikes`, `sure`,
        `perhaps` and `contested` there are. After a stop nothing is written, and an earlier file stays.

    Raises:
        EngineError: `tracks_missing`, when no footage was extracted; `no_faces` or `picture_unreadable`, when nothing
            is known of any performer because their pictures can't be used; `project_busy`; or what reading and writing
            raise.
    """
    project = Project(job.project)
    keys = _keys(project, job)
    for key in sorted(set(job.footage) - set(keys)):
        reporter.warning(f"The footage {key} isn't in the project.")
    with ProjectLock(project, job.kind):
        faces = _read_faces(project, keys, reporter)
        _warn_of_odd_assignments(faces, job.performers, reporter)
        wanted = _read_pictures(job.performers, reporter)
        found = People()
        if not reporter.is_stopped:
            reporter.stage("grouping", "Comparing the faces of all footage")
            found = find_people(faces, wanted, job, _known(project, reporter), reporter)
        if reporter.is_stopped:
            return reporter.done("Stopped; who is who is as it was.", {})
        save_people(project.people, found)
    reporter.artifact("people", project.people)
    return _finish(project, found, len(keys), reporter)


def find_people(
    faces: Sequence[TrackFace], wanted: Sequence[Wanted], job: PeopleJob, known: People, reporter: Reporter
) -> People:
    """Return who is who among face tracks, without reading or writing anything.

    Args:
        faces: All tracks.
        wanted: The performers of the job, in its order, with the vectors of their pictures.
        job: Whose settings and footage count.
        known: The earlier result, whose ids are kept.
        reporter: Is told how far it is.
    """
    casting = Casting(
        performers={name: item.performer for item in job.performers for name in item.tracks},
        denied=frozenset((item.performer, name) for item in job.performers for name in item.others),
    )
    found = group_people(faces, job.settings, casting, known, reporter)
    chosen = suggest_tracks(_offered(faces, job), wanted, job.settings)
    return replace(found, suggestions=chosen.suggestions, contested=chosen.contested, left_out=chosen.left_out)


def _offered(faces: Sequence[TrackFace], job: PeopleJob) -> list[TrackFace]:
    """Return the tracks that may be suggested, and those that say who the performers are."""
    said = {name for item in job.performers for name in (*item.tracks, *item.others)}
    return [face for face in faces if not job.footage or face.name.key in job.footage or face.name in said]


def _keys(project: Project, job: PeopleJob) -> list[str]:
    folder = project.root / "footage"
    there = sorted(path.parent.name for path in folder.glob(f"*/{FOOTAGE_FILE}"))
    said = {name.key for item in job.performers for name in (*item.tracks, *item.others)}
    keys = [key for key in there if not job.footage or key in job.footage or key in said]
    if not keys:
        raise EngineError(
            ErrorCode.TRACKS_MISSING,
            f"There are no face tracks in {project.root}." if not there else "That footage isn't in the project.",
            "Extract the faces of some shots first.",
        )
    return keys


def _read_faces(project: Project, keys: Sequence[str], reporter: Reporter) -> list[TrackFace]:
    """Return the tracks of all readable footage; damaged footage is named and passed over."""
    reporter.stage("reading", "Reading the face tracks")
    faces: list[TrackFace] = []
    failure: EngineError | None = None
    readable = 0
    for count, key in enumerate(keys, 1):
        try:
            faces += [track_face(key, track) for track in load_tracks(project.footage(key)).tracks]
            readable += 1
        except EngineError as error:
            failure = error
            reporter.warning(f"Left out: {error.message}")
        if reporter.progress(count, len(keys), "footage"):
            break
    if failure is not None and not readable:
        raise failure
    return faces


def track_face(key: str, track: FaceTrack) -> TrackFace:
    """Return what a face track says about who it is.

    Args:
        key: Key of the footage.
        track: The track; frames in which the face was lost count for nothing.
    """
    seen = ~track.bridged
    size = float(np.median(track.size[seen])) if seen.any() else 0.0
    return TrackFace(TrackName(key, track.id), track.identity, track.frames[seen], size)


def _warn_of_odd_assignments(
    faces: Sequence[TrackFace], performers: Sequence[KnownPerformer], reporter: Reporter
) -> None:
    by_name = {face.name: face for face in faces}
    for item in performers:
        for name in item.tracks:
            if name not in by_name:
                reporter.warning(f"Face track {name}, assigned to {item.performer}, isn't in the project any more.")
        mine = [by_name[name] for name in item.tracks if name in by_name]
        for i, j in np.argwhere(np.triu(seen_together(mine), 1)):
            reporter.warning(
                f"{mine[i].name} and {mine[j].name} are seen in one frame, yet both are assigned to {item.performer}."
            )


def _read_pictures(performers: Sequence[KnownPerformer], reporter: Reporter) -> list[Wanted]:
    total = sum(len(item.references) + len(item.rejects) for item in performers)
    models: FaceModels | None = None
    if total:
        reporter.stage("loading", "Loading the detectors")
        models = load_models(ExtractSettings())
        reporter.stage("pictures", "Reading the reference pictures")
    done, wanted, failure = 0, [], None
    for item in performers:
        vectors: dict[Path, np.ndarray] = {}
        for path in (*item.references, *item.rejects):
            if models is None or reporter.progress(done, total, "pictures"):
                break
            try:
                vectors[path] = picture_identities([path], models)[0]
            except EngineError as error:
                if error.code not in (ErrorCode.PICTURE_UNREADABLE, ErrorCode.NO_FACES):
                    raise
                failure = failure or error
                reporter.warning(f"Left out: {error.message}")
            done += 1
        if item.references and not item.tracks and not any(path in vectors for path in item.references):
            # Known by who they aren't alone, everybody else would be suggested.
            if not reporter.is_stopped:
                reporter.warning(f"Nobody is looked for as {item.performer}: no picture of them can be used.")
            continue
        references, rejects = (
            np.array([vectors[path] for path in paths if path in vectors]).reshape(-1, IDENTITY_LENGTH)
            for paths in (item.references, item.rejects)
        )
        wanted.append(Wanted(item.performer, item.tracks, item.others, references, rejects))
    if failure is not None and not wanted:
        raise failure
    return wanted


def _known(project: Project, reporter: Reporter) -> People:
    if not project.people.exists():
        return People()
    try:
        return load_people(project.people)
    except EngineError as error:
        reporter.warning(f"{error.message} People are numbered anew.")
        return People()


def _finish(project: Project, found: People, footage: int, reporter: Reporter) -> Done:
    tracks = sum(len(person.members) for person in found.people) + len(found.unmeasured)
    sure = sum(item.is_sure for item in found.suggestions)
    asked = [pair for pair in found.look_alikes if not pair.is_apart]
    result = {
        "file": str(project.people),
        "footage": footage,
        "tracks": tracks,
        "people": len(found.people),
        "look_alikes": len(asked),
        "sure": sure,
        "perhaps": len(found.suggestions) - sure,
        "contested": len(found.contested),
    }
    text = f"{_counted(len(found.people), 'person', 'people')} in {_counted(tracks, 'face track', 'face tracks')}"
    if found.suggestions:
        counts = {"sure": sure, "perhaps": len(found.suggestions) - sure}
        text += "; suggested: " + ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    if asked:
        text += f"; {_counted(len(asked), 'pair looks', 'pairs look')} alike"
    if found.contested:
        text += f"; {_counted(len(found.contested), 'face fits', 'faces fit')} several performers"
    return reporter.done(text + ".", result)


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
