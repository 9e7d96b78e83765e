# SPDX-License-Identifier: GPL-3.0-or-later
"""From the edit to a search for people: its extracted footage and what is known of its performers, as a job."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

from ..engine.contract.errors import EngineError, ErrorCode
from ..engine.contract.jobs import PeopleJob
from ..engine.contract.messages import Done
from ..engine.contract.people import People, TrackName
from ..engine.contract.people_job import KnownPerformer
from ..engine.contract.project import Project
from ..engine.contract.settings import PeopleSettings
from . import casting, shots
from .job_request import Finisher, JobRequest
from .job_requests import job_request, project_of_edit, settings_of
from .project_view import FoundFootage, view
from .sequencer import all_strips, sequencer_scene


def people_request(context: bpy.types.Context) -> JobRequest:
    """Return the request that compares the faces of all extracted footage of the edit.

    Raises:
        EngineError: For an unsaved file, an edit without extracted footage, or settings out of range.
    """
    scene = sequencer_scene(context)
    project = project_of_edit()
    footage = extracted_footage(scene, project)
    if not footage:
        raise EngineError(
            ErrorCode.TRACKS_MISSING,
            "No footage of this edit was searched for faces.",
            "Select some strips and extract their faces first.",
        )
    job = PeopleJob(
        project=project.root,
        performers=known_performers(scene.understudy),
        footage=tuple(sorted(item.key for item in footage)),
        settings=settings_of(scene.understudy.people, PeopleSettings),
    )
    return job_request(job, "Find Performers in All Shots", project, _after_search(project))


def extracted_footage(scene: bpy.types.Scene, project: Project) -> list[FoundFootage]:
    """Return the footage of the edit's strips, those in meta strips included, that was searched for faces."""
    looked = view(project)
    locations = {shots.location_of(strip) for strip in all_strips(scene) if strip.type in shots.SHOT_KINDS}
    found = [looked.footage(location) for location in locations if location is not None]
    return [item for item in found if item is not None]


def known_performers(settings: Any) -> tuple[KnownPerformer, ...]:
    """Return what the edit says of each performer of whom a face or a picture is known."""
    known = []
    for item in settings.performers:
        tracks = _names(casting.tracks_by_footage(settings, item.performer_id))
        references, rejects = (_pictures(settings, item.performer_id, is_them) for is_them in (True, False))
        # Rejected tracks alone describe nobody: they would make everybody else a suggestion.
        if tracks or references or rejects:
            others = _names(casting.rejected_by_footage(settings, item.performer_id))
            known.append(KnownPerformer(item.performer_id, tracks, others, references, rejects))
    return tuple(known)


def _pictures(settings: Any, identity: str, is_them: bool) -> tuple[Path, ...]:
    chosen = [entry for entry in settings.pictures if entry.performer_id == identity and entry.is_them == is_them]
    return tuple(Path(bpy.path.abspath(entry.path)) for entry in chosen)


def found_people() -> People:
    """Return what the last search found.

    Raises:
        EngineError: `job_invalid` for an unsaved file; `tracks_missing` when nobody has searched yet.
    """
    people = view(project_of_edit()).people()
    if people is None:
        raise EngineError(
            ErrorCode.TRACKS_MISSING,
            "Nobody has compared the faces of this edit yet.",
            "Find the performers in all shots first.",
        )
    return people


def _names(by_footage: dict[str, tuple[int, ...]]) -> tuple[TrackName, ...]:
    return tuple(TrackName(key, track) for key, tracks in sorted(by_footage.items()) for track in tracks)


def _after_search(project: Project) -> Finisher:
    def finish(_: Done) -> Iterator[None]:
        view(project).forget()
        yield

    return finish
