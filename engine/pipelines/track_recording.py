# SPDX-License-Identifier: GPL-3.0-or-later
"""Recording a face track while the footage is decoded: landmarks, figures, and aligned faces cut a little later.

The footage is decoded once, yet the aligned faces use landmarks that are steadied over frames to come. So the part of
the picture around each face is kept until the frames its steadying depends on have been seen (`smoothing.REACH`, half
a second, plus a bridged gap), then the face is cut from it and the part is dropped. Memory stays flat however long the
footage is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..contract.settings import ExtractSettings
from ..faces.alignment import face_matrix
from ..faces.geometry import box_of, scale_of
from ..faces.occlusion import OcclusionWatch
from ..faces.picture_part import PicturePart
from ..faces.quality import FaceQuality, head_pose, measure_quality
from ..faces.smoothing import REACH, steady_landmarks
from ..faces.tracking import Observation
from ..faces.tracks import FaceTrack
from ..faceset.record import FaceRecord

_BEST_FACES = 5
_BETTER = 1.1
# Pictures of a track kept for its identity are at least this many frames apart: neighbors say the same.
_FRAMES_APART = 5
THUMBNAIL_SIDE = 128


@dataclass(frozen=True, eq=False)
class FaceCut:
    """An aligned face, ready to be stored.

    Attributes:
        media_frame: Where it is from.
        track: Id of its face track.
        image: Aligned face, uint8 (S, S, 3) RGB.
        image_to_face: Its alignment (2, 3).
        landmarks: Steadied landmarks (68, 2), picture pixels.
        score: Confidence 0…1.
        quality: Figures.
        rotation: Degrees in which the detector found it.
    """

    media_frame: int
    track: int
    image: NDArray[np.uint8]
    image_to_face: NDArray[np.float64]
    landmarks: NDArray[np.float32]
    score: float
    quality: FaceQuality
    rotation: int


def face_record(face: FaceCut, picture: str = "") -> FaceRecord:
    """Return what the faceset keeps about a face; its file is named when it is stored."""
    low, high = face.landmarks.min(axis=0), face.landmarks.max(axis=0)
    return FaceRecord(
        file="",
        picture=picture,
        media_frame=face.media_frame,
        track=face.track,
        rotation=face.rotation,
        box=(float(low[0]), float(low[1]), float(high[0]), float(high[1])),
        score=face.score,
        landmarks=face.landmarks,
        image_to_face=face.image_to_face,
        sharpness=face.quality.sharpness,
        exposure=face.quality.exposure,
        occlusion=face.quality.occlusion,
        yaw=face.quality.yaw_deg,
        pitch=face.quality.pitch_deg,
        roll=face.quality.roll_deg,
    )


@dataclass(frozen=True, eq=False)
class _BestFace:
    media_frame: int
    merit: float
    part: PicturePart
    landmarks: NDArray[np.float32]


class TrackRecording:
    """One face track in the making.

    Args:
        track: Its id.
        settings: Size, coverage, steadying.
        cut: Called with every finished aligned face, in order of frames.
    """

    def __init__(self, track: int, settings: ExtractSettings, cut: Callable[[FaceCut], None]) -> None:
        self.track = track
        self._settings = settings
        self._cut = cut
        self._frames: list[int] = []
        self._raw: list[NDArray[np.float32]] = []
        self._seen: dict[int, tuple[Observation, FaceQuality]] = {}
        self._parts: dict[int, PicturePart] = {}
        self._done = 0
        self._best: list[_BestFace] = []
        self._watch = OcclusionWatch()

    @property
    def seen_count(self) -> int:
        """In how many frames the face was seen."""
        return len(self._seen)

    @property
    def ends(self) -> tuple[int, int]:
        """First and last media frame."""
        return self._frames[0], self._frames[-1]

    @property
    def waiting_parts(self) -> int:
        """How many picture parts are kept for faces not yet cut."""
        return len(self._parts)

    def see(self, media_frame: int, image: NDArray[np.uint8], observation: Observation) -> None:
        """Take the face of a later frame; frames since the last one are bridged."""
        self._bridge(media_frame, observation.landmarks)
        self._frames.append(media_frame)
        self._raw.append(observation.landmarks)
        quality = measure_quality(image, observation.landmarks, self._watch)
        self._seen[media_frame] = (observation, quality)
        is_saved = (media_frame - self._frames[0]) % self._settings.save_every == 0
        is_best = self._is_among_best(media_frame, quality.merit)
        if is_saved or is_best:
            part = PicturePart.around(image, observation.landmarks, self._settings.face_size, self._settings.coverage)
            if is_saved:
                self._parts[media_frame] = part
            if is_best:
                self._add_best(_BestFace(media_frame, quality.merit, part, observation.landmarks))
        self._cut_until(len(self._frames) - REACH)

    def finish(self, identity: NDArray[np.float32]) -> FaceTrack:
        """Cut the last faces and return the whole track."""
        self._cut_until(len(self._frames))
        raw = np.stack(self._raw)
        landmarks = steady_landmarks(raw, self._settings.smoothing)
        return assemble_track(self.track, np.array(self._frames, dtype=np.int32), raw, landmarks, identity, self._seen)

    def best_faces(self) -> list[tuple[NDArray[np.uint8], NDArray[np.float64]]]:
        """Return picture parts and landmarks in them of the best frames, the best first."""
        return [(item.part.image, item.part.landmarks(item.landmarks)) for item in self._best]

    @property
    def best_frames(self) -> tuple[int, ...]:
        """Media frames of the best faces."""
        return tuple(item.media_frame for item in self._best)

    def thumbnail(self) -> NDArray[np.uint8]:
        """Return a small aligned picture of the best face, uint8 (128, 128, 3)."""
        best = self._best[0]
        return best.part.align(face_matrix(best.landmarks, THUMBNAIL_SIDE, 2.0), THUMBNAIL_SIDE)

    def _bridge(self, media_frame: int, landmarks: NDArray[np.float32]) -> None:
        if not self._frames:
            return
        last, before = self._frames[-1], self._raw[-1]
        for frame in range(last + 1, media_frame):
            share = (frame - last) / (media_frame - last)
            self._frames.append(frame)
            self._raw.append((before + share * (landmarks - before)).astype(np.float32))

    def _is_among_best(self, media_frame: int, merit: float) -> bool:
        near = [item for item in self._best if abs(item.media_frame - media_frame) < _FRAMES_APART]
        if near:
            return merit > _BETTER * max(item.merit for item in near)
        return len(self._best) < _BEST_FACES or merit > _BETTER * self._best[-1].merit

    def _add_best(self, face: _BestFace) -> None:
        apart = [item for item in self._best if abs(item.media_frame - face.media_frame) >= _FRAMES_APART]
        self._best = sorted([*apart, face], key=lambda item: -item.merit)[:_BEST_FACES]

    def _cut_until(self, end: int) -> None:
        if end <= self._done:
            return
        waiting = [self._frames[index] in self._parts for index in range(self._done, end)]
        if any(waiting):
            # The slice holds everything the result depends on, so it equals that of the whole track.
            first = max(0, self._done - REACH)
            last = min(len(self._raw), end + REACH)
            steadied = steady_landmarks(
                np.stack(self._raw[first:last]), self._settings.smoothing, self._done - first, end - first
            )
            for index, landmarks in zip(range(self._done, end), steadied, strict=True):
                self._cut_one(self._frames[index], landmarks)
        self._done = end

    def _cut_one(self, media_frame: int, landmarks: NDArray[np.float32]) -> None:
        part = self._parts.pop(media_frame, None)
        if part is None:
            return
        observation, quality = self._seen[media_frame]
        matrix = face_matrix(landmarks, self._settings.face_size, self._settings.coverage)
        self._cut(
            FaceCut(
                media_frame=media_frame,
                track=self.track,
                image=part.align(matrix, self._settings.face_size),
                image_to_face=matrix,
                landmarks=landmarks,
                score=observation.score,
                quality=quality,
                rotation=observation.rotation,
            )
        )


def assemble_track(
    track: int,
    frames: NDArray[np.int32],
    raw: NDArray[np.float32],
    landmarks: NDArray[np.float32],
    identity: NDArray[np.float32],
    seen: dict[int, tuple[Observation, FaceQuality]],
) -> FaceTrack:
    """Return a face track from its parts; frames that aren't in `seen` count as bridged."""
    found = [seen.get(int(frame)) for frame in frames]
    poses = np.array([head_pose(item) for item in landmarks], dtype=np.float32)
    sizes = [1 / scale_of(face_matrix(item, 1, 1.0)) for item in landmarks]
    return FaceTrack(
        id=track,
        frames=frames,
        landmarks=landmarks,
        raw_landmarks=raw,
        boxes=np.stack([box_of(item) for item in landmarks]),
        scores=np.array([item[0].score if item else 0.0 for item in found], dtype=np.float32),
        bridged=np.array([item is None for item in found], dtype=np.bool_),
        identity=identity,
        yaw=poses[:, 0],
        pitch=poses[:, 1],
        roll=poses[:, 2],
        size=np.array(sizes, dtype=np.float32),
        sharpness=np.array([item[1].sharpness if item else 0.0 for item in found], dtype=np.float32),
        exposure=np.array([item[1].exposure if item else 0.0 for item in found], dtype=np.float32),
        occlusion=np.array([item[1].occlusion if item else 1.0 for item in found], dtype=np.float32),
    )
