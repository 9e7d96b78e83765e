# SPDX-License-Identifier: GPL-3.0-or-later
"""Which media frame a strip shows on which timeline frame: the sequencer's own arithmetic, without Blender.

The rule was found by rendering movies whose pictures carry their number, in every supported Blender; the tests repeat
that. Blender computes in 32-bit floats, and so does this: at exact halves one bit decides which picture is shown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class StripTiming:
    """The numbers that decide what a strip without retiming shows.

    Attributes:
        left: First timeline frame shown.
        right: First timeline frame no longer shown.
        content_start: Timeline frame of the first picture after the trim, which may lie outside the handles.
        content_duration: Timeline frames from there to the end of the content.
        media_length: Pictures in the footage.
        trim_start: Pictures cut off for good at the start.
        trim_end: Pictures cut off for good at the end.
        factor: Pictures for one timeline frame: 1, or footage rate / scene rate when playback is adjusted.
        is_reversed: Whether it plays backwards.
        strobe: Only every n-th picture is shown; 1 shows all.
    """

    left: int
    right: int
    content_start: float
    content_duration: float
    media_length: int
    trim_start: int = 0
    trim_end: int = 0
    factor: float = 1.0
    is_reversed: bool = False
    strobe: float = 1.0


def shown_frames(timing: StripTiming) -> tuple[int, ...]:
    """Return the media frame shown on each timeline frame from the left to the right handle."""
    frames = np.arange(timing.left, timing.right, dtype=np.float32)
    start = np.float32(timing.content_start)
    first, step = (start + np.float32(timing.content_duration) - 1, -1) if timing.is_reversed else (start, 1)
    index = (frames - first) * step
    last = timing.media_length - timing.trim_start - timing.trim_end - 1
    index = np.maximum(index, 0) * np.float32(timing.factor)
    index = np.clip(index, 0, np.float32(last))
    if timing.strobe > 1.0:
        index = index - np.fmod(index, np.float32(timing.strobe))
    whole = np.floor(index + np.float32(0.5))
    return tuple((whole.astype(np.int64) + timing.trim_start).tolist())


def playback_factor(content_duration: float, media_length: int, footage_rate: float, scene_rate: float) -> float:
    """Return how many pictures pass for one timeline frame.

    Blender's "adjust playback rate" isn't told to Python, but it shows in the content's length: with it, the content
    is as long as the footage's time on the timeline; without it, as long as its count of pictures.

    Args:
        content_duration: Timeline frames of the whole content.
        media_length: Pictures in it (trims taken off).
        footage_rate: Pictures per second of the footage.
        scene_rate: Frames per second of the timeline.
    """
    if abs(content_duration - media_length) < 0.5:
        return 1.0
    return float(np.float32(footage_rate) / np.float32(scene_rate))
