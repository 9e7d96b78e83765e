# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames in, painted frames out: batches for the network, and short delays so that all is steady both ways in time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ..contract.settings import SwapSettings
from ..faces.hand_paths import Finder
from .color_match import ColorSolution, reach_of, steady_solution
from .crop import FaceCrop, NoNetworkError, Swapper, Watch, cut_face
from .lookout import Lookout
from .place import empty_picture
from .swap import SwappedFace, paint_face, swap_faces


@dataclass(frozen=True)
class PlannedFace:
    """A face of one frame that shall be swapped.

    Attributes:
        track: Id of its face track.
        source: Performer that shall appear.
        landmarks: 68 points in pixels of the frame, shape (68, 2).
        target: Performer whose face it is; may be empty.
        watch: Whether something may be in front of it.
    """

    track: int
    source: str
    landmarks: np.ndarray
    target: str = ""
    watch: Watch = Watch.NOTHING


@dataclass(frozen=True)
class ReadFrame:
    """A frame of the footage, or why there is none.

    Attributes:
        media_frame: Its number.
        image: Shape (h, w, 3), uint8 or uint16 RGB; None when it could not be read.
        reason: Why not.
    """

    media_frame: int
    image: np.ndarray | None
    reason: str = ""


@dataclass(frozen=True)
class PaintedFrame:
    """A frame's swapped faces, or why there are none.

    Attributes:
        media_frame: Its number.
        picture: Shape (h, w, 4), uint8 or uint16, straight alpha; None when the frame failed.
        reason: Why it failed.
        kept: Tracks of the faces in front of which something was found and kept.
    """

    media_frame: int
    picture: np.ndarray | None
    reason: str = ""
    kept: tuple[int, ...] = ()


@dataclass
class _PendingFrame:
    media_frame: int
    shape: tuple[int, int] = (0, 0)
    crops: list[FaceCrop] = field(default_factory=list)
    faces: list[SwappedFace] = field(default_factory=list)
    reason: str = ""


