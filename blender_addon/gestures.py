# SPDX-License-Identifier: GPL-3.0-or-later
"""What the mouse does to faces in the preview, as numbers: a face is moved, scaled or turned, or a new box is drawn.

No bpy. Places are view units of the preview (`preview_geometry`): y up, so a turn is clockwise when it is negative
there; what comes out is in frame pixels, y down.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from .face_points import Motion
from .preview_geometry import PreviewPlacement, box_around, corners

# Smaller boxes are clicks that slipped.
_SMALLEST_BOX_PX = 4.0
_LEAST_SCALE, _LARGEST_SCALE = 0.1, 10.0


class Mode(StrEnum):
    """What moving the mouse does to a face; the letters are Blender's own."""

    MOVE = "G"
    SCALE = "S"
    TURN = "R"


@dataclass
class FaceGesture:
    """A face in the hand.

    Attributes:
        placement: How the face's picture gets into the preview.
        shown: Corners of its box and its landmarks in view units, float64 (k, 2), the four corners first.
        start: Where the mouse was when this began, (2,) view units.
        mode: What the mouse does.
        is_held: Whether the face follows the mouse; before, the mouse is still on its way to it.
        is_dragged: Whether the button is down that took hold of it.
        now: Where the mouse is.
    """

    placement: PreviewPlacement
    shown: np.ndarray
    start: np.ndarray
    mode: Mode = Mode.MOVE
    is_held: bool = True
    is_dragged: bool = False
    now: np.ndarray = field(default_factory=lambda: np.zeros(2))

    def __post_init__(self) -> None:
        self.now = self.start

    @property
    def middle(self) -> np.ndarray:
        """Middle of the face's box, (2,) view units."""
        return self.shown[:4].mean(axis=0)

    @property
    def is_waiting(self) -> bool:
        """Whether nothing has begun yet, so that a click elsewhere means something else."""
        return not self.is_held

    @property
    def is_still(self) -> bool:
        """Whether the mouse did nothing to the face so far."""
        return self.motion == Motion((0.0, 0.0))

    def follow(self, place: np.ndarray) -> None:
        """Note where the mouse is."""
        self.now = np.asarray(place, float)
        if not self.is_held:
            self.start = self.now

    def drag(self) -> None:
        """Take hold of the face for as long as the button is down."""
        self.is_held = self.is_dragged = True

    def switch(self, mode: Mode) -> None:
        """Begin anew with another mode, from where the mouse is."""
        self.mode, self.start, self.is_held = mode, self.now, True

    @property
    def motion(self) -> Motion:
        """What the mouse did so far, in frame pixels and degrees clockwise as seen."""
        if self.mode is Mode.MOVE:
            dx, dy = (self.now - self.start) / (self.placement.pixel_aspect, 1)
            return Motion((float(dx), float(-dy)))
        first, second = self.start - self.middle, self.now - self.middle
        reach = float(np.hypot(*first))
        if reach < 1e-6:
            return Motion((0.0, 0.0))
        if self.mode is Mode.SCALE:
            factor = float(np.hypot(*second)) / reach
            return Motion((0.0, 0.0), min(max(factor, _LEAST_SCALE), _LARGEST_SCALE))
        turned = np.degrees(np.arctan2(first[1], first[0]) - np.arctan2(second[1], second[0]))
        return Motion((0.0, 0.0), 1.0, float((turned + 180) % 360 - 180))

    @property
    def outlines(self) -> np.ndarray:
        """The face as it would be, view units, in the order of `shown`."""
        motion, flipped = self.motion, np.array([1.0, -1.0])
        shift = motion.shift[0] * self.placement.pixel_aspect, motion.shift[1]
        seen = Motion(shift, motion.scale, motion.turn).moved(self.shown * flipped, self.middle * flipped)
        return seen * flipped


@dataclass
class BoxGesture:
    """A box being drawn around a new face.

    Attributes:
        placement: How the picture gets into the preview.
        start: Where the button went down, (2,) view units; None before.
        now: Where the mouse is.
    """

    placement: PreviewPlacement
    start: np.ndarray | None = None
    now: np.ndarray = field(default_factory=lambda: np.zeros(2))

    @property
    def is_waiting(self) -> bool:
        """Whether nothing has begun yet, so that a click elsewhere means something else."""
        return self.start is None

    def follow(self, place: np.ndarray) -> None:
        """Note where the mouse is."""
        self.now = np.asarray(place, float)

    def press(self) -> None:
        """Put the first corner where the mouse is."""
        self.start = self.now

    @property
    def box(self) -> tuple[float, float, float, float] | None:
        """The box x0, y0, x1, y1 in frame pixels; None while it is too small to be meant."""
        if self.start is None:
            return None
        box = box_around(self.placement.frame_from_view(np.stack([self.start, self.now])))
        return box if min(box[2] - box[0], box[3] - box[1]) >= _SMALLEST_BOX_PX else None

    @property
    def outlines(self) -> np.ndarray:
        """Corners of the box, float64 (4, 2) view units; empty before the button went down."""
        if self.start is None:
            return np.empty((0, 2))
        return corners(box_around(np.stack([self.start, self.now])))
