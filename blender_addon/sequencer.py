# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Blender's versions differ about the sequencer: one name here for what 4.5, 5.0, 5.1 and 5.2 call differently.

`strip.id_data` is the scene that holds a strip, in every version and inside meta strips too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import bpy

# Blender 5.1 names timing by handles and content and warns about the older names, which 6.0 removes.
_OLD_TIMING_NAMES = {
    "content_start": "frame_start",
    "left_handle": "frame_final_start",
    "right_handle": "frame_final_end",
    "duration": "frame_final_duration",
    "left_handle_offset": "frame_offset_start",
    "right_handle_offset": "frame_offset_end",
    "content_trim_start": "animation_offset_start",
    "content_trim_end": "animation_offset_end",
}

# From 5.0 on, modifiers come before a strip's flips, so that a mask is mirrored with the picture.
FLIPS_MASKS = bpy.app.version >= (5, 0, 0)


def sequencer_scene(context: bpy.types.Context) -> bpy.types.Scene:
    """Return the scene whose edit is on screen; from Blender 5.0 on it may differ from the window's scene."""
    return getattr(context, "sequencer_scene", None) or context.scene


def ensure_sequencer_scene(scene: bpy.types.Scene) -> None:
    """Give every window a sequencer scene; 5.0 and 5.1 crash without one when a strip gets a modifier."""
    for window in bpy.context.window_manager.windows:
        workspace = window.workspace
        if hasattr(workspace, "sequencer_scene") and workspace.sequencer_scene is None:
            workspace.sequencer_scene = scene


def editor(scene: bpy.types.Scene) -> Any:
    """Return the scene's sequence editor, creating it if there is none."""
    return scene.sequence_editor or scene.sequence_editor_create()


def all_strips(scene: bpy.types.Scene) -> list[Any]:
    """Return every strip of the scene, those inside meta strips included."""
    return list(scene.sequence_editor.strips_all) if scene.sequence_editor else []


def level_of(strip: Any) -> Any:
    """Return the editor or the meta strip that directly holds `strip`; its `strips` and `channels` are its level's."""
    return strip.parent_meta() or strip.id_data.sequence_editor


def timing(strip: Any, name: str) -> float:
    """Return a strip's timing value by its Blender 5.1 name, for instance `left_handle`."""
    return getattr(strip, _timing_name(strip, name))


def set_timing(strip: Any, name: str, value: float) -> None:
    """Set a strip's timing value by its Blender 5.1 name."""
    setattr(strip, _timing_name(strip, name), value)


def _timing_name(strip: Any, name: str) -> str:
    return name if name in strip.bl_rna.properties else _OLD_TIMING_NAMES[name]


def visible_frames(strip: Any) -> range:
    """Return the timeline frames between the strip's handles."""
    return range(int(timing(strip, "left_handle")), int(timing(strip, "right_handle")))


def effect_inputs(strip: Any) -> list[Any]:
    """Return the strips an effect strip works on; empty for every other strip."""
    return [found for found in (getattr(strip, name, None) for name in ("input_1", "input_2")) if found is not None]


def effects_over(strip: Any) -> list[Any]:
    """Return the effect strips of the same level that work on `strip`, directly or through other effects."""
    found = [strip]
    siblings = list(level_of(strip).strips)
    for _ in siblings:  # each round reaches one effect further, so this always ends
        reached = [s for s in siblings if s not in found and any(i in found for i in effect_inputs(s))]
        if not reached:
            break
        found += reached
    return found[1:]


def fcurves(data_block: Any) -> Iterable[Any]:
    """Return the animation curves of a data-block's active action, layered or not."""
    animation = data_block.animation_data
    action = animation.action if animation else None
    if action is None:
        return ()
    if not getattr(action, "is_action_layered", False):
        return action.fcurves
    return list(_layered_fcurves(action, animation.action_slot))


def _layered_fcurves(action: Any, slot: Any) -> Iterator[Any]:
    for layer in action.layers if slot is not None else ():
        for action_strip in layer.strips:
            channelbag = action_strip.channelbag(slot)
            if channelbag is not None:
                yield from channelbag.fcurves


def strip_fcurves(strip: Any) -> dict[tuple[str, int], Any]:
    """Return the animation curves of a strip, by property path below the strip and array index."""
    prefix = strip.path_from_id() + "."
    return {
        (curve.data_path.removeprefix(prefix), curve.array_index): curve
        for curve in fcurves(strip.id_data)
        if curve.data_path.startswith(prefix)
    }


def value_reader(strip: Any, path: str) -> Callable[[float], float]:
    """Return a function from timeline frame to the value of a strip's number property, animated or not.

    Args:
        strip: The strip.
        path: Property path below the strip, for instance "transform.scale_x".
    """
    curve = strip_fcurves(strip).get((path, 0))
    if curve is not None:
        return curve.evaluate
    value = float(strip.path_resolve(path))
    return lambda frame: value


def discard_cached_pictures(strip: Any) -> None:
    """Make the sequencer read the strip's files again; from 5.0 on it keeps showing the old ones otherwise."""
    strip.invalidate_cache("RAW")
