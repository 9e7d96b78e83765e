# SPDX-License-Identifier: GPL-3.0-or-later
"""The actions of `faceset` that choose faces: group, remove, restore, removals, build."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engine.contract.build_faceset_job import BuildFacesetJob
from ..engine.contract.curation import DEFAULT_SHARES, GROUPS
from ..engine.contract.errors import EngineError, ErrorCode
from ..engine.contract.messages import Done
from ..engine.contract.performers import performer_id
from ..engine.contract.project import Project
from ..engine.contract.settings import BuildSettings
from ..engine.contract.timing import FrameRange
from ..engine.contract.training_set import FacesetPart, NeededShot
from .arguments import add_settings, frame_range, settings_from
from .inputs import key_of

if TYPE_CHECKING:
    from ..engine.faceset.grouping import FaceGroup
    from ..engine.faceset.removals import RemovalEntry
    from ..engine.faceset.store import Faceset
    from ..engine.runtime.reporter import Reporter


def add_curation(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the actions to the parser of `faceset`."""
    _add_group(actions)
    _add_remove(actions)
    _add_restore(actions)
    _add_removals(actions)
    _add_build(actions)


def phrases(table: dict[str, str]) -> str:
    """Return a table of names and what they mean as one text for `--help`."""
    return "; ".join(f"{name}: {phrase}" for name, phrase in table.items())


