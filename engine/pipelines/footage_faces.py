# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at the footage for corrections: fitting a face in a box by hand, and following a face from a frame on.

As long as a face is seen no detector is asked, because corrections are made where detectors fail. A face counts as lost
where the fitter no longer sees one, or where what it sees jumps or changes its size. Within the longest gap of the
search it may come back, where a detector finds a face near by: a fitter alone takes what hides a face for the face.
At a cut and at the end of the searched frames following ends.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from ..contract.corrections import Box
from ..contract.errors import EngineError
from ..contract.frame_mentions import mention
from ..contract.timing import FrameRange, merge_ranges
from ..faces.boundaries import Boundary, BoundaryFinder
from ..faces.correction_places import invalid
from ..faces.detection import Detector, make_detector
from ..faces.face_paths import FacePath
from ..faces.following import LARGEST_JUMP, LEAST_PRESENCE
from ..faces.geometry import box_of, box_overlap, face_extent
from ..faces.identity import IDENTITY_LENGTH, IdentityModel
from ..faces.landmarks import LandmarkFitter, make_landmark_fitter
from ..faces.picture_part import FaceView, PicturePart
from ..faces.quality import FaceQuality, measure_quality
from ..faces.rotations import TurningDetector
from ..faces.tracking import FRAMES_TO_TRUST_MOTION, MOTION_UPDATE, reach_of
from ..faces.tracks import TrackSet
from ..media.picture import ArrayPicture
from ..media.reader import FootageReader
from ..runtime.reporter import Reporter

# A face drawn by hand is believed as easily as a detector's, one that is followed on less.
_LEAST_PRESENCE_FOLLOWED = 0.6
_LARGEST_GROWTH = 1.5
# Pixels on the long side of the picture in which the scene's end is sought.
_GLANCE_PX = 320
# Pictures are decoded forwards only; going backwards keeps this many of them at a time.
_CHUNK = 12
_IDENTITY_FACES = 3
_IDENTITY_FRAMES_APART = 5


class StoppedError(Exception):
    """The user asked to stop in the middle of looking at the footage."""


@dataclass(frozen=True, eq=False)
class _Sight:
    landmarks: NDArray[np.float32]
    score: float
    quality: FaceQuality


@dataclass(eq=False)
class _Walk:
    """A face followed in one direction.

    Attributes:
        last: Landmarks where it was seen last.
        sights: What was seen, by media frame.
        lost: For how many frames it hasn't been seen.
    """

    last: NDArray[np.float64]
    sights: dict[int, _Sight] = field(default_factory=dict)
    lost: int = 0
    motion: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))

    def expected(self) -> NDArray[np.float64]:
        return self.last + self.motion * min(self.lost + 1, FRAMES_TO_TRUST_MOTION)

    def reach(self) -> float:
        return float(reach_of(self.lost))

    def see(self, frame: int, sight: _Sight) -> None:
        landmarks = np.asarray(sight.landmarks, float)
        step = (landmarks[17:].mean(axis=0) - self.last[17:].mean(axis=0)) / (self.lost + 1)
        self.motion = self.motion + (MOTION_UPDATE if self.sights else 1.0) * (step - self.motion)
        self.last, self.lost, self.sights[frame] = landmarks, 0, sight


