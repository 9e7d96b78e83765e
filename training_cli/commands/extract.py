# SPDX-License-Identifier: GPL-3.0-or-later
"""`extract INPUT`: the faces of a movie, an image sequence or single pictures."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...engine.contract.errors import EngineError
from ...engine.contract.jobs import ExtractJob
from ...engine.contract.messages import Done
from ...engine.contract.project import FACESET_FILE, Project
from ...engine.contract.settings import ExtractSettings
from ...engine.contract.timing import Footage, FrameRange
from ...engine.runtime.reporter import PartReporter, Reporter
from ..arguments import add_settings, frame_range, settings_from
from ..inputs import footage_of, frames_in_ranges, picture_names, pictures_in_ranges

# Tracks of a movie that is extracted into a plain folder lie in this folder inside of it.
TRACKS_FOLDER = "tracks"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "extract",
        help="find, follow and cut out the faces of footage or pictures",
        description="Find the faces of a movie or an image sequence, follow them, and keep tracks and aligned faces in "
        "a project. With --output the faces go to a plain folder instead; the pictures of a folder then count as "
        "unrelated and are searched one by one.",
    )
    parser.add_argument("input", type=Path, help="movie file, picture, or folder of pictures")
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--project", type=Path, metavar="DIR", help="project folder (default: INPUT.understudy)")
    place.add_argument("--output", type=Path, metavar="DIR", help="plain folder for the faces, without a project")
    parser.add_argument(
        "--alignments",
        type=Path,
        metavar="FILE",
        help="also write the faces in the ancestor's format (JSON or YAML by the suffix); with --skip-existing, "
        "pictures that the file names already are not searched and keep their entries",
    )
    parser.add_argument(
        "--filter",
        dest="references",
        type=Path,
        nargs="+",
        default=[],
        metavar="PICTURE",
        help="keep only the person in these pictures",
    )
    parser.add_argument(
        "--reject",
        dest="rejects",
        type=Path,
        nargs="+",
        default=[],
        metavar="PICTURE",
        help="leave out the persons in these pictures",
    )
    parser.add_argument(
        "--ranges",
        type=frame_range,
        nargs="+",
        default=[],
        metavar="A-B",
        help="frames to search, both ends included; min and max are the first and the last. In a folder of pictures a "
        "frame's number is the last number in its name",
    )
    add_settings(parser, ExtractSettings)


def run(arguments: argparse.Namespace, reporter: Reporter) -> Done:
    """Extract, write alignments if wanted, and return the last message."""
    part = PartReporter(reporter)
    known = _known_pictures(arguments)
    if arguments.alignments is None:
        done = _extract(arguments, known, part)
        return reporter.done(done.summary, done.result, done.frames)
    faceset = _faceset_folder(arguments)
    before = _stamp(faceset)
    try:
        done = _extract(arguments, known, part)
    except Exception:
        # Where nothing was searched, the folder may hold faces of something else.
        if _stamp(faceset) != before:
            with contextlib.suppress(EngineError):
                _write_alignments(arguments.alignments, faceset, known)
                reporter.warning(f"What was found until then is in {arguments.alignments}.")
        raise
    _write_alignments(arguments.alignments, faceset, known)
    return reporter.done(done.summary, {**done.result, "alignments": str(arguments.alignments)}, done.frames)


def _extract(arguments: argparse.Namespace, known: Mapping[str, object], reporter: Reporter) -> Done:
    if _has_single_pictures(arguments):
        return _extract_pictures(arguments, frozenset(known), reporter)
    return _extract_footage(arguments, reporter)


def _faceset_folder(arguments: argparse.Namespace) -> Path:
    """Return where the faces go."""
    if _has_single_pictures(arguments):
        return _output_of_pictures(arguments)
    if arguments.output is not None:
        return arguments.output.absolute()
    from ...engine.media.fingerprint import footage_key

    return _project_of(arguments).faceset(footage_key(footage_of(arguments.input.absolute())))


def _stamp(faceset: Path) -> tuple[int, int] | None:
    """Return what changes whenever a faceset is written."""
    try:
        found = (faceset / FACESET_FILE).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _write_alignments(path: Path, faceset: Path, known: dict) -> None:
    from ...engine.faceset.ancestor import read_alignments, write_alignments
    from ...engine.faceset.exporting import ExportPlan, export_faces

    export_faces(ExportPlan(faceset, path))
    write_alignments(path, known | read_alignments(path))


def _known_pictures(arguments: argparse.Namespace) -> dict:
    """Return the entries of an alignments file that is to be added to; refuse one that can't be written."""
    if arguments.alignments is None:
        return {}
    from ...engine.faceset.ancestor import read_alignments

    is_addition = settings_from(arguments, ExtractSettings).skip_existing
    return read_alignments(arguments.alignments) if is_addition and arguments.alignments.exists() else {}


def _has_single_pictures(arguments: argparse.Namespace) -> bool:
    """Return whether pictures are searched one by one, because they don't belong together."""
    from ...engine.media.images import PICTURE_SUFFIXES

    path = arguments.input
    if path.is_dir():
        return arguments.output is not None
    return path.suffix.lower() in PICTURE_SUFFIXES


def _output_of_pictures(arguments: argparse.Namespace) -> Path:
    given: Path = arguments.input.absolute()
    return (arguments.output or given.with_name(f"{given.stem}-faces")).absolute()


def _project_of(arguments: argparse.Namespace) -> Project:
    return Project(arguments.project.absolute()) if arguments.project else Project.beside(arguments.input.absolute())


def _extract_pictures(arguments: argparse.Namespace, skip: frozenset[str], reporter: Reporter) -> Done:
    from ...engine.pipelines.extract_pictures import PictureSearch, extract_pictures

    given: Path = arguments.input.absolute()
    names = picture_names(given) if given.is_dir() else (given.name,)
    if arguments.ranges:
        names = tuple(names[index] for index in pictures_in_ranges(names, arguments.ranges))
    folder = given if given.is_dir() else given.parent
    search = PictureSearch(
        pictures=tuple(folder / name for name in names),
        output=_output_of_pictures(arguments),
        references=tuple(arguments.references),
        rejects=tuple(arguments.rejects),
        skip=skip,
        settings=settings_from(arguments, ExtractSettings),
    )
    return extract_pictures(search, reporter)


def _extract_footage(arguments: argparse.Namespace, reporter: Reporter) -> Done:
    from ...engine.media.fingerprint import footage_key
    from ...engine.pipelines.extract import ExtractPlaces, extract, extract_footage

    given: Path = arguments.input.absolute()
    footage = footage_of(given)
    project = _project_of(arguments)
    job = ExtractJob(
        project=project.root,
        footage=footage,
        ranges=_ranges(arguments.ranges, footage),
        references=tuple(path.absolute() for path in arguments.references),
        rejects=tuple(path.absolute() for path in arguments.rejects),
        settings=settings_from(arguments, ExtractSettings),
    )
    if arguments.output is None:
        return extract(job, reporter)
    output: Path = arguments.output.absolute()
    return extract_footage(job, footage_key(footage), ExtractPlaces(output / TRACKS_FOLDER, output), reporter)


def _ranges(given: Sequence[FrameRange], footage: Footage) -> tuple[FrameRange, ...]:
    if not given:
        return ()
    if not footage.is_movie:
        return frames_in_ranges(footage, given, 0)
    from ...engine.media.reader import FootageReader

    with FootageReader(footage) as reader:
        return frames_in_ranges(footage, given, reader.info.frame_count)
