# SPDX-License-Identifier: GPL-3.0-or-later
"""Face tracks of all footage as people: who is one person, how sure that is, and who merely looks alike.

Tracks are merged by the mean distance of their identity vectors. Two faces in one frame are two people, however alike
they are; tracks that somebody assigned are one person, however different.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..contract.people import LookAlikes, Member, People, Person, TrackName
from ..contract.settings import PeopleSettings
from ..runtime.reporter import Reporter
from .identity import IDENTITY_LENGTH
from .linkage import average_linkage, group_distances

# An identity vector is the mean of up to three faces at least five frames apart; more frames tell no more.
_FRAMES_THAT_COUNT = 15
# Faces with a face square of this many pixels are described as well as larger ones: on the demo's performers the
# distance to the full picture is 0.1 at 74 px, 0.2 at 37 px and 0.4 at 18 px.
_SIZE_THAT_COUNTS = 74.0
_LEAST_WEIGHT = 0.05


@dataclass(frozen=True, eq=False)
class TrackFace:
    """What a face track says about who it is.

    Attributes:
        name: Which track.
        identity: Identity vector, (128,).
        frames: Media frames in which the face was seen, int (n,), ascending.
        size_px: Usual side of its face square; small faces are described badly and count less.
    """

    name: TrackName
    identity: NDArray[np.floating]
    frames: NDArray[np.integer]
    size_px: float = _SIZE_THAT_COUNTS

    @property
    def is_measured(self) -> bool:
        """Whether there is an identity vector; a face that was never described has zeros."""
        return bool(np.isfinite(self.identity).all() and np.any(self.identity))

    @property
    def weight(self) -> float:
        """How much the track counts in a mean, above 0 up to 1."""
        seen = min(len(self.frames), _FRAMES_THAT_COUNT) / _FRAMES_THAT_COUNT
        return max(_LEAST_WEIGHT, seen * min(self.size_px / _SIZE_THAT_COUNTS, 1.0))


@dataclass(frozen=True)
class Casting:
    """What people have said about the tracks.

    Attributes:
        performers: Performer of each assigned track.
        denied: Pairs of performer and track: this isn't them.
    """

    performers: Mapping[TrackName, str] = field(default_factory=dict)
    denied: frozenset[tuple[str, TrackName]] = frozenset()


def group_people(
    faces: Sequence[TrackFace],
    settings: PeopleSettings,
    casting: Casting | None = None,
    known: People | None = None,
    reporter: Reporter | None = None,
) -> People:
    """Group face tracks into people.

    Args:
        faces: The tracks, in any order.
        settings: How alike tracks of one person are.
        casting: What people said; tracks of one performer are together, tracks of two are apart.
        known: An earlier result; persons keep the ids they have there.
        reporter: Is told how far it is.

    Returns:
        Persons and look-alikes, without suggestions. The same tracks give the same result in whatever order.
    """
    casting = casting or Casting()
    known = known or People()
    ordered = sorted((face for face in faces if face.is_measured), key=lambda face: face.name)
    unmeasured = tuple(sorted(face.name for face in faces if not face.is_measured))
    distances = identity_distances(ordered)
    weights = np.array([face.weight for face in ordered])
    apart = seen_together(ordered) | _said_apart(ordered, casting)
    groups = average_linkage(distances, weights, apart, settings.threshold, _said_together(ordered, casting), reporter)
    numbers, next_person = _number(groups, ordered, known)
    means, blocked, sizes = group_distances(distances, weights, apart, groups)
    to_groups = (distances * weights) @ (groups[:, None] == np.arange(len(numbers))) / sizes
    return People(
        settings=settings,
        people=tuple(_persons(numbers, groups, ordered, distances, to_groups, casting)),
        look_alikes=_look_alikes(means, blocked, numbers, settings.limit),
        unmeasured=unmeasured,
        next_person=next_person,
    )


def identity_distances(faces: Sequence[TrackFace]) -> NDArray[np.float64]:
    """Return the Euclidean distances of all identity vectors to each other, (n, n)."""
    vectors = np.array([face.identity for face in faces], float).reshape(-1, IDENTITY_LENGTH)
    squares = (vectors**2).sum(axis=1)
    found = np.sqrt(np.maximum(squares[:, None] + squares - 2 * vectors @ vectors.T, 0))
    np.fill_diagonal(found, 0)
    # Exactly symmetric, so that equal distances are equal whichever way they are asked for.
    return (found + found.T) / 2


def seen_together(faces: Sequence[TrackFace]) -> NDArray[np.bool_]:
    """Return which tracks are seen in the same frame of the same footage, (n, n)."""
    found = np.zeros((len(faces), len(faces)), dtype=bool)
    footage: dict[str, list[int]] = {}
    for index, face in enumerate(faces):
        if len(face.frames):
            footage.setdefault(face.name.key, []).append(index)
    for indices in footage.values():
        first = np.array([faces[index].frames[0] for index in indices])
        last = np.array([faces[index].frames[-1] for index in indices])
        overlap = np.triu((first[:, None] <= last) & (first <= last[:, None]), 1)
        for i, j in np.argwhere(overlap):
            one, other = indices[i], indices[j]
            shared = np.intersect1d(faces[one].frames, faces[other].frames, assume_unique=True)
            found[one, other] = found[other, one] = bool(len(shared))
    return found


def _said_together(faces: Sequence[TrackFace], casting: Casting) -> list[list[int]]:
    groups: dict[str, list[int]] = {}
    for index, face in enumerate(faces):
        if face.name in casting.performers:
            groups.setdefault(casting.performers[face.name], []).append(index)
    return list(groups.values())


def _said_apart(faces: Sequence[TrackFace], casting: Casting) -> NDArray[np.bool_]:
    found = np.zeros((len(faces), len(faces)), dtype=bool)
    owners = np.array([casting.performers.get(face.name, "") for face in faces], dtype=object)
    for performer in set(owners) - {""}:
        mine = owners == performer
        denied = [(performer, face.name) in casting.denied for face in faces]
        foreign = ((owners != performer) & (owners != "")) | np.array(denied, dtype=bool)
        found[np.ix_(mine, foreign)] = True
        found[np.ix_(foreign, mine)] = True
    return found


def _number(groups: NDArray[np.intp], faces: Sequence[TrackFace], known: People) -> tuple[list[int], int]:
    """Return the id of each group: that of the known person who shares most frames with it, or a new one."""
    old = {member.name: person.id for person in known.people for member in person.members}
    seen: Counter[int] = Counter()
    votes: Counter[tuple[int, int]] = Counter()
    for group, face in zip(groups.tolist(), faces, strict=True):
        seen[group] += len(face.frames)
        if face.name in old:
            votes[group, old[face.name]] += len(face.frames)
    numbers: dict[int, int] = {}
    for (group, person), _ in sorted(votes.items(), key=lambda item: (-item[1], item[0][1], item[0][0])):
        if group not in numbers and person not in numbers.values():
            numbers[group] = person
    next_person = max([known.next_person, *(person.id + 1 for person in known.people)])
    # Groups are in order of their first track; who is seen longest comes first.
    for group in sorted(seen, key=lambda group: (-seen[group], group)):
        if group not in numbers:
            numbers[group] = next_person
            next_person += 1
    return [numbers[group] for group in range(len(numbers))], next_person


def _persons(
    numbers: list[int],
    groups: NDArray[np.intp],
    faces: Sequence[TrackFace],
    distances: NDArray[np.float64],
    to_groups: NDArray[np.float64],
    casting: Casting,
) -> list[Person]:
    """Return the persons; `to_groups` (n, g) holds the mean distance of each track to the tracks of each group."""
    own_group = np.arange(len(numbers)) == groups[:, None]
    others = np.where(own_group, np.inf, to_groups)
    is_alone = len(numbers) < 2
    persons = []
    for group, number in enumerate(numbers):
        indices = np.flatnonzero(groups == group)
        sums = distances[np.ix_(indices, indices)].sum(axis=1)
        partners = max(1, len(indices) - 1)
        nearest = others[indices].argmin(axis=1)
        members = tuple(
            Member(
                name=faces[int(index)].name,
                distance=float(total / partners),
                other=0 if is_alone else numbers[int(other)],
                other_distance=None if is_alone else float(others[index, other]),
            )
            for index, total, other in zip(indices, sums, nearest, strict=True)
        )
        performers = (casting.performers.get(member.name, "") for member in members)
        performer = next((name for name in performers if name), "")
        persons.append(Person(number, performer, float(sums.mean() / partners), members))
    return sorted(persons, key=lambda person: person.id)


def _look_alikes(
    means: NDArray[np.float64], blocked: NDArray[np.bool_], numbers: list[int], limit: float
) -> tuple[LookAlikes, ...]:
    pairs = [
        LookAlikes(*sorted((numbers[i], numbers[j])), distance=float(means[i, j]), is_apart=bool(blocked[i, j]))
        for i, j in np.argwhere(np.triu(means <= limit, 1))
    ]
    return tuple(sorted(pairs, key=lambda pair: (pair.distance, pair.first, pair.second)))