class FootageFaces:
    """A `FaceFinder` on a footage; a context manager that opens footage and models when they are first needed.

    Args:
        found: What was searched, and how.
        reporter: Hears of the progress; when it asks to stop, `fit` and `follow` raise `StoppedError`.
    """

    def __init__(self, found: TrackSet, reporter: Reporter) -> None:
        self._found = found
        self._reporter = reporter
        self._reader: FootageReader | None = None

    def __enter__(self) -> FootageFaces:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reader is not None:
            self._reader.close()

    def fit(self, frame: int, box: Box) -> NDArray[np.float32]:
        """Return the landmarks (68, 2) of the face in a box.

        Raises:
            EngineError: `correction_invalid` when there is none, or what reading and loading raise.
        """
        image = next(self._images(FrameRange(frame, frame + 1)))[1]
        landmarks, presence = self._fitter.fit(image, np.array(box))
        presence = self._judged(image, landmarks, presence)
        is_here = bool(box_overlap(box_of(landmarks), np.array(box))[0, 0] > 0.1)
        if presence < LEAST_PRESENCE or not is_here or not np.isfinite(landmarks).all():
            x0, y0, x1, y1 = box
            raise invalid(
                f"No face could be fitted in frame {frame} in the box {x0:.0f}, {y0:.0f}, {x1:.0f}, {y1:.0f}.",
                "Draw the box from the brows to the chin, or choose a frame in which the face is easier to see.",
                [mention([frame])],
            )
        return landmarks

    def follow(self, frame: int, landmarks: NDArray[np.floating], backwards: bool) -> FacePath:
        """Return the path of a face from a frame on, and before it too if asked."""
        searched = self._searched(frame)
        start = np.asarray(landmarks, np.float32)
        best = _BestFaces(_IDENTITY_FACES if backwards else 0)
        image = next(self._images(FrameRange(frame, frame + 1)))[1]
        sights = {frame: _Sight(start, 1.0, measure_quality(image, start))}
        best.offer(frame, image, sights[frame])
        directions = [(1, self._images(FrameRange(frame, searched.end)))]
        if backwards:
            directions.append((-1, self._images_backwards(searched.start, frame)))
        for direction, images in directions:
            sights |= self._walk(images, direction, frame, start, best)
        best.keep_only(sights)
        identity = best.identity() if backwards else np.zeros(IDENTITY_LENGTH, np.float32)
        return _path(frame, (searched.start, searched.end), self._found.settings.landmarks, sights, identity)

    def is_valid(self, path: FacePath) -> bool:
        """Whether following again would look at the same frames with the same fitter."""
        searched = self._searched(path.start)
        return path.searched == (searched.start, searched.end) and path.fitter == self._found.settings.landmarks

    def _searched(self, frame: int) -> FrameRange:
        for item in merge_ranges(self._found.ranges):
            if frame in item:
                return item
        where = mention([frame], self._found.footage.path.name)
        raise invalid(f"F{where.words[1:]} was not searched.", "Extract it first.", [where])

    @cached_property
    def _fitter(self) -> LandmarkFitter:
        self._reporter.stage("loading", "Loading the landmarks' model")
        return make_landmark_fitter(self._found.settings.landmarks)

    @cached_property
    def _judge(self) -> LandmarkFitter:
        # The one fitter that knows whether its landmarks are on a face judges those that don't.
        return make_landmark_fitter("mesh")

    @cached_property
    def _detector(self) -> Detector:
        settings = self._found.settings
        detector = make_detector(settings.detector, settings.confidence, settings.minimum_size)
        return TurningDetector(detector) if settings.rotations else detector

    def _judged(self, image: NDArray[np.uint8], landmarks: NDArray[np.float32], presence: float) -> float:
        return presence if self._fitter.knows_presence else self._judge.follow(image, landmarks)[1]

    def _images(self, frames: FrameRange) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        if self._reader is None:
            self._reader = FootageReader(self._found.footage)
        return self._reader.frames([frames])

    def _images_backwards(self, first: int, start: int) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        end = start + 1
        while end > first:
            low = max(first, end - _CHUNK)
            yield from reversed([(number, image) for number, image in self._images(FrameRange(low, end))])
            end = low

    def _walk(
        self,
        images: Iterator[tuple[int, NDArray[np.uint8]]],
        direction: int,
        start: int,
        landmarks: NDArray[np.float32],
        best: _BestFaces,
    ) -> dict[int, _Sight]:
        walk, boundaries = _Walk(np.asarray(landmarks, float)), BoundaryFinder()
        ends: list[Boundary] = []
        loaded = self._fitter
        self._reporter.stage("following", "Following the face")
        for count, (frame, image) in enumerate(self._without_damage(images)):
            if self._reporter.progress(count, None, "frames"):
                raise StoppedError
            # Walking backwards, time runs backwards for the boundaries too.
            ends += boundaries.watch(direction * frame, ArrayPicture(image).glance(_GLANCE_PX))
            if ends:
                break
            if frame == start:
                continue
            sight = self._look(loaded, image, walk)
            if sight is None:
                walk.lost += 1
            else:
                walk.see(frame, sight)
                best.offer(frame, image, sight)
            if walk.lost > self._found.settings.gap_frames(self._found.rate):
                break
        # That a scene has ended is told some frames later.
        end = min((item.frame for item in ends + boundaries.finish()), default=None)
        return {frame: sight for frame, sight in walk.sights.items() if end is None or direction * frame < end}

    def _look(self, fitter: LandmarkFitter, image: NDArray[np.uint8], walk: _Walk) -> _Sight | None:
        if walk.lost:
            return self._look_again(fitter, image, walk)
        expected = walk.expected()
        landmarks, presence = fitter.follow(image, expected)
        presence = self._judged(image, landmarks, presence)
        if presence < _LEAST_PRESENCE_FOLLOWED or not _is_near(landmarks, expected, LARGEST_JUMP, image):
            return None
        return _Sight(landmarks, float(presence), measure_quality(image, landmarks))

    def _look_again(self, fitter: LandmarkFitter, image: NDArray[np.uint8], walk: _Walk) -> _Sight | None:
        expected = walk.expected()
        sights: list[tuple[float, _Sight]] = []
        for item in self._detector.detect(image):
            landmarks, presence = fitter.fit(image, item.box, item.roll_deg)
            presence = self._judged(image, landmarks, presence)
            if presence >= LEAST_PRESENCE and _is_near(landmarks, expected, walk.reach(), image):
                distance = float(np.linalg.norm(landmarks.mean(axis=0) - expected.mean(axis=0)))
                sights.append((distance, _Sight(landmarks, item.score, measure_quality(image, landmarks))))
        return min(sights, key=lambda pair: pair[0])[1] if sights else None

    def _without_damage(
        self, images: Iterator[tuple[int, NDArray[np.uint8]]]
    ) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Yield frames up to the first that can't be read."""
        try:
            yield from images
        except EngineError as error:
            self._reporter.warning(f"{error.message} The face is followed up to there.", error.frames)


