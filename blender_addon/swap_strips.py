# SPDX-License-Identifier: GPL-3.0-or-later
"""The swap strips of a shot, one for each performer who is replaced: found, muted to compare, taken out of the edit."""

from __future__ import annotations

from typing import Any

import bpy

from ..engine.contract.errors import EngineError, ErrorCode
from . import masks
from .sequencer import all_strips, discard_cached_pictures, level_of, visible_frames
from .strips import TARGET, is_swap, known_uid

# Set while a swap is made: what was left half done, say by undo, is made anew.
INCOMPLETE = "understudy_incomplete"


def target_of(swap: Any) -> str:
    """Return whose faces a swap strip replaces: their ids, as `SwapContent.target`."""
    return str(swap.get(TARGET, ""))


def swap_strip_of(scene: bpy.types.Scene, strip: Any, target: str = "") -> Any | None:
    """Return the swap strip that was made for `strip`, or None.

    Args:
        scene: The scene of the edit.
        strip: The shot's strip.
        target: Whose faces it replaces, as `target_of`; by default anybody's. A strip that doesn't say it counts as
            anybody's too.
    """
    found = _made_for(scene, strip)
    if target:
        found = [s for s in found if target_of(s) == target] or [s for s in found if not target_of(s)]
    # A shot that was split or copied together with its swap: the swap over it is meant.
    return max(found, key=lambda s: len(shared_frames(visible_frames(s), visible_frames(strip))), default=None)


def swap_strips_of(scene: bpy.types.Scene, strip: Any) -> list[Any]:
    """Return the swap strips that were made for `strip`, one for each target, from the lowest channel up."""
    targets = {target_of(swap) for swap in _made_for(scene, strip)}
    found = {swap.name: swap for swap in (swap_strip_of(scene, strip, target) for target in targets) if swap}
    return sorted(found.values(), key=lambda swap: (swap.channel, swap.name))


def _made_for(scene: bpy.types.Scene, strip: Any) -> list[Any]:
    uid = known_uid(strip)
    return [s for s in all_strips(scene) if uid and is_swap(s) and known_uid(s) == uid]


def shared_frames(one: range, other: range) -> range:
    """Return the frames that are in both ranges."""
    return range(max(one.start, other.start), min(one.stop, other.stop))


def toggle_swap(scene: bpy.types.Scene, strip: Any, target: str = "") -> bool:
    """Mute or unmute a swap of `strip`, to compare with the plate; return whether it shows now."""
    swap = existing_swap(scene, strip, target)
    swap.mute = not swap.mute
    return not swap.mute


def remove_swap(scene: bpy.types.Scene, strip: Any, target: str = "") -> None:
    """Take a swap of `strip` out of the edit, as `take_out` does."""
    take_out(existing_swap(scene, strip, target))


def take_out(swap: Any) -> None:
    """Take a swap strip out of the edit, with its keys and, if nobody else uses it, its mask; files stay."""
    mask = masks.bound_mask(swap)
    # Also ends the thread that renders ahead; removing the strip under it crashes Blender 5.2.
    discard_cached_pictures(swap)
    level_of(swap).strips.remove(swap)
    if mask is not None and not masks.is_used(mask):
        bpy.data.masks.remove(mask)


def existing_swap(scene: bpy.types.Scene, strip: Any, target: str = "") -> Any:
    """Return a swap strip of `strip`, as `swap_strip_of` finds it.

    Raises:
        EngineError: `strip_unsupported`, when it has none.
    """
    swap = swap_strip_of(scene, strip, target)
    if swap is None:
        raise EngineError(
            ErrorCode.STRIP_UNSUPPORTED, f"The strip “{strip.name}” has no swap in the edit.", "Swap the shot first."
        )
    return swap
