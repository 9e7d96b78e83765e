# SPDX-License-Identifier: GPL-3.0-or-later
"""The job that groups a project's face tracks into people and finds the performers' other tracks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import EngineError, ErrorCode
from .people import TrackName
from .settings import PeopleSettings, settings_from_json, settings_to_json


@dataclass(frozen=True)
class KnownPerformer:
    """What is known of a performer's face.

    Attributes:
        performer: Id of the performer.
        tracks: Face tracks that show them.
        others: Face tracks that don't, although they look like it; they are never suggested again.
        references: Pictures of the performer.
        rejects: Pictures of persons who are not the performer.
    """

    performer: str
    tracks: tuple[TrackName, ...] = ()
    others: tuple[TrackName, ...] = ()
    references: tuple[Path, ...] = ()
    rejects: tuple[Path, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        return {
            "performer": self.performer,
            "tracks": [name.to_json() for name in self.tracks],
            "others": [name.to_json() for name in self.others],
            "references": [str(path) for path in self.references],
            "rejects": [str(path) for path in self.rejects],
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> KnownPerformer:
        """Build from `to_json`'s values."""
        return cls(
            performer=content["performer"],
            tracks=tuple(map(TrackName.from_json, content.get("tracks", ()))),
            others=tuple(map(TrackName.from_json, content.get("others", ()))),
            references=tuple(map(Path, content.get("references", ()))),
            rejects=tuple(map(Path, content.get("rejects", ()))),
        )


@dataclass(frozen=True)
class PeopleJob:
    """Group the face tracks of a project into people, and find the other tracks of performers.

    Attributes:
        project: Project folder; the result goes to `people.json`.
        performers: What is known of whom; may be empty.
        footage: Keys of the footage to look through; empty means all of the project. Footage that a performer's tracks
            lie in is always read.
        settings: How alike tracks of one person are.
    """

    kind = "people"
    project: Path
    performers: tuple[KnownPerformer, ...] = ()
    footage: tuple[str, ...] = ()
    settings: PeopleSettings = PeopleSettings()

    def __post_init__(self) -> None:
        ids = Counter(item.performer for item in self.performers)
        for name, count in ids.items():
            if not name or count > 1:
                raise _invalid(f"The performer “{name}” is listed {count} times." if name else "A performer has no id.")
        owners: dict[TrackName, str] = {}
        for item in self.performers:
            for name in item.tracks:
                owner = owners.setdefault(name, item.performer)
                if owner != item.performer:
                    raise _invalid(f"Face track {name} is assigned to {owner} and to {item.performer}.")
                if name in item.others:
                    raise _invalid(f"Face track {name} is said to be {item.performer} and not to be.")

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        return {
            "project": str(self.project),
            "performers": [item.to_json() for item in self.performers],
            "footage": list(self.footage),
            "settings": settings_to_json(self.settings),
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> PeopleJob:
        """Build from `to_json`'s values."""
        return cls(
            project=Path(content["project"]),
            performers=tuple(map(KnownPerformer.from_json, content.get("performers", ()))),
            footage=tuple(map(str, content.get("footage", ()))),
            settings=settings_from_json(PeopleSettings, content.get("settings", {})),
        )


def _invalid(message: str) -> EngineError:
    return EngineError(ErrorCode.JOB_INVALID, message, "Say it once, and one way only.")
