# SPDX-License-Identifier: GPL-3.0-or-later
"""The swap strip of a shot: found, muted for a comparison, or taken out of the edit."""

from __future__ import annotations

from typing import Any

import bpy

from ..engine.contract.errors import EngineError, ErrorCode
from . import masks
from .sequencer import all_strips, discard_cached_pictures, level_of, visible_frames
from .strips import is_swap, known_uid

# Set while a swap is made: what was left half done, say by undo, is made anew.
INCOMPLETE = "understudy_incomplete"


def swap_strip_of(scene: bpy.types.Scene, strip: Any) -> Any | None:
    """Return the swap strip that was made for `strip`, or None."""
    uid = known_uid(strip)
    found = [s for s in all_strips(scene) if uid and is_swap(s) and known_uid(s) == uid]
    # A shot that was split or copied together with its swap: the swap over it is meant.
    return max(found, key=lambda s: len(shared_frames(visible_frames(s), visible_frames(strip))), default=None)


def shared_frames(one: range, other: range) -> range:
    """Return the frames that are in both ranges."""
    return range(max(one.start, other.start), min(one.stop, other.stop))


def toggle_swap(scene: bpy.types.Scene, strip: Any) -> bool:
    """Mute or unmute the swap of `strip`, to compare with the plate; return whether it shows now."""
    swap = existing_swap(scene, strip)
    swap.mute = not swap.mute
    return not swap.mute


def remove_swap(scene: bpy.types.Scene, strip: Any) -> None:
    """Take the swap of `strip` out of the edit, with its keys and, if nobody else uses it, its mask; files stay."""
    swap = existing_swap(scene, strip)
    mask = masks.bound_mask(swap)
    # Also ends the thread that renders ahead; removing the strip under it crashes Blender 5.2.
    discard_cached_pictures(swap)
    level_of(swap).strips.remove(swap)
    if mask is not None and not masks.is_used(mask):
        bpy.data.masks.remove(mask)


def existing_swap(scene: bpy.types.Scene, strip: Any) -> Any:
    """Return the swap strip of `strip`.

    Raises:
        EngineError: `strip_unsupported`, when it has none.
    """
    swap = swap_strip_of(scene, strip)
    if swap is None:
        raise EngineError(
            ErrorCode.STRIP_UNSUPPORTED, f"The strip “{strip.name}” has no swap in the edit.", "Swap the shot first."
        )
    return swap
