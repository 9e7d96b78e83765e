# SPDX-License-Identifier: GPL-3.0-or-later
"""Searching footage for faces: detect, follow, link, record, and judge whose face it is.

Frames are taken together in blocks that end at scene boundaries. Known faces are followed from frame to frame to the
last frame of a block; there they are checked, others are looked for, and new ones are followed back from there. So
every frame has its fit, few are searched, and no obvious face is missed that is there for longer than a block.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..contract.settings import ExtractSettings
from ..contract.timing import FrameRange, ranges_of
from ..faces.boundaries import Boundary, BoundaryFinder
from ..faces.detection import Detection, Detector, make_detector
from ..faces.following import FaceFollower, pair_faces, without_doubles
from ..faces.identity import IdentityFilter, IdentityModel
from ..faces.landmarks import LandmarkFitter, make_landmark_fitter
from ..faces.rotations import TurningDetector
from ..faces.searching import PictureSearcher
from ..faces.track_shelf import TrackShelf
from ..faces.tracking import Observation, OpenTrack, Tracker
from ..faces.tracks import FaceTrack
from ..media.picture import FootagePicture
from ..media.reader import DEFAULT_RATE
from .face_desk import Desk

# A track's person is judged once it was seen this often, or when it ends.
_FRAMES_TO_JUDGE = 25
_FACES_TO_IDENTIFY = 3
# While all known faces stay and are confirmed, all of a picture is searched in one of so many blocks.
_BLOCKS_BETWEEN_SEARCHES = 6
# A lost face is sought in this many frames at once, then in every n-th of as many.
_FRAMES_TO_SEEK = 3
# How long the frames that wait are still searched for when somebody waits for the end.
_HURRY_S = 0.6
# Pixels on the long side of the picture in which scene boundaries are sought.
_GLANCE_PX = 240


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


def load_models(settings: ExtractSettings, warn: Callable[[str], None] = lambda _sentence: None) -> FaceModels:
    """Load what the settings ask for.

    Args:
        settings: Which models.
        warn: Is told once when a detector lets another one look.

    Raises:
        EngineError: `detector_unavailable` or `library_missing`.
    """
    detector = make_detector(settings.detector, settings.confidence, settings.minimum_size, warn)
    if settings.rotations:
        detector = TurningDetector(detector)
    return FaceModels(detector, make_landmark_fitter(settings.landmarks), IdentityModel())


@dataclass(eq=False)
class _Live:
    """A track that is being recorded: its id, its first and last frame, and what is known about its person."""

    track: int
    first: int
    last: int
    is_kept: bool | None = None
    seen_count: int = 0
    identity: tuple[tuple[int, ...], NDArray[np.float32]] | None = None


@dataclass(eq=False)
class _Chain:
    """A face followed through a block: where it is now, and what was seen of it in each frame."""

    track: OpenTrack
    found: dict[int, Observation] = field(default_factory=dict)

    def add(self, frame: int, observation: Observation) -> None:
        self.track.add(frame, observation)
        self.found[frame] = observation


class FootageSearch:
    """Finds the face tracks of a footage; frames are shown to it in order, first to `watched`, then to `look`.

    Args:
        models: Loaded models.
        settings: How to search.
        persons: Who is kept and left out.
        desk: Returns what records the faces; asked when there are some.
        first_id: Id of the first track.
        minimum_track: Tracks seen in fewer frames are dropped.
        seams: Frames next to ones that were searched before: a short track there may be the rest of a longer one.
        rate: Frames a second of the footage.

    Attributes:
        searched: What was searched so far, ascending; `look` may take frames in before it searches them.
        thumbnails: A small aligned picture of each, by id.
        rejections: Why tracks were left out.
    """

    def __init__(
        self,
        models: FaceModels,
        settings: ExtractSettings,
        persons: IdentityFilter,
        desk: Callable[[], Desk],
        first_id: int = 1,
        minimum_track: int = 1,
        seams: Collection[int] = (),
        rate: Fraction = DEFAULT_RATE,
    ) -> None:
        settings = replace(settings, maximum_gap=settings.gap_frames(rate))
        self._models = models
        self._settings = settings
        self._persons = persons
        self._desk = desk
        self._minimum_track = minimum_track
        self._seams = frozenset(seams)
        self._tracker = Tracker(settings.maximum_gap, first_id)
        self._searcher = PictureSearcher(models.detector)
        self._follower = FaceFollower(models.fitter, self._searcher, settings.face_size, settings.coverage)
        self._blocks_to_search = 0
        self._starts: set[int] = set()
        self._waiting: deque[tuple[int, FootagePicture]] = deque()
        self._faces_to_identify = _FACES_TO_IDENTIFY
        self._live: dict[int, _Live] = {}
        self._newest: FootagePicture | None = None
        self._newest_faces: list[Observation] = []
        self._is_scene_new = True
        self.searched: list[FrameRange] = []
        self._ended = TrackShelf()
        self.thumbnails: dict[int, NDArray[np.uint8]] = {}
        self.rejections: list[str] = []

    @property
    def tracks(self) -> list[FaceTrack]:
        """The tracks that have ended."""
        return self._ended.all()

    def watched(
        self, pictures: Iterator[tuple[int, FootagePicture]], ranges: Sequence[FrameRange]
    ) -> Iterator[tuple[int, FootagePicture]]:
        """Hand media frames and their pictures on, and note where scenes begin; another thread may run it ahead.

        Args:
            pictures: The pictures that will be looked at.
            ranges: The media frames they are from; no scene goes on from one range to the next.
        """
        rest, finder = list(ranges), BoundaryFinder()
        try:
            for media_frame, picture in pictures:
                if rest and media_frame >= rest[0].end:
                    rest = [item for item in rest if media_frame < item.end]
                    self._note(finder.finish())
                    finder = BoundaryFinder()
                self._note(finder.watch(media_frame, picture.glance(_GLANCE_PX)))
                yield media_frame, picture
        finally:
            self._note(finder.finish())

    def look(self, media_frame: int, picture: FootagePicture) -> None:
        """Take a later frame that `watched` has handed on; frames left out count as lost ones.

        Call `end_tracks` where the footage isn't continuous, and at its end.
        """
        self._waiting.append((media_frame, picture))
        block = self._settings.detect_every
        # A frame is searched when it is known whether a scene begins in it.
        while len(self._waiting) >= block + BoundaryFinder.DELAY:
            self._search([self._waiting.popleft() for _ in range(block)])

    def end_tracks(self, is_hurried: bool = False) -> None:
        """End all tracks: no frame follows, or one from elsewhere.

        Args:
            is_hurried: Somebody waits for the end: search only so many of the waiting frames as there is time for, and
                describe each person by a single face.
        """
        deadline = time.monotonic() + (_HURRY_S if is_hurried else float("inf"))
        if is_hurried:
            self._faces_to_identify = 1
        while self._waiting and time.monotonic() < deadline:
            count = min(self._settings.detect_every, len(self._waiting))
            self._search([self._waiting.popleft() for _ in range(count)])
        self._waiting.clear()
        self._end_scene()

    def _note(self, boundaries: Sequence[Boundary]) -> None:
        self._starts.update(item.frame for item in boundaries)

    def _end_scene(self) -> None:
        self._tracker.finish()
        self._close_ended()
        self._newest, self._newest_faces, self._is_scene_new = None, [], True

    def _search(self, block: list[tuple[int, FootagePicture]]) -> None:
        """Search some consecutive frames, scene by scene."""
        scene: list[tuple[int, FootagePicture]] = []
        for media_frame, picture in block:
            if media_frame in self._starts:
                self._search_scene(scene)
                self._end_scene()
                scene = []
                self._starts.discard(media_frame)
            scene.append((media_frame, picture))
        self._search_scene(scene)
        for part in ranges_of(media_frame for media_frame, _ in block):
            start = self.searched.pop().start if self.searched and self.searched[-1].end == part.start else part.start
            self.searched.append(FrameRange(start, part.end))

    def _search_scene(self, frames: list[tuple[int, FootagePicture]]) -> None:
        """Search consecutive frames of one scene; a picture shown at several of them is searched once."""
        shown: list[tuple[int, FootagePicture]] = []
        for media_frame, picture in frames:
            before = shown[-1][1] if shown else self._newest
            if picture is not before:
                shown.append((media_frame, picture))
        chains = self._follow_through(shown) if shown else []
        starts = {media_frame for media_frame, _ in shown}
        for media_frame, picture in frames:
            if media_frame in starts:
                found = (chain.found.get(media_frame) for chain in chains)
                self._newest_faces = without_doubles([item for item in found if item is not None])
                self._newest = picture
            self._link(media_frame, self._newest_faces)

    def _follow_through(self, shown: list[tuple[int, FootagePicture]]) -> list[_Chain]:
        """Follow the known faces to the last picture, look for others there, and follow those back."""
        first, (key_frame, key) = shown[0], shown[-1]
        chains = [_Chain(item.copy()) for item in self._tracker.open_tracks if item.lost_frames(first[0]) == 0]
        is_calm = len(chains) == len(self._tracker.open_tracks)
        if self._is_scene_new and len(shown) > 1:
            # Faces that are gone before the block's end would be missed.
            chains += self._meet_all(*first)
        self._is_scene_new = False
        present = [chain for chain in chains if self._go(chain, shown[:-1])]
        detections = self._look_at_key(key_frame, key, present, is_calm and len(present) == len(chains))
        partners = pair_faces(key_frame, [chain.track for chain in present], detections)
        for detection, partner in zip(detections, partners, strict=True):
            observation = self._follower.meet(key, key_frame, detection, partner)
            if observation is None:
                continue
            if partner is not None:
                next(chain for chain in present if chain.track is partner).add(key_frame, observation)
                continue
            chain = _Chain(OpenTrack(0, key_frame, observation), {key_frame: observation})
            self._go(chain, shown[-2::-1], tuple(chains))
            chains.append(chain)
        for chain in present:
            if key_frame not in chain.found and key_frame - chain.track.confirmed <= self._settings.maximum_gap:
                unseen = self._follower.follow(key, key_frame, chain.track, was_searched=True)
                if unseen is not None:
                    chain.add(key_frame, unseen)
        return chains

    def _look_at_key(
        self, media_frame: int, picture: FootagePicture, present: Sequence[_Chain], is_calm: bool
    ) -> list[Detection]:
        """Return the faces of the last picture of a block: all of them where needed, or the known and obvious ones."""
        tracks = [chain.track for chain in present]
        self._blocks_to_search -= 1
        known: list[Detection] = []
        if tracks:
            known = self._searcher.check(picture, [track.expected_landmarks(media_frame) for track in tracks])
            is_calm = is_calm and all(track in pair_faces(media_frame, tracks, known) for track in tracks)
            if is_calm and self._blocks_to_search > 0:
                return known
        self._blocks_to_search = _BLOCKS_BETWEEN_SEARCHES
        return self._searcher.search(picture, known)

    def _go(self, chain: _Chain, shown: Sequence[tuple[int, FootagePicture]], others: Sequence[_Chain] = ()) -> bool:
        """Follow a face through pictures, later or earlier ones; return False when it was lost or is another chain's.

        Args:
            chain: The face.
            shown: Frames and pictures, away from the chain's newest frame.
            others: Faces that were followed already: where one of them lies at the same place, this one is it.
        """
        lost = 0
        for media_frame, picture in shown:
            if media_frame in chain.found:
                continue
            observation = None if lost else self._follower.follow(picture, media_frame, chain.track)
            if observation is None and (lost < _FRAMES_TO_SEEK or lost % _FRAMES_TO_SEEK == 0):
                observation = self._follower.seek(picture, media_frame, chain.track)
            if observation is None:
                lost += 1
                continue
            lost = 0
            there = [item.found[media_frame] for item in others if media_frame in item.found]
            if len(without_doubles([observation, *there])) <= len(there):
                return False
            chain.add(media_frame, observation)
        return not lost

    def _meet_all(self, media_frame: int, picture: FootagePicture) -> list[_Chain]:
        """Return the faces of a picture in which nobody is known."""
        self._blocks_to_search = _BLOCKS_BETWEEN_SEARCHES
        found = (self._follower.meet(picture, media_frame, item) for item in self._searcher.search(picture))
        return [_Chain(OpenTrack(0, media_frame, item), {media_frame: item}) for item in found if item is not None]

    def _link(self, media_frame: int, observations: list[Observation]) -> None:
        def identify(index: int) -> NDArray[np.float32]:
            return self._embed(observations[index])

        linked = self._tracker.update(media_frame, observations, identify, self._recall)
        self._close_ended()
        for track, observation in zip(linked, observations, strict=True):
            live = self._live.get(track.id)
            if live is None:
                live = self._live[track.id] = _Live(track.id, media_frame, media_frame)
            live.last = media_frame
            live.seen_count += 1
            self._desk().see(track.id, media_frame, observation)
            if live.is_kept is None and live.seen_count >= max(self._minimum_track, _FRAMES_TO_JUDGE):
                self._judge(live)

    def _embed(self, observation: Observation) -> NDArray[np.float32]:
        view = observation.view
        assert view is not None, "observations of the search come with their pixels"
        return self._models.identity.embed(view.image, view.here(observation.landmarks))

    def _recall(self, track: int) -> NDArray[np.float32] | None:
        live = self._live.get(track)
        return None if live is None else self._identity(live)

    def _identity(self, live: _Live) -> NDArray[np.float32]:
        known = () if live.identity is None else live.identity[0]
        frames, faces = self._desk().best(live.track, self._faces_to_identify, known)
        if live.identity is None or frames != known:
            vectors = [self._models.identity.embed(image, landmarks) for image, landmarks in faces]
            live.identity = (frames, np.mean(vectors, axis=0).astype(np.float32))
        return live.identity[1]

    def _judge(self, live: _Live) -> None:
        verdict = self._persons.judge(self._identity(live)) if self._persons.is_active else None
        live.is_kept = verdict is None or verdict.is_accepted
        if verdict is not None and not verdict.is_accepted:
            self.rejections.append(f"Face {live.track} was left out: {verdict.reason}.")
        self._desk().judge(live.track, live.is_kept)

    def _close_ended(self) -> None:
        for ended in self._tracker.take_ended():
            live = self._live.get(ended.id)
            if live is not None:
                self._close(live)
                del self._live[ended.id]

    def _close(self, live: _Live) -> None:
        is_long = live.seen_count >= self._minimum_track or self._seams.intersection((live.first, live.last))
        if is_long and live.is_kept is None:
            self._judge(live)
        if not is_long or not live.is_kept:
            self._desk().drop(live.track)
            return
        track, self.thumbnails[live.track] = self._desk().finish(live.track, self._identity(live))
        self._ended.put(track)
