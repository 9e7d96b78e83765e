# SPDX-License-Identifier: GPL-3.0-or-later
"""Swapped pictures back into the edit: an image strip over its shot, with keyed opacity and an animated mask.

Nothing here pushes an undo step; the operator that calls makes the whole insertion one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import bpy

from ..engine.contract.errors import EngineError, ErrorCode
from ..engine.contract.timing import Shot
from .new_swap import USUAL_OPTIONS, InsertionOptions, add_swap
from .renewed_swap import align_mask_steps, renew_swap
from .sequencer import all_strips, discard_cached_pictures, editor, visible_frames
from .strips import find_strip, strip_uid
from .swap_content import describe, folder_target, read_swap
from .swap_edit import SwapEdit
from .swap_strips import INCOMPLETE, remove_swap, swap_strip_of, swap_strips_of, take_out, toggle_swap

__all__ = [
    "InsertionOptions",
    "align_mask_steps",
    "insert_swap",
    "insert_swap_steps",
    "remove_swap",
    "swap_strip_of",
    "swap_strips_of",
    "take_out",
    "toggle_swap",
]


def insert_swap(
    scene: bpy.types.Scene,
    strip: Any,
    shot: Shot,
    swap_folder: Path,
    options: InsertionOptions = USUAL_OPTIONS,
) -> Any:
    """Run `insert_swap_steps` to its end and return the swap strip."""
    uid, target = strip_uid(strip), folder_target(swap_folder)
    for _ in insert_swap_steps(scene, strip, shot, swap_folder, options):
        pass
    return swap_strip_of(scene, find_strip(scene, uid), target)


def insert_swap_steps(
    scene: bpy.types.Scene,
    strip: Any,
    shot: Shot,
    swap_folder: Path,
    options: InsertionOptions = USUAL_OPTIONS,
) -> Iterator[None]:
    """Insert the swapped pictures over their shot, or renew the swap that is there, keeping the user's keys.

    Each performer who is replaced in the shot has a swap of their own; the folder's `swap.json` says who it is here.
    A generator: each step takes a few milliseconds, so that a timer can work it off without blocking Blender.

    Args:
        scene: The scene of the edit.
        strip: The shot's strip.
        shot: The shot that was swapped, from `strip_shot`.
        swap_folder: Folder with `%06d.png` of every used media frame, `swap.json` and `outlines.npz`.
        options: How to insert.

    Raises:
        EngineError: `frame_missing` when a picture isn't there; `strip_unsupported` when no channel is free, or the
            strip is gone or no longer as long as the shot was.
    """
    swap = read_swap(shot, swap_folder)
    edit = SwapEdit(scene.name, strip_uid(strip), swap.target)
    _check_length(strip, swap.names)
    present = swap_strip_of(scene, strip, edit.target)
    is_new = present is None
    if present is not None and INCOMPLETE in present:
        take_out(present)
        present = None
    if present is None:
        yield from add_swap(edit, swap, options)
    else:
        yield from renew_swap(edit, swap)
    result = edit.swap()
    describe(result, swap)
    if scene_rate_differs(edit.scene(), shot):
        # From 5.0 on, a cached plate may show its neighbor when rates differ; the face would lag behind the plate.
        edit.scene().sequence_editor.use_cache_raw = False
    _choose(edit, is_new)
    discard_cached_pictures(result)


def _check_length(strip: Any, names: Sequence[str]) -> None:
    if len(visible_frames(strip)) != len(names):
        raise EngineError(
            ErrorCode.STRIP_UNSUPPORTED,
            f"The strip “{strip.name}” shows {len(visible_frames(strip))} frames now, but {len(names)} were swapped.",
            "Swap the shot again.",
        )


def scene_rate_differs(scene: bpy.types.Scene, shot: Shot) -> bool:
    """Whether pictures and timeline frames don't pass at the same pace."""
    rate = shot.footage.rate
    return rate is not None and abs(float(rate) - scene.render.fps / scene.render.fps_base) > 1e-3


def _choose(edit: SwapEdit, is_new: bool) -> None:
    """Choose the swaps in place of their shot; an editor who went on to other strips meanwhile keeps those."""
    scene, strip, swap = edit.scene(), edit.strip(), edit.swap()
    siblings = [other for other in swap_strips_of(scene, strip) if other != swap]
    # Blender selects strips that it adds, so a new one's selection says nothing; its siblings' stands for the shot's.
    is_chosen = strip.select or (any(other.select for other in siblings) if is_new else swap.select)
    for sibling in siblings:
        sibling.select = sibling.select or strip.select
    others = any(other.select for other in all_strips(scene) if other != swap)
    swap.select = is_chosen or not others
    strip.select = False
    if swap.select:
        editor(scene).active_strip = swap
