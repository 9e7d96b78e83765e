# SPDX-License-Identifier: GPL-3.0-or-later
"""MediaPipe's two hand models: where hands are near a face, as 21 points each.

The first model finds palms: it sees 192 x 192 pixels with values in 0…1 and answers, for 2016 anchors, a logit and 18
numbers: box center and size, then seven keypoints of which the first is the wrist and the third the root of the middle
finger, all in input pixels, relative to the anchor. Anchors lie two to a cell on a grid of 24 x 24, then six to a cell
on one of 12 x 12. The second model sees one hand at 224 x 224 pixels, turned so that its fingers point up, and answers
21 points in input pixels and how sure it is that there is a hand at all (Zhang et al. 2020, "MediaPipe Hands", and
MediaPipe's published graphs).

A second look at the hand that the first one found, in a square drawn from its own points, places it better: against
true mattes, intersection over union rises by two points. The same look finds a hand again that the first model misses,
where it was a frame before or after.

Both answers count: the first model takes clothes and noses for palms now and then, and the second one a turned cheek
that isn't a palm. On clips with a hand passing before a face the first was above 0.75 and the second above 0.8 in every
frame in which the hand touched the face; where there was none, the first was below 0.65 or the second below 0.75.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .models import load_network
from .picture_views import View
from .surroundings import Surroundings

# Side of each model's input in pixels.
SIDES = {"palm": 192, "hand": 224}
_PALM_SIDE, _HAND_SIDE = SIDES["palm"], SIDES["hand"]
_WRIST, _MIDDLE_ROOT = 0, 2
# Sides of the square that is searched around a face, in extents of its landmarks. The model knows palms best that fill
# an eighth to a third of its input; the others are tried where the first shows no hand.
_VIEWS = (4.0, 2.5, 6.0)
_LEAST_PALM = 0.65
_LEAST_HAND = 0.8
_MOST_HANDS = 4
# The square around a hand reaches this many palms far and lies half a palm ahead of the palm's own center.
_HAND_REACH, _HAND_SHIFT = 2.6, 0.5
# The square around a known hand: this many times the extent of its points without the outer finger joints, a tenth of
# that ahead of them. A hand that may have moved gets the wider one.
_INNER_POINTS = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)
_REACH_AGAIN, _REACH_MOVED, _SHIFT_AHEAD = 1.8, 2.0, 0.1
# A hand that another frame vouches for is believed sooner.
_LEAST_FOLLOWED = 0.6
# The second look counts unless it is so much less certain.
_LEAST_DOUBT = 0.05


@dataclass(frozen=True, eq=False)
class Hand:
    """A hand in a picture.

    Attributes:
        points: Wrist, then thumb, index, middle, ring and little finger from root to tip, in picture pixels, (21, 2).
        certainty: How sure the model is that it is one, 0…1.
    """

    points: NDArray[np.float64]
    certainty: float


@dataclass(frozen=True, eq=False)
class _Palm:
    center: NDArray[np.float64]
    side: float
    wrist: NDArray[np.float64]
    root: NDArray[np.float64]


class HandFinder:
    """Finds the hands near a face.

    Raises:
        EngineError: `detector_unavailable` or `library_missing`.
    """

    def __init__(self) -> None:
        self._palms = load_network("palm")
        self._hand = load_network("hand")

    def find(
        self, image: NDArray[np.uint8] | NDArray[np.uint16], landmarks: NDArray[np.floating], is_thorough: bool = True
    ) -> list[Hand]:
        """Return the hands near a face, at most four.

        Args:
            image: RGB picture (h, w, 3).
            landmarks: The face's, shape (68, 2), picture pixels.
            is_thorough: Whether to look for nearer and farther hands too where none is seen at first.
        """
        return self.find_in(Surroundings.around(image, landmarks), is_thorough)

    def find_in(self, part: Surroundings, is_thorough: bool = True) -> list[Hand]:
        """Return the hands near a face, at most four, as `find` does."""
        low, high = part.landmarks.min(axis=0), part.landmarks.max(axis=0)
        extent, (x, y) = float((high - low).max()), (low + high) / 2
        for share in _VIEWS if is_thorough else _VIEWS[:1]:
            view = View(float(x), float(y), max(share * extent, 1.0))
            palms = self._look(part, view)[:_MOST_HANDS]
            hands = [hand for palm in palms if (hand := self._fit(part, _palm_view(palm))).certainty >= _LEAST_HAND]
            if hands:
                return [self._fit_again(part, hand) for hand in hands]
        return []

    def follow(self, part: Surroundings, hand: Hand) -> Hand | None:
        """Return where a hand of the frame before or after is in this one, or None when it isn't there."""
        moved = self._fit(part, _hand_view(hand, _REACH_MOVED))
        again = self._fit(part, _hand_view(moved, _REACH_AGAIN))
        found = max(moved, again, key=lambda item: item.certainty)
        return found if found.certainty >= _LEAST_FOLLOWED else None

    def _fit_again(self, part: Surroundings, hand: Hand) -> Hand:
        again = self._fit(part, _hand_view(hand, _REACH_AGAIN))
        return again if again.certainty > hand.certainty - _LEAST_DOUBT else hand

    def _look(self, part: Surroundings, view: View) -> list[_Palm]:
        values, logits = self._palms(_input(part, view, _PALM_SIDE))
        order = np.argsort(-logits[0, :, 0], kind="stable")
        found: list[_Palm] = []
        for index in order[: 8 * _MOST_HANDS].tolist():
            if logits[0, index, 0] < math.log(_LEAST_PALM / (1 - _LEAST_PALM)):
                break
            anchor, numbers = _anchors()[index], values[0, index].astype(np.float64)
            points = np.concatenate([numbers[None, :2], numbers[4:].reshape(7, 2)]) + anchor * _PALM_SIDE
            placed = _in_picture(points - 0.5, view, _PALM_SIDE)
            side = float(numbers[2:4].max()) * view.side / _PALM_SIDE
            palm = _Palm(placed[0], side, placed[1 + _WRIST], placed[1 + _MIDDLE_ROOT])
            if all(np.abs(palm.center - other.center).max() > other.side / 2 for other in found):
                found.append(palm)
        return found

    def _fit(self, part: Surroundings, view: View) -> Hand:
        points, certainty = _answers(self._hand(_input(part, view, _HAND_SIDE)))
        return Hand(_in_picture(points, view, _HAND_SIDE), certainty)


