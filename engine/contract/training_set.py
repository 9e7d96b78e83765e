# SPDX-License-Identifier: GPL-3.0-or-later
"""A training set: which faces of a performer were chosen for which shots, and how well they cover what is needed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .errors import ErrorCode
from .files import read_document_as, write_document
from .project import FACESET_FILE, REMOVALS_FILE, TRAINING_SET_FILE
from .timing import FrameRange

SCHEMA = "understudy.trainingset"
VERSION = 1


@dataclass(frozen=True)
class FacesetPart:
    """Faces to train on: a faceset folder, or some face tracks or files of it.

    Attributes:
        folder: Folder with aligned faces; plain pictures without records are taken too.
        tracks: Track ids to use; empty means all faces of the folder.
        files: File names of the faces to use; empty means all of the tracks. Names that are gone are passed over.
    """

    folder: Path
    tracks: tuple[int, ...] = ()
    files: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        return {"folder": str(self.folder), "tracks": list(self.tracks), "files": list(self.files)}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> FacesetPart:
        """Build from `to_json`'s values; documents from before files could be chosen are fine."""
        return cls(Path(content["folder"]), tuple(content.get("tracks", ())), tuple(content.get("files", ())))


@dataclass(frozen=True)
class NeededShot:
    """Faces that the performer has to stand in for.

    Attributes:
        key: Key of the footage in the project.
        tracks: Ids of the face tracks; empty means all.
        ranges: Media frames shown; empty means all.
    """

    key: str
    tracks: tuple[int, ...] = ()
    ranges: tuple[FrameRange, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        ranges = [[item.start, item.end] for item in self.ranges]
        return {"key": self.key, "tracks": list(self.tracks), "ranges": ranges}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> NeededShot:
        """Build from `to_json`'s values."""
        ranges = tuple(FrameRange(start, end) for start, end in content.get("ranges", ()))
        return cls(content["key"], tuple(content.get("tracks", ())), ranges)


Grid = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class AspectCoverage:
    """Need and supply in one respect, as a table of bins.

    Attributes:
        name: "pose", "light", "expression" or "detail".
        rows: Names of the rows.
        columns: Names of the columns.
        need: Share of the shots' faces in each bin, 0…1; all zero where the shots don't tell.
        supply: Faces of the performer in each bin.
        chosen: Chosen faces in each bin.
        covered: Share of the need in bins with enough chosen faces, 0…1.
    """

    name: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    need: Grid
    supply: Grid
    chosen: Grid
    covered: float

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        grids = {name: [list(row) for row in getattr(self, name)] for name in ("need", "supply", "chosen")}
        labels = {"name": self.name, "rows": list(self.rows), "columns": list(self.columns)}
        return {**labels, **grids, "covered": self.covered}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> AspectCoverage:
        """Build from `to_json`'s values."""
        grids = {name: tuple(tuple(row) for row in content[name]) for name in ("need", "supply", "chosen")}
        rows, columns = tuple(content["rows"]), tuple(content["columns"])
        return cls(content["name"], rows, columns, covered=float(content["covered"]), **grids)


@dataclass(frozen=True)
class TrainingSet:
    """The faces chosen for a performer.

    Attributes:
        performer: Performer id.
        parts: The chosen faces, with file names.
        available: Faces of the performer that were looked at.
        duplicates: How many of them were left out as near-duplicates.
        hidden: How many were left out because something hides them.
        shots: What they were chosen for.
        coverage: Need and supply in each respect.
        sentences: What the user should read: the verdict, then the worst gaps and what to film.
        stamps: State of the parts' folders when the faces were chosen (`folder_stamp`).
    """

    performer: str
    parts: tuple[FacesetPart, ...]
    available: int
    duplicates: int
    hidden: int
    shots: tuple[NeededShot, ...]
    coverage: tuple[AspectCoverage, ...]
    sentences: tuple[str, ...]
    stamps: tuple[str, ...] = field(default=())

    @property
    def chosen(self) -> int:
        """How many faces were chosen."""
        return sum(len(part.files) for part in self.parts)

    def is_fresh(self, parts: Iterable[FacesetPart]) -> bool:
        """Whether it was chosen from exactly these faces as they are now: the same tracks, no new extraction since."""
        wanted = {(_place(part.folder), frozenset(part.tracks)) for part in parts}
        known = {(_place(part.folder), frozenset(part.tracks)) for part in self.parts}
        return wanted == known and self.stamps == tuple(folder_stamp(part.folder) for part in self.parts)

    def chosen_parts(self) -> tuple[FacesetPart, ...]:
        """Return the parts to train on: those of which any face was chosen."""
        return tuple(part for part in self.parts if part.files)

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        return {
            "performer": self.performer,
            "available": self.available,
            "chosen": self.chosen,
            "duplicates": self.duplicates,
            "hidden": self.hidden,
            "sentences": list(self.sentences),
            "coverage": [item.to_json() for item in self.coverage],
            "shots": [item.to_json() for item in self.shots],
            "stamps": list(self.stamps),
            "parts": [item.to_json() for item in self.parts],
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> TrainingSet:
        """Build from `to_json`'s values."""
        return cls(
            performer=content["performer"],
            parts=tuple(map(FacesetPart.from_json, content["parts"])),
            available=int(content["available"]),
            duplicates=int(content["duplicates"]),
            hidden=int(content["hidden"]),
            shots=tuple(map(NeededShot.from_json, content["shots"])),
            coverage=tuple(map(AspectCoverage.from_json, content["coverage"])),
            sentences=tuple(content["sentences"]),
            stamps=tuple(content["stamps"]),
        )


def _place(folder: Path) -> str:
    return str(folder.absolute())


def folder_stamp(folder: Path) -> str:
    """Return a text that changes when faces of a folder are extracted anew, removed or restored."""
    parts = []
    for name in (FACESET_FILE, REMOVALS_FILE):
        try:
            status = (folder / name).stat()
            parts.append(f"{status.st_mtime_ns}-{status.st_size}")
        except OSError:
            parts.append("none")
    return " ".join(parts)


def save_training_set(folder: Path, chosen: TrainingSet) -> Path:
    """Write `trainingset.json` into a folder and return it; places inside of its project are written relative to it.

    Args:
        folder: `trainingsets/<performer>` of a project, or any other folder.
        chosen: What to write.

    Raises:
        EngineError: `not_writable` or `disk_full`.
    """
    root = folder.parent.parent.absolute()
    parts = tuple(replace(part, folder=_relative(part.folder, root)) for part in chosen.parts)
    content = replace(chosen, parts=parts).to_json()
    for item, part in zip(content["parts"], parts, strict=True):
        item["folder"] = part.folder.as_posix()
    write_document(folder / TRAINING_SET_FILE, SCHEMA, VERSION, content)
    return folder / TRAINING_SET_FILE


def _relative(path: Path, root: Path) -> Path:
    path = path.absolute()
    return path.relative_to(root) if path.is_relative_to(root) else path


def load_training_set(path: Path) -> TrainingSet:
    """Read a `trainingset.json`.

    Raises:
        EngineError: `faceset_unreadable`, naming the file.
    """
    hint = "Build the training set again."
    found = read_document_as(path, SCHEMA, VERSION, ErrorCode.FACESET_UNREADABLE, hint, TrainingSet.from_json)
    root = path.parent.parent.parent.absolute()
    return replace(found, parts=tuple(replace(part, folder=root / part.folder) for part in found.parts))
