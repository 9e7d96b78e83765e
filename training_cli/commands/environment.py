# SPDX-License-Identifier: GPL-3.0-or-later
"""`environment install|check|remove`: the engine's own Python environment; runs with any Python, without libraries."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ...engine.contract.environment import EngineEnvironment, EnvironmentState
from ...engine.contract.errors import EngineError, ErrorCode
from ...engine.contract.messages import Done

if TYPE_CHECKING:
    from ...engine.runtime.reporter import Reporter

_HINTS = {
    EnvironmentState.MISSING: "Install it: environment install --folder {folder}",
    EnvironmentState.INCOMPLETE: "The installation was interrupted; install again to go on from there.",
    EnvironmentState.OUTDATED: "It was made for another version; install again to bring it up to date.",
}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser("environment", help="install, check or remove the engine's own Python environment")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in (
        ("install", "make it, bring it up to date, or go on with an interrupted installation"),
        ("check", "import every library in it"),
        ("remove", "delete it; a folder that Understudy didn't make is left alone"),
    ):
        action = actions.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        action.add_argument("--folder", type=Path, required=True, help="folder of the environment")
        if name == "install":
            action.add_argument(
                "--python", type=Path, metavar="P", help="64-bit Python 3.11, 3.12 or 3.13 to make it with; this one"
            )


def run(arguments: argparse.Namespace, reporter: Reporter) -> Done:
    """Run the chosen action and return its last message."""
    from ...engine.runtime.environment import install_environment, remove_environment

    if arguments.action == "install":
        return install_environment(arguments.folder, arguments.python, reporter)
    if arguments.action == "remove":
        return remove_environment(arguments.folder, reporter)
    return _check(arguments.folder.expanduser().absolute(), reporter)


def _check(folder: Path, reporter: Reporter) -> Done:
    from ...engine.runtime.environment_check import check_libraries

    environment = EngineEnvironment(folder)
    state = environment.state()
    if state is not EnvironmentState.READY:
        raise EngineError(
            ErrorCode.ENVIRONMENT_BROKEN,
            f"The engine's environment in {folder} is {state}.",
            _HINTS[state].format(folder=folder),
        )
    libraries = check_libraries(environment, reporter) or {}
    listed = ", ".join(f"{name} {version}" for name, version in libraries.items())
    return reporter.done(
        f"The engine's environment in {folder} works: {listed}.",
        {"folder": str(folder), "python": str(environment.python), "state": str(state), "libraries": libraries},
    )
