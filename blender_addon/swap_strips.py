# SPDX-License-Identifier: GPL-3.0-or-later
"""The swap strips of a shot, one for each performer who is replaced: found, muted to compare, taken out of the edit."""

from __future__ import annotations

from collections.abc import Iterable
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
    found = _swaps_by_shot(scene).get(known_uid(strip), [])
    if target:
        found = [s for s in found if target_of(s) == target] or [s for s in found if not target_of(s)]
    return _over(strip, found)


def swap_strips_of(scene: bpy.types.Scene, strip: Any) -> list[Any]:
    """Return the swap strips that were made for `strip`, one for each target, from the lowest channel up."""
    return _one_for_each_target(strip, _swaps_by_shot(scene).get(known_uid(strip), []))


def swap_strips_of_all(scene: bpy.types.Scene, strips: Iterable[Any]) -> list[tuple[Any, list[Any]]]:
    """Return each of some strips with what `swap_strips_of` finds; the edit is looked through once."""
    swaps = _swaps_by_shot(scene)
    return [(strip, _one_for_each_target(strip, swaps.get(known_uid(strip), []))) for strip in strips]


def _swaps_by_shot(scene: bpy.types.Scene) -> dict[str, list[Any]]:
    """Return all swap strips by the lasting id of their shot."""
    found: dict[str, list[Any]] = {}
    for strip in all_strips(scene):
        if is_swap(strip) and known_uid(strip):
            found.setdefault(known_uid(strip), []).append(strip)
    return found


def _one_for_each_target(strip: Any, swaps: list[Any]) -> list[Any]:
    by_target: dict[str, list[Any]] = {}
    for swap in swaps:
        by_target.setdefault(target_of(swap), []).append(swap)
    return sorted((_over(strip, same) for same in by_target.values()), key=lambda swap: (swap.channel, swap.name))


def _over(strip: Any, swaps: list[Any]) -> Any | None:
    """Return the one that lies over a shot: it may have been split or copied together with its swap."""
    return max(swaps, key=lambda s: len(shared_frames(visible_frames(s), visible_frames(strip))), default=None)


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
