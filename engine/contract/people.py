# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is who in a project: the document people.json, written by the search for people and read by everybody.

Distances are Euclidean distances of identity vectors: 0 for the same picture, about 0.3 for one person in two shots,
mostly above 0.6 for strangers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import EngineError, ErrorCode
from .files import read_document_as, write_document
from .settings import PeopleSettings, settings_from_json, settings_to_json

SCHEMA = "understudy.people"
VERSION = 1


@dataclass(frozen=True, order=True)
class TrackName:
    """Which face track is meant: key of the footage in the project, and the track's id in it."""

    key: str
    track: int

    def __str__(self) -> str:
        return f"{self.key}:{self.track}"

    def to_json(self) -> list[Any]:
        """Return `[key, track]`."""
        return [self.key, self.track]

    @classmethod
    def from_json(cls, content: list[Any]) -> TrackName:
        """Build from `to_json`'s values."""
        key, track = content
        return cls(str(key), int(track))


@dataclass(frozen=True)
class Member:
    """A face track of a person.

    Attributes:
        name: Which track.
        distance: Mean distance to the person's other tracks; 0 when it is the only one.
        other: Id of the nearest other person, 0 when there is nobody else.
        other_distance: Mean distance to the tracks of that person, or None.
    """

    name: TrackName
    distance: float
    other: int = 0
    other_distance: float | None = None


@dataclass(frozen=True)
class Person:
    """Face tracks that show one person.

    Attributes:
        id: Number of the person in the project, from 1; kept when tracks are added later.
        performer: Id of the performer whom some of the tracks are assigned to, or "".
        spread: Mean distance of the tracks to each other; 0 for a single one.
        members: The tracks, in order of name.
    """

    id: int
    performer: str
    spread: float
    members: tuple[Member, ...]


@dataclass(frozen=True)
class LookAlikes:
    """Two persons who may be one.

    Attributes:
        first: Id of a person.
        second: Id of another person, larger than `first`.
        distance: Mean distance of the tracks of one to those of the other.
        is_apart: True when they can't be one: they are seen in one frame, or somebody said so.
    """

    first: int
    second: int
    distance: float
    is_apart: bool


@dataclass(frozen=True)
class Suggestion:
    """A face track that may show a performer.

    Attributes:
        performer: Id of the performer.
        name: Which track.
        distance: Mean distance to what is known of the performer; None when only others are known, to be left out.
        is_sure: Within the threshold, and nothing speaks against it.
        reason: Why it isn't sure although it is near, as a phrase; may be empty.
    """

    performer: str
    name: TrackName
    distance: float | None
    is_sure: bool
    reason: str = ""


@dataclass(frozen=True)
class Contested:
    """A face track that may show either of two or more performers; it is suggested for none of them.

    Attributes:
        name: Which track.
        candidates: Id of each performer and the distance to them, the nearest first.
    """

    name: TrackName
    candidates: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class LeftOut:
    """A face track near enough to a performer that is not suggested, and why.

    Attributes:
        performer: Id of the performer.
        name: Which track.
        reason: A phrase for the user.
    """

    performer: str
    name: TrackName
    reason: str


@dataclass(frozen=True)
class People:
    """Everything a search for people found.

    Attributes:
        settings: How it was searched.
        people: The persons, ascending by id.
        look_alikes: Persons who may be one, the nearest first.
        suggestions: By performer, the sure ones first, then by distance.
        contested: Tracks that fit several performers.
        left_out: Tracks that were near but are not suggested.
        unmeasured: Tracks without an identity vector.
        next_person: Id that the next new person gets; ids are never used again.
    """

    settings: PeopleSettings = PeopleSettings()
    people: tuple[Person, ...] = ()
    look_alikes: tuple[LookAlikes, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    contested: tuple[Contested, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    unmeasured: tuple[TrackName, ...] = ()
    next_person: int = 1

    def person(self, person_id: int) -> Person | None:
        """Return the person of an id, or None."""
        return next((item for item in self.people if item.id == person_id), None)

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        return {
            "settings": settings_to_json(self.settings),
            "next_person": self.next_person,
            "people": [_person_to_json(item) for item in self.people],
            "look_alikes": [
                {"people": [item.first, item.second], "distance": _rounded(item.distance), "apart": item.is_apart}
                for item in self.look_alikes
            ],
            "suggestions": [
                {
                    "performer": item.performer,
                    "track": item.name.to_json(),
                    "distance": _rounded(item.distance),
                    "verdict": "sure" if item.is_sure else "perhaps",
                    "reason": item.reason,
                }
                for item in self.suggestions
            ],
            "contested": [
                {"track": item.name.to_json(), "candidates": [[who, _rounded(far)] for who, far in item.candidates]}
                for item in self.contested
            ],
            "left_out": [
                {"performer": item.performer, "track": item.name.to_json(), "reason": item.reason}
                for item in self.left_out
            ],
            "unmeasured": [name.to_json() for name in self.unmeasured],
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> People:
        """Build from `to_json`'s values."""
        return cls(
            settings=settings_from_json(PeopleSettings, content["settings"]),
            people=tuple(map(_person_from_json, content["people"])),
            look_alikes=tuple(
                LookAlikes(*map(int, item["people"]), distance=float(item["distance"]), is_apart=bool(item["apart"]))
                for item in content["look_alikes"]
            ),
            suggestions=tuple(
                Suggestion(
                    performer=item["performer"],
                    name=TrackName.from_json(item["track"]),
                    distance=None if item["distance"] is None else float(item["distance"]),
                    is_sure=item["verdict"] == "sure",
                    reason=item["reason"],
                )
                for item in content["suggestions"]
            ),
            contested=tuple(
                Contested(
                    TrackName.from_json(item["track"]), tuple((who, float(far)) for who, far in item["candidates"])
                )
                for item in content["contested"]
            ),
            left_out=tuple(
                LeftOut(item["performer"], TrackName.from_json(item["track"]), item["reason"])
                for item in content["left_out"]
            ),
            unmeasured=tuple(map(TrackName.from_json, content["unmeasured"])),
            next_person=int(content["next_person"]),
        )


def _rounded(distance: float | None) -> float | None:
    return None if distance is None else round(distance, 4)


def _person_to_json(person: Person) -> dict[str, Any]:
    return {
        "id": person.id,
        "performer": person.performer,
        "spread": _rounded(person.spread),
        "members": [
            {
                "track": item.name.to_json(),
                "distance": _rounded(item.distance),
                "other": item.other,
                "other_distance": _rounded(item.other_distance),
            }
            for item in person.members
        ],
    }


def _person_from_json(content: dict[str, Any]) -> Person:
    members = tuple(
        Member(
            TrackName.from_json(item["track"]),
            float(item["distance"]),
            int(item["other"]),
            None if item["other_distance"] is None else float(item["other_distance"]),
        )
        for item in content["members"]
    )
    return Person(int(content["id"]), content["performer"], float(content["spread"]), members)


def save_people(path: Path, people: People) -> None:
    """Write the document.

    Raises:
        EngineError: `not_writable` or `disk_full`.
    """
    write_document(path, SCHEMA, VERSION, people.to_json())


def load_people(path: Path) -> People:
    """Read the document.

    Raises:
        EngineError: `project_unreadable`, naming the file.
    """
    hint = "Find the people of the edit again; the file is written anew."
    return read_document_as(path, SCHEMA, VERSION, ErrorCode.PROJECT_UNREADABLE, hint, _people)


def _people(content: dict[str, Any]) -> People:
    try:
        return People.from_json(content)
    except EngineError as error:
        # Nobody set these settings: they were written with the rest.
        raise ValueError(error.message) from error