def _palm_view(palm: _Palm) -> View:
    ahead = palm.root - palm.wrist
    turn = math.atan2(ahead[1], ahead[0]) + math.pi / 2
    shift = _HAND_SHIFT * palm.side
    center = palm.center + shift * np.array([math.sin(turn), -math.cos(turn)])
    return View(float(center[0]), float(center[1]), max(_HAND_REACH * palm.side, 1.0), math.degrees(turn))


def _hand_view(hand: Hand, reach: float) -> View:
    """Return the square around a hand's points, turned as the hand is."""
    ahead = hand.points[9] - hand.points[0]
    turn = math.atan2(ahead[1], ahead[0]) + math.pi / 2
    upright = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    inner = hand.points[list(_INNER_POINTS)] @ upright.T
    low, high = inner.min(axis=0), inner.max(axis=0)
    center = ((low + high) / 2 - (0.0, _SHIFT_AHEAD * (high - low)[1])) @ upright
    side = max(reach * float((high - low).max()), 1.0)
    return View(float(center[0]), float(center[1]), side, math.degrees(turn))


def _input(part: Surroundings, view: View, side: int) -> NDArray[np.float32]:
    return part.cut(view, side)[None].astype(np.float32) / np.float32(255)


def _answers(outputs: Sequence[NDArray[np.float32]]) -> tuple[NDArray[np.float64], float]:
    """Return the points in the input (21, 2) and the certainty; which hand it is and its meters aren't asked for."""
    points = outputs[0].reshape(21, 3)[:, :2].astype(np.float64)
    return points, float(outputs[1].ravel()[0])


def _in_picture(points: NDArray[np.float64], view: View, side: int) -> NDArray[np.float64]:
    """Return points of a view's pixels in pixels of the picture, shape (n, 2)."""
    angle, scale = math.radians(view.turn_deg), view.side / side
    turn = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return (points - (side - 1) / 2) @ turn.T + (view.x, view.y)


@functools.cache
def _anchors() -> NDArray[np.float64]:
    """Return the centers of the anchors as shares of the input's side, (2016, 2)."""
    parts = []
    for cells, each in ((24, 2), (12, 6)):
        across = (np.arange(cells) + 0.5) / cells
        y, x = np.meshgrid(across, across, indexing="ij")
        parts.append(np.repeat(np.stack([x, y], axis=-1).reshape(-1, 2), each, axis=0))
    return np.concatenate(parts)
