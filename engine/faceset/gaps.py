# SPDX-License-Identifier: GPL-3.0-or-later
"""What shots need and faces don't show, as sentences: what is missing, how much of the shots needs it, what to film."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..contract.training_set import AspectCoverage
from .bins import EXPOSURE, EYES, LIGHT, MOUTH, PITCH, YAW
from .coverage import ENOUGH_FACES
from .traits import Traits

_LEAST_NEED = 0.02
_LEAST_POSE_NEED = 0.05
_MOST_SENTENCES = 5
_FILM_S = (5, 30)
# The shots' faces may be this much larger than the performer's before their softness shows.
_ENLARGEMENT = 1.3
_PLURALS = {"looks": "look", "is": "are", "has": "have"}
_NOUNS = {"pose": "poses", "light": "light", "expression": "expressions", "detail": "detail"}


@dataclass(frozen=True)
class Gap:
    """Something the shots need and the performer's faces hardly show.

    Attributes:
        what: What faces do that fill it, after "No face of Berta …".
        need: Share of the shots' faces that do, 0…1.
        faces: How many of the performer's faces do.
    """

    what: str
    need: float
    faces: int


_Test = Callable[[Traits], NDArray[np.bool_]]


def _beyond(trait: str, edge: float) -> _Test:
    # Comparing with NaN is False: an unknown face is neither need nor supply.
    return lambda traits: getattr(traits, trait) > edge if edge > 0 else getattr(traits, trait) < edge


def _above(trait: str, edge: float) -> _Test:
    return lambda traits: getattr(traits, trait) >= edge


def _below(trait: str, edge: float) -> _Test:
    return lambda traits: getattr(traits, trait) < edge


_Ladder = list[tuple[str, _Test]]


def _pose_ladders() -> list[_Ladder]:
    """Return turns and nods to look for; of each list the first gap, which is the widest, is told alone."""
    yaw = sorted({abs(edge) for edge in YAW.edges})
    pitch = sorted({abs(edge) for edge in PITCH.edges})
    return [
        [(f"looks to the left of the picture beyond {edge:g}°", _beyond("yaw", -edge)) for edge in yaw],
        [(f"looks to the right of the picture beyond {edge:g}°", _beyond("yaw", edge)) for edge in yaw],
        [(f"looks down beyond {edge:g}°", _beyond("pitch", -edge)) for edge in pitch],
        [(f"looks up beyond {edge:g}°", _beyond("pitch", edge)) for edge in pitch],
    ]


def _other_ladders() -> list[_Ladder]:
    """Return light and expressions to look for."""
    return [
        [("is that dark", _below("exposure", EXPOSURE.edges[0]))],
        [("is that bright", _above("exposure", EXPOSURE.edges[1]))],
        [("is lit from the left of the picture", _below("light", LIGHT.edges[0]))],
        [("is lit from the right of the picture", _above("light", LIGHT.edges[1]))],
        [("has the mouth closed", _below("mouth", MOUTH.edges[0]))],
        [("has the mouth open", _above("mouth", MOUTH.edges[1]))],
        [("has the eyes shut", _below("eyes", EYES.edges[0]))],
        [("has the eyes open", _above("eyes", EYES.edges[0]))],
    ]


def find_gaps(need: Traits, supply: Traits) -> list[Gap]:
    """Return what is needed and hardly there, the most needed first.

    Single poses are told apart from the rest only where no wider gap, such as all heads turned left, holds them.
    """
    others = [_first_gap(ladder, need, supply) for ladder in _other_ladders()]
    turns = [_first_gap(ladder, need, supply) for ladder in _pose_ladders()]
    gaps = [found[0] for found in (*others, *turns) if found is not None]
    is_told = np.zeros(len(need), bool)
    for found in turns:
        if found is not None:
            is_told |= found[1](need)
    for what, test in _poses():
        faces = int(test(supply).sum())
        share = float((test(need) & ~is_told).mean()) if len(need) else 0.0
        if share >= _LEAST_POSE_NEED and faces < ENOUGH_FACES:
            gaps.append(Gap(what, share, faces))
    return sorted(gaps, key=lambda gap: -gap.need)


def _first_gap(ladder: _Ladder, need: Traits, supply: Traits) -> tuple[Gap, _Test] | None:
    for what, test in ladder:
        share = float(test(need).mean()) if len(need) else 0.0
        faces = int(test(supply).sum())
        if share >= _LEAST_NEED and faces < ENOUGH_FACES:
            return Gap(what, share, faces), test
    return None


def _poses() -> list[tuple[str, _Test]]:
    return [
        (f"looks {yaw} and {pitch}", _posed(column, row))
        for row, pitch in enumerate(PITCH.names)
        for column, yaw in enumerate(YAW.names)
    ]


def _posed(column: int, row: int) -> _Test:
    return lambda traits: (
        (YAW.of(traits.yaw) == column) & (PITCH.of(traits.pitch) == row) & ~np.isnan(traits.yaw + traits.pitch)
    )


def gap_sentences(name: str, need: Traits, supply: Traits, needed_s: float) -> list[str]:
    """Return the worst gaps for the user, at most five.

    Args:
        name: Name of the performer.
        need: The faces in the shots.
        supply: All faces of the performer.
        needed_s: How long the shots are together, in seconds.
    """
    sentences = [_sentence(name, gap, needed_s) for gap in find_gaps(need, supply)]
    sizes = (need.size[~np.isnan(need.size)], supply.size[~np.isnan(supply.size)])
    if all(map(len, sizes)):
        wanted, there = (float(np.quantile(values, 0.9)) for values in sizes)
        if wanted > _ENLARGEMENT * there:
            sentences.append(
                f"The shots show faces up to {wanted:.0f} px, those of {name} reach {there:.0f} px and will look soft. "
                "Film closer or in a higher resolution."
            )
    return sentences[:_MOST_SENTENCES]


def _sentence(name: str, gap: Gap, needed_s: float) -> str:
    verb, _, rest = gap.what.partition(" ")
    subject = f"No face of {name} {gap.what}"
    if gap.faces == 1:
        subject = f"Only 1 face of {name} {gap.what}"
    elif gap.faces:
        subject = f"Only {gap.faces} faces of {name} {_PLURALS[verb]} {rest}"
    # Twice what is needed, in steps of five seconds: a part of every take is useless.
    seconds = min(max(5 * int(np.ceil(2 * gap.need * needed_s / 5)), _FILM_S[0]), _FILM_S[1])
    return f"{subject}; {100 * gap.need:.0f} % of the shots need it. Film about {seconds} s of it."


def verdict(name: str, chosen: int, available: int, coverage: Sequence[AspectCoverage]) -> str:
    """Return how many faces were chosen and how well they cover what the shots need."""
    known = [item for item in coverage if any(map(any, item.need))]
    shares = [f"{100 * item.covered:.0f} % of the {_NOUNS[item.name]}" for item in known]
    covered = f" They cover {', '.join(shares)} that the shots need." if shares else ""
    return f"{chosen} of {available} faces of {name} are chosen.{covered}"
