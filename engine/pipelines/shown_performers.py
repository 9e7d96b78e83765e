# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose face each face track of a shot shows, as far as a training job tells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..contract.jobs import TrainJob
from ..contract.preview_shot import EVERY_TRACK, PreviewShot
from ..contract.project import Project
from ..contract.training_set import FacesetPart
from ..faceset.records_file import read_records


def shown_performers(job: TrainJob, shot: PreviewShot, key: str, tracks: Sequence[int]) -> dict[int, str]:
    """Return the performer whose face each track shows, empty where nothing tells.

    What the shot says of a track counts first. Then who is trained on that track's faces, if it is one performer; then
    what the shot says of every track.

    Args:
        job: The training.
        shot: One of its shots.
        key: Key of its footage.
        tracks: Ids of the footage's face tracks.

    Raises:
        EngineError: `faceset_unreadable`, when single files of the footage's faces are trained and aren't readable.
    """
    said = dict(shot.targets)
    learned = {} if job.project is None else _learned(job, Project(job.project).faceset(key), tracks)
    return {track: said.get(track) or learned.get(track) or said.get(EVERY_TRACK, "") for track in tracks}


def _learned(job: TrainJob, faceset: Path, tracks: Sequence[int]) -> dict[int, str]:
    """Return who is trained on the faces of each track; tracks of which several performers have some are left out."""
    found: dict[int, set[str]] = {}
    for item in job.performers:
        for part in item.faces:
            if part.folder.resolve() == faceset.resolve():
                for track in _tracks_of(part, tracks):
                    found.setdefault(track, set()).add(item.performer)
    return {track: names.pop() for track, names in found.items() if len(names) == 1}


def _tracks_of(part: FacesetPart, tracks: Sequence[int]) -> set[int]:
    if part.tracks or not part.files:
        return set(part.tracks or tracks)
    files = set(part.files)
    return {record.track for record in read_records(part.folder).records if record.file in files}
