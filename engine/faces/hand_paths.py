# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands before one face, from frame to frame: followed where they aren't found, bridged, doubted, and steadied.

A frame's hands depend on the frames up to `REACH` before and after it, and on nothing else: no state is carried along a
run. So a part of a shot comes out as in the whole, if its surroundings are looked at too.

In this order: a hand that is found in no frame within two is doubted, unless the search marked the frame. A hand that
isn't found where it was one frame earlier or later is looked for there, and followed for at most four frames. What is
still missing between two sightings is drawn halfway between them. Last, each hand is averaged with itself one frame
earlier and later, with weights 1, 2, 1, which keeps what moves evenly in its place and is limited where it doesn't.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .hands import Hand
from .surroundings import Surroundings

_PARTNER_REACH = 2
_FOLLOWED_FRAMES = 4
# Frames before and after one that its hands depend on: sightings that are followed, what speaks for those, and the
# neighbors it is averaged with.
REACH = _FOLLOWED_FRAMES + _PARTNER_REACH + 1
# It is the same hand when its middle moved by less than this many of its spreads, and so many more for each frame; and
# when its spread changed by less than this factor. The quickest hands that were found moved by one spread a frame.
_LEAST_WAY, _WAY_EACH_FRAME, _LARGEST_GROWTH = 0.7, 0.8, 1.7
# Within a frame a hand that lies nearer to another one than this many spreads is that one, found in another way.
_SAME_PLACE = 0.7
# Averaging moves a point by at most this many spreads: more is no trembling but a hand that starts, stops or bends.
_LARGEST_TREMBLE = 0.04


class Finder(Protocol):
    """What finds and follows hands; `hands.HandFinder` does."""

    def find_in(self, part: Surroundings, is_thorough: bool = True) -> list[Hand]:
        """Return the hands near a face."""
        ...

    def follow(self, part: Surroundings, hand: Hand) -> Hand | None:
        """Return where a hand of the frame before or after is in this one, or None when it isn't there."""
        ...


@dataclass(frozen=True, eq=False)
class PlacedHand:
    """A hand of a frame.

    Attributes:
        hand: Where it is.
        is_marked: Whether it is also found, in this frame or near, where the search took the face for hidden.
    """

    hand: Hand
    is_marked: bool


@dataclass(frozen=True, eq=False)
class _Sighting:
    part: Surroundings
    is_marked: bool
    found: list[Hand]


