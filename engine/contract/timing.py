# SPDX-License-Identifier: GPL-3.0-or-later
"""Time as exact numbers: frame rates as fractions, half-open frame ranges, and the footage they count in.

`media_frame` counts pictures of the footage on its nominal rate, 0 being the first; `timeline_frame` is Blender's.
The two never share a name. For footage with a variable rate, media frame `i` is the last picture whose time is at most
`i / rate`, which is how Blender's sequencer shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from .errors import EngineError, ErrorCode

# NTSC rates are n·1000/1001; containers and Blender round them (23.976, 29.97, 59.94).
_NTSC_BASES = (24, 30, 48, 60, 120)
_RATE_HINT = "Give frames per second, such as 25 or 30000/1001."


def frame_rate(value: float | str | Fraction) -> Fraction:
    """Return an exact frame rate in frames per second.

    Args:
        value: A fraction, its text ("30000/1001"), or a rounded number; numbers within 0.005 of an NTSC rate become it.

    Raises:
        EngineError: `job_invalid` when the rate is not a positive number.
    """
    try:
        exact = Fraction(value) if not isinstance(value, float) else Fraction(value).limit_denominator(1_000_000)
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise EngineError(ErrorCode.JOB_INVALID, f"{value!r} is not a frame rate.", _RATE_HINT) from error
    if exact <= 0:
        raise EngineError(ErrorCode.JOB_INVALID, f"A frame rate must be positive, not {value!r}.", _RATE_HINT)
    if exact.denominator in (1, 1001):
        return exact
    for base in _NTSC_BASES:
        ntsc = Fraction(base * 1000, 1001)
        if abs(exact - ntsc) < Fraction(5, 1000):
            return ntsc
    return exact


@dataclass(frozen=True, order=True)
class FrameRange:
    """Media frames from `start` up to but not including `end`."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise EngineError(
                ErrorCode.JOB_INVALID,
                f"The frame range {self.start}–{self.end} ends before it starts.",
                "Give the smaller number first.",
            )

    def __len__(self) -> int:
        return self.end - self.start

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.end))

    def __contains__(self, frame: object) -> bool:
        return isinstance(frame, int) and self.start <= frame < self.end


def merge_ranges(ranges: Iterable[FrameRange]) -> tuple[FrameRange, ...]:
    """Return the union of `ranges` as sorted ranges that neither overlap nor touch."""
    merged: list[FrameRange] = []
    for item in sorted(r for r in ranges if len(r)):
        if merged and item.start <= merged[-1].end:
            merged[-1] = FrameRange(merged[-1].start, max(merged[-1].end, item.end))
        else:
            merged.append(item)
    return tuple(merged)


def ranges_of(frames: Iterable[int]) -> tuple[FrameRange, ...]:
    """Return the ranges that cover exactly the given frames."""
    return merge_ranges(_runs(frames))


def _runs(frames: Iterable[int]) -> Iterator[FrameRange]:
    """Yield consecutive frames as ranges: an hour has 90 000 of them, and mostly one range."""
    start, end = 0, 0
    for frame in frames:
        if frame != end or start == end:
            if start < end:
                yield FrameRange(start, end)
            start = frame
        end = frame + 1
    if start < end:
        yield FrameRange(start, end)


def common_ranges(first: Iterable[FrameRange], second: Iterable[FrameRange]) -> tuple[FrameRange, ...]:
    """Return the frames that lie in ranges of both, as sorted ranges that neither overlap nor touch."""
    here, there = merge_ranges(first), merge_ranges(second)
    found: list[FrameRange] = []
    i = j = 0
    while i < len(here) and j < len(there):
        start, end = max(here[i].start, there[j].start), min(here[i].end, there[j].end)
        if start < end:
            found.append(FrameRange(start, end))
        if here[i].end <= there[j].end:
            i += 1
        else:
            j += 1
    return merge_ranges(found)


def ranges_without(ranges: Iterable[FrameRange], others: Iterable[FrameRange]) -> tuple[FrameRange, ...]:
    """Return the frames of `ranges` that lie in none of `others`, as sorted ranges that neither overlap nor touch."""
    wanted, left_out = merge_ranges(ranges), merge_ranges(others)
    if not wanted or not left_out:
        return wanted
    ends = [wanted[0].start, *(item.end for item in left_out)]
    starts = [*(item.start for item in left_out), wanted[-1].end]
    return common_ranges(wanted, (FrameRange(a, b) for a, b in zip(ends, starts, strict=True) if a < b))


@dataclass(frozen=True)
class Footage:
    """What a shot is cut from: one movie file, or the ordered pictures of an image sequence.

    Attributes:
        path: The movie file, or the folder of the pictures.
        pictures: File names of an image sequence in display order; empty for a movie. A name may repeat.
        rate: Nominal frames per second as the timeline sees them; None asks the file.
    """

    path: Path
    pictures: tuple[str, ...] = ()
    rate: Fraction | None = None

    @property
    def is_movie(self) -> bool:
        """Whether this is a movie file rather than an image sequence."""
        return not self.pictures

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        return {
            "path": str(self.path),
            "pictures": list(self.pictures),
            "rate": None if self.rate is None else str(self.rate),
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Footage:
        """Build from `to_json`'s values."""
        rate = content.get("rate")
        return cls(
            path=Path(content["path"]),
            pictures=tuple(content.get("pictures") or ()),
            rate=None if rate is None else frame_rate(rate),
        )


@dataclass(frozen=True)
class Shot:
    """What the edit uses of a footage.

    Attributes:
        footage: The file or pictures.
        used: Media frames shown, one for each timeline frame, in timeline order; repeats and any order are allowed.
        handles: Extra media frames kept before and after each used range.
    """

    footage: Footage
    used: tuple[int, ...]
    handles: int = 0

    def needed_ranges(self) -> tuple[FrameRange, ...]:
        """Return the media frames to decode: the used ones and their handles, each once."""
        return merge_ranges(
            FrameRange(max(0, r.start - self.handles), r.end + self.handles) for r in ranges_of(self.used)
        )
