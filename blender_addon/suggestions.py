# SPDX-License-Identifier: GPL-3.0-or-later
"""What the search for people suggests and nobody has answered yet, and what answering does. No bpy.

The search's document stays as it was written; what the edit says meanwhile (assignments, rejections, performers taken
out) decides what is still open.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..engine.contract.errors import EngineError, ErrorCode
from ..engine.contract.people import Contested, LookAlikes, People, Suggestion, TrackName
from . import casting
from .project_view import FoundFootage


@dataclass(frozen=True)
class OpenQuestions:
    """What waits for an answer.

    Attributes:
        suggestions: Tracks that may be a performer, as the search sorted them.
        contested: Tracks that fit several performers, with those still possible.
        look_alikes: Pairs of persons who may be one and whom neither assignments nor suggestions deal with.
    """

    suggestions: tuple[Suggestion, ...]
    contested: tuple[Contested, ...]
    look_alikes: tuple[LookAlikes, ...]

    def of(self, identity: str) -> list[Suggestion]:
        """Return the suggestions for a performer's id."""
        return [item for item in self.suggestions if item.performer == identity]

    def is_asked(self, identity: str, name: TrackName) -> bool:
        """Whether it is asked if a track shows a performer."""
        pairs = [(item.performer, item.name) for item in self.suggestions]
        pairs += [(performer, item.name) for item in self.contested for performer, _ in item.candidates]
        return (identity, name) in pairs


def open_questions(settings: Any, people: People) -> OpenQuestions:
    """Return what of a search's result nobody has answered yet.

    Args:
        settings: The scene's properties.
        people: What the search found.
    """
    said = _Said(settings)
    contested = [
        Contested(item.name, tuple(pair for pair in item.candidates if said.is_open(pair[0], item.name)))
        for item in people.contested
    ]
    settled = {item.name for item in (*people.suggestions, *people.contested)}
    answered = {
        person.id
        for person in people.people
        if all(member.name in settled or said.is_assigned(member.name) for member in person.members)
    }
    return OpenQuestions(
        suggestions=tuple(item for item in people.suggestions if said.is_open(item.performer, item.name)),
        contested=tuple(item for item in contested if item.candidates),
        look_alikes=tuple(
            pair for pair in people.look_alikes if not pair.is_apart and not {pair.first, pair.second} <= answered
        ),
    )


def accept(settings: Any, people: People, identity: str, name: TrackName) -> None:
    """Assign a suggested or contested track to a performer.

    Raises:
        EngineError: `tracks_missing`, when the track isn't suggested for them.
    """
    _require_open(settings, people, identity, name)
    casting.assign(settings, name.key, name.track, identity)


def accept_sure(settings: Any, people: People, identity: str) -> int:
    """Assign all tracks to a performer that are surely theirs; return how many."""
    names = [item.name for item in open_questions(settings, people).of(identity) if item.is_sure]
    for name in names:
        casting.assign(settings, name.key, name.track, identity)
    return len(names)


def reject(settings: Any, people: People, identity: str, name: TrackName) -> None:
    """Remember that a suggested or contested track isn't a performer; later searches leave it out.

    Raises:
        EngineError: `tracks_missing`, when the track isn't suggested for them.
    """
    _require_open(settings, people, identity, name)
    casting.reject(settings, name.key, name.track, identity)


def unseen_tracks(people: People, footage: Iterable[FoundFootage]) -> int:
    """Return how many face tracks of some footage a search hasn't seen, because they were found later."""
    seen = {member.name for person in people.people for member in person.members} | set(people.unmeasured)
    names = {TrackName(found.key, track.id) for found in footage for track in found.tracks}
    return len(names - seen)


def verdict_text(item: Suggestion) -> str:
    """Return "sure 0.38" or "perhaps 0.57"."""
    verdict = "sure" if item.is_sure else "perhaps"
    return verdict if item.distance is None else f"{verdict} {item.distance:.2f}"


class _Said:
    """What the edit says of face tracks."""

    def __init__(self, settings: Any) -> None:
        self._performers = {item.performer_id for item in settings.performers}
        self._assigned = {(entry.key, entry.track) for entry in settings.assignments}
        self._rejected = {(entry.key, entry.track, entry.performer_id) for entry in settings.rejections}

    def is_assigned(self, name: TrackName) -> bool:
        """Whether a track is somebody's."""
        return (name.key, name.track) in self._assigned

    def is_open(self, identity: str, name: TrackName) -> bool:
        """Whether a track may still become a performer's."""
        is_rejected = (name.key, name.track, identity) in self._rejected
        return identity in self._performers and not is_rejected and not self.is_assigned(name)


def _require_open(settings: Any, people: People, identity: str, name: TrackName) -> None:
    if not open_questions(settings, people).is_asked(identity, name):
        raise EngineError(
            ErrorCode.TRACKS_MISSING,
            f"Face {name.track} of {name.key} is not suggested for {identity}.",
            "Assign it in the panel Shots, or find the performers in all shots again.",
        )
