# SPDX-License-Identifier: GPL-3.0-or-later
"""What the project folder holds, for panels and requests: footage, fitness, people, training sets, models. No bpy.

Panels ask on every redraw; the disk is looked at no more than once a second, and a file is read only after it changed.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..engine.contract.correction_list import load_corrections
from ..engine.contract.errors import EngineError
from ..engine.contract.files import WRONG_VALUES
from ..engine.contract.fitness import TrackFitness, read_fitness
from ..engine.contract.people import People, TrackName, load_people
from ..engine.contract.project import (
    CORRECTIONS_FILE,
    FITNESS_FILE,
    FOOTAGE_FILE,
    MODEL_FILE,
    TRAINING_SET_FILE,
    Project,
    safe_name,
)
from ..engine.contract.timing import FrameRange
from ..engine.contract.training_set import FacesetPart, TrainingSet, load_training_set
from .found_model import FoundModel, read_model

_SECONDS_BETWEEN_LOOKS = 1.0


@dataclass(frozen=True)
class FoundTrack:
    """A face track as `footage.json` tells it.

    Attributes:
        id: Number of the track in its footage.
        first: First media frame.
        last: Last media frame, included.
        frames: In how many frames the face is followed.
        thumbnail: Picture of the face, or None.
    """

    id: int
    first: int
    last: int
    frames: int
    thumbnail: Path | None


@dataclass(frozen=True)
class FoundFootage:
    """What was found in one footage.

    Attributes:
        key: Name of the footage in the project.
        location: Where the footage lies (`footage_location`).
        ranges: Media frames that were searched.
        tracks: The face tracks in it.
        frame_count: Pictures of the footage, or 0 when the file doesn't say.
        steadiness: Figures for `contract.steadiness`.
        folder: Where its files are, or None.
        size: Width and height of the upright picture in px; 0, 0 when the file doesn't say.
    """

    key: str
    location: FootageLocation
    ranges: tuple[FrameRange, ...]
    tracks: tuple[FoundTrack, ...]
    frame_count: int = 0
    steadiness: dict[str, float] = field(default_factory=dict)
    folder: Path | None = None
    size: tuple[int, int] = (0, 0)


# Path, first picture and number of pictures; the last two are "" and 0 for a movie.
FootageLocation = tuple[str, str, int]


def footage_location(path: str | Path, pictures: tuple[str, ...] | list[str] = ()) -> FootageLocation:
    """Return what tells one footage from another without reading it."""
    place = os.path.normcase(os.path.normpath(path))
    return (place, pictures[0] if pictures else "", len(pictures))


class ProjectView:
    """A look into a project folder that costs next to nothing when repeated."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._looked = -1e9
        self._stamps: dict[Path, tuple[int, int]] = {}
        self._footage: dict[Path, FoundFootage] = {}
        self._fitness: dict[Path, dict[int, TrackFitness]] = {}
        self._models: dict[Path, FoundModel] = {}
        self._people_file: tuple[tuple[int, int], People | None] = ((0, 0), None)
        self._people: People | None = None
        self._training_sets: dict[Path, TrainingSet] = {}
        self._freshness: dict[tuple[str, tuple[FacesetPart, ...]], bool] = {}

    def footage(self, location: FootageLocation) -> FoundFootage | None:
        """Return what was found in the footage at a location, the newest if it was found twice; None if nothing was."""
        self._look()
        here = [path for path, found in self._footage.items() if found.location == location]
        newest = max(here, key=lambda path: self._stamps[path], default=None)
        return None if newest is None else self._footage[newest]

    def fitness(self, key: str) -> dict[int, TrackFitness]:
        """Return the fitness of a footage's face tracks by id; empty where an older version searched."""
        self._look()
        return self._fitness.get(self.project.footage(key) / FITNESS_FILE, {})

    def footage_of_key(self, key: str) -> FoundFootage | None:
        """Return what was found in the footage of a key, or None."""
        self._look()
        return self._footage.get(self.project.footage(key) / FOOTAGE_FILE)

    @property
    def has_footage(self) -> bool:
        """Whether any footage was searched for faces."""
        self._look()
        return bool(self._footage)

    def people(self) -> People | None:
        """Return who is who in the project, or None when nobody has looked yet.

        Suggestions of tracks that a later extraction took away are left out.
        """
        self._look()
        return self._people

    def models(self) -> list[FoundModel]:
        """Return the models that were begun, in order of name."""
        self._look()
        return [self._models[path] for path in sorted(self._models)]

    def model(self, name: str) -> FoundModel | None:
        """Return the model of a name, or None."""
        self._look()
        # First as it is called, without asking the disk.
        literal = self._models.get(self.project.models / name / MODEL_FILE)
        return literal or self._models.get(self.project.models / safe_name(name) / MODEL_FILE)

    def training_set(self, performer: str) -> TrainingSet | None:
        """Return the training set of a performer, by id, or None."""
        self._look()
        return self._training_sets.get(self.project.training_set(performer) / TRAINING_SET_FILE)

    def fresh_training_set(self, performer: str, parts: tuple[FacesetPart, ...]) -> TrainingSet | None:
        """Return the training set of a performer if it was chosen from these faces as they are now, else None."""
        found = self.training_set(performer)
        if found is None:
            return None
        key = (performer, parts)
        if key not in self._freshness:
            self._freshness[key] = found.is_fresh(parts)
        return found if self._freshness[key] else None

    def forget(self) -> None:
        """Look again at the next question."""
        self._looked = -1e9

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked < _SECONDS_BETWEEN_LOOKS:
            return
        self._looked = now
        self._freshness.clear()
        _follow(self.project.root / "footage", FOOTAGE_FILE, self._stamps, self._footage, _read_footage)
        _follow(self.project.root / "footage", FITNESS_FILE, self._stamps, self._fitness, read_fitness)
        _follow(self.project.training_sets, TRAINING_SET_FILE, self._stamps, self._training_sets, load_training_set)
        _follow(self.project.models, MODEL_FILE, self._stamps, self._models, read_model)
        self._people_file = _reread_people(self.project.people, self._people_file)
        self._people = _still_there(self._people_file[1], self._footage.values())


