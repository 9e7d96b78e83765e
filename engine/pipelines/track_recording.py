# SPDX-License-Identifier: GPL-3.0-or-later
"""Recording a face track while the footage is decoded: landmarks, figures, and aligned faces cut a little later.

The footage is decoded once, yet the aligned faces use landmarks that are steadied over frames to come. So the part of
the picture around each face is kept until the frames its steadying depends on have been seen (`smoothing.REACH`, half
a second, plus a bridged gap), then the face is handed on to be cut from it and the part is dropped. Numbers go to a
spool. Memory stays flat however long the footage is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..contract.settings import ExtractSettings
from ..faces.alignment import face_matrix
from ..faces.occlusion import OcclusionWatch
from ..faces.picture_part import PicturePart
from ..faces.pose import face_boxes, face_sizes, head_poses
from ..faces.quality import FaceQuality, measure_quality
from ..faces.smoothing import REACH, steady_landmarks
from ..faces.spool import Spool
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
    """A face that can be cut out and stored.

    Attributes:
        media_frame: Where it is from.
        track: Id of its face track.
        part: The pixels around it.
        image_to_face: Its alignment (2, 3).
        landmarks: Steadied landmarks (68, 2), picture pixels.
        score: Confidence 0…1.
        quality: Figures.
        rotation: Degrees in which the detector found it.
    """

    media_frame: int
    track: int
    part: PicturePart
    image_to_face: NDArray[np.float64]
    landmarks: NDArray[np.float32]
    score: float
    quality: FaceQuality
    rotation: int

    def image(self, size: int) -> NDArray[np.uint8]:
        """Return the aligned face, uint8 (size, size, 3) RGB; `size` is that of the alignment."""
        return self.part.align(self.image_to_face, size)


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
class SeenFace:
    """A face as it was found in a frame, and the pixels around it.

    Attributes:
        media_frame: Where it is from.
        landmarks: As fitted, (68, 2) picture pixels, float32.
        score: Confidence 0…1.
        rotation: Degrees in which the detector found it.
        part: The pixels around it, enough to measure and to cut it.
    """

    media_frame: int
    landmarks: NDArray[np.float32]
    score: float
    rotation: int
    part: PicturePart

    @classmethod
    def of(cls, media_frame: int, observation: Observation, settings: ExtractSettings) -> SeenFace:
        """Take what is needed from an observation with its view."""
        view, landmarks = observation.view, observation.landmarks
        assert view is not None, "a face that is recorded comes with its pixels"
        part = PicturePart.around(view, landmarks, settings.face_size, settings.coverage)
        return cls(media_frame, landmarks, observation.score, observation.rotation, part)


@dataclass(frozen=True, eq=False)
class _BestFace:
    media_frame: int
    merit: float
    part: PicturePart
    landmarks: NDArray[np.float32]


# What a row holds behind the raw landmarks; all are 0 in a bridged frame.
_SCORE, _SEEN, _SHARPNESS, _EXPOSURE, _OCCLUSION = range(136, 141)
_CHUNK = 12
_LOOKS_BACK = 2 * REACH + _CHUNK + 2


class TrackRecording:
    """One face track in the making.

    Args:
        track: Its id.
        settings: Size, coverage, steadying.
        cut: Called with every face that can be cut, in order of frames.
    """

    def __init__(self, track: int, settings: ExtractSettings, cut: Callable[[FaceCut], None]) -> None:
        self.track = track
        self._settings = settings
        self._cut = cut
        self._first = -1
        self._found = Spool(_OCCLUSION + 1, _LOOKS_BACK + max(settings.maximum_gap, 0))
        self._steadied = Spool(136)
        self._waiting: dict[int, tuple[SeenFace, FaceQuality]] = {}
        self._best: list[_BestFace] = []
        self._watch = OcclusionWatch()
        self.seen_count = 0
        """In how many frames the face was seen."""

    @property
    def ends(self) -> tuple[int, int]:
        """First and last media frame."""
        return self._first, self._first + len(self._found) - 1

    @property
    def waiting_parts(self) -> int:
        """How many picture parts are kept for faces not yet cut."""
        return len(self._waiting)

    def see(self, face: SeenFace) -> None:
        """Take the face of a later frame; frames since the last one are bridged."""
        media_frame, landmarks, part = face.media_frame, face.landmarks, face.part
        if self._first < 0:
            self._first = media_frame
        self._bridge(media_frame, landmarks)
        quality = measure_quality(part.image, part.landmarks(landmarks), self._watch)
        quality = replace(quality, size_px=quality.size_px * part.factor)
        figures = (face.score, 1.0, quality.sharpness, quality.exposure, quality.occlusion)
        self._found.append(np.concatenate([landmarks.ravel(), figures]))
        self.seen_count += 1
        if (media_frame - self._first) % self._settings.save_every == 0:
            self._waiting[media_frame] = (face, quality)
        if self._is_among_best(media_frame, quality.merit):
            self._add_best(_BestFace(media_frame, quality.merit, part, landmarks))
        if len(self._found) - REACH - len(self._steadied) >= _CHUNK:
            self._steady_until(len(self._found) - REACH)

    def finish(self, identity: NDArray[np.float32]) -> FaceTrack:
        """Hand on the last faces and return the whole track."""
        self._steady_until(len(self._found))
        found = self._found.all()
        frames = np.arange(self._first, self._first + len(found), dtype=np.int32)
        is_seen = found[:, _SEEN] > 0
        return FaceTrack(
            id=self.track,
            frames=frames,
            raw_landmarks=found[:, :136].reshape(-1, 68, 2),
            bridged=~is_seen,
            scores=np.array(found[:, _SCORE]),
            sharpness=np.array(found[:, _SHARPNESS]),
            exposure=np.array(found[:, _EXPOSURE]),
            occlusion=np.where(is_seen, found[:, _OCCLUSION], 1).astype(np.float32),
            identity=identity,
            **_figures(self._steadied.all().reshape(-1, 68, 2)),
        )

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

    def _is_among_best(self, media_frame: int, merit: float) -> bool:
        near = [item for item in self._best if abs(item.media_frame - media_frame) < _FRAMES_APART]
        if near:
            return merit > _BETTER * max(item.merit for item in near)
        return len(self._best) < _BEST_FACES or merit > _BETTER * self._best[-1].merit

    def _add_best(self, face: _BestFace) -> None:
        apart = [item for item in self._best if abs(item.media_frame - face.media_frame) >= _FRAMES_APART]
        self._best = sorted([*apart, face], key=lambda item: -item.merit)[:_BEST_FACES]

    def _bridge(self, media_frame: int, landmarks: NDArray[np.float32]) -> None:
        count = len(self._found)
        missing = media_frame - self._first - count
        if missing <= 0:
            return
        before = self._found.rows(count - 1, count)[0, :136]
        shares = (np.arange(1, missing + 1) / (missing + 1))[:, None]
        rows = np.zeros((missing, _OCCLUSION + 1), np.float32)
        rows[:, :136] = before + shares * (landmarks.ravel() - before)
        self._found.append(rows)

    def _steady_until(self, end: int) -> None:
        done = len(self._steadied)
        if end <= done:
            return
        # The slice holds everything the result depends on, so it equals that of the whole track.
        first, last = max(0, done - REACH), min(len(self._found), end + REACH)
        raw = self._found.rows(first, last)[:, :136].reshape(-1, 68, 2)
        steadied = steady_landmarks(raw, self._settings.smoothing, done - first, end - first)
        self._steadied.append(steadied.reshape(-1, 136))
        for media_frame, landmarks in enumerate(steadied, start=self._first + done):
            self._hand_on(media_frame, landmarks)

    def _hand_on(self, media_frame: int, landmarks: NDArray[np.float32]) -> None:
        waiting = self._waiting.pop(media_frame, None)
        if waiting is None:
            return
        face, quality = waiting
        matrix = face_matrix(landmarks, self._settings.face_size, self._settings.coverage)
        self._cut(
            FaceCut(
                media_frame=media_frame,
                track=self.track,
                part=face.part,
                image_to_face=matrix,
                landmarks=landmarks,
                score=face.score,
                quality=quality,
                rotation=face.rotation,
            )
        )


# Enough faces for numpy to be quick, few enough to stay small.
_FIGURED_TOGETHER = 512


def _figures(landmarks: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """Return what a track says about steadied landmarks (n, 68, 2), by the names of its fields."""
    boxes, poses, sizes = [], [], []
    for start in range(0, max(len(landmarks), 1), _FIGURED_TOGETHER):
        some = landmarks[start : start + _FIGURED_TOGETHER]
        boxes.append(face_boxes(some))
        poses.append(head_poses(some))
        sizes.append(face_sizes(some))
    pose = np.concatenate(poses)
    return {
        "landmarks": landmarks,
        "boxes": np.concatenate(boxes),
        "yaw": pose[:, 0].copy(),
        "pitch": pose[:, 1].copy(),
        "roll": pose[:, 2].copy(),
        "size": np.concatenate(sizes),
    }
