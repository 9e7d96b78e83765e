# SPDX-License-Identifier: GPL-3.0-or-later
"""Linking the faces of consecutive frames to tracks: by place and motion, and by identity where these are ambiguous.

Pure bookkeeping: it sees boxes, landmarks and, when it asks for them, identity vectors, but no pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .geometry import box_of
from .identity import DIFFERENT_PERSON, identity_distance
from .picture_part import FaceView

# How far a face may be from where its track expects it, in face sizes, and how much that grows with each lost frame.
_REACH = 0.6
_REACH_PER_LOST_FRAME = 0.12
_LARGEST_REACH = 2.5
_LARGEST_SIZE_RATIO = 1.8
# Two possible partners whose costs differ by less than this are told apart by identity.
_AMBIGUOUS = 0.35
# A face that shows up again after this many lost frames has to look like the one that was lost.
_LOST_FRAMES_TO_IDENTIFY = 3
_IDENTITY_WEIGHT = 2.0
_IMPOSSIBLE = 1e6
FRAMES_TO_TRUST_MOTION = 4
# Share of the newest step in the running mean of a track's motion.
MOTION_UPDATE = 0.5


def reach_of(lost_frames: int | NDArray[np.integer]) -> NDArray[np.float64]:
    """Return how far from where it is expected a face may be after so many lost frames, in face sizes."""
    return np.minimum(_REACH + _REACH_PER_LOST_FRAME * np.asarray(lost_frames), _LARGEST_REACH)


@dataclass(frozen=True, eq=False)
class Observation:
    """A face fitted in one frame.

    Attributes:
        landmarks: Raw landmarks (68, 2), pixels, float32.
        score: Confidence, 0…1.
        is_confirmed: Whether a detector saw it in this frame; None where none looked.
        rotation: Quarter turn in degrees in which the detector found it.
        view: The pixels around it; None where only places matter.
    """

    landmarks: NDArray[np.float32]
    score: float
    is_confirmed: bool | None = True
    rotation: int = 0
    view: FaceView | None = None

    @cached_property
    def box(self) -> NDArray[np.float32]:
        """Box around the landmarks, float32 (4,)."""
        return box_of(self.landmarks)

    @cached_property
    def center(self) -> NDArray[np.float64]:
        """Mean of the inner landmarks, (2,)."""
        return np.asarray(self.landmarks[17:], float).mean(axis=0)


@dataclass(eq=False)
class OpenTrack:
    """A face being followed; what lies further back than its newest frame is kept by who records it.

    Attributes:
        id: Number of the track, unique in the footage.
        frame: Newest media frame in which it was seen.
        newest: What was seen there.
        seen: In how many frames it was seen.
        confirmed: The newest media frame in which a detector saw it.
    """

    id: int
    frame: int
    newest: Observation
    seen: int = 1
    confirmed: int = -1
    _motion: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))

    def __post_init__(self) -> None:
        if self.confirmed < 0:
            self.confirmed = self.frame

    def add(self, frame: int, observation: Observation) -> None:
        """Take the observation of another frame: a later one, or an earlier one when the face is followed backwards."""
        step = (observation.center - self.newest.center) / (frame - self.frame)
        share = MOTION_UPDATE if self.seen > 1 else 1.0
        self._motion = self._motion + share * (step - self._motion)
        self.frame, self.newest = frame, observation
        self.seen += 1
        if observation.is_confirmed:
            self.confirmed = frame

    def expected_landmarks(self, frame: int) -> NDArray[np.float64]:
        """Return where the landmarks should be in another frame: the newest ones moved on evenly, (68, 2)."""
        # Motion is trusted for a few frames only; a face that was lost longer is sought where it vanished.
        steps = min(max(frame - self.frame, -FRAMES_TO_TRUST_MOTION), FRAMES_TO_TRUST_MOTION)
        return self.newest.landmarks + self._motion * steps

    def lost_frames(self, frame: int) -> int:
        """Return how many frames before `frame` the face wasn't seen."""
        return frame - self.frame - 1

    def copy(self) -> OpenTrack:
        """Return a track that goes on by itself from here."""
        return replace(self)


