# SPDX-License-Identifier: GPL-3.0-or-later
"""What adding and renewing a swap have in common: its strips found anew, its pictures, its range, its mask's keys."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..engine.contract.errors import EngineError, ErrorCode
from . import masks
from .sequencer import set_timing, timing, visible_frames
from .slices import SLICE_S, sliced
from .strips import find_strip
from .swap_content import SwapContent
from .swap_strips import swap_strip_of


@dataclass(frozen=True)
class SwapEdit:
    """Finds the shot's strip and its swap anew: no reference survives the time between two slices.

    Attributes:
        scene_name: Name of the scene of the edit.
        uid: Lasting id of the shot's strip.
        target: Whose faces the swap replaces, as `SwapContent.target`: which of the shot's swaps is meant.
    """

    scene_name: str
    uid: str
    target: str

    def scene(self) -> bpy.types.Scene:
        """Return the scene of the edit."""
        scene = bpy.data.scenes.get(self.scene_name)
        if scene is None:
            raise _gone("The scene of the edit")
        return scene

    def strip(self) -> Any:
        """Return the shot's strip."""
        strip = find_strip(self.scene(), self.uid)
        if strip is None:
            raise _gone("The shot's strip")
        return strip

    def swap(self) -> Any:
        """Return the swap strip."""
        swap = swap_strip_of(self.scene(), self.strip(), self.target)
        if swap is None:
            raise _gone("The new strip")
        return swap


def _gone(what: str) -> EngineError:
    return EngineError(
        ErrorCode.STRIP_UNSUPPORTED, f"{what} was removed while its swap was inserted.", "Insert the swap again."
    )


def set_pictures(edit: SwapEdit, names: Sequence[str]) -> Iterator[None]:
    """Give the swap strip these pictures, in slices."""
    index = 0
    while True:
        elements = edit.swap().elements
        started = time.perf_counter()
        while time.perf_counter() - started < SLICE_S:
            if index < min(len(elements), len(names)):
                elements[index].filename = names[index]
                index += 1
            elif len(elements) < len(names):
                elements.append(names[len(elements)])
                index += 1
            elif len(elements) > len(names):
                elements.pop(len(elements) - 1)
            else:
                return
        yield


def set_range(swap: Any, frames: range) -> None:
    """Put the swap strip under exactly these timeline frames, its first picture first."""
    for name in ("content_trim_start", "content_trim_end", "left_handle_offset", "right_handle_offset"):
        if timing(swap, name) != 0:
            set_timing(swap, name, 0)
    set_timing(swap, "content_start", frames.start)
    set_timing(swap, "left_handle", frames.start)
    set_timing(swap, "right_handle", frames.stop)


def key_mask(edit: SwapEdit, content: SwapContent, kept: np.ndarray) -> Iterator[None]:
    """Insert the mask's keys, in slices.

    Args:
        edit: Where the swap is.
        content: What it shows.
        kept: bool, one for each timeline frame: whether the keys that are there stay.
    """
    outlines = content.outlines
    assert outlines is not None
    swap = edit.swap()
    mask = masks.bound_mask(swap)
    first = masks.mask_frame(swap, mask, visible_frames(swap).start)
    used = [int(Path(name).stem) for name in content.names]
    placement = masks.placement_of(swap, content.plate_size)
    found = yield from sliced(masks.layer_keys(outlines, used, kept, masks.covered_frames(mask), placement, first))
    for keys in found:
        mask = masks.bound_mask(edit.swap())
        if mask is None:
            return
        yield from masks.insert_keys(mask, keys)
    mask = masks.bound_mask(edit.swap())
    if mask is not None:
        masks.note_covered(mask, outlines, used)