class _BestFaces:
    """The best pictures of a followed face, for its identity; only every few frames one is taken."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._faces: list[tuple[float, int, PicturePart, NDArray[np.float32]]] = []

    def offer(self, frame: int, image: NDArray[np.uint8], sight: _Sight) -> None:
        if self._count and (frame % _IDENTITY_FRAMES_APART == 0 or not self._faces):
            view = FaceView.around(ArrayPicture(image), sight.landmarks, 256, 2.0)
            part = PicturePart.around(view, sight.landmarks, 256, 2.0)
            self._faces.append((sight.quality.merit, frame, part, sight.landmarks))
            self._faces.sort(key=lambda item: -item[0])

    def keep_only(self, frames: Collection[int]) -> None:
        """Forget the pictures of frames that turned out not to show the face."""
        self._faces = [item for item in self._faces if item[1] in frames][: self._count]

    def identity(self) -> NDArray[np.float32]:
        if not self._faces:
            return np.zeros(IDENTITY_LENGTH, np.float32)
        model = IdentityModel()
        vectors = [model.embed(part.image, part.landmarks(landmarks)) for _, _, part, landmarks in self._faces]
        return np.mean(vectors, axis=0).astype(np.float32)


def _path(
    start: int, searched: tuple[int, int], fitter: str, sights: dict[int, _Sight], identity: NDArray[np.float32]
) -> FacePath:
    seen = np.array(sorted(sights))
    frames = np.arange(seen[0], seen[-1] + 1)
    known = np.stack([sights[frame].landmarks for frame in seen.tolist()]).reshape(len(seen), -1)
    columns = [np.interp(frames, seen, column) for column in known.T]
    landmarks = np.stack(columns, axis=1).reshape(-1, 68, 2).astype(np.float32)
    # Interpolation in double precision gives the seen frames back, but for rounding; they stay to the bit.
    landmarks[seen - seen[0]] = known.reshape(-1, 68, 2)
    found = [sights.get(frame) for frame in frames.tolist()]
    return FacePath(
        start=start,
        searched=searched,
        fitter=fitter,
        frames=frames.astype(np.int32),
        landmarks=landmarks,
        scores=np.array([item.score if item else 0.0 for item in found], np.float32),
        bridged=np.array([item is None for item in found], np.bool_),
        sharpness=np.array([item.quality.sharpness if item else 0.0 for item in found], np.float32),
        exposure=np.array([item.quality.exposure if item else 0.0 for item in found], np.float32),
        identity=identity,
    )


def _is_near(
    landmarks: NDArray[np.floating], expected: NDArray[np.floating], reach: float, image: NDArray[np.uint8]
) -> bool:
    """Whether landmarks are finite, in the picture, and within `reach` face sizes of where a face was expected."""
    size, center = face_extent(np.asarray(expected, float)), landmarks.mean(axis=0)
    jump = float(np.linalg.norm(center - expected.mean(axis=0))) / size
    growth = face_extent(np.asarray(landmarks, float)) / size
    is_inside = bool(0 <= center[0] < image.shape[1] and 0 <= center[1] < image.shape[0])
    return is_inside and jump <= reach and 1 / _LARGEST_GROWTH < growth < _LARGEST_GROWTH
