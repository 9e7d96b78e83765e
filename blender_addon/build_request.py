# SPDX-License-Identifier: GPL-3.0-or-later
"""From Blender's context to the job that chooses a performer's faces for the chosen shots."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import bpy

from ..engine.contract.build_faceset_job import BuildFacesetJob
from ..engine.contract.errors import EngineError, ErrorCode
from ..engine.contract.messages import Done
from ..engine.contract.project import COVERAGE_FILE, Project
from ..engine.contract.settings import BuildSettings
from ..engine.contract.timing import ranges_of
from ..engine.contract.training_set import NeededShot
from . import casting, previews
from .batch import Batch
from .job_request import Finisher, Preparation
from .job_requests import job_request, project_of_edit, settings_of
from .project_view import footage_location, view
from .sequencer import sequencer_scene
from .strips import strip_shot_steps
from .training_sets import assigned_parts


def build_requests(
    context: bpy.types.Context, strips: Sequence[Any], performer: str = "", target: str = ""
) -> Preparation:
    """Find the request that chooses a performer's faces for some shots.

    Args:
        context: Blender's context.
        strips: The shots; those that don't show the target are passed over, those that can't be read are left out
            and named with the request.
        performer: Whose faces are chosen; who shall appear by default.
        target: Whose place they take in the shots; the scene's by default.

    Raises:
        EngineError: For an unsaved file, an unknown performer or one without faces, shots that don't show the target,
            or settings out of range.
    """
    scene = sequencer_scene(context)
    settings, project = scene.understudy, project_of_edit()
    chooses = settings_of(settings.build, BuildSettings)
    item = casting.require_performer(settings, performer or settings.source)
    target_item = casting.require_performer(settings, target or settings.target)
    faces = assigned_parts(settings, project, item.performer_id)
    shots: list[NeededShot] = []
    batch, shown = Batch(), 0
    for strip in strips:
        with batch.attempt():
            shot = yield from strip_shot_steps(scene, strip)
            shown += 1
            found = view(project).footage(footage_location(shot.footage.path, shot.footage.pictures))
            cast = casting.assigned(settings, found.key) if found is not None else {}
            tracks = tuple(sorted(track for track, identity in cast.items() if identity == target_item.performer_id))
            if found is not None and tracks:
                shots.append(NeededShot(found.key, tracks, ranges_of(shot.used)))
    batch.require(shown > 0)
    if not shots:
        raise EngineError(
            ErrorCode.PERFORMER_UNKNOWN,
            f"No face in these shots is assigned to {target_item.name}.",
            "Extract and assign the faces of the shots first.",
        )
    casting.save_performers(settings, project)
    job = BuildFacesetJob(project.root, item.performer_id, faces, tuple(shots), chooses)
    title = f"Build Training Set: {item.name}"
    return batch.told_with([job_request(job, title, project, _after_building(project, item.performer_id))])


def _after_building(project: Project, performer: str) -> Finisher:
    def finish(_: Done) -> Iterator[None]:
        view(project).forget()
        previews.refresh(project.training_set(performer) / COVERAGE_FILE)
        yield

    return finish
