# SPDX-License-Identifier: GPL-3.0-or-later
"""The timeline frames that a job's sentences mean, as the edit is now: strips may have moved since the job began."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import bpy

from ..engine.contract.frame_mentions import FrameMention
from . import readiness
from .edit_frames import StripFrames, in_edit, showing
from .job_queue import Job
from .mapping import StripTiming, shown_frames
from .sequencer import all_strips, visible_frames
from .strips import find_strip, quick_timing, strip_frames

_MOST_REMEMBERED = 64
_remembered: dict[tuple[str, str, StripTiming], StripFrames] = {}


def sentence_now(context: bpy.types.Context, job: Job, text: str, frames: tuple[FrameMention, ...]) -> str:
    """Return a sentence of a job in the timeline's frames as they are now; cheap enough for drawing."""
    return in_edit(text, frames, strips_now(context, job)) if frames else text


def strips_now(context: bpy.types.Context, job: Job) -> tuple[StripFrames, ...]:
    """Return what a job's strips show now; one that is gone showed what it showed when the job began."""
    return tuple(_now(context, known) for known in job.request.strips)


def place_now(
    context: bpy.types.Context, job: Job, frames: tuple[FrameMention, ...]
) -> tuple[str, tuple[FrameMention, ...]] | None:
    """Return the name of the first strip in the edit that shows some of these frames, and which; None if none does."""
    for strip in strips_now(context, job):
        shown = tuple(item for item in frames if showing(strip, item.frames))
        if shown and _find(strip) is not None:
            return strip.name, shown
    return None


def _find(known: StripFrames) -> tuple[bpy.types.Scene, Any] | None:
    for scene in bpy.data.scenes:
        strip = find_strip(scene, known.uid)
        strip = strip or next((item for item in all_strips(scene) if not known.uid and item.name == known.name), None)
        if strip is not None:
            return scene, strip
    return None


def _now(context: bpy.types.Context, known: StripFrames) -> StripFrames:
    found = _find(known)
    if found is None:
        return known
    scene, strip = found
    footage = readiness.found_in(context, strip)
    timing = quick_timing(scene, strip, 0 if footage is None else footage.frame_count)
    if timing is None or footage is None:
        # Retimed strips take too long while drawing: they are known as they were, wherever they lie now.
        return replace(known, name=strip.name, start=visible_frames(strip).start)
    key = (known.uid, strip.name, timing)
    if key not in _remembered:
        if len(_remembered) >= _MOST_REMEMBERED:
            _remembered.clear()
        _remembered[key] = strip_frames(scene, strip, shown_frames(timing), known.uid)
    return _remembered[key]
