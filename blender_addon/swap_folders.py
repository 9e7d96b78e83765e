# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the pictures of a shot's swaps lie: a folder for each performer who is replaced in it."""

from __future__ import annotations

import glob
import hashlib
from pathlib import Path
from typing import Any

from ..engine.contract.project import SWAP_FILE, Project, safe_name
from .swap_content import folder_target

# Letters of a shot's lasting id in the names of its folders.
_ID_LENGTH = 8
# Together they are as long as a project's folder names may be.
_NAME_LENGTH, _TARGET_LENGTH = 24, 14


def swap_folder(project: Project, strip: Any, uid: str, target: str) -> Path:
    """Return the folder of a shot's pictures in which a performer is replaced.

    It stays the same when the strip is renamed. In older projects a shot has one folder, which isn't named after a
    performer; the one whom its `swap.json` names goes on with it, so that no picture is made twice, and nobody else.

    Args:
        project: The project of the edit.
        strip: The shot's strip.
        uid: Its lasting id.
        target: Id of the performer who is replaced.
    """
    tail, mark = uid[:_ID_LENGTH], _mark(target)
    there = [folder for folder in _found(project, f"*-{tail}") if folder_target(folder) == target]
    there += _found(project, f"*-{tail}-{glob.escape(mark)}")
    return there[0] if there else project.swap(f"{safe_name(strip.name, _NAME_LENGTH)}-{tail}-{mark}")


def swapped_folders(project: Project, uid: str) -> dict[Path, str]:
    """Return the folders of a shot that hold swapped pictures, each with whose faces are replaced in them.

    Args:
        project: The project of the edit.
        uid: Lasting id of the shot's strip.
    """
    tail = uid[:_ID_LENGTH]
    folders = [*_found(project, f"*-{tail}"), *_found(project, f"*-{tail}-*")]
    return {folder: folder_target(folder) for folder in folders if (folder / SWAP_FILE).is_file()}


def _mark(target: str) -> str:
    """Return a performer's id for a folder's name; long ones that begin alike stay apart."""
    if len(target) <= _TARGET_LENGTH:
        return target
    digest = hashlib.sha256(target.encode("utf-8")).hexdigest()[:4]
    return f"{target[: _TARGET_LENGTH - 5]}-{digest}"


def _found(project: Project, pattern: str) -> list[Path]:
    return sorted((project.root / "swaps").glob(pattern))
