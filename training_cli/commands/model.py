# SPDX-License-Identifier: GPL-3.0-or-later
"""`model import|licence|list`: use networks made elsewhere as models, and say what is known of their licence."""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engine.contract.import_model_job import ImportModelJob, ShownPerformer
from ...engine.contract.imported_model import (
    ALIGNMENTS,
    DEFAULT_FACE_TYPE,
    DEFAULT_MORPH,
    KINDS,
    LICENCE_QUESTION,
    LicenceAnswer,
    answer_licence,
    load_imported,
)
from ...engine.contract.messages import Done
from ...engine.contract.project import MODEL_FILE, Project

if TYPE_CHECKING:
    from ...engine.runtime.reporter import Reporter


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser("model", help="list models; use networks made elsewhere as models")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add_import(actions)
    answer = actions.add_parser("licence", help="answer the licence question of an imported network", epilog=_QUESTION)
    answer.add_argument("folder", type=Path, help="folder of the model")
    answer.add_argument("--made-by", required=True, metavar="WHO", help="who made the network")
    answer.add_argument("--allows", required=True, metavar="TEXT", help="what its licence allows")
    listing = actions.add_parser("list", help="list the models of a project")
    listing.add_argument("--project", type=Path, required=True, metavar="DIR", help="project folder")


_QUESTION = f"The licence question: {LICENCE_QUESTION}"


def _add_import(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser(
        "import",
        help="make a model of an ONNX file",
        description="Make a model of a network made elsewhere. The file is copied, and nothing in it is run as code. "
        "The folder of the model is then used with `swap --model` like any other.",
        epilog=_QUESTION,
    )
    parser.add_argument("file", type=Path, help="the ONNX file")
    parser.add_argument("model", type=Path, help="folder of the model; made, must not hold one")
    parser.add_argument(
        "--kind",
        required=True,
        choices=tuple(KINDS),
        help="; ".join(f"{name}: {meaning}" for name, meaning in KINDS.items()),
    )
    parser.add_argument(
        "--performer",
        action="append",
        required=True,
        metavar="ID[=FILE]",
        help="whom it shows. A one-shot network needs a picture of the performer's face or an identity vector (.npy); "
        "give it again for more files or performers",
    )
    parser.add_argument(
        "--identity-model", type=Path, metavar="FILE", help="ArcFace network (ONNX) that reads identities from pictures"
    )
    parser.add_argument(
        "--face-type",
        default=DEFAULT_FACE_TYPE,
        choices=tuple(name for name in ALIGNMENTS if name != "arcface"),
        help=f"dfm: DeepFaceLab's face type of the training (default: {DEFAULT_FACE_TYPE})",
    )
    parser.add_argument(
        "--morph",
        type=float,
        default=DEFAULT_MORPH,
        metavar="X",
        help=f"dfm with morph_value: how far the shape follows the performer, 0 to 1 (default: {DEFAULT_MORPH})",
    )
    parser.add_argument("--made-by", default="", metavar="WHO", help="licence question: who made the network")
    parser.add_argument("--allows", default="", metavar="TEXT", help="licence question: what its licence allows")


def run(arguments: argparse.Namespace, reporter: Reporter) -> Done:
    """Run the chosen action and return its last message."""
    if arguments.action == "import":
        return _import(arguments, reporter)
    if arguments.action == "licence":
        model = answer_licence(arguments.folder, arguments.made_by, arguments.allows, datetime.date.today())
        return Done(False, f"{arguments.folder.name}: {model.licence.sentence}.", {"model": str(arguments.folder)})
    return _list(Project(arguments.project))


def _import(arguments: argparse.Namespace, reporter: Reporter) -> Done:
    from ...engine.pipelines.import_model import import_model

    performers: dict[str, list[Path]] = {}
    for text in arguments.performer:
        name, has_file, file = text.partition("=")
        performers.setdefault(name, []).extend([Path(file)] if has_file else [])
    today = datetime.date.today().isoformat()
    job = ImportModelJob(
        file=arguments.file,
        model=arguments.model,
        network=arguments.kind,
        performers=tuple(ShownPerformer(name, tuple(files)) for name, files in performers.items()),
        licence=LicenceAnswer(arguments.made_by, arguments.allows, today if arguments.made_by else ""),
        face_type=arguments.face_type,
        morph=arguments.morph,
        recognizer=arguments.identity_model,
    )
    return import_model(job, reporter)


def _list(project: Project) -> Done:
    from ...engine.training.checkpoint import read_model

    lines, found = [], []
    for folder in sorted(path.parent for path in project.models.glob(f"*/{MODEL_FILE}")):
        imported = load_imported(folder)
        entry: dict[str, Any] = {"name": folder.name}
        if imported is not None:
            entry |= {"kind": imported.kind, "performers": imported.performers, "licence": imported.licence.sentence}
            lines.append(f"{folder.name}  {imported.kind}  {', '.join(imported.performers)}  {entry['licence']}")
        else:
            model = read_model(folder)
            entry |= {"kind": "trained", "performers": model.performers, "step": model.step}
            lines.append(f"{folder.name}  {model.family}  {', '.join(model.performers)}  {model.step} steps")
        found.append({**entry, "performers": list(entry["performers"])})
    return Done(False, "\n".join(lines) or "The project has no models.", {"models": found})
