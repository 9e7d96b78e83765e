# SPDX-License-Identifier: GPL-3.0-or-later
"""MediaPipe's BlazeFace detector, full range: picture in, boxes and keypoints of faces of any size and lean out.

The network sees 192 x 192 pixels with values in -1…1 and answers, for each cell of a 48 x 48 grid, a logit and 16
numbers: box center and size, then six keypoints (right eye, left eye, nose tip, mouth, right and left ear opening), all
in input pixels, centers relative to the cell's center (Bazarevsky et al. 2019, and MediaPipe's published graph of the
full range model).

Measured on faces of known size and lean, it is surest of upright faces of 16 to 80 input pixels, half as sure of ones
that lie or stand on their head, and unsure of very small and very large ones. So a picture is searched twice: for
suspects, with a low threshold, as a whole, reduced and turned four ways for faces that fill it, and in tiles for small
ones; then every suspect that isn't beyond doubt is looked at again, brought to the size the network knows best and
turned four ways. What counts is the second look: it tells faces from clutter and finds their lean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .detection import Detection, suppress_doubles
from .geometry import box_overlap
from .models import load_network
from .picture_views import Pyramid, View, mosaic, tiles

_SIDE = 192
_GRID = 48
_KEYPOINTS = 6
# A face this small in the network's input is still suspected.
_SMALLEST_INPUT = 12.0
_MOST_COARSE_TILES = 6
_MOST_FINE_TILES = 15
# A face smaller than this share of a coarse tile is a reason to look at finer ones.
_SMALL_FACE = 0.11
_SURE_ENOUGH = 0.6
_LEAST_SUSPICION = 0.25
# Upright faces this sure need no second look.
_BEYOND_DOUBT = 0.8
_MOST_SUSPECTS = 24
# Cells a side in the input of the second look, and the side of a cell in sides of the suspect.
_CELLS = 3
_CELL_MARGIN = 2.2
_WIDE_MARGIN = 3.0
# How far from the middle of its cell, in sides of the suspect, the second look may see the face.
_LARGEST_SHIFT = 0.5
_LARGEST_GROWTH = 1.8
# Share of the more convincing look in the score. Measured on faces and clutter, this parts them best: hidden and cut
# faces convince at first, small and lying ones when looked at again.
_FIRST_SHARE = 0.75
_SECOND_SHARE = 0.7
# Most faces are upright: a turned view of one has to be this much surer.
_UPRIGHT_BONUS = 0.08
# Views whose ranks differ by less than this are told apart by leveling the face as each of them sees it.
_CLOSE = 0.3
_LEVEL_DEG = 25.0


class BlazeFaceDetector:
    """Finds faces with BlazeFace.

    Args:
        confidence: Lowest score that counts, 0…1.
        minimum_size: Smallest side of a face box in pixels.

    Raises:
        EngineError: `detector_unavailable` or `library_missing`.
    """

    finds_any_lean = True

    def __init__(self, confidence: float, minimum_size: int) -> None:
        self._network = _Network()
        self._confidence = confidence
        self._minimum_size = minimum_size

    def detect(self, image: NDArray[np.uint8], known: Sequence[Detection] = ()) -> list[Detection]:
        """Return the faces of an RGB picture (h, w, 3), best first; known ones are not judged again."""
        pyramid = Pyramid(image)
        width, height = pyramid.width, pyramid.height
        whole = View((width - 1) / 2, (height - 1) / 2, max(width, height))
        turned = [replace(whole, turn_deg=turn) for turn in (0, 90, 180, 270)]
        wanted = _SIDE / _SMALLEST_INPUT * self._minimum_size
        coarse = tiles(width, height, wanted, _MOST_COARSE_TILES)
        found = self._search(pyramid, [([whole], 1), (turned, 2), *(([tile], 1) for tile in coarse)], list(known))
        # Small faces seldom come alone, and the finest tiles cost as much as all before.
        if coarse and coarse[0].side > wanted and any(_is_small(item, coarse[0]) for item in found):
            fine = tiles(width, height, wanted, _MOST_FINE_TILES)
            found = self._search(pyramid, [([tile], 1) for tile in fine], found)
        return found

    def check(self, image: NDArray[np.uint8], known: Sequence[Detection]) -> list[Detection]:
        """Return which known faces are still there, and new ones that the whole picture shows beyond doubt.

        A tenth of the cost of `detect`.

        Args:
            image: RGB picture (h, w, 3).
            known: Faces where they should be now.
        """
        pyramid = Pyramid(image)
        width, height = pyramid.width, pyramid.height
        whole = View((width - 1) / 2, (height - 1) / 2, max(width, height))
        (seen,) = self._network.look(pyramid, [whole], 1, min(_BEYOND_DOUBT, self._confidence))
        # A large, upright face is plain in the whole picture; a second look at it would only say so again.
        plain = [_seen_alone(item, known, seen) for item in known]
        unsure = [item for item, view in zip(known, plain, strict=True) if view is None]
        again = self._look_again(pyramid, [(item, (item.roll_deg,)) for item in unsure])
        looked_at = [*plain, *(item for (item,) in again)]
        confirmed = [item for item in looked_at if item is not None and item.score >= self._confidence]
        large = [item for item in seen if item.score >= _BEYOND_DOUBT and _side(item) >= self._minimum_size]
        return suppress_doubles([*confirmed, *large])

    def _search(
        self, pyramid: Pyramid, looks: Sequence[tuple[Sequence[View], int]], known: list[Detection]
    ) -> list[Detection]:
        """Return the known faces and those seen in views; a look is some views and how many fit along a side."""
        seen = [
            item
            for views, cells in looks
            for view in self._network.look(pyramid, views, cells, _LEAST_SUSPICION)
            for item in view
            if _side(item) >= self._minimum_size
        ]
        # What is known stands before everything that lies on it.
        first = [replace(item, score=item.score + 1) for item in known]
        suspects = [item for item in suppress_doubles([*first, *seen]) if item.score <= 1][:_MOST_SUSPECTS]
        found = [item for item in suspects if _is_beyond_doubt(item)]
        found += self._second_look(pyramid, [item for item in suspects if not _is_beyond_doubt(item)])
        kept = [item for item in found if item.score >= self._confidence and _side(item) >= self._minimum_size]
        return suppress_doubles([*known, *kept])

    def _second_look(self, pyramid: Pyramid, suspects: Sequence[Detection]) -> list[Detection]:
        best: list[Detection | None] = []
        unsure: list[int] = []
        rivals: list[list[Detection]] = []
        for index, upright in enumerate(self._look_again(pyramid, [(item, (0.0,)) for item in suspects])):
            best.append(upright[0])
            if upright[0] is None or upright[0].score < _BEYOND_DOUBT:
                unsure.append(index)
        turned = self._look_again(pyramid, [(suspects[index], (90.0, 180.0, 270.0)) for index in unsure])
        for index, seen in zip(unsure, turned, strict=True):
            ranked = sorted((item for item in (best[index], *seen) if item is not None), key=_rank, reverse=True)
            rivals.append([item for item in ranked[:3] if _rank(item) > _rank(ranked[0]) - _CLOSE])
            best[index] = ranked[0] if ranked else None
        self._level(pyramid, best, dict(zip(unsure, rivals, strict=True)))
        return [_judged(suspect, item) for suspect, item in zip(suspects, best, strict=True)]

    def _level(
        self,
        pyramid: Pyramid,
        best: list[Detection | None],
        rivals: dict[int, list[Detection]],
    ) -> None:
        """Look at leaning faces once more, level as far as each view tells; the true lean makes the surest face."""
        asked = {
            index: items
            for index, items in rivals.items()
            if len(items) > 1 or (items and abs(items[0].roll_deg) > _LEVEL_DEG)
        }
        # Around the face as each view sees it: the suspect's own box is loose where the face leans.
        leans = [(item, (item.roll_deg,)) for items in asked.values() for item in items]
        near, far = (iter(self._look_again(pyramid, leans, margin)) for margin in (_CELL_MARGIN, _WIDE_MARGIN))
        for index, items in asked.items():
            convinced = []
            for item in items:
                seen = [again for again in (*next(near), *next(far)) if again is not None]
                score = (item.score + sum(again.score for again in seen)) / 3
                convinced.append((score + _upright_bonus(item), seen[0] if seen else item))
            best[index] = max(convinced, key=lambda pair: pair[0])[1]

    def _look_again(
        self,
        pyramid: Pyramid,
        asked: Sequence[tuple[Detection, Sequence[float]]],
        margin: float = _CELL_MARGIN,
    ) -> list[list[Detection | None]]:
        """Return what is seen of each suspect at its best size, for each of the turns that it is asked with."""
        views = [
            View(float(x), float(y), margin * _side(item), turn)
            for item, turns in asked
            for x, y in [_center(item)]
            for turn in turns
        ]
        answers = iter(self._network.look(pyramid, views, _CELLS, _LEAST_SUSPICION))
        result: list[list[Detection | None]] = []
        for item, turns in asked:
            seen = [[found for found in next(answers) if _is_same(found, item)] for _ in turns]
            result.append([max(found, key=lambda one: one.score, default=None) for found in seen])
        return result


def _is_small(item: Detection, tile: View) -> bool:
    return item.score >= _SURE_ENOUGH and _side(item) < _SMALL_FACE * tile.side


def _is_beyond_doubt(item: Detection) -> bool:
    return item.score >= _BEYOND_DOUBT and item.rotation == 0


def _is_same(item: Detection, suspect: Detection) -> bool:
    shift = np.abs(_center(item) - _center(suspect)).max() / _side(suspect)
    grown = _side(item) / _side(suspect)
    return bool(shift < _LARGEST_SHIFT and 1 / _LARGEST_GROWTH < grown < _LARGEST_GROWTH)


def _seen_alone(item: Detection, known: Sequence[Detection], seen: Sequence[Detection]) -> Detection | None:
    """Return what a view shows of an upright face, if that is none of the other known ones."""
    if abs(item.roll_deg) > _LEVEL_DEG:
        return None
    views = (view for view in seen if _is_same(view, item))
    return next((view for view in views if sum(_is_same(view, other) for other in known) == 1), None)


def _rank(item: Detection) -> float:
    return item.score + _upright_bonus(item)


def _upright_bonus(item: Detection) -> float:
    return _UPRIGHT_BONUS * (abs(item.roll_deg) < 60)


def _judged(suspect: Detection, again: Detection | None) -> Detection:
    """Return a suspect as the second look saw it, its score from both looks."""
    if again is None:
        return replace(suspect, score=_FIRST_SHARE * suspect.score)
    first, second = suspect.score, again.score
    score = max(
        _FIRST_SHARE * first + (1 - _FIRST_SHARE) * second, (1 - _SECOND_SHARE) * first + _SECOND_SHARE * second
    )
    # Clutter looks like a face in one of the four turns more easily than upright.
    return replace(again, score=score - (_UPRIGHT_BONUS - _upright_bonus(again)) / 2)


@dataclass(frozen=True, eq=False)
class _Answers:
    """What the network says of one input: points (n, 1 + keypoints, 2) and sizes (n, 2) in its pixels, scores (n,)."""

    points: NDArray[np.float64]
    sizes: NDArray[np.float64]
    scores: NDArray[np.float64]


class _Network:
    """The network, shown views of a picture."""

    def __init__(self) -> None:
        self._run = load_network("blazeface", 1)
        # Pixel centers are at integers here, the network counts from the corner of its input.
        cells = (np.arange(_GRID) + 0.5) / _GRID * _SIDE - 0.5
        self._centers = np.stack(np.meshgrid(cells, cells), axis=-1).reshape(-1, 2)

    def look(self, pyramid: Pyramid, views: Sequence[View], cells: int, least: float) -> list[list[Detection]]:
        """Return what is seen in each view, in picture pixels, from the score `least` on.

        Args:
            pyramid: The picture.
            views: Views of it.
            cells: How many views fit into an input, along a side.
            least: Lowest score, 0…1.
        """
        result = []
        for start in range(0, len(views), cells**2):
            shown = views[start : start + cells**2]
            canvas, corners = mosaic(pyramid, shown, _SIDE, cells)
            answers = self._answers(canvas, least)
            for view, corner in zip(shown, corners, strict=True):
                result.append(_seen(answers, view, corner, _SIDE // cells))
        return result

    def _answers(self, canvas: NDArray[np.uint8], least: float) -> _Answers:
        raw, logits = self._run((canvas.astype(np.float32) / np.float32(127.5) - 1)[None])
        scores = 1 / (1 + np.exp(-np.clip(logits[0, :, 0].astype(np.float64), -80, 80)))
        chosen = np.flatnonzero(scores >= least)
        points = raw[0, chosen].reshape(-1, 2 + _KEYPOINTS, 2).astype(np.float64)
        sizes = points[:, 1].copy()
        points = np.delete(points, 1, axis=1) + self._centers[chosen, None, :]
        return _Answers(points, sizes, scores[chosen])


def _seen(answers: _Answers, view: View, corner: tuple[int, int], cell: int) -> list[Detection]:
    """Return the answers whose center lies in a view's cell, merged and brought to the picture."""
    centers = answers.points[:, 0] - corner
    inside = ((centers >= -0.5) & (centers < cell - 0.5)).all(axis=1)
    if not inside.any():
        return []
    scale, turn = view.side / cell, math.radians(view.turn_deg)
    back = scale * np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    points = (answers.points[inside] - corner - (cell - 1) / 2) @ back + (view.x, view.y)
    # Boxes are squares within a few percent, so they stay as they are when the view is turned.
    rotation = round(view.turn_deg / 90) % 4 * 90
    return _merge(points, answers.sizes[inside] * scale, answers.scores[inside], rotation)


