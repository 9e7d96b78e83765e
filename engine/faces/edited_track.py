# SPDX-License-Identifier: GPL-3.0-or-later
"""A face track under correction: what was found and the key frames on it, and the moves that change it.

What nobody corrected stays as it was, to the bit: cutting a track steadies nothing anew, and key frames move the
steadied landmarks, so that a face is exactly where it was put.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .alignment import face_matrix
from .face_offsets import NO_OFFSET, Key, Keys, apply_offset
from .face_paths import FacePath
from .geometry import box_of, scale_of
from .quality import head_pose
from .smoothing import REACH, steady_landmarks
from .tracks import FaceTrack

_PER_FRAME = tuple(item.name for item in fields(FaceTrack) if item.name not in ("id", "identity"))


@dataclass(frozen=True, eq=False)
class EditedTrack:
    """A face track and its key frames.

    Attributes:
        base: The track without its key frames.
        keys: Its key frames.
    """

    base: FaceTrack
    keys: Keys = field(default_factory=Keys)

    @property
    def id(self) -> int:
        """Number of the track."""
        return self.base.id

    def shown(self, frame: int) -> NDArray[np.float32]:
        """Return the corrected landmarks (68, 2) in one of the track's frames."""
        index = self.base.index(frame)
        assert index is not None
        key = self.keys.at(frame)
        if key is not None and key.target is not None:
            return key.target
        offset = self.keys.offset(frame)
        return apply_offset(self.base.landmarks[index], offset) if offset.any() else self.base.landmarks[index]

    def box(self, frame: int) -> NDArray[np.float32]:
        """Return the box around the corrected landmarks in one of the track's frames."""
        return box_of(self.shown(frame))

    def found(self, frame: int) -> NDArray[np.float32]:
        """Return the landmarks (68, 2) of one of the track's frames without key frames."""
        index = self.base.index(frame)
        assert index is not None
        return self.base.landmarks[index]

    def with_key(self, frame: int, key: Key) -> EditedTrack:
        """Return the track with another key frame."""
        return replace(self, keys=self.keys.added(frame, key))

    def cut(self, first: int, last: int, track: int) -> EditedTrack:
        """Return the frames `first` to `last`, both included, as a track of its own."""
        return EditedTrack(_slice(self.base, first, last, track), self.keys.cut(first, last))

    def joined(self, other: EditedTrack, strength: float) -> EditedTrack:
        """Return this track going on as another that begins behind its end; a gap between them is bridged."""
        base = _join(self.base, other.base, strength)
        if not self.keys and not other.keys:
            return EditedTrack(base)
        here = self.keys.closed(self.base.first, self.base.last)
        return EditedTrack(base, here.joined(other.keys.closed(other.base.first, other.base.last)))

    def followed(self, path: FacePath, strength: float) -> EditedTrack:
        """Return this track with a path in place of everything from the path's first frame on."""
        start = int(path.frames[0])
        base = track_of_path(path, self.id, strength, self.base.identity)
        keys = Keys({start: Key(NO_OFFSET)})
        if start > self.base.first:
            before = self.cut(self.base.first, start - 1, self.id)
            base = _concatenate(self.id, [before.base, base], self.base.identity)
            if before.keys:
                keys = before.keys.closed(self.base.first, start - 1).joined(keys)
        return EditedTrack(base, keys)

    def finished(self) -> FaceTrack:
        """Return the corrected face track."""
        base = self.base
        if not self.keys:
            return base
        raw, landmarks = base.raw_landmarks.copy(), base.landmarks.copy()
        is_changed = np.zeros(len(base.frames), dtype=np.bool_)
        is_set = np.zeros(len(base.frames), dtype=np.bool_)
        for index, frame in enumerate(base.frames.tolist()):
            offset, key = self.keys.offset(frame), self.keys.at(frame)
            is_set[index] = key is not None and key.target is not None
            if offset.any() or is_set[index]:
                is_changed[index] = True
                raw[index] = apply_offset(base.raw_landmarks[index], offset)
                landmarks[index] = self.shown(frame)
        track = _with_landmarks(base, raw, landmarks, is_changed)
        # Where somebody put the face by hand it is there, whatever the search thought of it.
        return replace(
            track,
            scores=np.where(is_set, np.float32(1), track.scores),
            bridged=track.bridged & ~is_set,
            occlusion=np.where(is_set & track.bridged, np.float32(0), track.occlusion),
        )


