# SPDX-License-Identifier: GPL-3.0-or-later
"""Fitting the faces of one frame: each starts from where its track was, new ones from the detector's box.

Starting from the track keeps the landmarks steady (a detector's box jumps), fills frames the detector misses, and lets
detection run on every n-th frame only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .detection import Detection
from .geometry import box_of, box_overlap
from .landmarks import LandmarkFitter
from .tracking import Observation, OpenTrack

# Below this presence the landmarks are not those of a face.
_LEAST_PRESENCE = 0.5
# A face that no detector confirms has to be surer.
_LEAST_PRESENCE_UNDETECTED = 0.8
_SAME_FACE = 0.5
_BELONGS_TO_TRACK = 0.25
# A fitter that can't say whether its landmarks are on a face has to stay closer to the detector's box.
_BELONGS_TO_TRACK_UNJUDGED = 0.55
# And it starts a track on sure detections only; measured, BlazeFace has next to no false ones from here on.
_LEAST_SCORE_UNJUDGED = 0.65
_LARGEST_JUMP = 0.5


class FaceFollower:
    """Finds the landmarks of all faces of a frame.

    Args:
        fitter: What fits landmarks.
        maximum_undetected: For how many frames a face is followed without a detector confirming it.
    """

    def __init__(self, fitter: LandmarkFitter, maximum_undetected: int) -> None:
        self._fitter = fitter
        self._maximum_undetected = maximum_undetected

    def observe(
        self,
        image: NDArray[np.uint8],
        frame: int,
        tracks: Sequence[OpenTrack],
        detections: Sequence[Detection] | None,
    ) -> list[Observation]:
        """Return the faces of a frame, each once.

        Args:
            image: RGB picture (h, w, 3).
            frame: Its media frame.
            tracks: The tracks that may go on in it.
            detections: What a detector found, or None when it wasn't asked.
        """
        fresh = [track for track in tracks if track.lost_frames(frame) == 0]
        partners = _partners(frame, fresh, detections or ())
        observations = []
        for detection, track in zip(detections or (), partners, strict=True):
            item = self._fit_detected(image, frame, detection, track)
            if item is not None:
                observations.append(item)
        for track in fresh:
            if track not in partners:
                item = self._fit_undetected(image, frame, track, detections is not None)
                if item is not None:
                    observations.append(item)
        return _without_doubles(observations)

    def _fit_detected(
        self, image: NDArray[np.uint8], frame: int, detection: Detection, track: OpenTrack | None
    ) -> Observation | None:
        if track is not None:
            landmarks, presence = self._fitter.follow(image, track.expected_landmarks(frame))
            least = _BELONGS_TO_TRACK if self._fitter.knows_presence else _BELONGS_TO_TRACK_UNJUDGED
            agrees = box_overlap(box_of(landmarks), detection.box)[0, 0] > least
            if agrees and presence >= _LEAST_PRESENCE:
                return Observation(landmarks, detection.score, True, detection.rotation)
        elif not self._fitter.knows_presence and detection.score < _LEAST_SCORE_UNJUDGED:
            return None
        landmarks, presence = self._fitter.fit(image, detection.box, detection.roll_deg)
        if presence < _LEAST_PRESENCE or not np.isfinite(landmarks).all():
            return None
        return Observation(landmarks, detection.score, True, detection.rotation)

    def _fit_undetected(
        self, image: NDArray[np.uint8], frame: int, track: OpenTrack, was_searched: bool
    ) -> Observation | None:
        # A fitter that always answers with a face can't be believed where the detector looked and saw none.
        if was_searched and not self._fitter.knows_presence:
            return None
        if was_searched and track.undetected >= self._maximum_undetected:
            return None
        expected = track.expected_landmarks(frame)
        landmarks, presence = self._fitter.follow(image, expected)
        size = float(np.sqrt(np.prod(np.ptp(expected, axis=0)) + 1e-12))
        jump = float(np.linalg.norm(landmarks.mean(axis=0) - expected.mean(axis=0))) / size
        grown = float(np.sqrt(np.prod(np.ptp(landmarks, axis=0)) + 1e-12)) / size
        if presence < _LEAST_PRESENCE_UNDETECTED or jump > _LARGEST_JUMP or not 0.67 < grown < 1.5:
            return None
        if not _is_inside(landmarks, image):
            return None
        return Observation(landmarks, presence, not was_searched, track.observations[-1].rotation)


def _partners(frame: int, tracks: Sequence[OpenTrack], detections: Sequence[Detection]) -> list[OpenTrack | None]:
    """Return for each detection the track whose expected face it overlaps most, each track once."""
    partners: list[OpenTrack | None] = [None] * len(detections)
    if not tracks or not detections:
        return partners
    expected = np.stack([box_of(track.expected_landmarks(frame)) for track in tracks])
    overlap = box_overlap(np.stack([item.box for item in detections]), expected)
    while overlap.max() > _BELONGS_TO_TRACK:
        row, column = np.unravel_index(int(overlap.argmax()), overlap.shape)
        partners[int(row)] = tracks[int(column)]
        overlap[row, :] = overlap[:, column] = 0
    return partners


def _without_doubles(observations: list[Observation]) -> list[Observation]:
    order = sorted(observations, key=lambda item: (not item.is_detected, -item.score))
    kept: list[Observation] = []
    for item in order:
        if not any(box_overlap(item.box, other.box)[0, 0] > _SAME_FACE for other in kept):
            kept.append(item)
    return kept


def _is_inside(landmarks: NDArray[np.floating], image: NDArray[np.uint8]) -> bool:
    x, y = landmarks.mean(axis=0)
    return bool(0 <= x < image.shape[1] and 0 <= y < image.shape[0])
