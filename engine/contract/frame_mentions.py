# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames of footage that a sentence for the user names: the words, and the media frames they stand for.

A terminal prints the sentence as it is. Blender, whose user counts in frames of the timeline, puts its own words in the
place of these.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import EngineError, ErrorCode
from .timing import FrameRange, merge_ranges, ranges_of

_MOST_RANGES = 4


@dataclass(frozen=True)
class FrameMention:
    """Frames named in a sentence.

    Attributes:
        words: What the sentence calls them, for example "frames 30–53, 60 of plate.mov".
        ranges: The media frames, as pairs of the first one and the one behind the last.
    """

    words: str
    ranges: tuple[tuple[int, int], ...]

    @property
    def frames(self) -> tuple[FrameRange, ...]:
        """The media frames."""
        return tuple(FrameRange(start, end) for start, end in self.ranges)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> FrameMention:
        """Build from plain values.

        Raises:
            KeyError, TypeError or ValueError: When they are none.
        """
        return cls(str(content["words"]), tuple((int(start), int(end)) for start, end in content["ranges"]))


@dataclass(frozen=True)
class Remark:
    """A sentence for the user, and the frames it names."""

    text: str
    frames: tuple[FrameMention, ...] = ()


def mention(frames: Iterable[int], footage: str = "") -> FrameMention:
    """Return the mention of media frames, with the name of their footage where one is given.

    Args:
        frames: At least one, ascending.
        footage: File name of the footage; in Blender it goes with the words, because the timeline's frames aren't its.
    """
    ranges = ranges_of(frames)
    of = f" of {footage}" if footage else ""
    return FrameMention(spelled(ranges) + of, tuple((item.start, item.end) for item in ranges))


def spelled(ranges: Sequence[FrameRange]) -> str:
    """Return frames in words: "frame 5", "frames 30–53, 60"; of many ranges the first ones."""
    parts = [str(item.start) if len(item) == 1 else f"{item.start}–{item.end - 1}" for item in ranges]
    more = f" and {len(parts) - _MOST_RANGES} more ranges" if len(parts) > _MOST_RANGES else ""
    plural = "" if sum(map(len, ranges)) == 1 else "s"
    return f"frame{plural} " + ", ".join(parts[:_MOST_RANGES]) + more


def frame_list(ranges: Sequence[FrameRange]) -> str:
    """Return frames as a script would give them: "30-53,60", both ends included."""
    return ",".join(str(item.start) if len(item) == 1 else f"{item.start}-{item.end - 1}" for item in ranges)


def frames_in_list(text: str) -> tuple[FrameRange, ...]:
    """Return the frames of such a list, as sorted ranges.

    Raises:
        EngineError: `settings_invalid`, when it is none.
    """
    found = []
    for part in text.replace(",", " ").split():
        match = re.fullmatch(r"(\d+)(?:[-–](\d+))?", part)
        if match is None or int(match[2] or match[1]) < int(match[1]):
            raise EngineError(
                ErrorCode.SETTINGS_INVALID, f"{text!r} is no list of frames.", "Write it like 30-53,60, without signs."
            )
        found.append(FrameRange(int(match[1]), int(match[2] or match[1]) + 1))
    return merge_ranges(found)


def reworded(text: str, frames: Sequence[FrameMention], words_of: Callable[[Sequence[FrameRange]], str]) -> str:
    """Return a sentence with other words for the frames it names, at each place where it names them.

    Args:
        text: The sentence.
        frames: Its frames.
        words_of: Says how frames are called instead; small letters first.
    """
    # The longest words first: those of "frames 3–5 of a.mov" hold those of "frames 3–5".
    for item in sorted(frames, key=lambda item: -len(item.words)):
        words = words_of(item.frames)
        # Not inside of a longer number or list: "frame 1" in "frame 12".
        pattern = rf"(?<!\w){re.escape(item.words)}(?![\w–-])"
        text = re.sub(pattern, lambda found, words=words: _like(found[0], words), text, flags=re.IGNORECASE)
    return text


def _like(found: str, words: str) -> str:
    return words[:1].upper() + words[1:] if found[:1].isupper() else words
