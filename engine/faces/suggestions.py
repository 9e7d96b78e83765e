# SPDX-License-Identifier: GPL-3.0-or-later
"""Which other face tracks show a performer: sure ones, possible ones, and those that could be two performers.

A track is judged as the identity filter judges a face (`identity.IdentityFilter`): by its mean distance to what is
known of the performer, and against what is known not to be them. Nothing is assigned here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..contract.people import Contested, LeftOut, Suggestion, TrackName
from ..contract.settings import PeopleSettings
from .identity import IDENTITY_LENGTH, IdentityFilter
from .people import TrackFace, seen_together


def _nobody() -> NDArray[np.float64]:
    return np.zeros((0, IDENTITY_LENGTH))


@dataclass(frozen=True, eq=False)
class Wanted:
    """A performer to find.

    Attributes:
        performer: Id of the performer.
        tracks: Tracks that show them.
        others: Tracks that don't; they aren't suggested, and faces nearer to them than to the performer aren't either.
        references: Identity vectors of pictures of the performer, (n, 128).
        rejects: Identity vectors of pictures of others, (m, 128).
    """

    performer: str
    tracks: tuple[TrackName, ...] = ()
    others: tuple[TrackName, ...] = ()
    references: NDArray[np.floating] = field(default_factory=_nobody)
    rejects: NDArray[np.floating] = field(default_factory=_nobody)


@dataclass(frozen=True)
class Suggestions:
    """What was found.

    Attributes:
        suggestions: By performer in the order asked for, the sure ones first, then by distance.
        contested: Tracks that are about as near to two performers; suggested for neither.
        left_out: Tracks that are near enough but aren't suggested, and why.
    """

    suggestions: tuple[Suggestion, ...] = ()
    contested: tuple[Contested, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


def suggest_tracks(faces: Sequence[TrackFace], wanted: Sequence[Wanted], settings: PeopleSettings) -> Suggestions:
    """Find the tracks of performers among those that are assigned to nobody.

    Args:
        faces: All tracks, the assigned ones included.
        wanted: Who is looked for; their tracks that aren't among `faces` are passed over.
        settings: Up to `threshold` a track is sure, up to `limit` it is asked about. When its distances to two
            performers differ by less than the margin, it is suggested for neither.

    Returns:
        Suggestions, the same for the tracks in whatever order.
    """
    search = _Search(sorted((face for face in faces if face.is_measured), key=lambda face: face.name), settings)
    for item in wanted:
        search.look_for(item, [name for other in wanted for name in other.tracks])
    return search.result([item.performer for item in wanted])


class _Search:
    """Collects what may show whom, then settles who gets what."""

    def __init__(self, faces: list[TrackFace], settings: PeopleSettings) -> None:
        self._faces = faces
        self._settings = settings
        self._places = {face.name: place for place, face in enumerate(faces)}
        self._identities = np.array([face.identity for face in faces], float).reshape(-1, IDENTITY_LENGTH)
        self._together = seen_together(faces)
        self._offers: dict[int, list[tuple[float | None, str]]] = {}
        self._left_out: list[LeftOut] = []

    def look_for(self, wanted: Wanted, assigned: Sequence[TrackName]) -> None:
        """Note every track that may show a performer."""
        mine = [self._places[name] for name in wanted.tracks if name in self._places]
        not_mine = [self._places[name] for name in wanted.others if name in self._places]
        positives = np.concatenate([self._identities[mine], wanted.references])
        negatives = np.concatenate([self._identities[not_mine], wanted.rejects])
        taken = {self._places[name] for name in assigned if name in self._places} | set(not_mine)
        filtering = IdentityFilter(positives, negatives, self._settings.limit)
        if not filtering.is_active:
            return
        distances = _mean_distances(self._identities, positives)
        for place, face in enumerate(self._faces):
            if place in taken or (distances is not None and distances[place] > self._settings.limit):
                continue
            verdict = filtering.judge(self._identities[place])
            beside = [other for other in mine if self._together[place, other]]
            if not verdict.is_accepted:
                self._leave_out(wanted.performer, face.name, verdict.reason)
            elif beside:
                reason = f"it is seen beside {self._faces[beside[0]].name}, which is assigned to {wanted.performer}"
                self._leave_out(wanted.performer, face.name, reason)
            else:
                distance = None if distances is None else float(distances[place])
                self._offers.setdefault(place, []).append((distance, wanted.performer))

    def result(self, performers: Sequence[str]) -> Suggestions:
        """Settle who is suggested for whom."""
        contested, winners = [], {performer: [] for performer in performers}
        for place, offers in sorted(self._offers.items()):
            # Whoever is known only by who they aren't comes last.
            offers = sorted(offers, key=lambda offer: (offer[0] is None, offer[0] or 0.0, offer[1]))
            name = self._faces[place].name
            measured = [(performer, distance) for distance, performer in offers if distance is not None]
            nearest = min((distance for _, distance in measured), default=0.0)
            near = [item for item in measured if self._is_close_call(nearest, item[1])]
            if len(near) > 1:
                contested.append(Contested(name, tuple(near)))
                continue
            for _, performer in offers[1:] if measured else ():
                self._leave_out(performer, name, f"it is nearer to {offers[0][1]}")
            for distance, performer in offers[:1] if measured else offers:
                winners[performer].append((place, distance))
        suggestions = [item for performer in performers for item in self._rank(performer, winners[performer])]
        return Suggestions(tuple(suggestions), tuple(contested), tuple(self._left_out))

    def _rank(self, performer: str, found: list[tuple[int, float | None]]) -> list[Suggestion]:
        """Return a performer's suggestions; of several faces in one frame no more than one can be theirs."""
        found = sorted(found, key=lambda item: (item[1] or 0.0, item[0]))
        ranked = []
        for place, distance in found:
            is_sure = distance is not None and distance <= self._settings.threshold
            rivals = [item for item in found if item[0] != place and self._together[place, item[0]]]
            rival = next((item for item in rivals if self._is_rival(distance, item[1])), None)
            reason = f"it is seen beside {self._faces[rival[0]].name}; only one can be them" if rival else ""
            ranked.append(Suggestion(performer, self._faces[place].name, distance, is_sure and not rival, reason))
        return sorted(ranked, key=lambda item: not item.is_sure)

    def _is_rival(self, distance: float | None, other: float | None) -> bool:
        """Whether another face in the frame is nearer, or hardly farther."""
        return distance is None or other is None or other <= distance or self._is_close_call(distance, other)

    def _is_close_call(self, nearer: float, farther: float) -> bool:
        return farther == nearer or farther - nearer < self._settings.look_alike_margin

    def _leave_out(self, performer: str, name: TrackName, reason: str) -> None:
        self._left_out.append(LeftOut(performer, name, reason))


def _mean_distances(identities: NDArray[np.floating], known: NDArray[np.floating]) -> NDArray[np.float64] | None:
    """Return the mean distance (n,) of each vector to the known ones, or None when none is known."""
    if not len(known):
        return None
    return np.mean([np.linalg.norm(identities - vector, axis=1) for vector in known], axis=0)
