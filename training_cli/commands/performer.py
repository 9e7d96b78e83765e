# SPDX-License-Identifier: GPL-3.0-or-later
"""`performer add|list`: the performers of a project and what they agreed to."""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ...engine.contract.errors import EngineError, ErrorCode
from ...engine.contract.messages import Done
from ...engine.contract.performers import Consent, Performer, load_performers, performer_id, save_performer
from ...engine.contract.project import Project

if TYPE_CHECKING:
    from ...engine.runtime.reporter import Reporter


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser("performer", help="add and list the performers of a project and their consent")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="add a performer, or replace what is known about one")
    add.add_argument("name", help="name of the performer")
    add.add_argument("--project", type=Path, required=True, metavar="DIR", help="project folder; made if missing")
    add.add_argument("--id", default="", help="short name for commands and files (default: made from the name)")
    add.add_argument("--consent", default="", metavar="TEXT", help="who agreed to what; without it a swap warns")
    add.add_argument("--document", default="", metavar="REFERENCE", help="path or reference of the signed paper")
    add.add_argument("--valid-until", default="", metavar="YYYY-MM-DD", help="last day of the consent")
    add.add_argument("--replace", action="store_true", help="replace the performer of this id")
    listing = actions.add_parser("list", help="list the performers and the state of their consent")
    listing.add_argument("--project", type=Path, required=True, metavar="DIR", help="project folder")


def run(arguments: argparse.Namespace, reporter: Reporter) -> Done:
    """Run the chosen action and return its last message."""
    project = Project(arguments.project)
    return _add(project, arguments) if arguments.action == "add" else _list(project)


def _add(project: Project, arguments: argparse.Namespace) -> Done:
    performer = Performer(
        performer_id(arguments.id or arguments.name),
        arguments.name.strip(),
        Consent(arguments.consent, arguments.document, arguments.valid_until),
    )
    if performer.id in load_performers(project.performers) and not arguments.replace:
        raise EngineError(
            ErrorCode.SETTINGS_INVALID,
            f"The project has a performer {performer.id} already.",
            "Choose another --id, or give --replace.",
        )
    project.create()
    path = save_performer(project.performers, performer)
    state = performer.consent.state(datetime.date.today())
    return Done(False, f"Performer {performer.id}: consent {state}.", {"id": performer.id, "file": str(path)})


def _list(project: Project) -> Done:
    if not project.root.is_dir():
        raise EngineError(ErrorCode.PROJECT_UNREADABLE, f"There is no project {project.root}.", "Correct the path.")
    today = datetime.date.today()
    performers = load_performers(project.performers).values()
    lines = [f"{p.id}  {p.name}  consent {p.consent.state(today)}" for p in performers]
    result = [{**p.to_json(), "consent_state": p.consent.state(today)} for p in performers]
    return Done(False, "\n".join(lines) or "The project has no performers.", {"performers": result})
