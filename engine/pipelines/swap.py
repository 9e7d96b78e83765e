# SPDX-License-Identifier: GPL-3.0-or-later
"""The swap job: face tracks and a trained model in, one transparent picture for every frame out."""

from __future__ import annotations

import contextlib
import datetime
from dataclasses import asdict
from typing import Any

import numpy as np

from ... import __version__
from ..comp.crop import NoNetworkError, Swapper
from ..comp.pictures import PictureWriter
from ..comp.record import SwapRecord, picture_digests, save_outlines
from ..comp.stream import FrameStream
from ..comp.swap import face_outline
from ..contract.errors import EngineError, ErrorCode
from ..contract.frame_mentions import mention
from ..contract.imported_model import licence_warnings, load_imported
from ..contract.jobs import SwapJob
from ..contract.messages import Done
from ..contract.performers import load_performers
from ..contract.project import FOOTAGE_FILE, Project, ProjectLock
from ..faces.hands import HandFinder
from ..faces.tracks import TrackSet, load_tracks
from ..media.fingerprint import footage_key
from ..media.marks import composite_xmp
from ..media.reader import FootageReader
from ..runtime.reporter import Reporter
from .kept_faces import KeptFaces
from .swap_frames import picture_size, read_frames, with_neighbors
from .swap_hidden import hidden_ranges, hidden_warnings, open_hands
from .swap_model import open_model
from .swap_plan import SwapPlan, assignment_notes, check_performers, plan_swap


def swap(job: SwapJob, reporter: Reporter, swapper: Swapper | None = None) -> Done:
    """Swap the assigned faces and write one RGBA picture for each media frame of the job.

    Args:
        job: What to swap.
        reporter: Is told how far it is; may ask to stop, which keeps what is finished.
        swapper: A network to use instead of loading `job.model`.

    Returns:
        The last message; its result holds `output`, `pictures`, `swapped`, `empty`, `failed` (counts), `hidden`
        (where a face is probably hidden in part: `track`, `first` and `last` media frame), `in_front` (in how many
        pictures something in front of a face was left), `kept_faces` (`reused` and `made` ones, and `bytes` of their
        files) and `warnings`.

    Raises:
        EngineError: `tracks_missing`, `model_missing`, `model_unreadable`, `model_mismatch`, `performer_unknown`,
            `project_busy`, `disk_full`, `not_writable`, or what reading the footage raises.
    """
    project = Project(job.project)
    _check_folders(job)
    with ProjectLock(project, job.kind):
        reporter.stage("loading", "Loading model and tracks")
        key = footage_key(job.footage)
        tracks = _tracks(project, key, job)
        swapper = swapper or open_model(job, reporter)
        check_performers(job, swapper.performers)
        with FootageReader(job.footage) as reader:
            plan = plan_swap(job, tracks, reader.bit_depth)
            faces = KeptFaces(job, swapper, reporter)
            header = _header(job, key, tracks, swapper, plan)
            hands = open_hands(plan.is_watched, reporter)
            record = _open_record(job, plan, header, project, "things" if hands is None else "hands and things")
            named = {remark.text: remark.frames for remark in plan.warnings}
            for warning in record.warnings:
                reporter.warning(warning, named.get(warning, ()))
            _run(job, reporter, faces, hands, reader, plan, record, header)
    return _done(job, reporter, plan, record, faces)


def _check_folders(job: SwapJob) -> None:
    if not job.project.is_dir():
        raise EngineError(
            ErrorCode.TRACKS_MISSING,
            f"There is no project {job.project}, so no faces are known.",
            "Extract the faces of the footage first.",
        )
    if not job.footage.is_movie and job.output.resolve() == job.footage.path.resolve():
        raise EngineError(
            ErrorCode.JOB_INVALID,
            f"The swapped pictures would land among the footage in {job.output}.",
            "Choose another output folder.",
        )


def _tracks(project: Project, key: str, job: SwapJob) -> TrackSet:
    folder = project.footage(key)
    if not (folder / FOOTAGE_FILE).exists():
        raise EngineError(
            ErrorCode.TRACKS_MISSING,
            f"The faces of {job.footage.path.name} were not extracted in the project {project.root.name} yet.",
            "Extract the faces of this shot first.",
        )
    return load_tracks(folder)


def _header(job: SwapJob, key: str, tracks: TrackSet, swapper: Swapper, plan: SwapPlan) -> dict[str, Any]:
    imported = load_imported(job.model)
    return {
        "key": key,
        "footage": job.footage.to_json(),
        "model": str(job.model),
        "family": swapper.family,
        "step": swapper.step,
        "model_fingerprint": swapper.fingerprint,
        "model_licence": None if imported is None else asdict(imported.licence),
        "settings": asdict(job.settings),
        "bit_depth": plan.settings.bit_depth,
        "width": tracks.width,
        "height": tracks.height,
        "engine_version": __version__,
    }


def _open_record(
    job: SwapJob, plan: SwapPlan, header: dict[str, Any], project: Project, front_sights: str
) -> SwapRecord:
    notes, consent_warnings = assignment_notes(
        job.assignments, load_performers(project.performers), datetime.date.today()
    )
    # How many faces the network takes at once, on how many threads, and whether they are kept changes nothing in the
    # pictures; the fingerprint tells the checkpoint's weights, and each face whether it is watched.
    without = ("batch_size", "threads", "checkpoint", "keep_in_front", "keep_faces")
    inputs = {
        **header,
        "settings": {name: value for name, value in asdict(plan.settings).items() if name not in without},
        "footage": None,
        "model": None,
        "engine_version": None,
        "model_licence": None,
    }
    # It is among the settings already.
    del inputs["bit_depth"]
    digests = picture_digests(inputs, plan.frames, plan.faces, front_sights, plan.aside)
    record = SwapRecord(job.output, {**header, "assignments": notes}, plan.ranges, digests, set(plan.faces))
    record.warnings += [item.text for item in plan.warnings] + consent_warnings + licence_warnings(job.model)
    return record