class FrameStream:
    """Swaps the faces of frames as they come.

    A frame that fails, wherever, comes out without a picture and with the reason; the others go on.

    Args:
        swapper: The trained network.
        plan: Faces to swap by media frame, in the order in which they are drawn.
        settings: How to comp; a bit depth of 0 counts as 8, because the footage isn't known here.
        is_stopped: Asked before every frame; once true, nothing more comes out, and frames whose neighbors were
            still to come stay undone rather than different.
        hands: Finds hands in front of the faces that are watched; without it nobody looks for hands.
        aside: Faces by media frame that aren't swapped but looked at, because hands in front of them tell where those
            of the plan's faces are.
    """

    def __init__(
        self,
        swapper: Swapper,
        plan: Mapping[int, tuple[PlannedFace, ...]],
        settings: SwapSettings,
        is_stopped: Callable[[], bool] = lambda: False,
        hands: Finder | None = None,
        aside: Mapping[int, tuple[PlannedFace, ...]] | None = None,
    ) -> None:
        self._swapper = swapper
        self._plan = plan
        self._settings = settings
        self._is_stopped = is_stopped
        self._lookout = Lookout(hands, settings)
        self._aside = aside or {}
        self._cut: deque[_PendingFrame] = deque()
        self._reach = 0 if settings.color_transfer == "none" else reach_of(settings.color_steadiness)
        self._waiting: list[_PendingFrame] = []
        self._swapped: deque[_PendingFrame] = deque()
        self._colors: dict[int, dict[int, ColorSolution]] = {}
        self.has_masks = False
        """Whether a learned mask took part in any face so far."""

    def paint(self, frames: Iterable[ReadFrame], wanted: set[int]) -> Iterator[PaintedFrame]:
        """Yield the wanted frames in the order in which they come in.

        Args:
            frames: Frames in ascending order, each with faces in the plan or aside.
            wanted: Frames to paint; the others only lend their colors, or what is seen of hands, to their neighbors.
        """
        swapped = {frame + step for frame in wanted for step in range(-self._reach, self._reach + 1)}
        for frame in frames:
            if self._is_stopped():
                return
            pending = self._seen(frame, frame.media_frame in swapped)
            if pending.media_frame in swapped:
                self._cut.append(pending)
            yield from self._handed_on(frame.media_frame, wanted)
        if not self._is_stopped():
            yield from self._handed_on(None, wanted)
            self._swap_waiting()
            yield from self._ready(None, wanted)

    def _seen(self, frame: ReadFrame, is_swapped: bool) -> _PendingFrame:
        """Look for hands in a frame, and cut its faces where they are to be swapped."""
        number, image = frame.media_frame, frame.image
        pending = _PendingFrame(number, reason=frame.reason)
        if image is None:
            return pending
        pending.shape = (image.shape[0], image.shape[1])
        faces = self._plan.get(number, ())
        try:
            for face in (*faces, *self._aside.get(number, ())):
                self._lookout.look(image, number, face.track, face.landmarks, face.watch)
            if is_swapped:
                pending.crops = [self._crop(image, number, face) for face in faces]
        except Exception as error:  # noqa: BLE001 per-frame guard: one bad frame doesn't end the shot
            pending.reason = _reason(error)
        return pending

    def _crop(self, image: np.ndarray, media_frame: int, face: PlannedFace) -> FaceCrop:
        matrix = self._swapper.image_to_face(face.landmarks)
        size, coverage = self._swapper.face_size, self._swapper.coverage
        crop = cut_face(image, face.landmarks, media_frame, face.track, face.source, size, coverage, matrix)
        return replace(crop, watch=face.watch, target=face.target)

    def _handed_on(self, newest: int | None, wanted: set[int]) -> Iterator[PaintedFrame]:
        """Hand frames to the network as soon as it is known what is in front of their faces.

        Args:
            newest: The newest frame that was looked at; None when no more will come.
            wanted: Frames to paint.
        """
        while self._cut and (newest is None or self._is_known(self._cut[0], newest)):
            if self._is_stopped():
                return
            self._waiting.append(self._with_hands(self._cut.popleft()))
            if sum(len(item.crops) for item in self._waiting) >= self._settings.batch_size:
                self._swap_waiting()
                yield from self._ready(self._swapped[-1].media_frame - self._reach, wanted)

    def _is_known(self, pending: _PendingFrame, newest: int) -> bool:
        return all(newest >= self._lookout.last_needed(crop) for crop in pending.crops)

    def _with_hands(self, pending: _PendingFrame) -> _PendingFrame:
        try:
            pending.crops = [self._lookout.with_hands(crop) for crop in pending.crops]
        except Exception as error:  # noqa: BLE001 per-frame guard: one bad frame doesn't end the shot
            pending.crops, pending.reason = [], _reason(error)
        self._lookout.forget_before(pending.media_frame)
        return pending

    def _swap_waiting(self) -> None:
        # Drawing order within a frame is the plan's, whatever the batches were.
        done: dict[tuple[int, int], SwappedFace] = {}
        crops = [crop for pending in self._waiting for crop in pending.crops]
        for source in dict.fromkeys(crop.source for crop in crops):
            of_source = [crop for crop in crops if crop.source == source]
            for start in range(0, len(of_source), self._settings.batch_size):
                for face in self._run_network(of_source[start : start + self._settings.batch_size]):
                    done[face.crop.media_frame, face.crop.track] = face
        for pending in self._waiting:
            pending.faces = [done[key] for crop in pending.crops if (key := (crop.media_frame, crop.track)) in done]
            self.has_masks = self.has_masks or any(face.mask is not None for face in pending.faces)
            for face in pending.faces:
                if face.color is not None:
                    self._colors.setdefault(face.crop.track, {})[pending.media_frame] = face.color
        self._swapped.extend(self._waiting)
        self._waiting = []

    def _run_network(self, crops: list[FaceCrop]) -> list[SwappedFace]:
        try:
            return swap_faces(self._swapper, crops, self._settings)
        except NoNetworkError:
            raise
        except Exception as error:  # noqa: BLE001 per-frame guard: the batch is tried again face by face
            if len(crops) > 1:
                return [face for crop in crops for face in self._run_network([crop])]
            failed = next(item for item in self._waiting if item.media_frame == crops[0].media_frame)
            failed.reason = _reason(error)
            return []

    def _ready(self, until: int | None, wanted: set[int]) -> Iterator[PaintedFrame]:
        """Yield the swapped frames up to `until`, whose neighbors are all known; None yields what is left."""
        while self._swapped and (until is None or self._swapped[0].media_frame <= until):
            if self._is_stopped():
                return
            pending = self._swapped.popleft()
            if pending.media_frame in wanted:
                yield self._painted(pending)
            self._forget_before(pending.media_frame - self._reach)

    def _painted(self, pending: _PendingFrame) -> PaintedFrame:
        if pending.reason:
            return PaintedFrame(pending.media_frame, None, pending.reason)
        settings = self._settings
        try:
            picture = empty_picture(pending.shape[1], pending.shape[0], settings.bit_depth)
            for face in pending.faces:
                solutions = self._colors.get(face.crop.track, {})
                color = steady_solution(solutions, pending.media_frame, settings.color_steadiness)
                paint_face(picture, face, color, settings)
        except Exception as error:  # noqa: BLE001 per-frame guard: one bad frame doesn't end the shot
            return PaintedFrame(pending.media_frame, None, _reason(error))
        kept = tuple(face.crop.track for face in pending.faces if face.crop.front is not None)
        return PaintedFrame(pending.media_frame, picture, kept=kept)

    def _forget_before(self, media_frame: int) -> None:
        for solutions in self._colors.values():
            for number in [number for number in solutions if number < media_frame]:
                del solutions[number]


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
