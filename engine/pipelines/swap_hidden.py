# SPDX-License-Identifier: GPL-3.0-or-later
"""What a swap does and says about faces that something hides in part: where it looks, and the warning at its end."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..comp.crop import Watch
from ..contract.errors import EngineError, ErrorCode
from ..contract.frame_mentions import FrameMention, Remark, mention
from ..contract.settings import SwapSettings
from ..contract.timing import ranges_of
from ..faces.fitness import hidden_frames
from ..faces.hands import HandFinder
from ..faces.tracks import FaceTrack
from ..runtime.reporter import Reporter

# A hand or a thing touches a face some frames before the search is sure of it, and still does some frames after;
# looking there costs little and harms nothing.
_HANDS_REACH, _THINGS_REACH = 12, 6
# A face that something hid was lost for at most so many frames, and moved by at most so many of its sizes meanwhile.
_LOST_FRAMES, _LOST_WAY = 50, 1.0

HELP = (
    "keyframe the swap strip's mask there, or swap with a model of the family studio, which learns what belongs to the "
    "face."
)


def watches(track: FaceTrack, settings: SwapSettings, others: Iterable[FaceTrack] = ()) -> list[Watch]:
    """Return for each frame of a track what is looked for in front of the face.

    Args:
        track: The face's track.
        settings: `keep_in_front` switches it off.
        others: The footage's tracks; one that ended before this one began, hidden, may be the same face.
    """
    if not settings.keep_in_front:
        return [Watch.NOTHING] * len(track.frames)
    hidden = hidden_frames(track)
    if any(_is_lost_face(other, track) for other in others):
        # The search learns a face's looks as it follows it, so it can't see what hides the face as the track begins.
        hidden[0] = True
    things, hands = _widened(hidden, _THINGS_REACH), _widened(hidden, _HANDS_REACH)
    return [
        Watch.ANYTHING if thing else Watch.HANDS if hand else Watch.NOTHING
        for thing, hand in zip(things, hands, strict=True)
    ]


def _is_lost_face(other: FaceTrack, track: FaceTrack) -> bool:
    """Whether another track's face was hidden, then lost, and may be the one that is found anew here."""
    if not other.last < track.first <= other.last + _LOST_FRAMES or not hidden_frames(other)[-1]:
        return False
    before, after = other.landmarks[-1].mean(axis=0), track.landmarks[0].mean(axis=0)
    return float(np.linalg.norm(after - before)) <= _LOST_WAY * float(np.ptp(track.landmarks[0], axis=0).max())


def _widened(marks: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    return np.convolve(marks, np.ones(2 * reach + 1))[reach : reach + len(marks)] > 0.5


def open_hands(watched: bool, reporter: Reporter) -> HandFinder | None:
    """Return what finds hands, or None when nobody asks or its models aren't there; the reporter is told of that."""
    if not watched:
        return None
    try:
        return HandFinder()
    except EngineError as error:
        if error.code not in (ErrorCode.DETECTOR_UNAVAILABLE, ErrorCode.LIBRARY_MISSING):
            raise
        reporter.warning(f"Hands in front of a face are not looked for. {error.message} {error.hint}")
        return None


def hidden_ranges(hidden: Mapping[int, Collection[int]]) -> list[dict[str, Any]]:
    """Return plain values for the job's result: `track`, `first` and `last` media frame of each range."""
    return [
        {"track": track, "first": item.start, "last": item.end - 1}
        for track, frames in sorted(hidden.items())
        for item in ranges_of(frames)
    ]


def hidden_warnings(
    hidden: Mapping[int, Collection[int]],
    kept: Mapping[int, Collection[int]],
    settings: SwapSettings,
    has_mask: bool,
    footage: str,
) -> list[Remark]:
    """Return sentences for the user, one for each face that is hidden in part.

    Args:
        hidden: Media frames in which a swapped face is probably hidden in part, by track.
        kept: Media frames in which something was found in front of a face and left in the picture, by track.
        settings: Those of the swap.
        has_mask: Whether the network's own learned mask took part.
        footage: Name of the footage.
    """
    several = sum(bool(frames) for frames in hidden.values()) > 1
    found = []
    for track, frames in sorted(hidden.items()):
        if frames:
            who = f"face {track}" if several else "the face"
            where = mention(sorted(frames), footage)
            missed = sorted(set(frames) - set(kept.get(track, ())))
            some = mention(missed) if 0 < len(missed) < len(frames) else None
            text = f"In {where.words} {who} is probably hidden in part."
            advice = _advice(some, not missed, settings, has_mask)
            found.append(Remark(f"{text} {advice}", (where,) if some is None or has_mask else (where, some)))
    return found


def _advice(missed: FrameMention | None, is_all_kept: bool, settings: SwapSettings, has_mask: bool) -> str:
    """Return what to do; `missed` are frames in which nothing to keep was found, None where these are all or none."""
    if has_mask:
        return "The model's own mask leaves out what it took for something else; look whether that is right there."
    if not settings.keep_in_front:
        return f"The new face may cover what is in front: switch on Keep In Front (keep_in_front), {HELP}"
    if is_all_kept:
        return f"What was found in front stays in the picture; look at its edges, and where they are wrong, {HELP}"
    where = "there" if missed is None else f"in {missed.words}"
    return f"Nothing to keep was found {where}, so the new face may cover what is in front: look, and if so, {HELP}"
