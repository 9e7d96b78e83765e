# SPDX-License-Identifier: GPL-3.0-or-later
"""The difference between a found face and a corrected one, and how it runs between key frames.

An offset is a vector of `OFFSET_LENGTH` numbers in the found face's own coordinates (face squares, eyes level): shift
right and down, natural logarithm of the scale, clockwise turn in radians, all about the center of the face square, and
what is left over for each of the 68 landmarks. So it grows and turns with the head, and a straight line between two
offsets is a sensible movement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

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
        reach: Over how many frames it fades out where no key follows; None never.
        target: The landmarks to show in this very frame (68, 2); None where nobody set them.
    """

    offset: NDArray[np.float64]
    reach: int | None = None
    target: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Keys:
    """The key frames of a track.

    Attributes:
        line: Keys by media frame between which offsets run straight.
        single: Keys that change their own frame only; they go before those of the line.
    """

    line: Mapping[int, Key] = field(default_factory=dict)
    single: Mapping[int, Key] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.line or self.single)

    def at(self, frame: int) -> Key | None:
        """Return the key of a frame, or None."""
        return self.single.get(frame) or self.line.get(frame)

    def offset(self, frame: int) -> NDArray[np.float64]:
        """Return the offset of any frame: straight between keys, fading out beyond the outermost ones."""
        return self.single[frame].offset if frame in self.single else self._on_line(frame)

    def _on_line(self, frame: int) -> NDArray[np.float64]:
        if frame in self.line:
            return self.line[frame].offset
        before = max((item for item in self.line if item < frame), default=None)
        after = min((item for item in self.line if item > frame), default=None)
        if before is not None and after is not None:
            share = (frame - before) / (after - before)
            return self.line[before].offset + share * (self.line[after].offset - self.line[before].offset)
        nearest = before if before is not None else after
        if nearest is None:
            return NO_OFFSET
        reach, distance = self.line[nearest].reach, abs(frame - nearest)
        return self.line[nearest].offset * (1.0 if reach is None else max(0.0, 1 - distance / reach))

    def added(self, frame: int, key: Key) -> Keys:
        """Return the keys with another one; with a reach of 0 it is for its own frame only.

        Its turn is counted on from the others', so that none goes the long way round.
        """
        offset, full = key.offset.copy(), 2 * np.pi
        offset[3] += full * np.round((self.offset(frame)[3] - offset[3]) / full)
        key = replace(key, offset=offset)
        if key.reach == 0:
            return Keys(self.line, {**self.single, frame: key})
        rest = {item: value for item, value in self.single.items() if item != frame}
        return Keys({**self.line, frame: key}, rest)

    def cut(self, first: int, last: int) -> Keys:
        """Return the keys of frames `first` to `last`, both included, whose offsets stay what they were.

        Where keys beyond an end had an effect, a key at the end takes their place.
        """
        line = {frame: key for frame, key in self.line.items() if first <= frame <= last}
        single = {frame: key for frame, key in self.single.items() if first <= frame <= last}
        for end, is_cut in ((first, any(f < first for f in self.line)), (last, any(f > last for f in self.line))):
            key = self._key_on_the_way(end) if is_cut and end not in self.line else None
            if key is not None:
                line[end] = key
        return Keys(line, single)

    def _key_on_the_way(self, frame: int) -> Key | None:
        offset = self._on_line(frame)
        if min(self.line) < frame < max(self.line):
            return Key(offset)
        nearest = min(self.line, key=lambda item: abs(item - frame))
        reach = self.line[nearest].reach
        rest = None if reach is None else reach - abs(frame - nearest)
        return Key(offset, rest) if rest is None or rest > 0 else None

    def closed(self, first: int, last: int) -> Keys:
        """Return the keys of a track from `first` to `last` so that further keys beyond change nothing inside."""
        line = dict(self.line)
        for end, side in ((first, -1), (last, 1)):
            if self.line:
                outermost = min(self.line) if side < 0 else max(self.line)
                reach = self.line[outermost].reach
                if reach is not None and reach < abs(end - outermost):
                    line.setdefault(outermost + side * reach, Key(NO_OFFSET))
            line.setdefault(end, Key(self._on_line(end)))
        return Keys(line, self.single)

    def joined(self, other: Keys) -> Keys:
        """Return the keys of both of two tracks that share no frame."""
        return Keys({**self.line, **other.line}, {**self.single, **other.single})
