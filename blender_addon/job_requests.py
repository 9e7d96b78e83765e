# SPDX-License-Identifier: GPL-3.0-or-later
"""From Blender's context to jobs: the only place that reads settings for a job, and what happens to its result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import bpy

from ..engine.contract.errors import EngineError, ErrorCode
from ..engine.contract.jobs import (
    CheckJob,
    ExtractJob,
    FaceAssignment,
    Job,
    SwapJob,
    TrainingPerformer,
    TrainJob,
    save_job,
)
from ..engine.contract.messages import Done
from ..engine.contract.preview_shot import PreviewShot
from ..engine.contract.project import JOB_FILE, Project
from ..engine.contract.settings import BuildSettings, ExtractSettings, PeopleSettings, SwapSettings, TrainSettings
from ..engine.contract.timing import Footage, Shot, merge_ranges, ranges_of
from . import casting, environment, preferences, previews, shots, training_sets
from .batch import Batch
from .edit_frames import StripFrames, words_for
from .job_request import Finisher, JobRequest, Preparation
from .process import engine_command
from .project_view import FootageLocation, FoundFootage, footage_location, view
from .reports import check_report
from .sequencer import sequencer_scene
from .strips import strip_frames, strip_shot_steps, strip_uid
from .swap_folders import swap_folder

_SettingsT = TypeVar("_SettingsT", ExtractSettings, PeopleSettings, BuildSettings, TrainSettings, SwapSettings)


def project_of_edit() -> Project:
    """Return the project folder that belongs to the open .blend.

    Raises:
        EngineError: `job_invalid`, when the file was never saved.
    """
    if not bpy.data.filepath:
        raise EngineError(
            ErrorCode.JOB_INVALID,
            "This .blend has no name yet.",
            "Save it first; the project folder is made beside it.",
        )
    return Project.beside(Path(bpy.data.filepath))


def settings_of(group: Any, cls: type[_SettingsT]) -> _SettingsT:
    """Return a settings dataclass from its properties.

    Raises:
        EngineError: `settings_invalid`, when a value is out of range.
    """
    values = {}
    for item in fields(cls):
        value = getattr(group, item.name)
        if isinstance(item.default, float):
            # Blender keeps single precision: 5e-5 comes back as 4.99999987e-05.
            value = float(f"{value:.6g}")
        elif isinstance(item.default, int) and not isinstance(item.default, bool):
            value = int(value)
        elif item.metadata.get("metavar") == "MODEL" and value:
            value = bpy.path.abspath(value)
        values[item.name] = value
    return cls(**values)


def job_request(job: Job, title: str, project: Project, finisher: Finisher | None = None, undo: str = "") -> JobRequest:
    """Write a job's file into its own folder and return the request that runs it.

    Raises:
        EngineError: `environment_broken` without an engine; `not_writable` or `disk_full`.
    """
    engine = preferences.engine()
    if not engine.is_ready:
        raise EngineError(ErrorCode.ENVIRONMENT_BROKEN, f"{engine.sentence}.", "Install the engine first.")
    folder = project.new_job(job.kind)
    save_job(folder / JOB_FILE, job)
    command = engine_command(engine.python, ["run", str(folder / JOB_FILE)])
    return JobRequest(job.kind, title, tuple(command), folder, finisher, undo)


def check_request() -> JobRequest:
    """Return the request that says what the engine is made of and whether it works."""
    return job_request(CheckJob(), "Check Engine", Project(preferences.data_folder()), _show_check)


def _show_check(done: Done) -> Iterator[None]:
    environment.forget()
    bpy.context.window_manager.understudy.engine_report = "" if done.stopped else check_report(done.result)
    yield


def environment_request(action: str) -> JobRequest:
    """Return the request that installs or removes the engine's environment.

    Args:
        action: "install" or "remove".
    """
    host = preferences.host_python()
    arguments = ["--json", "environment", action, "--folder", str(preferences.engine_folder())]
    if action == "install":
        arguments += ["--python", str(host)]
    folder = Project(preferences.data_folder()).new_job("environment")
    title = {"install": "Install Engine", "remove": "Remove Engine"}[action]
    return JobRequest("environment", title, tuple(engine_command(host, arguments)), folder, _look_again)


def _look_again(_: Done) -> Iterator[None]:
    environment.forget()
    yield


def extract_requests(context: bpy.types.Context, strips: Sequence[Any]) -> Preparation:
    """Find one request for each footage that the strips use; strips of one footage share a search.

    Strips that stand for no shot are left out and named with the last request.

    Raises:
        EngineError: For an unsaved file, settings out of range, or when no strip is left.
    """
    scene = sequencer_scene(context)
    settings, project = scene.understudy, project_of_edit()
    search = settings_of(settings.extract, ExtractSettings)
    by_footage: dict[Footage, list[tuple[Shot, StripFrames]]] = {}
    batch = Batch()
    for strip in strips:
        with batch.attempt():
            shot = yield from strip_shot_steps(scene, strip, settings.handles)
            by_footage.setdefault(shot.footage, []).append((shot, strip_frames(scene, strip, shot.used)))
    batch.require(bool(by_footage))
    requests = []
    project.create()
    for footage, cuts in by_footage.items():
        location = footage_location(footage.path, footage.pictures)
        # The engine adds what it finds to what it knows of this footage, and decodes only what it hasn't seen.
        ranges = merge_ranges(part for shot, _ in cuts for part in shot.needed_ranges())
        job = ExtractJob(project=project.root, footage=footage, ranges=ranges, settings=search)
        finisher = _after_extraction(project, scene.name, location)
        request = job_request(job, f"Extract Faces: {footage.path.name}", project, finisher, "Extract Faces")
        requests.append(replace(request, strips=tuple(shown for _, shown in cuts)))
    return batch.told_with(requests)


def _after_extraction(project: Project, scene_name: str, location: FootageLocation) -> Finisher:
    def finish(_: Done) -> Iterator[None]:
        view(project).forget()
        found = view(project).footage(location)
        for track in found.tracks if found else ():
            previews.refresh(track.thumbnail or "")
        scene = bpy.data.scenes.get(scene_name)
        if found is not None and scene is not None:
            casting.drop_lost_tracks(scene.understudy, found)
        yield

    return finish


def train_request(
    context: bpy.types.Context,
    model: str = "",
    names: Sequence[str] = (),
    minutes: float = -1,
    preview: tuple[PreviewShot, ...] = (),
) -> JobRequest:
    """Return the request that trains a model.

    Args:
        context: Blender's context.
        model: Name of the model; the scene's by default.
        names: Performers to learn; everybody with assigned faces by default.
        minutes: Time limit, 0 for none; the scene's by default.
        preview: Frames of the edit to show while it trains.

    Raises:
        EngineError: For an unsaved file, fewer than two performers with faces, or settings out of range.
    """
    settings, project = sequencer_scene(context).understudy, project_of_edit()
    items = [casting.require_performer(settings, name) for name in names]
    if not items:
        items = [item for item in settings.performers if casting.tracks_by_footage(settings, item.performer_id)]
    performers = tuple(_training_performer(settings, project, item) for item in items)
    training = settings_of(settings.train, TrainSettings)
    if minutes >= 0:
        training = replace(training, maximum_minutes=float(f"{minutes:.6g}"))
    name = model or settings.model
    casting.save_performers(settings, project)
    folder = project.model(name)
    job = TrainJob(model=folder, performers=performers, project=project.root, settings=training, shots=preview)
    return job_request(job, f"Train: {name}", project, _after_training(project))


def _training_performer(settings: Any, project: Project, item: Any) -> TrainingPerformer:
    return TrainingPerformer(item.performer_id, training_sets.parts_to_train_on(settings, project, item.performer_id))


def _after_training(project: Project) -> Finisher:
    def finish(_: Done) -> Iterator[None]:
        view(project).forget()
        yield

    return finish


@dataclass(frozen=True)
class SwapPlan:
    """A swap of one strip, before its job is written."""

    strip: Any
    shot: Shot
    assignments: tuple[FaceAssignment, ...]
    shown: StripFrames


def swap_requests(
    context: bpy.types.Context, strips: Sequence[Any], model: str = "", source: str = "", target: str = ""
) -> Preparation:
    """Find one request for each strip; strips that can't be swapped are left out and named with the last request.

    Args:
        context: Blender's context.
        strips: Shots to swap in.
        model: Name of the trained model; the scene's by default.
        source: Who shall appear; the scene's by default.
        target: Whose face is replaced; the scene's by default.

    Raises:
        EngineError: For an unsaved file, an unknown performer, settings out of range, or when no strip is left: each
            isn't mappable, or has no assigned faces.
    """
    scene = sequencer_scene(context)
    settings, project = scene.understudy, project_of_edit()
    comp = settings_of(settings.swap, SwapSettings)
    source_item = casting.require_performer(settings, source or settings.source)
    target_item = casting.require_performer(settings, target or settings.target)
    name = model or settings.model
    # Every strip is looked at before anything is written.
    plans, batch = [], Batch()
    for strip in strips:
        with batch.attempt():
            shot = yield from strip_shot_steps(scene, strip)
            plans.append(_plan(scene, project, strip, shot, source_item, target_item))
    batch.require(bool(plans))
    casting.save_performers(settings, project)
    requests = []
    for plan in plans:
        uid = strip_uid(plan.strip)
        output = swap_folder(project, plan.strip, uid, target_item.performer_id)
        job = SwapJob(
            project=project.root,
            footage=plan.shot.footage,
            ranges=ranges_of(plan.shot.used),
            model=project.model(name),
            assignments=plan.assignments,
            output=output,
            settings=comp,
        )
        finisher = shots.insertion_finisher(uid, plan.strip.name, plan.shot, output)
        request = job_request(job, f"Swap: {plan.strip.name} ({target_item.name})", project, finisher, "Swap Faces")
        requests.append(replace(request, strips=(replace(plan.shown, uid=uid),)))
    return batch.told_with(requests)


def _plan(scene: bpy.types.Scene, project: Project, strip: Any, shot: Shot, source: Any, target: Any) -> SwapPlan:
    found = view(project).footage(footage_location(shot.footage.path, shot.footage.pictures))
    if found is None:
        raise EngineError(
            ErrorCode.TRACKS_MISSING, f"The faces of “{strip.name}” were not extracted yet.", "Extract them first."
        )
    cast = casting.assigned(scene.understudy, found.key)
    tracks = [track for track, performer_id in sorted(cast.items()) if performer_id == target.performer_id]
    if not tracks:
        raise EngineError(
            ErrorCode.PERFORMER_UNKNOWN,
            f"No face in “{strip.name}” is assigned to {target.name}.",
            "Assign the faces of this shot first.",
        )
    shown = strip_frames(scene, strip, shot.used)
    _require_searched(shown, found)
    assignments = tuple(FaceAssignment(track, source.performer_id, target.performer_id) for track in tracks)
    return SwapPlan(strip, shot, assignments, shown)


def _require_searched(shown: StripFrames, found: FoundFootage) -> None:
    # A movie may end a picture earlier than Blender counts; the engine knows what to do with frames past the end.
    used = {frame for frame in shown.used if not found.frame_count or frame < found.frame_count}
    missing = sorted(frame for frame in used if not any(frame in part for part in found.ranges))
    if missing:
        raise EngineError(
            ErrorCode.TRACKS_MISSING,
            f"“{shown.name}” has frames that were not searched for faces: {words_for([shown], ranges_of(missing))}.",
            "The strip was extended since; extract its faces again.",
        )
