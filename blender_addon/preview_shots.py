# SPDX-License-Identifier: GPL-3.0-or-later
"""Which frames of the edit a training shows with the swap over them: those at the playhead, of the selected shots."""

from __future__ import annotations

import contextlib
from typing import Any

import bpy

from ..engine.contract.errors import EngineError
from ..engine.contract.preview_shot import PreviewShot
from . import casting, shots
from .faces_in_frame import shots_at_playhead
from .job_requests import project_of_edit
from .project_view import view
from .sequencer import sequencer_scene, visible_frames
from .strips import quick_timing, strip_shot


def shots_at_the_playhead(context: bpy.types.Context, learned: list[str]) -> tuple[PreviewShot, ...]:
    """Return the frames at the playhead in which the scene's source shall replace its target.

    Args:
        context: Blender's context.
        learned: Ids of the performers that are trained; empty means everybody with faces.

    Returns:
        One frame of each shot; none when source and target aren't chosen or their faces aren't there. A retimed shot
        is left out, because mapping it takes too long for a button.
    """
    scene = sequencer_scene(context)
    settings = scene.understudy
    source = casting.find_performer(settings, settings.source)
    target = casting.find_performer(settings, settings.target)
    chosen = [] if source is None or target is None else [source.performer_id, target.performer_id]
    if len(set(chosen)) < 2 or not all(_is_learned(settings, item, learned) for item in chosen):
        return ()
    found = (_shot(scene, strip, *chosen) for strip in shots_at_playhead(context))
    return tuple(shot for shot in found if shot is not None)


def _is_learned(settings: Any, performer_id: str, learned: list[str]) -> bool:
    return performer_id in learned if learned else bool(casting.tracks_by_footage(settings, performer_id))


def _shot(scene: bpy.types.Scene, strip: Any, source: str, target: str) -> PreviewShot | None:
    location = shots.location_of(strip)
    found = None if location is None else view(project_of_edit()).footage(location)
    if found is None or quick_timing(scene, strip, found.frame_count) is None:
        return None
    cast = casting.assigned(scene.understudy, found.key)
    tracks = sorted(track for track, performer_id in cast.items() if performer_id == target)
    # A shot that can't be mapped is refused when it is swapped; its preview is no reason not to train.
    with contextlib.suppress(EngineError):
        shot = strip_shot(scene, strip)
        frame = shot.used[scene.frame_current - visible_frames(strip).start]
        is_there = not found.frame_count or frame < found.frame_count
        if tracks and is_there:
            sources, targets = (tuple((track, name) for track in tracks) for name in (source, target))
            return PreviewShot(shot.footage, (frame,), sources, targets)
    return None