def _merge(
    points: NDArray[np.float64], sizes: NDArray[np.float64], scores: NDArray[np.float64], rotation: int
) -> list[Detection]:
    # Neighboring cells answer for the same face; their weighted mean is steadier than the best one alone.
    boxes = np.concatenate([points[:, 0] - sizes / 2, points[:, 0] + sizes / 2], axis=1)
    same = box_overlap(boxes, boxes) > 0.3
    np.fill_diagonal(same, True)
    open_ = np.ones(len(boxes), bool)
    merged = []
    for index in np.argsort(-scores, kind="stable"):
        if not open_[index]:
            continue
        group = np.flatnonzero(same[index] & open_)
        open_[group] = False
        weights = scores[group] / scores[group].sum()
        merged.append(
            Detection(
                box=(weights @ boxes[group]).astype(np.float32),
                score=float(scores[index]),
                keypoints=(weights @ points[group, 1:].reshape(len(group), -1)).reshape(-1, 2).astype(np.float32),
                rotation=rotation,
            )
        )
    return merged


def _center(item: Detection) -> NDArray[np.float64]:
    return (item.box[:2] + item.box[2:]).astype(np.float64) / 2


def _side(item: Detection) -> float:
    return float(min(item.box[2] - item.box[0], item.box[3] - item.box[1]))
