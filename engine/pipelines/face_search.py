# SPDX-License-Identifier: GPL-3.0-or-later
"""Searching footage for faces frame by frame: detect, fit, link, record, and judge whose face it is."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..contract.settings import ExtractSettings
from ..faces.cuts import Change, CutDetector
from ..faces.detection import Detection, Detector, make_detector
from ..faces.following import FaceFollower
from ..faces.identity import IdentityFilter, IdentityModel
from ..faces.landmarks import LandmarkFitter, make_landmark_fitter
from ..faces.rotations import TurningDetector
from ..faces.tracking import Observation, Tracker
from ..faces.tracks import FaceTrack
from .track_recording import FaceCut, TrackRecording

# A track's person is judged once it was seen this often, or when it ends.
_FRAMES_TO_JUDGE = 25
_FACES_TO_IDENTIFY = 3


@dataclass(frozen=True)
class FaceModels:
    """The loaded models of a search.

    Attributes:
        detector: Finds faces.
        fitter: Fits landmarks.
        identity: Describes persons.
    """

    detector: Detector
    fitter: LandmarkFitter
    identity: IdentityModel


def load_models(settings: ExtractSettings) -> FaceModels:
    """Load what the settings ask for.

    Raises:
        EngineError: `detector_unavailable` or `library_missing`.
    """
    detector = make_detector(settings.detector, settings.confidence, settings.minimum_size)
    if settings.rotations:
        detector = TurningDetector(detector)
    return FaceModels(detector, make_landmark_fitter(settings.landmarks), IdentityModel())


@dataclass(eq=False)
class _Live:
    """A track that is being recorded, and its faces that wait for the verdict."""

    recording: TrackRecording
    waiting: list[FaceCut] = field(default_factory=list)
    is_kept: bool | None = None
    identity: tuple[tuple[int, ...], NDArray[np.float32]] | None = None


class FootageSearch:
    """Finds the face tracks of a footage; frames are shown to it in order.

    Args:
        models: Loaded models.
        settings: How to search.
        persons: Who is kept and left out.
        keep: Takes every aligned face of the kept tracks, a little later than its frame.
        first_id: Id of the first track.
        minimum_track: Tracks seen in fewer frames are dropped.
        seams: Frames next to ones that were searched before: a short track there may be the rest of a longer one.
    """

    def __init__(
        self,
        models: FaceModels,
        settings: ExtractSettings,
        persons: IdentityFilter,
        keep: Callable[[FaceCut], None],
        first_id: int = 1,
        minimum_track: int = 1,
        seams: Collection[int] = (),
    ) -> None:
        self._models = models
        self._settings = settings
        self._persons = persons
        self._keep = keep
        self._minimum_track = minimum_track
        self._seams = frozenset(seams)
        self._tracker = Tracker(settings.maximum_gap, first_id)
        self._follower = FaceFollower(models.fitter, settings.maximum_gap)
        self._cuts = CutDetector()
        self._faces_to_identify = _FACES_TO_IDENTIFY
        self._live: dict[int, _Live] = {}
        self._last: tuple[NDArray[np.uint8], list[Observation]] | None = None
        self._since_search = 0
        self.tracks: list[FaceTrack] = []
        self.thumbnails: dict[int, NDArray[np.uint8]] = {}
        self.rejections: list[str] = []

    def look(self, media_frame: int, image: NDArray[np.uint8]) -> int:
        """Search a later frame, uint8 (h, w, 3) RGB; return how many faces it shows.

        Frames left out count as lost ones; call `end_tracks` where the footage isn't continuous.
        """
        # A picture shown again (variable frame rate) isn't searched again.
        if self._last is not None and self._last[0] is image:
            observations = self._last[1]
        else:
            observations = self._observe(media_frame, image)
            self._last = (image, observations)
        self._link(media_frame, image, observations)
        return len(observations)

    def end_tracks(self, is_hurried: bool = False) -> None:
        """End all tracks: no frame follows, or one from elsewhere.

        Args:
            is_hurried: Describe each person by a single face, because somebody waits for the end.
        """
        if is_hurried:
            self._faces_to_identify = 1
        self._tracker.finish()
        self._close_ended()
        self._cuts, self._last, self._since_search = CutDetector(), None, 0

    def _observe(self, media_frame: int, image: NDArray[np.uint8]) -> list[Observation]:
        change = self._cuts.watch(image)
        if change is Change.CUT:
            self._tracker.cut()
        elif change is Change.RETURN:
            self._tracker.return_from_flash()
        tracks = self._tracker.open_tracks
        is_due = self._since_search % self._settings.detect_every == 0
        # A new scene or a lost face can't wait for the next turn.
        is_urgent = change is not Change.NONE or any(track.lost_frames(media_frame) for track in tracks)
        detections: list[Detection] | None = None
        if is_due or is_urgent:
            detections = self._models.detector.detect(image)
            self._since_search = 0
        self._since_search += 1
        return self._follower.observe(image, media_frame, tracks, detections)

    def _link(self, media_frame: int, image: NDArray[np.uint8], observations: list[Observation]) -> None:
        def identify(index: int) -> NDArray[np.float32]:
            return self._models.identity.embed(image, observations[index].landmarks)

        linked = self._tracker.update(media_frame, observations, identify, self._recall)
        self._close_ended()
        for track, observation in zip(linked, observations, strict=True):
            live = self._live.get(track.id)
            if live is None:
                live = self._live[track.id] = self._new(track.id)
            live.recording.see(media_frame, image, observation)
            if live.is_kept is None and live.recording.seen_count >= max(self._minimum_track, _FRAMES_TO_JUDGE):
                self._judge(live)

    def _new(self, track: int) -> _Live:
        def take(face: FaceCut) -> None:
            live = self._live[track]
            if live.is_kept is None:
                live.waiting.append(face)
            elif live.is_kept:
                self._keep(face)

        return _Live(TrackRecording(track, self._settings, take))

    def _recall(self, track: int) -> NDArray[np.float32] | None:
        live = self._live.get(track)
        return None if live is None else self._identity(live)

    def _identity(self, live: _Live) -> NDArray[np.float32]:
        count = self._faces_to_identify
        frames = live.recording.best_frames[:count]
        if live.identity is None or live.identity[0] != frames:
            faces = live.recording.best_faces()[:count]
            vectors = [self._models.identity.embed(image, landmarks) for image, landmarks in faces]
            live.identity = (frames, np.mean(vectors, axis=0).astype(np.float32))
        return live.identity[1]

    def _judge(self, live: _Live) -> None:
        verdict = self._persons.judge(self._identity(live)) if self._persons.is_active else None
        live.is_kept = verdict is None or verdict.is_accepted
        if verdict is not None and not verdict.is_accepted:
            self.rejections.append(f"Face {live.recording.track} was left out: {verdict.reason}.")
        for face in live.waiting if live.is_kept else ():
            self._keep(face)
        live.waiting.clear()

    def _close_ended(self) -> None:
        for ended in self._tracker.take_ended():
            live = self._live.get(ended.id)
            if live is not None:
                self._close(live)
                del self._live[ended.id]

    def _close(self, live: _Live) -> None:
        if live.recording.seen_count < self._minimum_track and not self._seams.intersection(live.recording.ends):
            return
        if live.is_kept is None:
            self._judge(live)
        if not live.is_kept:
            return
        self.tracks.append(live.recording.finish(self._identity(live)))
        self.thumbnails[live.recording.track] = live.recording.thumbnail()
