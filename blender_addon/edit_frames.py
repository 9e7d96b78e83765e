# SPDX-License-Identifier: GPL-3.0-or-later
"""Media frames in the words of the edit: the timeline frames of the strips that show them, with time code. No bpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..engine.contract.frame_mentions import FrameMention, reworded, spelled
from ..engine.contract.timing import FrameRange, ranges_of


@dataclass(frozen=True, eq=False)
class StripFrames:
    """What a strip of the edit shows.

    Attributes:
        uid: Lasting id of the strip (`strips.known_uid`), or "" when it has none.
        name: Its name.
        start: Its first timeline frame.
        used: Media frame shown on each timeline frame from there on.
        rate: Frames per second of the timeline.
    """

    uid: str
    name: str
    start: int
    used: tuple[int, ...]
    rate: float


@lru_cache(maxsize=128)
def showing(strip: StripFrames, media: tuple[FrameRange, ...]) -> tuple[FrameRange, ...]:
    """Return the timeline frames on which a strip shows any of some media frames, as sorted ranges."""
    used = np.asarray(strip.used, dtype=np.int64)
    is_shown = np.zeros(len(used), dtype=bool)
    for item in media:
        is_shown |= (used >= item.start) & (used < item.end)
    return ranges_of((np.flatnonzero(is_shown) + strip.start).tolist())


def words_for(strips: Sequence[StripFrames], media: Sequence[FrameRange]) -> str:
    """Return what the edit calls media frames: "frames 131–154 (00:00:05:05)".

    Args:
        strips: The strips concerned; of several, each that shows some of the frames is named.
        media: Media frames.
    """
    shown = [(strip, found) for strip in strips if (found := showing(strip, tuple(media)))]
    if not shown:
        where = "the strip doesn't show" if len(strips) == 1 else "no strip shows"
        return f"{spelled(media)} of the footage, which {where},"
    parts = [
        f"{spelled(found)}{f' of “{strip.name}”' if len(strips) > 1 else ''} ({time_code(found[0].start, strip.rate)})"
        for strip, found in shown
    ]
    return " and ".join(parts)


def in_edit(text: str, frames: Sequence[FrameMention], strips: Sequence[StripFrames]) -> str:
    """Return a sentence with the timeline's frames in place of the media frames it names; as it is without strips."""
    return reworded(text, frames, lambda media: words_for(strips, media)) if strips else text


def time_code(timeline_frame: int, rate: float) -> str:
    """Return a timeline frame as Blender's ruler shows it: hours, minutes, seconds and frames, "00:00:05:06".

    Args:
        timeline_frame: The frame; frame 0 is at zero.
        rate: Frames per second, whole or not: seconds are those of the clock, as in Blender.
    """
    sign = "-" if timeline_frame < 0 else ""
    seconds, rest = divmod(abs(timeline_frame) / rate, 1.0)
    frames = round(rest * rate)
    if frames >= round(rate):
        seconds, frames = seconds + 1, 0
    minutes, second = divmod(int(seconds), 60)
    return f"{sign}{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}:{frames:02d}"
