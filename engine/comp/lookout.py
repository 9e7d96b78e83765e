# SPDX-License-Identifier: GPL-3.0-or-later
"""What is seen of hands before the faces of a run, frame by frame, and when enough was seen to say where they are."""

from __future__ import annotations

import numpy as np

from ..contract.settings import SwapSettings
from ..faces.hand_paths import REACH, Finder, HandPaths
from ..faces.surroundings import Surroundings
from .crop import FaceCrop, Watch
from .in_front import with_hands


class Lookout:
    """Looks for hands in frames that come in ascending order.

    Args:
        finder: Finds hands; without it nothing is seen.
        settings: Tell where the swap would show.
    """

    def __init__(self, finder: Finder | None, settings: SwapSettings) -> None:
        self._finder = finder
        self._settings = settings
        self._paths: dict[int, HandPaths] = {}

    def look(self, image: np.ndarray, media_frame: int, track: int, landmarks: np.ndarray, watch: Watch) -> None:
        """Look at a face in a frame.

        Args:
            image: The frame, shape (h, w, 3), uint8 or uint16 RGB; what is needed of it is copied.
            media_frame: Its number.
            track: The face's track.
            landmarks: The face's 68 points in pixels of the frame.
            watch: Whether something may be in front of it.
        """
        if self._finder is not None and watch is not Watch.NOTHING:
            paths = self._paths.setdefault(track, HandPaths(self._finder))
            paths.see(media_frame, Surroundings.around(image, landmarks), watch is Watch.ANYTHING)

    def last_needed(self, crop: FaceCrop) -> int:
        """Return up to which frame must be looked at before it is known what is in front of a crop's face."""
        is_asked = self._finder is not None and crop.watch is not Watch.NOTHING
        return crop.media_frame + (REACH if is_asked else 0)

    def with_hands(self, crop: FaceCrop) -> FaceCrop:
        """Return the crop with the hands in front of its face."""
        paths = None if crop.watch is Watch.NOTHING else self._paths.get(crop.track)
        return crop if paths is None else with_hands(crop, paths.hands(crop.media_frame), self._settings)

    def forget_before(self, media_frame: int) -> None:
        """Forget what frames from `media_frame` on don't need."""
        for paths in self._paths.values():
            paths.forget_before(media_frame)