def _follow(folder: Path, name: str, stamps: dict[Path, tuple[int, int]], known: dict[Path, Any], read: Any) -> None:
    """Bring `known` up to date with the files `<folder>/*/<name>`."""
    try:
        paths = [Path(entry.path) / name for entry in os.scandir(folder)]
    except OSError:
        paths = []
    for path in [path for path in known if path not in paths]:
        del known[path]
    for path in paths:
        try:
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            if path not in known or stamps.get(path) != stamp:
                known[path] = read(path)
                stamps[path] = stamp
        except (OSError, EngineError, *WRONG_VALUES):
            # Half of a project copied from elsewhere, or a file of a newer version: the engine's job will say so.
            known.pop(path, None)


def _read_footage(path: Path) -> FoundFootage:
    content = json.loads(path.read_text(encoding="utf-8"))
    footage = content["footage"]
    tracks = tuple(_read_track(item, path.parent) for item in content["tracks"])
    return FoundFootage(
        key=content["key"],
        location=footage_location(footage["path"], footage.get("pictures") or ()),
        ranges=tuple(FrameRange(start, end) for start, end in content.get("ranges", ())),
        tracks=tracks,
        frame_count=int(content.get("frame_count", 0)),
        steadiness=dict(content.get("steadiness", {})),
        folder=path.parent,
        size=(int(content.get("width", 0)), int(content.get("height", 0))),
    )


def _read_track(item: dict[str, Any], folder: Path) -> FoundTrack:
    name = item.get("thumbnail")
    return FoundTrack(item["id"], item["first"], item["last"], item["frames"], folder / name if name else None)


def _reread_people(path: Path, known: tuple[tuple[int, int], People | None]) -> tuple[tuple[int, int], People | None]:
    """Return the stamp and contents of people.json; read only when it changed."""
    try:
        status = path.stat()
        stamp = (status.st_mtime_ns, status.st_size)
        return known if stamp == known[0] else (stamp, load_people(path))
    except (OSError, EngineError):
        # Missing, damaged or of a newer version: the next search writes it anew or says so.
        return (0, 0), None


def _still_there(people: People | None, footage: Iterable[FoundFootage]) -> People | None:
    if people is None:
        return None
    names = {TrackName(found.key, track.id) for found in footage for track in found.tracks}
    return replace(
        people,
        suggestions=tuple(item for item in people.suggestions if item.name in names),
        contested=tuple(item for item in people.contested if item.name in names),
    )


_counts: dict[Path, tuple[tuple[int, int], int]] = {}


def correction_count(found: FoundFootage) -> int:
    """Return how many corrections a footage has; 0 for a file that can't be read, which the engine then names."""
    if found.folder is None:
        return 0
    path = found.folder / CORRECTIONS_FILE
    try:
        status = path.stat()
        stamp = (status.st_mtime_ns, status.st_size)
        if _counts.get(path, (None, 0))[0] != stamp:
            _counts[path] = (stamp, len(load_corrections(found.folder)))
        return _counts[path][1]
    except (OSError, EngineError):
        return 0


_views: dict[Path, ProjectView] = {}


def view(project: Project) -> ProjectView:
    """Return the view of a project; the same one every time."""
    return _views.setdefault(project.root, ProjectView(project))
