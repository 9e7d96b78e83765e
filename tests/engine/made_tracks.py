# SPDX-License-Identifier: GPL-3.0-or-later
"""Face tracks made of numbers, and a finder that pretends to look at footage; for the tests of corrections."""

from fractions import Fraction
from pathlib import Path

import numpy as np
from understudy.engine.contract.settings import ExtractSettings
from understudy.engine.contract.timing import Footage, FrameRange
from understudy.engine.faces.alignment import face_matrix
from understudy.engine.faces.face_paths import FacePath
from understudy.engine.faces.geometry import CANONICAL_INNER, box_of, scale_of
from understudy.engine.faces.quality import head_pose
from understudy.engine.faces.smoothing import steady_landmarks
from understudy.engine.faces.tracks import FaceTrack, TrackSet

_ANGLES = np.linspace(np.pi, 0, 17)
_JAW = np.stack([0.55 * np.cos(_ANGLES), 0.65 * np.sin(_ANGLES)], axis=1)
FACE = np.concatenate([_JAW, CANONICAL_INNER])


def face(x: float, y: float, size: float = 80.0, turn_deg: float = 0.0) -> np.ndarray:
    """Return landmarks (68, 2) of a face whose square has its center there, float32."""
    turn = np.radians(turn_deg)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return (FACE @ rotation.T * size + (x, y)).astype(np.float32)


def made_track(number: int, first: int, faces: list[np.ndarray], seed: int = 0, noise: float = 0.0) -> FaceTrack:
    """Return a track of consecutive frames; with noise its landmarks tremble and are steadied."""
    raw = np.stack(faces) + noise * np.random.default_rng(seed).normal(size=(len(faces), 68, 2))
    raw = raw.astype(np.float32)
    landmarks = steady_landmarks(raw, 1.0) if noise else raw
    count, poses = len(raw), np.array([head_pose(item) for item in landmarks], np.float32)
    return FaceTrack(
        id=number,
        frames=np.arange(first, first + count, dtype=np.int32),
        landmarks=landmarks,
        raw_landmarks=raw,
        boxes=np.stack([box_of(item) for item in landmarks]),
        scores=np.full(count, 0.75, np.float32),
        bridged=np.zeros(count, np.bool_),
        identity=np.full(128, 0.1 * number, np.float32),
        yaw=poses[:, 0],
        pitch=poses[:, 1],
        roll=poses[:, 2],
        size=np.array([1 / scale_of(face_matrix(item, 1, 1.0)) for item in landmarks], np.float32),
        sharpness=np.full(count, 12, np.float32),
        exposure=np.full(count, 0.5, np.float32),
        occlusion=np.zeros(count, np.float32),
    )


def still_track(number: int, first: int, count: int, x: float = 200.0, y: float = 200.0) -> FaceTrack:
    """Return a track of a face that doesn't move."""
    return made_track(number, first, [face(x, y)] * count)


def made_set(*tracks: FaceTrack, ranges: tuple[tuple[int, int], ...] = ((0, 100),)) -> TrackSet:
    """Return a footage of 100 frames, 25 a second, 640 x 480 pixels."""
    searched = tuple(FrameRange(start, end) for start, end in ranges)
    return TrackSet(
        Footage(Path("clip ä.mov")), "clip-0", 640, 480, Fraction(25), 100, searched, ExtractSettings(), tracks
    )


class PretendedFinder:
    """Follows every face as one that stands still, for so many frames in each direction; counts what it was asked."""

    def __init__(self, reach: int = 1000, searched: tuple[int, int] = (0, 100)) -> None:
        self.reach, self.searched = reach, searched
        self.followed: list[int] = []

    def fit(self, frame: int, box: tuple[float, float, float, float]) -> np.ndarray:
        return face((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)

    def follow(self, frame: int, landmarks: np.ndarray, backwards: bool) -> FacePath:
        self.followed.append(frame)
        first = max(self.searched[0], frame - self.reach) if backwards else frame
        frames = np.arange(first, min(self.searched[1], frame + self.reach + 1), dtype=np.int32)
        count = len(frames)
        return FacePath(
            start=frame,
            searched=self.searched,
            fitter="mesh",
            frames=frames,
            landmarks=np.stack([np.asarray(landmarks, np.float32)] * count),
            scores=np.full(count, 0.9, np.float32),
            bridged=np.zeros(count, np.bool_),
            sharpness=np.full(count, 9, np.float32),
            exposure=np.full(count, 0.4, np.float32),
            identity=np.full(128, 0.5, np.float32),
        )

    def is_valid(self, path: FacePath) -> bool:
        return path.searched == self.searched
