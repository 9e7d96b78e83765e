# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Python runs the engine, and whether it is ready: looked up at most once a second. No bpy."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from ..engine.contract.environment import EngineEnvironment, EnvironmentState, requirements_digest

# For render farms and scripts: an engine Python that needs no preferences.
PYTHON_VARIABLE = "UNDERSTUDY_ENGINE_PYTHON"

_SECONDS_BETWEEN_LOOKS = 1.0


@dataclass(frozen=True)
class EngineStatus:
    """The engine as the panels and jobs see it.

    Attributes:
        state: What is installed in our own folder; `READY` for a Python the user chose, as far as it exists.
        python: Program that runs the engine.
        is_chosen: Whether the user chose this Python instead of our own environment.
    """

    state: EnvironmentState
    python: Path
    is_chosen: bool

    @property
    def is_ready(self) -> bool:
        """Whether jobs can be started."""
        return self.state is EnvironmentState.READY

    @property
    def sentence(self) -> str:
        """What is there, for the user."""
        if self.is_chosen:
            return "Your own Python is used" if self.is_ready else f"There is no Python at {self.python}"
        return {
            EnvironmentState.MISSING: "The engine is not installed yet",
            EnvironmentState.INCOMPLETE: "The installation was interrupted",
            EnvironmentState.OUTDATED: "The engine needs an update",
            EnvironmentState.READY: "The engine is installed",
        }[self.state]


_seen: dict[tuple[Path, str], tuple[float, EngineStatus]] = {}


def engine_status(folder: Path, chosen_python: str = "") -> EngineStatus:
    """Return the state of the engine.

    Args:
        folder: Our own environment's folder.
        chosen_python: A Python the user chose instead; empty for none. The environment variable
            UNDERSTUDY_ENGINE_PYTHON goes before it.
    """
    chosen = os.environ.get(PYTHON_VARIABLE, "") or chosen_python
    key, now = (folder, chosen), time.monotonic()
    known = _seen.get(key)
    if known is not None and now - known[0] < _SECONDS_BETWEEN_LOOKS:
        return known[1]
    status = _look(folder, chosen)
    _seen[key] = (now, status)
    return status


def forget() -> None:
    """Look again at the next question, because something was installed or removed."""
    _seen.clear()


def _look(folder: Path, chosen: str) -> EngineStatus:
    if chosen:
        python = Path(chosen).expanduser()
        state = EnvironmentState.READY if python.is_file() else EnvironmentState.MISSING
        return EngineStatus(state, python, is_chosen=True)
    environment = EngineEnvironment(folder)
    return EngineStatus(environment.state(_digest()), environment.python, is_chosen=False)


_digests: list[str] = []


def _digest() -> str:
    # The lists don't change while Blender runs; hashing them once is enough.
    if not _digests:
        _digests.append(requirements_digest())
    return _digests[0]


def host_python(chosen: str = "") -> Path:
    """Return the Python that creates the engine's environment: the chosen one, else Blender's own."""
    # In Blender builds sys.executable is the Python inside Blender, not Blender itself.
    return Path(chosen).expanduser() if chosen else Path(sys.executable)
