# SPDX-License-Identifier: GPL-3.0-or-later
"""The people of any footage as performers of a model that has never seen the demo's pair.

Every person found becomes a performer. Who is one of the pair, or might be taken for one of them, is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from demo_faces import CLIPS
from understudy.engine.contract.jobs import ExtractJob, FacesetPart, PeopleJob, TrainingPerformer
from understudy.engine.contract.people import People, load_people
from understudy.engine.contract.project import Project
from understudy.engine.contract.timing import Footage
from understudy.engine.faceset.store import load_faceset
from understudy.engine.media.fingerprint import footage_key
from understudy.engine.pipelines.extract import extract
from understudy.engine.pipelines.people import people
from understudy.engine.runtime.reporter import Reporter
from understudy.engine.training.dataset import MINIMUM_FACES

_PAIR = ("train_A", "train_B", "target_A")


def find_strangers(clips: Sequence[Path], folder: Path) -> tuple[TrainingPerformer, ...]:
    """Return the people of some clips who aren't the demo's pair, with their faces.

    Args:
        clips: Footage of anybody.
        folder: Project folder for what is found.
    """
    project = Project(folder)
    pair = [Footage(CLIPS / f"{name}.mp4") for name in _PAIR]
    for footage in (*pair, *map(Footage, clips)):
        extract(ExtractJob(folder, footage), Reporter())
    people(PeopleJob(folder), Reporter())
    found = load_people(project.people)
    known = _of_the_pair(found, {footage_key(footage) for footage in pair})
    strangers = []
    for person in found.people:
        tracks: dict[str, list[int]] = {}
        for member in person.members:
            tracks.setdefault(member.name.key, []).append(member.name.track)
        parts = tuple(FacesetPart(project.faceset(key), tracks=tuple(ids)) for key, ids in tracks.items())
        if person.id not in known and sum(map(_count, parts)) >= MINIMUM_FACES:
            strangers.append(TrainingPerformer(f"person {person.id}", parts))
    return tuple(strangers)


def _of_the_pair(found: People, keys: set[str]) -> set[int]:
    """Return the ids of the persons seen in some footage, and of those who may be one of them."""
    there = {person.id for person in found.people if any(member.name.key in keys for member in person.members)}
    alike = [{pair.first, pair.second} for pair in found.look_alikes if not pair.is_apart]
    return there.union(*(pair for pair in alike if pair & there))


def _count(part: FacesetPart) -> int:
    return sum(record.track in part.tracks for record in load_faceset(part.folder).records)
