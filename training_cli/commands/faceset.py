# SPDX-License-Identifier: GPL-3.0-or-later
"""`faceset ACTION`: look through aligned faces, take some out, and exchange them with other programs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engine.contract.curation import ORDERS
from ...engine.contract.errors import EngineError, ErrorCode
from ...engine.contract.face_formats import AUTO, EXPORT_FORMATS, IMPORT_FORMATS
from ...engine.contract.messages import Done
from ...engine.contract.settings import ExtractSettings
from ..curation import CURATION, add_curation, phrases

if TYPE_CHECKING:
    from ...engine.faceset.record import FaceRecord
    from ...engine.runtime.reporter import Reporter

_DEFAULT_ORDER = "similarity"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser("faceset", help="list and sort aligned faces; exchange them with other programs")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add_list(actions)
    _add_show(actions)
    _add_sort(actions)
    add_curation(actions)
    _add_import(actions)
    _add_export(actions)


def _add_list(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser("list", help="count the faces of a faceset, for each face track or picture")
    parser.add_argument("folder", type=Path, help="folder of the faceset")


def _add_show(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser("show", help="print all that is known about one face")
    parser.add_argument("folder", type=Path, help="folder of the faceset")
    parser.add_argument("file", help="file name of the face")


def _add_sort(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser(
        "sort",
        help="list the faces in another order; no file is renamed",
        description="List the faces of a faceset, or of a folder of plain face pictures, in another order. No file is "
        "renamed, so every face keeps its link to its frame.",
    )
    parser.add_argument("folder", type=Path, help="folder of the faceset")
    parser.add_argument(
        "--by",
        choices=tuple(ORDERS),
        default=_DEFAULT_ORDER,
        metavar="ORDER",
        help=f"{phrases(ORDERS)} (default: {_DEFAULT_ORDER})",
    )
    parser.add_argument("--reference", default="", metavar="FILE", help="face to compare identities with")
    parser.add_argument("--view", type=Path, metavar="DIR", help="fill a new folder with numbered links in this order")


def _add_import(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser(
        "import",
        help="make a faceset from another program's faces",
        description="Make a faceset from faces that the ancestor, faceswap or DeepFaceLab found. Nothing in their "
        "files is ever run: pickled parts are read as plain data or refused.",
    )
    parser.add_argument("source", type=Path, help="alignments file, or folder of face pictures")
    parser.add_argument(
        "--format",
        choices=(AUTO, *IMPORT_FORMATS),
        default=AUTO,
        help="whose it is; auto tells by the content (default: auto)",
    )
    parser.add_argument(
        "--pictures",
        type=Path,
        metavar="PATH",
        help="folder of the frames, or the movie, to cut the faces from (default: the alignments' folder; face "
        "pictures are used themselves)",
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder of the faceset to write")
    parser.add_argument("--face-size", type=int, default=ExtractSettings.face_size, metavar="PX", help="side in pixels")
    parser.add_argument("--coverage", type=float, default=ExtractSettings.coverage, help="side in face squares")


def _add_export(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser("export", help="write a faceset for another program")
    parser.add_argument("folder", type=Path, help="folder of the faceset")
    parser.add_argument("target", type=Path, help="file to write, or new folder of face pictures")
    parser.add_argument(
        "--format",
        choices=EXPORT_FORMATS,
        default=EXPORT_FORMATS[0],
        help=f"for which program (default: {EXPORT_FORMATS[0]})",
    )
    parser.add_argument("--pattern", default="%d.png", help="names of a footage's pictures (default: %%d.png)")
    parser.add_argument("--first", type=int, default=1, metavar="N", help="number of its first picture (default: 1)")
    parser.add_argument(
        "--pictures",
        type=Path,
        metavar="PATH",
        help="folder of the frames, or the movie, to cut face pictures anew that show all the other program wants",
    )
    parser.add_argument(
        "--face-size", type=int, metavar="PX", help="side of face pictures (default: faces stay as large as they are)"
    )


def run(arguments: argparse.Namespace, reporter: Reporter) -> Done:
    """Run the chosen action and return its last message."""
    actions = {
        "list": _list,
        "show": _show,
        "sort": _sort,
        **CURATION,
        "import": _import,
        "export": _export,
    }
    return actions[arguments.action](arguments, reporter)


def _list(arguments: argparse.Namespace, reporter: Reporter) -> Done:
    from ...engine.faceset.store import load_faceset

    faceset = load_faceset(arguments.folder)
    groups: dict[str, int] = {}
    for record in faceset.records:
        group = record.picture or (f"track {record.track}" if not record.is_plain else "plain pictures")
        groups[group] = groups.get(group, 0) + 1
    removed = f", {len(faceset.removed)} more are removed" if faceset.removed else ""
    lines = [
        f"{len(faceset.records)} faces in {faceset.folder}{removed}",
        *(f"  {name}: {n}" for name, n in groups.items()),
    ]
    return Done(
        False, "\n".join(lines), {"faces": len(faceset.records), "removed": len(faceset.removed), "groups": groups}
    )


def _show(arguments: argparse.Namespace, reporter: Reporter) -> Done:
    from ...engine.faceset.store import load_faceset

    faceset = load_faceset(arguments.folder)
    record = next((record for record in faceset.records if record.file == arguments.file), None)
    if record is None:
        raise EngineError(
            ErrorCode.FACESET_UNREADABLE,
            f"There is no face {arguments.file} in {arguments.folder}.",
            "`faceset sort --by frame` lists the names.",
        )
    facts = _facts(record)
    shown = (f"{name}: {value}" for name, value in facts.items() if name not in ("landmarks", "identity"))
    return Done(False, "\n".join(shown), {"face": facts})


def _facts(record: FaceRecord) -> dict[str, Any]:
    arrays = ("landmarks", "image_to_face", "identity")
    facts = {name: value for name, value in vars(record).items() if name not in arrays}
    for name in arrays:
        value = getattr(record, name)
        facts[name] = None if value is None else value.tolist()
    return {**facts, "box": list(record.box), "size_in_picture_px": round(record.size_in_picture_px, 2)}


def _sort(arguments: argparse.Namespace, reporter: Reporter) -> Done:
    from ...engine.faceset.curate import sort_faces
    from ...engine.faceset.store import load_faceset
    from ...engine.faceset.views import write_view

    faceset = load_faceset(arguments.folder)
    faces = sort_faces(faceset, arguments.by, reporter, arguments.reference)
    if arguments.view is not None:
        write_view(arguments.view, faceset, faces)
    result: dict[str, Any] = {"by": arguments.by, "faces": [{"file": f.record.file, "value": f.value} for f in faces]}
    if arguments.view is not None:
        result["view"] = str(arguments.view)
    return reporter.done("\n".join(f"{face.record.file}  {face.value:.4g}" for face in faces), result)


def _import(arguments: argparse.Namespace, reporter: Reporter) -> Done:
    from ...engine.faceset.importing import ImportPlan, import_faces

    size, coverage = arguments.face_size, arguments.coverage
    plan = ImportPlan(arguments.source, arguments.pictures, arguments.output, size, coverage, arguments.format)
    return import_faces(plan, reporter)


def _export(arguments: argparse.Namespace, reporter: Reporter) -> Done:
    from ...engine.faceset.exporting import ExportPlan, export_faces

    plan = ExportPlan(
        arguments.folder,
        arguments.target,
        arguments.format,
        arguments.pattern,
        arguments.first,
        arguments.pictures,
        arguments.face_size,
    )
    return export_faces(plan, reporter)
