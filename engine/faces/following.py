# SPDX-License-Identifier: GPL-3.0-or-later
"""Following a face from picture to picture: its landmarks are fitted anew from where they were, forwards or backwards.

Starting from the last landmarks keeps them steady (a detector's box jumps), fills frames a detector misses, and leaves
the search of whole pictures to a few of them. A face that is lost is sought nearby, where a small part of the picture
is enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..media.picture import FootagePicture
from .detection import Detection
from .geometry import SAME_FACE, box_of, box_overlap, face_extent
from .landmarks import LandmarkFitter
from .picture_part import FaceView
from .searching import PictureSearcher
from .tracking import Observation, OpenTrack

# Below this presence the landmarks are not those of a face.
LEAST_PRESENCE = 0.5
# A face that no detector confirms has to be surer.
_LEAST_PRESENCE_UNDETECTED = 0.8
_BELONGS_TO_TRACK = 0.25
# A fitter that can't say whether its landmarks are on a face has to stay closer to the detector's box.
_BELONGS_TO_TRACK_UNJUDGED = 0.55
# And it starts a track on sure detections only; measured, BlazeFace has next to no false ones from here on.
_LEAST_SCORE_UNJUDGED = 0.65
# How far, in face sizes, the fit may lie from where the face was expected.
LARGEST_JUMP = 0.5


class FaceFollower:
    """Fits the landmarks of faces.

    Args:
        fitter: What fits them.
        searcher: What finds a lost face again.
        size: Side in pixels of the aligned faces that will be cut.
        coverage: Their side in face squares.
    """

    def __init__(self, fitter: LandmarkFitter, searcher: PictureSearcher, size: int, coverage: float) -> None:
        self._fitter = fitter
        self._searcher = searcher
        self._size, self._coverage = size, coverage

    def meet(
        self, picture: FootagePicture, frame: int, detection: Detection, known: OpenTrack | None = None
    ) -> Observation | None:
        """Return the face in a detector's box, fitted from its track where that agrees with the box; None if it's none.

        Args:
            picture: Where it was found.
            frame: Its media frame.
            detection: What the detector says.
            known: The track it probably belongs to.
        """
        if known is not None:
            found, presence = self._fit(picture, known.expected_landmarks(frame))
            least = _BELONGS_TO_TRACK if self._fitter.knows_presence else _BELONGS_TO_TRACK_UNJUDGED
            agrees = box_overlap(found.box, detection.box)[0, 0] > least
            if agrees and presence >= LEAST_PRESENCE:
                return replace(found, score=detection.score, is_confirmed=True, rotation=detection.rotation)
        elif not self._fitter.knows_presence and detection.score < _LEAST_SCORE_UNJUDGED:
            return None
        view = FaceView.around_box(picture, detection.box)
        box = view.here(detection.box.reshape(2, 2)).ravel()
        landmarks, presence = self._fitter.fit(view.image, box, detection.roll_deg)
        landmarks = view.there(landmarks)
        if presence < LEAST_PRESENCE or not _lies_sound(landmarks, picture):
            return None
        view = FaceView.around(picture, landmarks, self._size, self._coverage)
        return Observation(landmarks, detection.score, True, detection.rotation, view)

    def follow(
        self, picture: FootagePicture, frame: int, track: OpenTrack, was_searched: bool = False
    ) -> Observation | None:
        """Return a track's face in another frame, without a detector; None when it isn't there any more.

        Args:
            picture: The picture.
            frame: Its media frame, after or before the track's newest.
            track: Whose face.
            was_searched: Whether a detector searched the picture and didn't find the face.
        """
        # A fitter that always answers with a face can't be believed where the detector looked and saw none.
        if was_searched and not self._fitter.knows_presence:
            return None
        expected = track.expected_landmarks(frame)
        found, presence = self._fit(picture, expected)
        size = face_extent(expected)
        jump = float(np.linalg.norm(found.landmarks.mean(axis=0) - expected.mean(axis=0))) / size
        if presence < _LEAST_PRESENCE_UNDETECTED or jump > LARGEST_JUMP:
            return None
        if not 0.67 < face_extent(found.landmarks) / size < 1.5:
            return None
        last = track.newest
        return replace(found, score=presence, is_confirmed=False if was_searched else None, rotation=last.rotation)

    def seek(self, picture: FootagePicture, frame: int, track: OpenTrack) -> Observation | None:
        """Return a track's face where a detector finds it near the expected place; None when it doesn't."""
        found = self._searcher.seek(picture, track.expected_landmarks(frame))
        partners = pair_faces(frame, [track], found)
        best = next((item for item, owner in zip(found, partners, strict=True) if owner is track), None)
        return None if best is None else self.meet(picture, frame, best, track)

    def _fit(self, picture: FootagePicture, expected: NDArray[np.floating]) -> tuple[Observation, float]:
        """Fit from expected landmarks; where the result lies beside the picture its presence is 0."""
        view = FaceView.around(picture, expected, self._size, self._coverage)
        landmarks, presence = self._fitter.follow(view.image, view.here(expected))
        landmarks = view.there(landmarks)
        if not _lies_sound(landmarks, picture):
            presence = 0.0
        elif not view.holds(landmarks, self._size, self._coverage):
            # The face was found far from where it was expected.
            view = FaceView.around(picture, landmarks, self._size, self._coverage)
        return Observation(landmarks, presence, None, 0, view), presence


def pair_faces(frame: int, tracks: Sequence[OpenTrack], detections: Sequence[Detection]) -> list[OpenTrack | None]:
    """Return for each detection of a frame the track whose expected face it overlaps most, each track once."""
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


def without_doubles(observations: Sequence[Observation]) -> list[Observation]:
    """Return the faces of a frame without those that lie on a surer one; what a detector saw is surer."""
    order = sorted(observations, key=lambda item: (item.is_confirmed is not True, -item.score))
    if len(order) < 2:
        return order
    boxes = np.stack([item.box for item in order])
    overlaps = box_overlap(boxes, boxes) > SAME_FACE
    kept: list[int] = []
    for number in range(len(order)):
        if not overlaps[number, kept].any():
            kept.append(number)
    return [order[number] for number in kept]


def _lies_sound(landmarks: NDArray[np.floating], picture: FootagePicture) -> bool:
    """Whether the landmarks are numbers and the face's middle is in the picture."""
    x, y = landmarks.mean(axis=0)
    return bool(np.isfinite(landmarks).all() and 0 <= x < picture.width and 0 <= y < picture.height)