class HandPaths:
    """The hands before one face.

    Args:
        finder: Finds and follows hands.
    """

    def __init__(self, finder: Finder) -> None:
        self._finder = finder
        self._seen: dict[int, _Sighting] = {}
        self._followed: dict[tuple[int, int, int], list[Hand]] = {}
        self._whole: dict[int, list[Hand]] = {}

    def see(self, media_frame: int, part: Surroundings, is_marked: bool) -> None:
        """Look at a frame; frames come in ascending order.

        Args:
            media_frame: Its number.
            part: What surrounds the face.
            is_marked: Whether the search took the face for hidden; such frames are searched more thoroughly.
        """
        self._seen[media_frame] = _Sighting(part, is_marked, self._finder.find_in(part, is_marked))

    def hands(self, media_frame: int) -> list[PlacedHand]:
        """Return the hands of a frame that was seen, as were all frames up to `REACH` after it that ever will be."""
        before, after = self._all(media_frame - 1), self._all(media_frame + 1)
        return [
            PlacedHand(_averaged(hand, before, after), self._is_marked(media_frame, hand))
            for hand in self._all(media_frame)
        ]

    def forget_before(self, media_frame: int) -> None:
        """Forget what frames from `media_frame` on don't depend on."""
        first = media_frame - REACH
        self._seen = {frame: item for frame, item in self._seen.items() if frame >= first}
        self._whole = {frame: item for frame, item in self._whole.items() if frame >= first}
        self._followed = {key: item for key, item in self._followed.items() if key[0] >= first}

    def _found(self, frame: int) -> list[Hand]:
        """Return the hands found in a frame, without those that nothing speaks for."""
        seen = self._seen.get(frame)
        if seen is None:
            return []
        near = [other for other in _around(frame, _PARTNER_REACH) if other != frame and other in self._seen]
        if seen.is_marked or not near:
            return seen.found
        return [hand for hand in seen.found if self._is_found_in(near, frame, hand)]

    def _is_found_in(self, others: Iterable[int], frame: int, hand: Hand) -> bool:
        return any(_same_in(self._seen[other].found, hand, abs(other - frame)) is not None for other in others)

    def _is_marked(self, frame: int, hand: Hand) -> bool:
        near = _around(frame, _FOLLOWED_FRAMES)
        return self._is_found_in((n for n in near if n in self._seen and self._seen[n].is_marked), frame, hand)

    def _all(self, frame: int) -> list[Hand]:
        """Return the hands of a frame: found, followed and bridged ones."""
        if frame not in self._whole:
            hands = list(self._found(frame))
            for age in range(1, _FOLLOWED_FRAMES + 1):
                for step in (-1, 1):
                    _add_new(hands, self._follow(frame, step, age))
            if frame in self._seen:
                _add_new(hands, self._bridged(frame))
            self._whole[frame] = hands
        return self._whole[frame]

    def _follow(self, frame: int, step: int, age: int) -> list[Hand]:
        """Return the hands that were found `age` frames before (step -1) or after (1) and followed to this frame.

        What came a shorter way counts first and never depends on what came a longer one; so it doesn't matter how far
        back a run has seen.
        """
        key = frame, step, age
        if key not in self._followed:
            there = self._found(frame + step) if age == 1 else self._follow(frame + step, step, age - 1)
            known = list(self._found(frame))
            for shorter in range(1, age):
                known += self._follow(frame, step, shorter)
            self._followed[key] = self._followed_here(frame, there, known)
        return self._followed[key]

    def _followed_here(self, frame: int, there: Iterable[Hand], known: list[Hand]) -> list[Hand]:
        followed: list[Hand] = []
        for hand in there:
            seen = self._seen.get(frame)
            if seen is None or _same_in(known, hand, 1) is not None:
                continue
            here = self._finder.follow(seen.part, hand)
            if here is not None and _is_same(here, hand, 1):
                _add_new(followed, [here])
        return followed

    def _bridged(self, frame: int) -> list[Hand]:
        """Return hands halfway between sightings before and after a frame, the shortest ways first."""
        bridged: list[Hand] = []
        for before in range(frame - 1, frame - _FOLLOWED_FRAMES - 1, -1):
            for after in range(frame + 1, before + _FOLLOWED_FRAMES + 2):
                for hand in self._found(before):
                    other = _same_in(self._found(after), hand, after - before)
                    if other is not None:
                        share = (frame - before) / (after - before)
                        points = hand.points + share * (other.points - hand.points)
                        _add_new(bridged, [Hand(points, min(hand.certainty, other.certainty))])
        return bridged


def _around(frame: int, reach: int) -> range:
    return range(frame - reach, frame + reach + 1)


def _spread(hand: Hand) -> float:
    return float(np.sqrt(hand.points.var(axis=0).sum()))


def _way(hand: Hand, other: Hand) -> float:
    return float(np.linalg.norm(hand.points.mean(axis=0) - other.points.mean(axis=0)))


def _is_same(hand: Hand, other: Hand, frames: int) -> bool:
    """Whether two sightings, so many frames apart, may be of one hand."""
    small, large = sorted((_spread(hand), _spread(other)))
    return large <= _LARGEST_GROWTH * small and _way(hand, other) <= (_LEAST_WAY + _WAY_EACH_FRAME * frames) * large


def _same_in(hands: Iterable[Hand], hand: Hand, frames: int) -> Hand | None:
    """Return the nearest of some hands, so many frames apart, that may be the same."""
    same = [other for other in hands if _is_same(hand, other, frames)]
    return min(same, key=lambda other: _way(hand, other), default=None)


def _add_new(hands: list[Hand], more: Iterable[Hand]) -> None:
    """Add the hands that aren't there yet."""
    for hand in more:
        if all(_way(hand, other) > _SAME_PLACE * max(_spread(hand), _spread(other)) for other in hands):
            hands.append(hand)


def _averaged(hand: Hand, before: Iterable[Hand], after: Iterable[Hand]) -> Hand:
    one, two = _same_in(before, hand, 1), _same_in(after, hand, 1)
    if one is None or two is None:
        return hand
    change = (one.points - 2 * hand.points + two.points) / 4
    length = np.linalg.norm(change, axis=1, keepdims=True)
    allowed = np.minimum(1.0, _LARGEST_TREMBLE * _spread(hand) / np.maximum(length, 1e-9))
    return Hand(hand.points + allowed * change, hand.certainty)