class Tracker:
    """Links observations to tracks.

    Args:
        maximum_gap: For how many frames a lost face keeps its track.
        first_id: Id of the first new track.
    """

    def __init__(self, maximum_gap: int, first_id: int = 1) -> None:
        self._maximum_gap = maximum_gap
        self._next_id = first_id
        self._open: list[OpenTrack] = []
        self._ended: list[OpenTrack] = []

    @property
    def open_tracks(self) -> tuple[OpenTrack, ...]:
        """Tracks that may go on."""
        return tuple(self._open)

    def take_ended(self) -> list[OpenTrack]:
        """Return the tracks that ended since the last call."""
        ended, self._ended = self._ended, []
        return ended

    def finish(self) -> None:
        """End all tracks: no frame follows, or one of another scene."""
        self._ended += self._open
        self._open = []

    def update(
        self,
        frame: int,
        observations: Sequence[Observation],
        identify: Callable[[int], NDArray[np.float32]] | None = None,
        recall: Callable[[int], NDArray[np.float32] | None] | None = None,
    ) -> list[OpenTrack]:
        """Link the faces of the next frame.

        Args:
            frame: Media frame, after those given before.
            observations: Its faces, each a different one.
            identify: Returns the identity vector of an observation by index; asked in ambiguous cases only.
            recall: Returns the identity vector of a track by id as far as it is known; asked together with it.

        Returns:
            The track of each observation.
        """
        self._end_lost(frame)
        tracks = list(self._open)
        linked: list[OpenTrack | None] = [None] * len(observations)
        if tracks and observations:
            cost = _costs(frame, tracks, observations)
            if identify is not None and recall is not None:
                _weigh_identity(frame, tracks, cost, identify, recall)
            for row, column in _assigned(cost):
                if cost[row, column] < _IMPOSSIBLE:
                    linked[column] = tracks[row]
        result = []
        for observation, known in zip(observations, linked, strict=True):
            if known is None:
                known = self._new_track(frame, observation)
            else:
                known.add(frame, observation)
            result.append(known)
        return result

    def _new_track(self, frame: int, observation: Observation) -> OpenTrack:
        track = OpenTrack(self._next_id, frame, observation)
        self._next_id += 1
        self._open.append(track)
        return track

    def _end_lost(self, frame: int) -> None:
        lost = [track for track in self._open if track.lost_frames(frame) > self._maximum_gap]
        self._ended += lost
        self._open = [track for track in self._open if track not in lost]


def _assigned(cost: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return the pairs (row, column) that cost least together."""
    if cost.size == 1:
        return [(0, 0)]
    # Only here: loading it takes longer than searching a second of footage, and most footage shows one face.
    from scipy.optimize import linear_sum_assignment

    return [(int(row), int(column)) for row, column in zip(*linear_sum_assignment(cost), strict=True)]


def _weigh_identity(
    frame: int,
    tracks: list[OpenTrack],
    cost: NDArray[np.float64],
    identify: Callable[[int], NDArray[np.float32]],
    recall: Callable[[int], NDArray[np.float32] | None],
) -> None:
    """Add the distance of persons to the costs of pairs that place and motion don't decide."""
    vectors: dict[int, NDArray[np.float32]] = {}
    for row, column in _to_identify(frame, tracks, cost):
        known = recall(tracks[row].id)
        if known is None:
            continue
        if column not in vectors:
            vectors[column] = identify(column)
        distance = identity_distance(known, vectors[column])
        is_lost = tracks[row].lost_frames(frame) >= _LOST_FRAMES_TO_IDENTIFY
        if is_lost and distance > DIFFERENT_PERSON:
            cost[row, column] = _IMPOSSIBLE
        else:
            cost[row, column] += _IDENTITY_WEIGHT * distance


def _to_identify(frame: int, tracks: list[OpenTrack], cost: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return (track, observation) pairs that place and motion alone don't decide."""
    possible = cost < _IMPOSSIBLE
    unclear = np.zeros_like(possible)
    for row, track in enumerate(tracks):
        if track.lost_frames(frame) >= _LOST_FRAMES_TO_IDENTIFY:
            unclear[row] |= possible[row]
    for lines, marks in ((cost, unclear), (cost.T, unclear.T)):
        for line, mark in zip(lines, marks, strict=True):
            near = (line < _IMPOSSIBLE) & (line < line.min() + _AMBIGUOUS)
            if near.sum() > 1:
                mark |= near
    # Every rival of an unclear pair needs its distance too, or the comparison would be lopsided.
    asked = possible & (np.any(unclear, axis=1, keepdims=True) | np.any(unclear, axis=0, keepdims=True))
    return [(int(row), int(column)) for row, column in np.argwhere(asked)]


def _costs(frame: int, tracks: Sequence[OpenTrack], observations: Sequence[Observation]) -> NDArray[np.float64]:
    """Return how ill each observation continues each track, (tracks, observations)."""
    expected = np.stack([track.expected_landmarks(frame) for track in tracks])
    found = np.stack([item.landmarks for item in observations]).astype(np.float64)
    sizes = np.maximum(_sizes(expected), 1e-6)[:, None]
    ratios = np.log(np.maximum(_sizes(found) / sizes, 1e-6))
    lost = np.array([track.lost_frames(frame) for track in tracks])
    reach = reach_of(lost)[:, None]
    steps = found[None, :, 17:].mean(axis=2) - expected[:, None, 17:].mean(axis=2)
    distances = np.linalg.norm(steps, axis=2) / sizes
    is_possible = (distances <= reach) & (np.abs(ratios) <= np.log(_LARGEST_SIZE_RATIO))
    return np.where(is_possible, distances + np.abs(ratios), _IMPOSSIBLE)


def _sizes(landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.sqrt(np.prod(np.ptp(landmarks, axis=1), axis=1) + 1e-12)
