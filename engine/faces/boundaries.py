# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding where one scene ends and another begins while a footage is decoded, so that no face track goes on across.

PySceneDetect finds cuts (its adaptive detector) and fades through black (its threshold detector); dissolves, which it
has no detector for, come from `dissolves`. What is added to the cuts is the question whether the scene really changed:
after a flash, a jerk of the camera or a switched light the pictures have the same structure as before.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray
from scenedetect.common import FrameTimecode
from scenedetect.detectors import AdaptiveDetector, ThresholdDetector

from .dissolves import DELAY as _DISSOLVE_DELAY
from .dissolves import DissolveFinder
from .scene_looks import SceneLook, likeness, scene_look

_LONG_SIDE = 128
# The library wants a rate for its time codes; all its figures here are counted in frames.
_RATE = 25.0
_FLASH_FRAMES = 3
_ALIKE = 0.65
_BLACK = 10.0
_CONFIRM_FRAMES = _FLASH_FRAMES + 1


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
            fade, the middle of the darkest pictures.
        kind: How the scenes meet.
        first: First frame of the transition: the first mixed one, the first black one; `frame` itself of a cut.
        last: Its last frame, as far as it was seen when the boundary was told; `frame` itself of a cut.
    """

    frame: int
    kind: BoundaryKind
    first: int
    last: int


@dataclass
class _Black:
    """A stretch of black pictures, counted in watched frames."""

    first: int
    darkest: float
    darkest_first: int
    darkest_last: int
    is_empty: bool


class BoundaryFinder:
    """Watches the frames of a footage in order.

    A boundary at frame f is returned at the latest when frame f + DELAY has been watched, or by `finish`; frames left
    out don't count. Its memory doesn't grow. Boundaries come in the order in which they become certain.
    """

    DELAY = _DISSOLVE_DELAY

    def __init__(self) -> None:
        self._cuts = AdaptiveDetector(min_scene_len=0)
        self._fades = ThresholdDetector(threshold=_BLACK, min_scene_len=0, fade_bias=1.0)
        self._dissolves = DissolveFinder()
        self._index = -1