def _add_group(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser(
        "group",
        help="list the faces in groups; no file is moved",
        description="List the faces of a faceset, or of a folder of plain face pictures, in groups. No file is moved.",
    )
    parser.add_argument("folder", type=Path, help="folder of the faceset")
    _add_grouping(parser, is_required=True)
    parser.add_argument("--view", type=Path, metavar="DIR", help="fill a new folder with a folder of links for each")


def _add_grouping(parser: argparse.ArgumentParser, is_required: bool) -> None:
    parser.add_argument("--by", choices=tuple(GROUPS), required=is_required, metavar="GROUPING", help=phrases(GROUPS))
    parser.add_argument(
        "--shares",
        type=int,
        default=DEFAULT_SHARES,
        metavar="N",
        help=f"groups of sizes, sharpness, exposure and histograms (default: {DEFAULT_SHARES})",
    )


def _add_remove(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser(
        "remove",
        help="take faces out; their pictures stay and they can be restored",
        description="Take faces out of a faceset, by name or as a group. Pictures stay where they are; removals.json "
        "remembers who is out, also when the footage is extracted anew.",
    )
    parser.add_argument("folder", type=Path, help="folder of the faceset")
    parser.add_argument("files", nargs="*", metavar="FILE", help="file names of faces")
    parser.add_argument(
        "--group", metavar="NAME", help="take out this group of --by, by its name or number in `faceset group`"
    )
    _add_grouping(parser, is_required=False)
    parser.add_argument("--reason", default="", metavar="TEXT", help="why, for whoever looks at it later")


def _add_restore(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser("restore", help="bring removed faces back")
    parser.add_argument("folder", type=Path, help="folder of the faceset")
    parser.add_argument("files", nargs="*", metavar="FILE", help="file names of faces (default: all of a removal)")
    parser.add_argument("--number", type=int, metavar="N", help="which removal (default: the latest)")


def _add_removals(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser("removals", help="list what was removed and restored, when and why")
    parser.add_argument("folder", type=Path, help="folder of the faceset")


def _add_build(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser(
        "build",
        help="choose the faces of a performer that cover some shots best",
        description="Choose from all faces of a performer those that cover pose, light and expression of some shots "
        "best, and say what is missing. The choice goes to trainingsets/PERFORMER/trainingset.json in the project, "
        "for `train --performer`, with a picture beside it.",
    )
    parser.add_argument("performer", metavar="PERFORMER", help="id of the performer")
    parser.add_argument("--project", type=Path, required=True, metavar="DIR", help="project folder of the shots")
    parser.add_argument(
        "--faces",
        type=_place,
        nargs="+",
        required=True,
        metavar="FOLDER[:TRACKS]",
        help="facesets of the performer, with the face tracks to use (faces:1,4)",
    )
    parser.add_argument(
        "--shots",
        type=_place,
        nargs="+",
        required=True,
        metavar="FOOTAGE[:TRACKS]",
        help="footage to stand in on, as movie, folder of pictures or key in the project, with its face tracks",
    )
    parser.add_argument(
        "--ranges",
        type=frame_range,
        nargs="+",
        default=[],
        metavar="A-B",
        help="frames of the shots that count, both ends included (default: all)",
    )
    add_settings(parser, BuildSettings)


def _place(text: str) -> tuple[str, tuple[int, ...]]:
    """Return the path and the tracks of "PATH" or "PATH:1,4"; a colon elsewhere belongs to the path."""
    tracks = re.search(r":(\d+(?:,\d+)*)$", text)
    return (text[: tracks.start()], tuple(map(int, tracks[1].split(",")))) if tracks else (text, ())


def _group(arguments: argparse.Namespace, reporter: Reporter) -> Done:
    from ..engine.faceset.store import load_faceset
    from ..engine.faceset.views import write_group_view

    faceset = load_faceset(arguments.folder)
    groups = _groups(arguments, faceset, reporter)
    named = [{"name": group.name, "files": [record.file for record in group.records]} for group in groups]
    result: dict[str, Any] = {"by": arguments.by, "groups": named}
    if arguments.view is not None:
        write_group_view(arguments.view, faceset, groups)
        result["view"] = str(arguments.view)
    lines = (f"{number}  {group.name}: {len(group.records)}" for number, group in enumerate(groups, start=1))
    return reporter.done("\n".join(lines), result)


def _groups(arguments: argparse.Namespace, faceset: Faceset, reporter: Reporter) -> list[FaceGroup]:
    from ..engine.faceset.grouping import group_faces

    if arguments.shares < 1:
        raise EngineError(ErrorCode.SETTINGS_INVALID, f"{arguments.shares} groups are none.", "Ask for at least one.")
    return group_faces(faceset, arguments.by, reporter, arguments.shares)


def _remove(arguments: argparse.Namespace, reporter: Reporter) -> Done:
    from ..engine.faceset.removing import remove_faces
    from ..engine.faceset.store import load_faceset

    files = list(arguments.files)
    if arguments.group is not None:
        if arguments.by is None:
            raise EngineError(
                ErrorCode.SETTINGS_INVALID,
                f"It isn't said of which grouping {arguments.group!r} is a group.",
                "Add --by, for example --by duplicates.",
            )
        groups = _groups(arguments, load_faceset(arguments.folder), reporter)
        found = next((g for n, g in enumerate(groups, 1) if arguments.group in (g.name, str(n))), None)
        if found is None:
            raise EngineError(
                ErrorCode.FACESET_UNREADABLE,
                f"There is no group {arguments.group!r} by {arguments.by} in {arguments.folder}.",
                f"There is: {'; '.join(group.name for group in groups) or 'none'}.",
            )
        files += [record.file for record in found.records]
    entry = remove_faces(arguments.folder, files, arguments.reason)
    return _entry_done(entry, f"{len(entry.faces)} faces are out (removal {entry.number}).", reporter)


def _restore(arguments: argparse.Namespace, reporter: Reporter) -> Done:
    from ..engine.faceset.removing import restore_faces

    entry = restore_faces(arguments.folder, arguments.files, arguments.number)
    return _entry_done(entry, f"{len(entry.faces)} faces are back.", reporter)


def _entry_done(entry: RemovalEntry, text: str, reporter: Reporter) -> Done:
    return reporter.done(text, {"number": entry.number, "files": [face.file for face in entry.faces if face.file]})


def _removals(arguments: argparse.Namespace, reporter: Reporter) -> Done:
    from ..engine.faceset.removals import load_removals
    from ..engine.faceset.store import load_faceset

    load_faceset(arguments.folder)
    removals = load_removals(arguments.folder)
    history = [
        {
            "number": entry.number,
            "action": entry.action,
            "time": entry.time,
            "reason": entry.reason,
            "files": [face.file for face in entry.faces if face.file],
            "faces": len(entry.faces),
        }
        for entry in removals.history
    ]
    lines = [f"{len(removals.removed)} faces are out"]
    for item in history:
        reason = f": {item['reason']}" if item["reason"] else ""
        lines.append(f"  {item['number']}  {item['time']}  {item['action']} {item['faces']} faces{reason}")
    result = {"out": len(removals.removed), "history": history}
    return reporter.done("\n".join(lines), result)


def build_job(arguments: argparse.Namespace, reporter: Reporter) -> BuildFacesetJob:
    """Return the job that the arguments of `faceset build` describe; footage that can't be read is left out and named.

    Raises:
        EngineError: `footage_missing` or `footage_unreadable`, when none of the footage can be read.
    """
    ranges = tuple(arguments.ranges)
    project = arguments.project.expanduser().absolute()
    return BuildFacesetJob(
        project=project,
        performer=performer_id(arguments.performer),
        faces=tuple(FacesetPart(Path(name).expanduser().absolute(), tracks) for name, tracks in arguments.faces),
        shots=_shots(Project(project), arguments.shots, ranges, reporter),
        settings=settings_from(arguments, BuildSettings),
    )


def _shots(
    project: Project,
    named: Sequence[tuple[str, tuple[int, ...]]],
    ranges: tuple[FrameRange, ...],
    reporter: Reporter,
) -> tuple[NeededShot, ...]:
    found: list[NeededShot] = []
    failure: EngineError | None = None
    for name, tracks in named:
        try:
            found.append(NeededShot(key_of(project, name), tracks, ranges))
        except EngineError as error:
            failure = failure or error
            reporter.warning(f"Left out: {error.message}")
    if failure is not None and not found:
        raise failure
    return tuple(found)


def _build(arguments: argparse.Namespace, reporter: Reporter) -> Done:
    from ..engine.pipelines.build_faceset import build_faceset

    return build_faceset(build_job(arguments, reporter), reporter)


CURATION = {"group": _group, "remove": _remove, "restore": _restore, "removals": _removals, "build": _build}
"""Name of an action -> what runs it, with the arguments and the reporter."""
