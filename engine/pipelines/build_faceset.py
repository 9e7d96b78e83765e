# SPDX-License-Identifier: GPL-3.0-or-later
"""The recipe of building a training set: what the shots need, which faces cover it, the document and the picture."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..contract.build_faceset_job import BuildFacesetJob
from ..contract.errors import EngineError, ErrorCode
from ..contract.messages import Done
from ..contract.performers import load_performers
from ..contract.project import COVERAGE_FILE, Project, ProjectLock
from ..contract.training_set import NeededShot, TrainingSet, folder_stamp, save_training_set
from ..faces.tracks import FaceTrack, load_tracks
from ..faceset.builder import choose_faces
from ..faceset.coverage_picture import draw_coverage
from ..faceset.looks import look_at
from ..faceset.store import load_faceset
from ..faceset.traits import MOST_NEEDED, Traits, join_traits, sampled, seen_in, traits_of_track, with_relative_eyes
from ..media.images import write_png
from ..runtime.reporter import Reporter


def build_faceset(job: BuildFacesetJob, reporter: Reporter) -> Done:
    """Choose the faces to train a performer on, and write `trainingset.json` and `coverage.png` into the project.

    Returns:
        The last message; `result` has `training_set` and `picture` (files), `available`, `chosen`, `duplicates`,
        `hidden` (numbers of faces), `coverage` (aspect -> covered share) and `sentences`.

    Raises:
        EngineError: `tracks_missing`, when no shot has tracks that can be read; `no_faces`, when the shots show no face
            or the performer has none; `project_busy`; or what reading and writing raise.
    """
    project = Project(job.project)
    project.create()
    with ProjectLock(project, job.kind):
        reporter.stage("need", "Looking at what the shots need")
        found, shots = _readable(project, job.shots, reporter)
        need, needed_s = _need(project, found, reporter)
        name = _name(project, job.performer)
        choice = choose_faces(job.faces, need, needed_s, name, job.settings, reporter)
        if not any(part.files for part in choice.parts) and not reporter.is_stopped:
            raise EngineError(
                ErrorCode.NO_FACES,
                f"None of the {choice.available} faces of {name} can be used.",
                "Allow more occlusion, restore removed faces, or extract more footage.",
            )
        chosen = TrainingSet(
            performer=job.performer,
            parts=choice.parts,
            available=choice.available,
            duplicates=choice.duplicates,
            hidden=choice.hidden,
            shots=shots,
            coverage=choice.coverage,
            sentences=choice.sentences,
            stamps=tuple(folder_stamp(part.folder) for part in job.faces),
        )
        return _store(project, chosen, reporter)


def _store(project: Project, chosen: TrainingSet, reporter: Reporter) -> Done:
    folder = project.training_set(chosen.performer)
    result = {
        "training_set": "",
        "picture": "",
        "available": chosen.available,
        "chosen": chosen.chosen,
        "duplicates": chosen.duplicates,
        "hidden": chosen.hidden,
        "coverage": {item.name: item.covered for item in chosen.coverage},
        "sentences": list(chosen.sentences),
    }
    if reporter.is_stopped:
        # Half a choice would look like a whole one; the one of before is better.
        return reporter.done("Stopped; the training set is as it was.", result)
    picture = folder / COVERAGE_FILE
    write_png(picture, draw_coverage(chosen.sentences[0], chosen.coverage))
    result |= {"training_set": str(save_training_set(folder, chosen)), "picture": str(picture)}
    reporter.artifact("training_set", folder)
    return reporter.done("\n".join(chosen.sentences), result)


def _name(project: Project, performer: str) -> str:
    with contextlib.suppress(EngineError):
        known = load_performers(project.performers).get(performer)
        return performer if known is None else known.name
    return performer


@dataclass(frozen=True, eq=False)
class _NeededFace:
    """A face track in a shot.

    Attributes:
        key: Key of the footage.
        track: The track.
        places: Rows of the track in which the shot shows it.
        seconds: How long that is.
    """

    key: str
    track: FaceTrack
    places: NDArray[np.int64]
    seconds: float


def _readable(
    project: Project, shots: Sequence[NeededShot], reporter: Reporter
) -> tuple[list[_NeededFace], tuple[NeededShot, ...]]:
    """Return the faces of the shots, and the shots whose tracks can be read; the others are named and left out."""
    found: list[_NeededFace] = []
    used: list[NeededShot] = []
    failure: EngineError | None = None
    for shot in shots:
        try:
            found += _faces_of(project, shot)
            used.append(shot)
        except EngineError as error:
            failure = failure or error
            reporter.warning(f"Left out: {error.message}")
    if failure is not None and not used:
        raise failure
    return found, tuple(used)


def _faces_of(project: Project, shot: NeededShot) -> list[_NeededFace]:
    track_set = load_tracks(project.footage(shot.key))
    tracks = [track_set.track(number) for number in shot.tracks] if shot.tracks else track_set.tracks
    seen = [(track, seen_in(track, shot.ranges)) for track in tracks]
    return [_NeededFace(shot.key, track, places, len(places) / float(track_set.rate)) for track, places in seen]


def _need(project: Project, found: Sequence[_NeededFace], reporter: Reporter) -> tuple[Traits, float]:
    """Return the figures of the faces in the shots, evenly sampled where they are many, and how long they last."""
    total = sum(len(item.places) for item in found)
    if not total:
        raise EngineError(
            ErrorCode.NO_FACES,
            "The shots show no face in the frames that are used.",
            "Extract their faces again, or choose other shots or face tracks.",
        )
    share = min(1.0, MOST_NEEDED / total)
    parts = []
    for item in found:
        places = item.places
        some = places[sampled(len(places), max(1, round(len(places) * share)))] if len(places) else places
        traits = traits_of_track(item.track, some, _light(project, item.key, item.track, some, reporter))
        parts.append(with_relative_eyes(traits))
    return join_traits(parts), sum(item.seconds for item in found)


def _light(
    project: Project, key: str, track: FaceTrack, places: NDArray[np.int64], reporter: Reporter
) -> NDArray[np.float64]:
    """Return where the light comes from, from the aligned faces of the shot; NaN for frames without one."""
    light = np.full(len(places), np.nan)
    if not project.faceset(key).is_dir():
        return light
    faceset = load_faceset(project.faceset(key))
    wanted = {int(track.frames[place]): index for index, place in enumerate(places)}
    records = [r for r in (*faceset.records, *faceset.removed) if r.track == track.id and r.media_frame in wanted]
    looks = look_at(faceset, records, reporter)
    for record, value in zip(looks.records, looks.figure("light").tolist(), strict=True):
        light[wanted[record.media_frame]] = value
    return light
