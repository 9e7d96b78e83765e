# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding where one scene ends and another begins while a footage is decoded, so that no face track goes on across.

PySceneDetect finds candidates for cuts (its adaptive detector) and black (its threshold detector, in `fades`);
dissolves, which it has no detector for, come from `dissolves`. Of a candidate is asked whether the scene really
changed: after a flash, a jerk of the camera or a switched light the pictures have the same structure as before.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray
from scenedetect.common import FrameTimecode
from scenedetect.detectors import AdaptiveDetector

from .dissolves import DELAY as _DISSOLVE_DELAY
from .dissolves import Dissolve, DissolveFinder
from .fades import BLACK, BlackFinder, BlackStretch
from .scene_looks import SceneLook, likeness, mix_weights, scene_look

_LONG_SIDE = 128
# The library wants a rate for its time codes; everything here is counted in frames.
_RATE = 25.0
_WINDOW = 2
_FLASH_FRAMES = 3
_TIMES_USUAL = 2.2
_ALIKE = 0.65
_LESS_ALIKE_A_FRAME = 0.03
_IS_A_MIX = 0.8
_LEAST_WEIGHT = 0.1
_NEARLY_BLACK = 3 * BLACK
_MEMORY = 2 * _DISSOLVE_DELAY + 32


class BoundaryKind(Enum):
    """How one scene gives way to another."""

    CUT = "cut"
    DISSOLVE = "dissolve"
    FADE = "fade"


@dataclass(frozen=True)
class Boundary:
    """Where a new scene begins; frames are media frames.

    Attributes:
        frame: The first frame of the new scene; of a dissolve, the first one in which the new scene prevails; of a
            fade, the middle of the darkest pictures, or of a long one the frame `DELAY` before it was told.
        kind: How the scenes meet.
        first: First frame of the transition: the first mixed one, the first black one; `frame` itself of a cut.
        last: Its last frame, as far as it was seen when the boundary was told; `frame` itself of a cut.
    """

    frame: int
    kind: BoundaryKind
    first: int
    last: int


