# SPDX-License-Identifier: GPL-3.0-or-later
"""What the search for people suggests and nobody has answered yet, and what answering does. No bpy.

The search's document stays as it was written; what the edit says meanwhile (assignments, rejections, performers taken
out) decides what is still open.
"""

from __future__ import annotations

from typing import Any

from ..engine.contract.errors import EngineError, ErrorCode
from ..engine.contract.people import Contested, LookAlikes, People, Suggestion, TrackName
from . import casting


def open_suggestions(settings: Any, people: People, identity: str = "") -> list[Suggestion]:
    """Return the suggestions that wait for an answer.

    Args:
        settings: The scene's properties.
        people: What the search found.
        identity: Id of a performer; all by default.
    """
    said = _Said(settings)
    return [
        item
        for item in people.suggestions
        if (not identity or item.performer == identity) and said.is_open(item.performer, item.name)
    ]


def open_contests(settings: Any, people: People) -> list[Contested]:
    """Return the tracks that fit several performers and wait for an answer, with the performers still possible."""
    said = _Said(settings)
    left = [
        Contested(item.name, tuple(pair for pair in item.candidates if said.is_open(pair[0], item.name)))
        for item in people.contested
    ]
    return [item for item in left if item.candidates]


def open_look_alikes(settings: Any, people: People) -> list[LookAlikes]:
    """Return the pairs of persons who may be one and whom neither assignments nor suggestions deal with."""
    answered = {TrackName(entry.key, entry.track) for entry in settings.assignments}
    answered |= {item.name for item in (*people.suggestions, *people.contested)}
    settled = {person.id for person in people.people if all(member.name in answered for member in person.members)}
    return [pair for pair in people.look_alikes if not pair.is_apart and not {pair.first, pair.second} <= settled]


def accept(settings: Any, people: People, identity: str, name: TrackName) -> None:
    """Assign a suggested or contested track to a performer.

    Raises:
        EngineError: `tracks_missing`, when the track isn't suggested for them.
    """
    _require_open(settings, people, identity, name)
    casting.assign(settings, name.key, name.track, identity)


def accept_sure(settings: Any, people: People, identity: str) -> int:
    """Assign all tracks to a performer that are surely theirs; return how many."""
    names = [item.name for item in open_suggestions(settings, people, identity) if item.is_sure]
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

    def is_open(self, identity: str, name: TrackName) -> bool:
        """Whether a track may still become a performer's."""
        return (
            identity in self._performers
            and (name.key, name.track) not in self._assigned
            and (name.key, name.track, identity) not in self._rejected
        )


def _require_open(settings: Any, people: People, identity: str, name: TrackName) -> None:
    names = [item.name for item in open_suggestions(settings, people, identity)]
    names += [item.name for item in open_contests(settings, people) if identity in (who for who, _ in item.candidates)]
    if name not in names:
        raise EngineError(
            ErrorCode.TRACKS_MISSING,
            f"Face {name.track} of {name.key} is not suggested for {identity}.",
            "Assign it in the panel Shots, or find the performers in all shots again.",
        )
