# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding the cuts of a shot while it is decoded, so that no face track goes on across one.

Two measures must agree: the mean change of a small luma picture, compared with how much it changed lately (a fast pan
changes much in every frame), and the change of the color histogram (movement keeps it, another scene rarely does).
A flash looks like a cut there and a cut back; the way back is recognized by the picture it returns to.
"""

from __future__ import annotations

from collections import deque
from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray

_WIDTH, _HEIGHT = 32, 18
_BINS = 8
_LUMA_CHANGE = 0.05
_HISTOGRAM_CHANGE = 0.12
_TIMES_USUAL = 4.0
_MEMORY = 12
_FLASH_FRAMES = 3


class Change(Enum):
    """What happened between two frames: nothing, a cut, or the return to the scene before a short flash."""

    NONE = "none"
    CUT = "cut"
    RETURN = "return"


class CutDetector:
    """Watches the frames of a footage in order."""

    def __init__(self) -> None:
        self._last: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
        self._usual: deque[float] = deque(maxlen=_MEMORY)
        self._before_cut: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
        self._since_cut = 0

    def watch(self, image: NDArray[np.uint8]) -> Change:
        """Take the next frame, RGB (h, w, 3), and say what happened before it."""
        look = _look(image)
        last, self._last = self._last, look
        if last is None:
            return Change.NONE
        self._since_cut += 1
        luma, colors = _difference(last, look)
        usual = float(np.median(self._usual)) if self._usual else 0.0
        if luma <= max(_LUMA_CHANGE, _TIMES_USUAL * usual) or colors <= _HISTOGRAM_CHANGE:
            self._usual.append(luma)
            return Change.NONE
        if self._before_cut is not None and self._since_cut <= _FLASH_FRAMES:
            back_luma, back_colors = _difference(self._before_cut, look)
            if back_luma <= _LUMA_CHANGE and back_colors <= _HISTOGRAM_CHANGE:
                self._before_cut = None
                return Change.RETURN
        self._before_cut, self._since_cut = last, 0
        self._usual.clear()
        return Change.CUT


def _look(image: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    # Every n-th pixel is enough for both measures and keeps large pictures cheap.
    step = max(1, image.shape[1] // 320)
    reduced = np.ascontiguousarray(image[::step, ::step])
    luma = cv2.cvtColor(reduced, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(luma, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    histogram = cv2.calcHist([reduced], [0, 1, 2], None, [_BINS] * 3, [0, 256] * 3).ravel()
    # Smearing each count over its neighbors keeps noise at the edge of a bin from looking like another color.
    cube = cv2.blur(histogram.reshape(_BINS * _BINS, _BINS), (3, 1)).reshape(_BINS, -1)
    cube = cv2.blur(cube, (1, 3)).ravel()
    return np.asarray(small, np.float32), (cube / max(float(cube.sum()), 1.0)).astype(np.float32)


def _difference(
    first: tuple[NDArray[np.float32], NDArray[np.float32]], second: tuple[NDArray[np.float32], NDArray[np.float32]]
) -> tuple[float, float]:
    return float(np.abs(first[0] - second[0]).mean()), float(np.abs(first[1] - second[1]).sum() / 2)