class BoundaryFinder:
    """Watches the frames of a footage in order.

    A boundary at frame f is returned at the latest when `DELAY` frames after f have been watched, or by `finish`. Its
    memory doesn't grow. Boundaries come in the order in which they become certain.
    """

    DELAY = _DISSOLVE_DELAY

    def __init__(self) -> None:
        self._cuts = AdaptiveDetector(adaptive_threshold=_TIMES_USUAL, min_scene_len=0, window_width=_WINDOW)
        self._blacks = BlackFinder()
        self._dissolves = DissolveFinder()
        # The newest frames and their looks: as much as a boundary may reach back.
        self._frames: deque[int] = deque(maxlen=_MEMORY)
        self._looks: deque[SceneLook] = deque(maxlen=_MEMORY)
        self._count = 0
        self._fed = 0
        self._size: tuple[int, int] | None = None
        self._last: NDArray[np.uint8] | None = None
        # Candidates wait until it is known whether they are flashes; what was told last keeps others from its place.
        self._candidates: list[int] = []
        self._black: BlackStretch | None = None
        self._told_until = 0

    def watch(self, media_frame: int, image: NDArray[np.uint8]) -> list[Boundary]:
        """Take the next frame and return the boundaries that are certain by now.

        Args:
            media_frame: Its number; they rise.
            image: uint8 (h, w, 3) RGB; a long side of 256 to 640 pixels is enough.
        """
        small = self._reduced(image)
        look = scene_look(small)
        bgr = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2BGR), np.uint8)
        if self._last is None:
            # Without a past the library can't judge the first frames; a still one is as good as any.
            self._look_for_cuts(bgr, times=_WINDOW)
        self._last = bgr
        self._frames.append(media_frame)
        self._looks.append(look)
        self._count += 1
        self._look_for_cuts(bgr)
        time = FrameTimecode(self._count - 1, _RATE)
        self._black = self._blacks.watch(time, media_frame, bgr, look) or self._black
        return self._decided(self._dissolves.watch(look), is_last=False)

    def finish(self) -> list[Boundary]:
        """No frame follows: return what was still waited for."""
        if self._last is None:
            return []
        self._look_for_cuts(self._last, times=_WINDOW)
        return self._decided(self._dissolves.finish(), is_last=True)

    def _reduced(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = image.shape[:2]
        if self._size is None:
            scale = min(1.0, _LONG_SIDE / max(height, width))
            self._size = (max(1, round(width * scale)), max(1, round(height * scale)))
        # Averaging by less than two is OpenCV's slowest way and skips no pixel less than the quick one.
        is_near = max(height, width) < 2 * max(self._size)
        way = cv2.INTER_LINEAR if is_near else cv2.INTER_AREA
        return np.asarray(cv2.resize(image, self._size, interpolation=way), np.uint8)

    def _look_for_cuts(self, bgr: NDArray[np.uint8], times: int = 1) -> None:
        for _ in range(times):
            found = self._cuts.process_frame(FrameTimecode(self._fed, _RATE), bgr)
            self._candidates += [cut.frame_num - _WINDOW for cut in found]
            self._fed += 1

    def _decided(self, dissolve: Dissolve | None, is_last: bool) -> list[Boundary]:
        known = self._count if is_last else self._count - _FLASH_FRAMES
        told: list[Boundary] = []
        if dissolve is not None and dissolve.first > self._told_until:
            told.append(self._boundary(BoundaryKind.DISSOLVE, dissolve.middle, dissolve.first, dissolve.last))
            self._told_until = dissolve.last + 1
        while self._candidates and self._candidates[0] < known:
            frame = self._candidates.pop(0)
            if self._is_cut(frame):
                told.append(self._boundary(BoundaryKind.CUT, frame, frame, frame))
                self._begin_scene(frame)
        black = self._black
        if black is not None and black.last + 1 < known:
            self._black = None
            if self._told_until < black.first and not self._is_flash_of(black):
                middle = max(black.middle, self._count - 1 - self.DELAY)
                told.append(self._boundary(BoundaryKind.FADE, middle, black.first, black.last, black.first_media_frame))
                self._begin_scene(black.last)
        return told

    def _begin_scene(self, frame: int) -> None:
        self._told_until = frame
        self._dissolves.forget_before(frame)

    def _boundary(
        self, kind: BoundaryKind, frame: int, first: int, last: int, first_media_frame: int | None = None
    ) -> Boundary:
        oldest = self._count - len(self._frames)
        if first_media_frame is None:
            first_media_frame = self._frames[first - oldest]
        return Boundary(self._frames[frame - oldest], kind, first_media_frame, self._frames[last - oldest])

    def _is_cut(self, frame: int) -> bool:
        at = frame - (self._count - len(self._looks))
        if frame <= self._told_until or at < 1:
            return False
        before, new = self._looks[at - 1], self._looks[at]
        if min(before.brightness, new.brightness) < BLACK and max(before.brightness, new.brightness) < _NEARLY_BLACK:
            return False  # the last step of a fade
        # A single mixed picture looks like two cuts; the scene that prevails in it says which one counts.
        if self._candidates[:1] == [frame + 1] and (self._old_share(at) or 0.0) > 0.5:
            return False
        if self._told_until == frame - 1 and self._old_share(at - 1) is not None:
            return False
        # It is like both scenes as well, and says nothing about whether they are one.
        until = at - (self._old_share(at - 1) is not None)
        since = at + (self._old_share(at) is not None)
        return not self._goes_on(range(max(0, at - _FLASH_FRAMES - 1), until), since)

    def _old_share(self, at: int) -> float | None:
        # How much of the picture before is in a picture that is a mix of its neighbors.
        if not 1 <= at < len(self._looks) - 1:
            return None
        before, after = self._looks[at - 1], self._looks[at + 1]
        if before.is_plain or after.is_plain or likeness(before, after) > _ALIKE:
            return None
        share, old, new = mix_weights(before, self._looks[at], after)
        return old / (old + new) if share >= _IS_A_MIX and min(old, new) > _LEAST_WEIGHT else None

    def _is_flash_of(self, black: BlackStretch) -> bool:
        before = black.first - (self._count - len(self._looks)) - 1
        is_short = black.last - black.first < _FLASH_FRAMES
        return (
            is_short
            and before >= 0
            and self._goes_on(range(before, before + 1), before + 1 + black.last - black.first + 1)
        )

    def _goes_on(self, before: range, since: int) -> bool:
        # Whether a picture up to a flash later shows the scene of a picture before.
        return any(
            likeness(self._looks[old], self._looks[new]) > _ALIKE - _LESS_ALIKE_A_FRAME * (new - old - 1)
            for old in before
            for new in range(since, min(len(self._looks), old + _FLASH_FRAMES + 2))
        )
