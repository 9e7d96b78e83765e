# SPDX-License-Identifier: GPL-3.0-or-later
"""A swap that is there already gets new pictures; whatever the editor made of it stays, on the same pictures."""

from __future__ import annotations

import collections
from collections.abc import Iterator, Sequence
from typing import Any

import bpy
import numpy as np

from . import masks
from .mask_shift import shift_keys
from .sequencer import timing, visible_frames
from .strip_animation import first_key, shift_curves
from .swap_content import SwapContent, stored_folder
from .swap_edit import SwapEdit, key_mask, set_pictures, set_range
from .swap_strips import existing_swap


def renew_swap(edit: SwapEdit, swap: SwapContent) -> Iterator[None]:
    """Give the swap strip that is there new pictures, in slices; whatever the editor made of it stays.

    Raises:
        EngineError: `strip_unsupported`, when the strips were removed meanwhile.
    """
    present = edit.swap()
    shift, kept = _kept_pictures([element.filename for element in present.elements], swap.names)
    frames = visible_frames(edit.strip())
    # How far the picture that comes first now lay behind the content's start, where masks count from.
    behind = shift - int(timing(present, "content_trim_start"))
    moved = frames.start - (timing(present, "content_start") + behind)
    present.directory = stored_folder(swap.folder)
    yield from set_pictures(edit, swap.names)
    _move_to(edit.swap(), frames, moved)
    if masks.bound_mask(edit.swap()) is None or swap.outlines is None:
        return
    mask = _own_mask(edit.swap())
    # First the keys stay on their pictures, then they move to the timeline frames of their pictures.
    yield from _align(mask, mask.frame_start + behind, frames)
    yield from key_mask(edit, swap, kept)


def _move_to(swap: Any, frames: range, moved: float) -> None:
    """Set the strip's range; its keys move with their pictures, not with the strip's start as Blender has it."""
    key_before = first_key(swap)
    set_range(swap, frames)
    if key_before is not None:
        shift_curves(swap, key_before + moved - (first_key(swap) or 0.0))


def align_mask_steps(scene: bpy.types.Scene, strip: Any, target: str = "") -> Iterator[None]:
    """Move the keys of a swap's mask to the timeline frames of their pictures, after the swap itself was moved.

    From then on, the Image Editor shows at the playhead what the sequencer uses there, as when the mask was new.
    A generator, as `insert_swap_steps`; does nothing to a swap without a mask.
    """
    swap = existing_swap(scene, strip, target)
    if masks.bound_mask(swap) is not None:
        mask = _own_mask(swap)
        yield from _align(mask, mask.frame_start, range(int(timing(swap, "content_start")), visible_frames(swap).stop))


def _align(mask: Any, start: int, frames: range) -> Iterator[None]:
    """Move the keys so that mask frames equal timeline frames; `start` is the mask frame of the first of `frames`."""
    name, wanted = mask.name, max(0, frames.start)
    keyed = range(min(start, mask.frame_start), max(mask.frame_end, start + len(frames)) + 1)
    if start != wanted:
        yield from shift_keys(mask, keyed, wanted - start)
    mask = bpy.data.masks.get(name)
    if mask is not None:
        mask.frame_start, mask.frame_end = wanted, wanted + len(frames)


def _kept_pictures(old: Sequence[str], new: Sequence[str]) -> tuple[int, np.ndarray]:
    """Return by how many frames the pictures moved against the strip's start, and which of the new ones were there."""
    places = collections.defaultdict(list)
    for index, name in enumerate(old):
        places[name].append(index)
    shifts = collections.Counter(place - index for index, name in enumerate(new) for place in places[name])
    shift = max(shifts, key=lambda s: (shifts[s], -abs(s)), default=0)
    kept = [0 <= i + shift < len(old) and old[i + shift] == name for i, name in enumerate(new)]
    return shift, np.array(kept, bool)


def _own_mask(swap: Any) -> Any:
    """Return the strip's mask, as its own copy if another strip uses it too: its frames are about to shift."""
    mask: Any = masks.bound_mask(swap)
    modifier = next(m for m in swap.modifiers if getattr(m, "input_mask_id", None) == mask)
    modifier.input_mask_id = None
    own = mask.copy() if masks.is_used(mask) else mask
    modifier.input_mask_id = own
    return own