def track_of_path(path: FacePath, track: int, strength: float, identity: NDArray[np.float32]) -> FaceTrack:
    """Return a followed face as a face track; in its start frame it is exactly where it started."""
    start = path.start - int(path.frames[0])
    # Both sides are steadied up to the start frame, which stays as it is: somebody put the face there.
    before = steady_landmarks(path.landmarks[: start + 1], strength)
    behind = steady_landmarks(path.landmarks[start:], strength)
    landmarks = np.concatenate([before, behind[1:]])
    landmarks[start] = path.start_landmarks
    count = len(path.frames)
    unknown = np.zeros(count, dtype=np.float32)
    raw = FaceTrack(
        id=track,
        frames=path.frames,
        landmarks=path.landmarks,
        raw_landmarks=path.landmarks,
        boxes=np.zeros((count, 4), dtype=np.float32),
        scores=path.scores,
        bridged=path.bridged,
        identity=identity,
        yaw=unknown,
        pitch=unknown,
        roll=unknown,
        size=unknown,
        sharpness=path.sharpness,
        exposure=path.exposure,
        occlusion=path.bridged.astype(np.float32),
    )
    return _with_landmarks(raw, path.landmarks, landmarks, np.ones(count, dtype=np.bool_))


def _slice(track: FaceTrack, first: int, last: int, new_id: int) -> FaceTrack:
    low, high = first - track.first, last - track.first + 1
    parts: dict[str, Any] = {name: getattr(track, name)[low:high] for name in _PER_FRAME}
    return FaceTrack(id=new_id, identity=track.identity, **parts)


def _concatenate(track: int, parts: list[FaceTrack], identity: NDArray[np.float32]) -> FaceTrack:
    values: dict[str, Any] = {name: np.concatenate([getattr(item, name) for item in parts]) for name in _PER_FRAME}
    return FaceTrack(id=track, identity=identity, **values)


def _join(first: FaceTrack, second: FaceTrack, strength: float) -> FaceTrack:
    gap = second.first - first.last - 1
    parts = [first, _bridge(first, second), second] if gap else [first, second]
    longer = max(first, second, key=lambda item: len(item.frames))
    whole = _concatenate(first.id, parts, longer.identity)
    # Steadying reaches so far over the seam; everything else stays to the bit.
    seam = len(first.frames)
    low, high = max(0, seam - REACH), min(len(whole.frames), seam + gap + REACH)
    landmarks = whole.landmarks.copy()
    landmarks[low:high] = steady_landmarks(whole.raw_landmarks, strength, low, high)
    is_changed = np.zeros(len(whole.frames), dtype=np.bool_)
    is_changed[low:high] = True
    return _with_landmarks(whole, whole.raw_landmarks, landmarks, is_changed)


def _bridge(first: FaceTrack, second: FaceTrack) -> FaceTrack:
    frames = np.arange(first.last + 1, second.first, dtype=np.int32)
    shares = ((frames - first.last) / (second.first - first.last))[:, None, None]
    here, there = first.raw_landmarks[-1], second.raw_landmarks[0]
    raw = (here + shares * (there - here)).astype(np.float32)
    zeros = np.zeros(len(frames), dtype=np.float32)
    return FaceTrack(
        id=first.id,
        frames=frames,
        landmarks=raw,
        raw_landmarks=raw,
        boxes=np.zeros((len(frames), 4), dtype=np.float32),
        scores=zeros,
        bridged=np.ones(len(frames), dtype=np.bool_),
        identity=first.identity,
        yaw=zeros,
        pitch=zeros,
        roll=zeros,
        size=zeros,
        sharpness=zeros,
        exposure=zeros,
        occlusion=np.ones(len(frames), dtype=np.float32),
    )


def _with_landmarks(
    track: FaceTrack, raw: NDArray[np.float32], landmarks: NDArray[np.float32], is_changed: NDArray[np.bool_]
) -> FaceTrack:
    """Return the track with other landmarks and, where `is_changed` (n,), the figures that follow from them."""
    boxes, size = track.boxes.copy(), track.size.copy()
    poses = np.stack([track.yaw, track.pitch, track.roll], axis=1)
    for index in np.flatnonzero(is_changed):
        boxes[index] = box_of(landmarks[index])
        poses[index] = head_pose(landmarks[index])
        size[index] = 1 / scale_of(face_matrix(landmarks[index], 1, 1.0))
    return replace(
        track,
        raw_landmarks=raw,
        landmarks=landmarks,
        boxes=boxes,
        yaw=poses[:, 0].copy(),
        pitch=poses[:, 1].copy(),
        roll=poses[:, 2].copy(),
        size=size,
    )
