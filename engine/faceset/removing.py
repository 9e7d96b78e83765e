# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking faces out of a faceset and bringing them back. No picture is moved, renamed or deleted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from ..contract.errors import EngineError, ErrorCode
from .record import FaceRecord
from .removals import REMOVE, RESTORE, FacePlace, RemovalEntry, Removals, load_removals, save_removals
from .store import load_faceset


def remove_faces(folder: Path, files: Iterable[str], reason: str = "") -> RemovalEntry:
    """Take faces out of a faceset, or of a folder of plain face pictures.

    Args:
        folder: The faceset's folder.
        files: File names of the faces.
        reason: Why, for whoever looks at the history later.

    Returns:
        The entry in the history.

    Raises:
        EngineError: `faceset_unreadable`, naming a file that is no face of this faceset or is out already, or when no
            file is named; `not_writable` or `disk_full`.
    """
    faceset = load_faceset(folder)
    chosen = _chosen(files, faceset.records, folder, "Perhaps it was removed before; `faceset removals` tells.")
    return _add(folder, load_removals(folder), REMOVE, map(FacePlace.of, chosen), reason)


def restore_faces(folder: Path, files: Iterable[str] = (), number: int | None = None) -> RemovalEntry:
    """Bring removed faces back.

    Args:
        folder: The faceset's folder.
        files: File names of the faces; empty takes a whole removal.
        number: Number of the removal to undo; the latest that isn't undone by default.

    Returns:
        The entry in the history.

    Raises:
        EngineError: `faceset_unreadable`, when there is nothing to bring back; `not_writable` or `disk_full`.
    """
    removals, names = load_removals(folder), list(files)
    if names:
        chosen = _chosen(names, load_faceset(folder).removed, folder, "`faceset removals` lists what was removed.")
        wanted = {record.file for record in chosen}
        places = [place for place in removals.removed if place.file in wanted]
        return _add(folder, removals, RESTORE, sorted(places, key=lambda place: place.file))
    entry = removals.latest() if number is None else _removal(removals, number)
    places = [] if entry is None else [place for place in entry.faces if place in removals.removed]
    if not places:
        what = "There is no removal" if number is None else f"There is no removal {number}"
        raise EngineError(
            ErrorCode.FACESET_UNREADABLE,
            f"{what} in {folder} that can be undone.",
            "`faceset removals` lists what was removed. A picture deleted by hand comes back from the trash only.",
        )
    return _add(folder, removals, RESTORE, places)


def _removal(removals: Removals, number: int) -> RemovalEntry | None:
    return next((entry for entry in removals.history if (entry.number, entry.action) == (number, REMOVE)), None)


def _chosen(files: Iterable[str], records: Sequence[FaceRecord], folder: Path, hint: str) -> list[FaceRecord]:
    by_name = {record.file: record for record in records}
    names = list(dict.fromkeys(files))
    missing = [name for name in names if name not in by_name]
    if not names:
        raise EngineError(
            ErrorCode.FACESET_UNREADABLE, f"No face of {folder} was named.", "Name files of faces, or a group of them."
        )
    if missing:
        raise EngineError(ErrorCode.FACESET_UNREADABLE, f"There is no face {missing[0]} in {folder}.", hint)
    return [by_name[name] for name in names]


def _add(folder: Path, removals: Removals, action: str, places: Iterable[FacePlace], reason: str = "") -> RemovalEntry:
    added = removals.with_entry(action, places, reason)
    save_removals(folder, added)
    return added.history[-1]