def _run(
    job: SwapJob,
    reporter: Reporter,
    faces: KeptFaces,
    hands: HandFinder | None,
    reader: FootageReader,
    plan: SwapPlan,
    record: SwapRecord,
    header: dict[str, Any],
) -> None:
    save_outlines(job.output, plan.frames, _outlines(plan, faces.swapper, job))
    reporter.stage("swapping", "Swapping faces")
    is_whole = len(record.pending()) == len(plan.frames)
    stream = FrameStream(faces.swapper, plan.faces, plan.settings, lambda: reporter.is_stopped, hands, plan.aside)
    try:
        with (
            PictureWriter(
                job.output, header["width"], header["height"], plan.settings.bit_depth, _xmp(job, header), record.finish
            ) as writer,
            faces,
        ):
            _write_pictures(job, reporter, stream, reader, plan, record, writer)
    except BaseException as error:
        # The record of what is finished matters most on a full disk, where it may be lost too.
        with contextlib.suppress(EngineError):
            record.save("failed")
        if isinstance(error, NoNetworkError):
            raise (error.__cause__ or error) from None
        raise
    if not reporter.is_stopped:
        record.remove_stale()
        if is_whole and not record.failures:
            faces.drop_unused()
        _warn_of_hidden(job, reporter, plan, record, stream.has_masks)
    record.save("stopped" if reporter.is_stopped else "done")


def _warn_of_hidden(job: SwapJob, reporter: Reporter, plan: SwapPlan, record: SwapRecord, has_masks: bool) -> None:
    """Say where a face is probably hidden in part; as the last warning, it is the one that panels show."""
    found = hidden_warnings(plan.hidden, record.kept, job.settings, has_masks, job.footage.path.name)
    record.warnings += [remark.text for remark in found]
    for remark in found:
        reporter.warning(remark.text, remark.frames)


def _outlines(plan: SwapPlan, swapper: Swapper, job: SwapJob) -> dict[tuple[int, int], tuple[np.ndarray, float]]:
    """Return the outline of every planned face by media frame and track."""
    outlines = {}
    for frame, faces in plan.faces.items():
        for face in faces:
            # Landmarks without extent have no outline; the frame itself fails later, with the reason.
            with contextlib.suppress(EngineError):
                outlines[frame, face.track] = face_outline(face.landmarks, swapper.coverage, job.settings)
    return outlines


def _write_pictures(
    job: SwapJob,
    reporter: Reporter,
    stream: FrameStream,
    reader: FootageReader,
    plan: SwapPlan,
    record: SwapRecord,
    writer: PictureWriter,
) -> None:
    pending = record.pending()
    total, done = len(plan.frames), len(plan.frames) - len(pending)
    wanted = {frame for frame in pending if frame in plan.faces}
    frames = read_frames(reader, with_neighbors(wanted, plan), plan.settings.bit_depth == 16)
    painted = stream.paint(frames, wanted)
    for frame in pending:
        if reporter.progress(done, total, "frames"):
            return
        if frame in wanted:
            result = next(painted, None)
            if result is None:
                return
            record.note_in_front(frame, result.kept)
            if result.picture is None:
                reporter.warning(f"Frame {frame} was left empty: {result.reason}", [mention([frame])])
                writer.write_empty(frame, result.reason)
            else:
                writer.write(frame, result.picture)
        else:
            writer.write_empty(frame, size=picture_size(job, frame))
        done += 1
    reporter.progress(done, total, "frames")


def _xmp(job: SwapJob, header: dict[str, Any]) -> bytes | None:
    if not job.settings.mark_pictures:
        return None
    sources = dict.fromkeys(item.source for item in job.assignments)
    details = {
        "model": job.model.name,
        "fingerprint": header["model_fingerprint"],
        "step": str(header["step"]),
        "source": ", ".join(sources),
    }
    return composite_xmp(f"Understudy {__version__}", details)


def _done(job: SwapJob, reporter: Reporter, plan: SwapPlan, record: SwapRecord, faces: KeptFaces) -> Done:
    counts = record.counts()
    if counts["failed"] and not counts["swapped"] and not reporter.is_stopped:
        first = record.failures[0]
        raise EngineError(
            ErrorCode.INTERNAL,
            f"None of the {counts['failed']} frames could be swapped; frame {first['frame']}: {first['reason']}",
            "The pictures written are empty; see the log for each frame.",
            [mention([first["frame"]])],
        )
    reporter.artifact("frames", job.output)
    # There may be other faces in frames that stay as they are.
    empty = f", {counts['empty']} without a face to replace" if counts["empty"] else ""
    failed = f", {counts['failed']} failed" if counts["failed"] else ""
    frames = f"{counts['swapped']} frame{'' if counts['swapped'] == 1 else 's'}"
    summary = f"{frames} swapped{empty}{failed}.{faces.sentence}"
    result = {
        "output": str(job.output),
        "pictures": sum(counts.values()),
        **counts,
        "hidden": hidden_ranges(plan.hidden),
        "in_front": len(set().union(*record.kept.values())),
        "kept_faces": faces.figures,
        "warnings": record.warnings,
    }
    return reporter.done(summary, result)
