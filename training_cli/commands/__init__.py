# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands: one module each, imported only when it is called, so that help and errors answer at once.

Each module has `add_parser(subparsers)` and `run(arguments, reporter) -> Done`; whatever it does can be done by calling
the library.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from types import ModuleType


@dataclass(frozen=True)
class Command:
    """A command of the program.

    Attributes:
        module: Module in this package.
        help: What it does, in a phrase for the overview.
    """

    module: str
    help: str

    def load(self) -> ModuleType:
        """Import and return the command's module."""
        return importlib.import_module(f".{self.module}", __package__)


COMMANDS: dict[str, Command] = {
    "extract": Command("extract", "find, follow and cut out the faces of footage or pictures"),
    "train": Command("train", "train a model on two or more performers"),
    "swap": Command("swap", "swap faces in footage and write one picture for each frame"),
    "people": Command("people", "group the faces of all footage into people, and find performers in it"),
    "faceset": Command("faceset", "list and sort aligned faces; exchange them with other programs"),
    "fitness": Command("fitness", "say how fit the face tracks of a footage are for a swap, and where not"),
    "tracks": Command("tracks", "look at the face tracks of a footage and correct them by hand"),
    "model": Command("model", "list models; use networks made elsewhere as models"),
    "performer": Command("performer", "add and list the performers of a project and their consent"),
    "check": Command("check", "say what the engine is made of and whether each part works"),
    "environment": Command("environment", "install, check or remove the engine's own Python environment"),
    "run": Command("run", "run a job file and answer in JSON lines, as Blender does"),
    "dummy": Command("dummy", "pretend a long job, for developing the bridge"),
}
