# SPDX-License-Identifier: GPL-3.0-or-later
"""The timeline frames that a job's sentences mean, as the edit is now: strips may have moved since the job began."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import bpy

from ..engine.contract.messages import Log
from ..engine.contract.timing import FrameRange
from . import frame_maps, readiness
from .edit_frames import StripFrames, in_edit, showing
from .job_queue import Job
from .mapping import StripTiming, shown_frames
from .sequencer import all_strips, visible_frames
from .strips import find_strip, quick_timing, strip_frames

_MOST_REMEMBERED = 64
# Id and name of a strip, and what decides which frames it shows.
_Key = tuple[str, str, StripTiming | tuple[int, tuple[int, ...]]]
_remembered: dict[_Key, StripFrames] = {}


@dataclass(frozen=True)
class JobFrames:
    """What a job's strips show.

    Attributes:
        there: Strips that are in the edit, as they are now.
        gone: Strips that aren't any more, as they were when the job began.
    """

    there: tuple[StripFrames, ...] = ()
    gone: tuple[StripFrames, ...] = ()

    def sentence(self, log: Log) -> str:
        """Return what the log says, in frames of the timeline."""
        return in_edit(log.text, log.frames, (*self.there, *self.gone))

    def place(self, log: Log) -> tuple[str, tuple[FrameRange, ...]] | None:
        """Return where to look at what a log says: the name of a strip and media frames; None if nothing shows them."""
        for strip in self.there:
            for item in log.frames:
                if showing(strip, item.frames):
                    return strip.name, item.frames
        return None


def frames_now(context: bpy.types.Context, job: Job) -> JobFrames:
    """Return what a job's strips show now; cheap enough for drawing, and free for jobs that name no frames."""
    if not any(log.frames for log in job.logs):
        return JobFrames()
    there, gone = [], []
    for known in job.request.strips:
        found = _find(known)
        if found is None:
            gone.append(known)
        else:
            there.append(_now(context, known, *found))
    return JobFrames(tuple(there), tuple(gone))


def _find(known: StripFrames) -> tuple[bpy.types.Scene, Any] | None:
    for scene in bpy.data.scenes:
        if known.uid:
            strip = find_strip(scene, known.uid)
        else:
            strip = next((item for item in all_strips(scene) if item.name == known.name), None)
        if strip is not None:
            return scene, strip
    return None


def _now(context: bpy.types.Context, known: StripFrames, scene: bpy.types.Scene, strip: Any) -> StripFrames:
    footage = readiness.found_in(context, strip)
    timing = quick_timing(scene, strip, 0 if footage is None else footage.frame_count)
    if timing is None or footage is None:
        # Which frames a retimed strip shows is found out beside drawing; until then it is known as it was.
        start, used = visible_frames(strip).start, frame_maps.frames_shown(strip) or known.used
        made = replace(known, name=strip.name, start=start, used=used)
        return _remember((known.uid, strip.name, (start, used)), lambda: made)
    key = (known.uid, strip.name, timing)
    return _remember(key, lambda: strip_frames(scene, strip, shown_frames(timing), known.uid))


def _remember(key: _Key, make: Callable[[], StripFrames]) -> StripFrames:
    """Return what was made for a key before: what is known of it, is known of that very object."""
    if key not in _remembered:
        if len(_remembered) >= _MOST_REMEMBERED:
            _remembered.clear()
        _remembered[key] = make()
    return _remembered[key]
