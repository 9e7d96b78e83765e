# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's own Python environment: where its parts lie and whether it fits this copy of the code.

Standard library only, because Blender's side asks the same questions as the installer.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from .files import write_document

SCHEMA = "understudy.environment"
VERSION = 1

STAMP_FILE = "understudy-environment.json"

_REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements"
ENGINE_REQUIREMENTS = _REQUIREMENTS / "engine.txt"
MODEL_REQUIREMENTS = _REQUIREMENTS / "models.txt"

# The engine's libraries have wheels for these; 3.11 and 3.13 are also the Pythons inside the supported Blenders.
OLDEST_PYTHON = (3, 11)
NEWEST_PYTHON = (3, 13)


class EnvironmentState(StrEnum):
    """What is found in an environment's folder.

    `MISSING`: nothing of ours. `INCOMPLETE`: an installation began and did not end. `OUTDATED`: complete, but for
    another list of libraries. `READY`: complete and for this list.
    """

    MISSING = "missing"
    INCOMPLETE = "incomplete"
    OUTDATED = "outdated"
    READY = "ready"


def requirements_digest(*files: Path) -> str:
    """Return the SHA-256 of the requirement lists, in hexadecimal.

    Args:
        *files: The lists; by default the engine's libraries and its models. Line ends don't count.
    """
    digest = hashlib.sha256()
    for path in files or (ENGINE_REQUIREMENTS, MODEL_REQUIREMENTS):
        digest.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()


@dataclass(frozen=True)
class EngineEnvironment:
    """A virtual environment that holds the engine's libraries and models, and none of its code.

    Attributes:
        folder: Root of the virtual environment.
    """

    folder: Path

    @property
    def python(self) -> Path:
        """The environment's Python."""
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def models(self) -> Path:
        """Folder of the model files that come with no library."""
        return self.folder / "share" / "understudy" / "models"

    @property
    def stamp(self) -> Path:
        """File that says what is installed here; it exists from the first step of an installation on."""
        return self.folder / STAMP_FILE

    def state(self, digest: str | None = None) -> EnvironmentState:
        """Return what the folder holds, measured against the requirement lists.

        Args:
            digest: Value of `requirements_digest`; that of this copy of the code by default.
        """
        content = self._read_stamp()
        if content is None:
            return EnvironmentState.MISSING
        if not content.get("complete") or not self.python.exists():
            return EnvironmentState.INCOMPLETE
        if content.get("digest") != (digest or requirements_digest()):
            return EnvironmentState.OUTDATED
        return EnvironmentState.READY

    def write_stamp(self, digest: str, complete: bool) -> None:
        """Note which lists are being installed, and whether that came to its end.

        Raises:
            EngineError: `not_writable` or `disk_full`.
        """
        write_document(self.stamp, SCHEMA, VERSION, {"digest": digest, "complete": complete})

    def _read_stamp(self) -> dict[str, object] | None:
        try:
            content = json.loads(self.stamp.read_text(encoding="utf-8"))
        except OSError:
            return None
        except ValueError:
            content = None
        # A stamp nobody can read is still ours: the installation is to be run again.
        return content if isinstance(content, dict) and content.get("schema") == SCHEMA else {}
