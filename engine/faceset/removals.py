# SPDX-License-Identifier: GPL-3.0-or-later
"""Which faces of a faceset the user took out, when and why: a history that is only added to, so all can be undone.

`removals.json` lies in the folder (docs/reference/formats/removals.md); pictures and records stay as they are.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..contract.errors import ErrorCode
from ..contract.files import read_document_as, write_document
from ..contract.project import REMOVALS_FILE
from .record import FaceRecord

SCHEMA = "understudy.removals"
VERSION = 1

REMOVE, RESTORE = "remove", "restore"

# Two searches of one frame fit the same face to boxes that share more than this part of their union.
_LEAST_OVERLAP = 0.4


@dataclass(frozen=True)
class FacePlace:
    """What tells a face from the others, also after a new extraction gave its picture another name.

    Attributes:
        file: Name of its picture; empty for a face that the latest extraction didn't find.
        picture: File name of the picture it was cut from; empty for footage and plain faces.
        media_frame: Media frame of the footage; -1 for pictures.
        track: Id of its face track; -1 where there is none.
        box: x0, y0, x1, y1 in pixels of the picture; zeros when unknown.
    """

    file: str
    picture: str = ""
    media_frame: int = -1
    track: int = -1
    box: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)

    @classmethod
    def of(cls, record: FaceRecord) -> FacePlace:
        """Return the place of a face."""
        return cls(record.file, record.picture, record.media_frame, record.track, record.box)

    @property
    def source(self) -> tuple[str, int]:
        """What it was cut from: file name of the picture and media frame."""
        return self.picture, self.media_frame

    def overlap(self, other: FacePlace) -> float:
        """Return how surely another face of the same frame is this one: 0 for no, up to 1.

        It is the intersection over union of their boxes; where one is unknown, the face track decides.
        """
        if not (_area(self.box) and _area(other.box)):
            return float(self.track == other.track)
        wide = min(self.box[2], other.box[2]) - max(self.box[0], other.box[0])
        high = min(self.box[3], other.box[3]) - max(self.box[1], other.box[1])
        shared = max(0.0, wide) * max(0.0, high)
        share = shared / (_area(self.box) + _area(other.box) - shared)
        return share if share > _LEAST_OVERLAP else 0.0


def _area(box: tuple[float, float, float, float]) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


@dataclass(frozen=True)
class RemovalEntry:
    """One thing the user did.

    Attributes:
        number: From 1 in the order of time.
        action: `REMOVE` or `RESTORE`.
        time: When, ISO 8601 with the offset from UTC.
        reason: Why, in the user's words; may be empty.
        faces: Which faces.
    """

    number: int
    action: str
    time: str
    reason: str
    faces: tuple[FacePlace, ...]


@dataclass(frozen=True)
class Removals:
    """All that was taken out of a faceset.

    Attributes:
        history: What the user did, in the order of time.
        deleted: Faces whose picture the user deleted by hand before a new extraction; they aren't cut out again.
    """

    history: tuple[RemovalEntry, ...] = ()
    deleted: tuple[FacePlace, ...] = ()

    @property
    def removed(self) -> frozenset[FacePlace]:
        """The faces that are out now."""
        out: set[FacePlace] = set()
        for entry in self.history:
            out = out | set(entry.faces) if entry.action == REMOVE else out - set(entry.faces)
        return frozenset(out)

    def latest(self) -> RemovalEntry | None:
        """Return the newest removal of which a face is still out, or None."""
        out = self.removed
        removals = (entry for entry in reversed(self.history) if entry.action == REMOVE)
        return next((entry for entry in removals if out & set(entry.faces)), None)

    def with_entry(self, action: str, faces: Iterable[FacePlace], reason: str = "") -> Removals:
        """Return the history with one more entry, of this moment."""
        time = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        entry = RemovalEntry(len(self.history) + 1, action, time, reason, tuple(faces))
        return replace(self, history=(*self.history, entry))

    def moved(self, places: Mapping[FacePlace, FacePlace]) -> Removals:
        """Return the history with faces at new places, as a new extraction finds them."""
        history = (
            replace(entry, faces=tuple(places.get(face, face) for face in entry.faces)) for entry in self.history
        )
        return replace(self, history=tuple(history))


def load_removals(folder: Path) -> Removals:
    """Read what was taken out of a faceset; nothing where there is no history.

    Raises:
        EngineError: `faceset_unreadable`, naming the file.
    """
    path = folder / REMOVALS_FILE
    if not path.is_file():
        return Removals()
    hint = "Restore it from a backup; deleting it brings all removed faces back."
    return read_document_as(path, SCHEMA, VERSION, ErrorCode.FACESET_UNREADABLE, hint, _removals)


def _removals(content: dict[str, Any]) -> Removals:
    history = tuple(
        RemovalEntry(
            int(item["number"]),
            _known_action(item["action"]),
            str(item["time"]),
            str(item["reason"]),
            _faces(item["faces"]),
        )
        for item in content["history"]
    )
    return Removals(history, _faces(content["deleted"]))


def _known_action(action: str) -> str:
    if action not in (REMOVE, RESTORE):
        raise ValueError(f"the action {action!r}")
    return action


def _faces(items: list[dict[str, Any]]) -> tuple[FacePlace, ...]:
    def place(item: dict[str, Any]) -> FacePlace:
        x0, y0, x1, y1 = map(float, item["box"])
        return FacePlace(
            str(item["file"]), str(item["picture"]), int(item["media_frame"]), int(item["track"]), (x0, y0, x1, y1)
        )

    return tuple(map(place, items))


def save_removals(folder: Path, removals: Removals) -> None:
    """Write what was taken out of a faceset.

    Raises:
        EngineError: `not_writable` or `disk_full`.
    """
    content = {
        "history": [asdict(entry) for entry in removals.history],
        "deleted": [asdict(face) for face in removals.deleted],
    }
    write_document(folder / REMOVALS_FILE, SCHEMA, VERSION, content)
