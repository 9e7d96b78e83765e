# SPDX-License-Identifier: GPL-3.0-or-later
"""The sequencer shows a mask's edits at once: Blender doesn't discard the pictures it cached for strips under a mask.

Seen in Blender 5.2 in renders, and in earlier versions in the preview.
"""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.handlers import persistent

from .sequencer import all_strips, discard_cached_pictures


def strips_under(masks: set[Any]) -> list[Any]:
    """Return the strips of all scenes that one of the masks cuts."""
    return [
        strip
        for scene in bpy.data.scenes
        for strip in all_strips(scene)
        if any(getattr(modifier, "input_mask_id", None) in masks for modifier in strip.modifiers)
    ]


@persistent
def refresh_strips(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> None:
    """Discard the pictures under every mask that was just edited; playback doesn't come here."""
    edited = {update.id.original for update in depsgraph.updates if isinstance(update.id, bpy.types.Mask)}
    strips = strips_under(edited) if edited else []
    for strip in strips:
        discard_cached_pictures(strip)
    if strips:
        _redraw_sequencers()


def _redraw_sequencers() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "SEQUENCE_EDITOR":
                area.tag_redraw()


def register() -> None:
    """Watch for edited masks."""
    bpy.app.handlers.depsgraph_update_post.append(refresh_strips)


def unregister() -> None:
    """Stop watching."""
    bpy.app.handlers.depsgraph_update_post.remove(refresh_strips)
