# SPDX-License-Identifier: GPL-3.0-or-later
"""The difference between a found face and a corrected one, and how it runs between key frames.

An offset is a vector of `OFFSET_LENGTH` numbers in the found face's own coordinates (face squares, eyes level): shift
right and down, natural logarithm of the scale, clockwise turn in radians, all about the center of the face square, and
what is left over for each of the 68 landmarks. So it grows and turns with the head, and a straight line between two
offsets is a sensible movement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..contract.corrections import KeepFound, KeyFrameCorrection, MoveFace, SetBox, SetLandmarks
from .alignment import face_matrix
from .geometry import LANDMARK_COUNT, box_of, fit_similarity, invert_similarity, transform_points

OFFSET_LENGTH = 4 + 2 * LANDMARK_COUNT
NO_OFFSET: NDArray[np.float64] = np.zeros(OFFSET_LENGTH)


def offset_between(found: NDArray[np.floating], corrected: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the offset that brings found landmarks (68, 2) to corrected ones."""
    to_face = face_matrix(found, 1, 1.0)
    here, there = transform_points(to_face, found), transform_points(to_face, corrected)
    moved = fit_similarity(here, there)
    turn, scale = np.arctan2(moved[1, 0], moved[0, 0]), np.hypot(moved[0, 0], moved[1, 0])
    rest = there - transform_points(moved, here)
    return np.concatenate([moved[:, 2], [np.log(scale), turn], rest.ravel()])


def apply_offset(found: NDArray[np.floating], offset: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return found landmarks (68, 2) with an offset, float32."""
    to_face = face_matrix(found, 1, 1.0)
    scale, turn = np.exp(offset[2]), offset[3]
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    moved = np.array([[cos, -sin, offset[0]], [sin, cos, offset[1]]])
    there = transform_points(moved, transform_points(to_face, found)) + offset[4:].reshape(LANDMARK_COUNT, 2)
    return transform_points(invert_similarity(to_face), there).astype(np.float32)


def corrected_landmarks(shown: NDArray[np.floating], correction: KeyFrameCorrection) -> NDArray[np.float32]:
    """Return where a key frame puts a face.

    Args:
        shown: Its landmarks before, with earlier corrections, (68, 2).
        correction: Any key frame but `KeepFound`, whose face is that of the search.
    """
    shown = np.asarray(shown, float)
    if isinstance(correction, SetLandmarks):
        return np.array(correction.landmarks, dtype=np.float32)
    box = box_of(shown).astype(float)
    if isinstance(correction, SetBox):
        low, high = np.array(correction.box[:2]), np.array(correction.box[2:])
        return (low + (shown - box[:2]) / np.maximum(box[2:] - box[:2], 1e-6) * (high - low)).astype(np.float32)
    assert isinstance(correction, MoveFace) and not isinstance(correction, KeepFound)
    center, turn = (box[:2] + box[2:]) / 2, np.radians(correction.turn_deg)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    moved = center + correction.scale * (shown - center) @ rotation.T + (correction.dx, correction.dy)
    return moved.astype(np.float32)


@dataclass(frozen=True, eq=False)
class Key:
    """A key frame of a track.

    Attributes:
        offset: Difference from what was found there.
        reach: Over how many frames it fades out where no key follows; None never, 0 not at all.
        target: The landmarks to show in this very frame (68, 2); None where nobody set them.
    """

    offset: NDArray[np.float64]
    reach: int | None = None
    target: NDArray[np.float32] | None = None


Keys = Mapping[int, Key]


def offset_at(keys: Keys, frame: int) -> NDArray[np.float64]:
    """Return the offset of any frame: straight between keys, fading out beyond the outermost ones."""
    if frame in keys:
        return keys[frame].offset
    before = max((item for item in keys if item < frame and keys[item].reach != 0), default=None)
    after = min((item for item in keys if item > frame and keys[item].reach != 0), default=None)
    if before is not None and after is not None:
        share = (frame - before) / (after - before)
        return keys[before].offset + share * (keys[after].offset - keys[before].offset)
    nearest = before if before is not None else after
    if nearest is None:
        return NO_OFFSET
    return keys[nearest].offset * _weight(keys[nearest], abs(frame - nearest))


def _weight(key: Key, distance: int) -> float:
    return 1.0 if key.reach is None else max(0.0, 1 - distance / key.reach)


def add_key(keys: Keys, frame: int, key: Key) -> dict[int, Key]:
    """Return the keys with another one; its turn is counted on from the others', so that none goes the long way."""
    offset, full = key.offset.copy(), 2 * np.pi
    offset[3] += full * np.round((offset_at(keys, frame)[3] - offset[3]) / full)
    return {**keys, frame: replace(key, offset=offset)}


def cut_keys(keys: Keys, first: int, last: int) -> dict[int, Key]:
    """Return the keys of frames `first` to `last` (both included) whose offsets stay what they were.

    Where keys beyond an end had an effect, a key at the end takes their place.
    """
    inside = {frame: key for frame, key in keys.items() if first <= frame <= last}
    through = [frame for frame, key in keys.items() if key.reach != 0]
    for end, is_cut in ((first, any(item < first for item in through)), (last, any(item > last for item in through))):
        if is_cut and end not in keys:
            key = _key_on_the_way(keys, through, end)
            if key is not None:
                inside[end] = key
    return inside


def _key_on_the_way(keys: Keys, through: list[int], frame: int) -> Key | None:
    offset = offset_at(keys, frame)
    if min(through) < frame < max(through):
        return Key(offset)
    nearest = min(through, key=lambda item: abs(item - frame))
    reach = keys[nearest].reach
    rest = None if reach is None else reach - abs(frame - nearest)
    return Key(offset, rest) if rest is None or rest > 0 else None


def close_keys(keys: Keys, first: int, last: int) -> dict[int, Key]:
    """Return the keys of a track from `first` to `last`, with keys where they have faded out.

    After that, keys beyond the ends change nothing inside.
    """
    closed = dict(keys)
    for end, is_first in ((first, True), (last, False)):
        through = [frame for frame, key in keys.items() if key.reach != 0]
        if not through:
            closed.setdefault(end, Key(NO_OFFSET))
            continue
        outermost = min(through) if is_first else max(through)
        reach = keys[outermost].reach
        distance = abs(outermost - end)
        if reach is not None and reach < distance:
            faded = outermost - reach if is_first else outermost + reach
            closed.setdefault(faded, Key(NO_OFFSET))
        closed.setdefault(end, Key(offset_at(keys, end)))
    return closed
