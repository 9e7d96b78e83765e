# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding stretches of black between pictures, where a footage fades out and in again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scenedetect.common import FrameTimecode
from scenedetect.detectors import ThresholdDetector

from .scene_looks import SceneLook

BLACK = 10.0
"""Mean of a picture, in 8-bit steps, below which it counts as black."""

_AS_DARK = 0.5


@dataclass(frozen=True)
class BlackStretch:
    """Black between two pictures, counted in watched frames.

    Attributes:
        first: First black frame.
        first_media_frame: The number it has in the footage.
        last: Last black frame.
        middle: The middle of the darkest ones.
    """

    first: int
    first_media_frame: int
    last: int
    middle: int


@dataclass
class _Darkness:
    first: int
    media_frame: int
    brightness: float
    darkest: tuple[int, int]
    is_plain: bool


class BlackFinder:
    """Watches the frames of a footage in order."""

    def __init__(self) -> None:
        # A bias of -1 makes the library name the first black frame.
        self._detector = ThresholdDetector(threshold=BLACK, min_scene_len=0, fade_bias=-1.0)
        self._darkness: _Darkness | None = None

    def watch(
        self, time: FrameTimecode, media_frame: int, bgr: NDArray[np.uint8], look: SceneLook
    ) -> BlackStretch | None:
        """Take the next frame; return the black that it ends.

        Black that nothing shows before or after is the footage's own edge, and a night scene isn't black.
        """
        frame = time.frame_num
        found = self._detector.process_frame(time, bgr)
        darkness = self._darkness
        if look.brightness >= BLACK:
            self._darkness = None
            if not found or darkness is None or not darkness.is_plain or darkness.first == 0:
                return None
            middle = (sum(darkness.darkest) + 1) // 2
            return BlackStretch(found[0].frame_num, darkness.media_frame, frame - 1, middle)
        if darkness is None:
            self._darkness = _Darkness(frame, media_frame, look.brightness, (frame, frame), look.is_plain)
        elif look.brightness < darkness.brightness - _AS_DARK:
            darkness.brightness, darkness.darkest = look.brightness, (frame, frame)
        elif look.brightness <= darkness.brightness + _AS_DARK:
            darkness.darkest = (darkness.darkest[0], frame)
        if self._darkness is not None:
            self._darkness.is_plain = self._darkness.is_plain or look.is_plain
        return None
