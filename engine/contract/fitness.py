# SPDX-License-Identifier: GPL-3.0-or-later
"""How fit each frame of a face track is for a swap, why not, and what that says about a shot, in words.

The engine measures it (`engine.faces.fitness`) and keeps it in `fitness.json` beside the tracks; panels and the command
line judge any choice of frames from there.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from .errors import ErrorCode
from .files import read_document_as, write_listing

SCHEMA = "understudy.fitness"
VERSION = 1

# Frames below this are weak: they are named, and the worst of them shown first.
WEAK = 0.5
# Below this the words are stronger.
_BAD = 0.2
# Weak frames this close to each other are one range.
_SHORT_BREAK = 2
# Letter of a frame without a weakness.
_NO_LETTER = "."


class Weakness(StrEnum):
    """What keeps a frame from being fit for a swap; the value is its letter in `fitness.json`."""

    TURNED = "t"
    SMALL = "s"
    BLURRED = "b"
    DARK = "d"
    BRIGHT = "o"
    HIDDEN = "h"
    UNSURE = "u"
    BRIDGED = "l"

    @property
    def name_in_words(self) -> str:
        """What a script compares: "turned", "hidden" …"""
        return self.name.lower()


_WORDS = {
    Weakness.TURNED: ("face turned away", "face turned far away"),
    Weakness.SMALL: ("face small", "face very small"),
    Weakness.BLURRED: ("face blurred", "face badly blurred"),
    Weakness.DARK: ("face dark", "face very dark"),
    Weakness.BRIGHT: ("face too bright", "face burnt out"),
    Weakness.HIDDEN: ("face partly hidden", "face mostly hidden"),
    Weakness.UNSURE: ("face hard to make out", "face hardly to be made out"),
    Weakness.BRIDGED: ("face not found, its place is guessed", "face not found, its place is guessed"),
}


@dataclass(frozen=True)
class TrackFitness:
    """Fitness of one face track, frame after frame.

    Attributes:
        track: Id of the track.
        first: First media frame; the others follow without holes.
        fitness: 0 (no use) to 1 (fit) for each frame.
        weaknesses: What lowers each frame most; None where it is fit.
    """

    track: int
    first: int
    fitness: tuple[float, ...]
    weaknesses: tuple[Weakness | None, ...]

    def at(self, media_frame: int) -> tuple[float, Weakness | None] | None:
        """Return fitness and weakness in a media frame, or None where the track isn't."""
        index = media_frame - self.first
        return (self.fitness[index], self.weaknesses[index]) if 0 <= index < len(self.fitness) else None

    def judge(self, frames: Iterable[tuple[int, int]] | None = None) -> ShotFitness:
        """Return what the frames of a shot are worth.

        Args:
            frames: The number each frame is called by, and its media frame, in the shot's order: timeline frames for
                a strip. By default all frames of the track under their own numbers. Frames without this face are
                passed over.
        """
        last = self.first + len(self.fitness)
        wanted = ((frame, frame) for frame in range(self.first, last)) if frames is None else frames
        # Numbers instead of objects: a shot may have 100 000 frames.
        found = array("d")
        weak, worst, runs = 0, None, _WeakRuns()
        for name, media_frame in wanted:
            value = self.at(media_frame)
            if value is None:
                continue
            fitness, weakness = value
            if fitness < WEAK:
                weak += 1
                if weakness is not None:
                    runs.add(len(found), name, fitness, weakness)
            if worst is None or fitness < worst[1]:
                worst = (name, fitness, weakness)
            found.append(fitness)
        return ShotFitness(
            frames=len(found),
            mean=sum(found) / len(found) if found else 0.0,
            weak=weak,
            worst=None if worst is None else worst[0],
            worst_sentence="" if worst is None else _frame_sentence(*worst),
            ranges=runs.ranges(),
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain values: whole percents and letters in one text each, for tracks may have 100 000 frames."""
        return {
            "id": self.track,
            "first": self.first,
            # A hundred texts, each there once.
            "fitness": " ".join(sys.intern(str(round(100 * value))) for value in self.fitness),
            "weaknesses": "".join(item.value if item else _NO_LETTER for item in self.weaknesses),
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> TrackFitness:
        """Build from `to_json`'s values.

        Raises:
            ValueError, KeyError or TypeError: When they aren't what `to_json` gives.
        """
        fitness = tuple(int(text) / 100 for text in content["fitness"].split())
        letters = content["weaknesses"]
        if len(letters) != len(fitness):
            raise ValueError(f"{len(letters)} weaknesses for {len(fitness)} frames")
        weaknesses = tuple(None if letter == _NO_LETTER else Weakness(letter) for letter in letters)
        return cls(int(content["id"]), int(content["first"]), fitness, weaknesses)


@dataclass(frozen=True)
class WeakRange:
    """Neighboring frames that are hardly fit for a swap, for one reason.

    Attributes:
        first: Number of the first frame.
        last: Number of the last one (included).
        weakness: The reason.
        fitness: Their mean.
        loss: What they lack to full fitness, in frames; the largest is the worst range.
    """

    first: int
    last: int
    weakness: Weakness
    fitness: float
    loss: float

    @property
    def where(self) -> str:
        """The frames in words: "frames 31-40"."""
        return f"frame {self.first}" if self.first == self.last else f"frames {self.first}-{self.last}"

    @property
    def sentence(self) -> str:
        """For the user: "frames 31-40: face mostly hidden"."""
        some, strong = _WORDS[self.weakness]
        return f"{self.where}: {strong if self.fitness < _BAD else some}"

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a job's result."""
        return {
            "first": self.first,
            "last": self.last,
            "weakness": self.weakness.name_in_words,
            "fitness": round(self.fitness, 3),
            "sentence": self.sentence,
        }


@dataclass(frozen=True)
class ShotFitness:
    """What a face track is worth in the frames of a shot.

    Attributes:
        frames: In how many of them the track is.
        mean: Mean fitness, 0…1.
        weak: How many are weak.
        worst: Number of the worst frame; None when the track is in none of them.
        worst_sentence: What is wrong there.
        ranges: Weak frames by reason, the worst range first.
    """

    frames: int
    mean: float
    weak: int
    worst: int | None
    worst_sentence: str
    ranges: tuple[WeakRange, ...]

    @property
    def sentence(self) -> str:
        """For the user, without the ranges."""
        if not self.frames:
            return "This face isn't in these frames."
        return f"Fit for a swap in {self.frames - self.weak} of {self.frames} frame{'' if self.frames == 1 else 's'}."

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a job's result."""
        return {
            "frames": self.frames,
            "mean": round(self.mean, 3),
            "weak": self.weak,
            "worst": self.worst,
            "ranges": [item.to_json() for item in self.ranges],
        }


def _frame_sentence(number: int, fitness: float, weakness: Weakness | None) -> str:
    if weakness is None:
        return f"Frame {number} is the least fit one, and still fit."
    return f"Frame {number}: {_WORDS[weakness][fitness < _BAD]}, fitness {fitness:.0%}."


@dataclass(eq=False)
class _WeakRun:
    """Weak frames close to each other, weak for one reason."""

    weakness: Weakness
    first: int
    last: int
    newest: int = 0
    fitness: array[float] = field(default_factory=lambda: array("d"))

    def add(self, place: int, number: int, fitness: float) -> None:
        # A reversed shot shows its frames downwards.
        self.first, self.last = min(self.first, number), max(self.last, number)
        self.newest = place
        self.fitness.append(fitness)

    def range(self) -> WeakRange:
        mean = sum(self.fitness) / len(self.fitness)
        return WeakRange(self.first, self.last, self.weakness, mean, sum(1 - value for value in self.fitness))


class _WeakRuns:
    """Gathers weak frames, given in the order of their places in the shot, to ranges."""

    def __init__(self) -> None:
        self._open: _WeakRun | None = None
        self._ended: list[WeakRange] = []

    def add(self, place: int, number: int, fitness: float, weakness: Weakness) -> None:
        run = self._open
        if run is None or place - run.newest > _SHORT_BREAK + 1 or weakness is not run.weakness:
            self._end()
            run = self._open = _WeakRun(weakness, number, number)
        run.add(place, number, fitness)

    def ranges(self) -> tuple[WeakRange, ...]:
        """Return the ranges, the worst first."""
        self._end()
        return tuple(sorted(self._ended, key=lambda item: -item.loss))

    def _end(self) -> None:
        if self._open is not None:
            self._ended.append(self._open.range())
            self._open = None


def write_fitness(path: Path, key: str, tracks: Iterable[TrackFitness]) -> None:
    """Write `fitness.json`, a track at a time.

    Raises:
        EngineError: `not_writable` or `disk_full`.
    """
    letters = {item.value: item.name_in_words for item in Weakness}
    items = (track.to_json() for track in tracks)
    write_listing(path, SCHEMA, VERSION, {"key": key, "letters": letters}, "tracks", items)


def read_fitness(path: Path) -> dict[int, TrackFitness]:
    """Read `fitness.json`; return the tracks by id.

    Raises:
        EngineError: `tracks_missing`, naming the file that is missing or damaged.
    """
    hint = "Extract the faces of this shot again."
    return read_document_as(path, SCHEMA, VERSION, ErrorCode.TRACKS_MISSING, hint, _tracks)


def _tracks(content: dict[str, Any]) -> dict[int, TrackFitness]:
    tracks = map(TrackFitness.from_json, content["tracks"])
    return {track.track: track for track in tracks}
