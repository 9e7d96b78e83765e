# SPDX-License-Identifier: GPL-3.0-or-later
"""`swap INPUT`: swap the faces of footage or of a folder of pictures, and optionally write a finished movie."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engine.contract.errors import ErrorCode
from ...engine.contract.jobs import ExtractJob, FaceAssignment, SwapJob
from ...engine.contract.messages import Done
from ...engine.contract.preview_shot import EVERY_TRACK
from ...engine.contract.project import FACESET_FILE, TRACKS_FILE, Project
from ...engine.contract.settings import ExtractSettings, SwapSettings
from ...engine.contract.timing import Footage, FrameRange
from ...engine.runtime.reporter import PartReporter, Reporter
from ..arguments import add_settings, frame_range, settings_from
from ..inputs import footage_of, frames_in_ranges

if TYPE_CHECKING:
    from ...engine.media.reader import FootageInfo


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "swap",
        help="swap faces in footage and write one picture for each frame",
        description="Swap faces in a movie or a folder of pictures. Each frame becomes one transparent PNG that holds "
        "the swapped faces. Faces that were not extracted yet are extracted first, with the extraction's settings "
        "below. The direction of the swap is the choice of --source.",
    )
    parser.add_argument("input", type=Path, help="movie file, or folder of pictures")
    parser.add_argument("--project", type=Path, metavar="DIR", help="project folder (default: INPUT.understudy)")
    parser.add_argument("--model", type=Path, required=True, metavar="DIR", help="folder of the trained model")
    parser.add_argument("--source", required=True, metavar="ID", help="performer who shall appear")
    parser.add_argument("--target", default="", metavar="ID", help="performer whose face is replaced, for the consent")
    parser.add_argument("--track", type=int, nargs="+", metavar="N", help="swap these face tracks only (default: all)")
    parser.add_argument("--output", type=Path, metavar="DIR", help="folder of the pictures (default: in the project)")
    parser.add_argument(
        "--ranges",
        type=frame_range,
        nargs="+",
        default=[],
        metavar="A-B",
        help="frames to swap, both ends included; min and max are the first and the last. In a folder of pictures a "
        "frame's number is the last number in its name",
    )
    parser.add_argument(
        "--pass-frames", action="store_true", help="frames outside of --ranges get an empty picture instead of none"
    )
    parser.add_argument(
        "--skip-frames", type=int, nargs="+", default=[], metavar="N", help="frames that stay as they are"
    )
    parser.add_argument(
        "--faces", type=Path, metavar="DIR", help="faceset of this footage; faces removed or deleted there stay"
    )
    parser.add_argument("--movie", type=Path, metavar="FILE", help="also write the result over the plate, with sound")
    parser.add_argument("--references", type=Path, nargs="+", default=[], metavar="PICTURE", help="extract whom only")
    parser.add_argument("--rejects", type=Path, nargs="+", default=[], metavar="PICTURE", help="extract whom not")
    add_settings(parser, SwapSettings)
    add_settings(parser, ExtractSettings)


def run(arguments: argparse.Namespace, reporter: Reporter) -> Done:
    """Extract what is missing, swap, write the movie if one is wanted, and return the last message."""
    from ...engine.media.reader import FootageReader
    from ...engine.pipelines.swap import swap

    footage = footage_of(arguments.input)
    with FootageReader(footage) as reader:
        info = reader.info
    job = _job(arguments, footage, info)
    part = PartReporter(reporter)
    _extract_if_missing(arguments, job, part)
    done = swap(job, part)
    result = dict(done.result)
    if arguments.movie is not None and not reporter.is_stopped:
        from ...engine.pipelines.swap_movie import write_swap_movie

        frames = write_swap_movie(
            footage, job.output, arguments.movie, part, _ranges(arguments, footage, info), not arguments.pass_frames
        )
        result["movie"] = str(arguments.movie) if frames else ""
    return reporter.done(done.summary, result, done.frames)


def _job(arguments: argparse.Namespace, footage: Footage, info: FootageInfo) -> SwapJob:
    project = Project(arguments.project) if arguments.project else Project.beside(arguments.input)
    everything = (FrameRange(0, info.frame_count),)
    ranges = _ranges(arguments, footage, info)
    skipped = set(arguments.skip_frames)
    if arguments.pass_frames:
        inside = {frame for item in ranges for frame in item}
        skipped |= set(everything[0]) - inside
    name = f"{arguments.input.stem}-{arguments.source}"
    return SwapJob(
        project=project.root,
        footage=footage,
        ranges=everything if arguments.pass_frames else ranges,
        model=arguments.model,
        assignments=tuple(
            FaceAssignment(track, arguments.source, arguments.target) for track in arguments.track or [EVERY_TRACK]
        ),
        output=arguments.output or project.swap(name),
        skip_frames=tuple(sorted(skipped)),
        settings=settings_from(arguments, SwapSettings),
        skip_faces=_deleted_faces(arguments.faces, footage) if arguments.faces else (),
    )


def _ranges(arguments: argparse.Namespace, footage: Footage, info: FootageInfo) -> tuple[FrameRange, ...]:
    if not arguments.ranges:
        return (FrameRange(0, info.frame_count),)
    return frames_in_ranges(footage, arguments.ranges, info.frame_count)


def _extract_if_missing(arguments: argparse.Namespace, job: SwapJob, reporter: Reporter) -> None:
    from ...engine.media.fingerprint import footage_key

    if (Project(job.project).footage(footage_key(job.footage)) / TRACKS_FILE).exists():
        return
    from ...engine.pipelines.extract import extract

    extract(
        ExtractJob(
            project=job.project,
            footage=job.footage,
            ranges=job.ranges,
            references=tuple(arguments.references),
            rejects=tuple(arguments.rejects),
            settings=settings_from(arguments, ExtractSettings),
        ),
        reporter,
    )


def _deleted_faces(folder: Path, footage: Footage) -> tuple[tuple[int, int], ...]:
    """Return media frame and track of each face that was removed, or whose picture was deleted."""
    from ...engine.contract.files import read_document_as
    from ...engine.faceset.removals import load_removals
    from ...engine.faceset.store import SCHEMA, VERSION

    places = {name: index for index, name in enumerate(footage.pictures)}
    removed = {place.file for place in load_removals(folder).removed}

    def deleted(content: dict[str, Any]) -> tuple[tuple[int, int], ...]:
        faces = [face for face in content["faces"] if face["file"] in removed or not (folder / face["file"]).exists()]
        numbers = [(places.get(face["picture"], int(face["media_frame"])), int(face["track"])) for face in faces]
        return tuple((frame, track) for frame, track in numbers if frame >= 0)

    hint = "Give the folder of faces that the extraction of this footage named."
    return read_document_as(folder / FACESET_FILE, SCHEMA, VERSION, ErrorCode.FACESET_UNREADABLE, hint, deleted)
