# SPDX-License-Identifier: GPL-3.0-or-later
"""A swap strip made new: over its shot, looking like it, with keyed opacity and a mask that follows the face."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine.contract.errors import EngineError, ErrorCode
from . import casting, masks
from .grade import copy_grade
from .sequencer import effects_over, level_of, strip_fcurves, visible_frames
from .strip_animation import copy_fcurves
from .strips import SWAP, TARGET, UID
from .swap_content import SwapContent, stored_folder
from .swap_edit import SwapEdit, key_mask, set_pictures, set_range
from .swap_strips import INCOMPLETE, shared_frames

_CHANNELS = 128
_TRANSFORM = ("scale_x", "scale_y", "rotation", "offset_x", "offset_y", "origin", "filter")
_CROP = ("min_x", "max_x", "min_y", "max_y")
# What changes the plate's picture on its strip must change the swap's alike, or the face stands out.
_LOOK = ("use_flip_x", "use_flip_y", "color_saturation", "color_multiply", "blend_alpha")
_ANIMATED = ("transform.", "crop.", "color_saturation", "color_multiply", "blend_alpha", "modifiers[")


@dataclass(frozen=True)
class InsertionOptions:
    """How a swap is inserted.

    Attributes:
        use_mask: Whether the strip gets a mask that follows the face.
        use_opacity_keys: Whether the strip's opacity gets keys at its first and last frame.
    """

    use_mask: bool = True
    use_opacity_keys: bool = True


USUAL_OPTIONS = InsertionOptions()


def add_swap(edit: SwapEdit, swap: SwapContent, options: InsertionOptions) -> Iterator[None]:
    """Make a swap strip that the shot doesn't have yet, in slices; it shows when it is complete.

    Raises:
        EngineError: `strip_unsupported`, when no channel is free or the strips were removed meanwhile.
    """
    strip = edit.strip()
    frames = visible_frames(strip)
    result = level_of(strip).strips.new_image(
        _name(edit, "swap"),
        str(swap.folder / swap.names[0]),
        channel=_free_channel(strip, frames),
        frame_start=frames.start,
        fit_method="ORIGINAL",
    )
    result[UID], result[TARGET], result[SWAP] = edit.uid, edit.target, str(swap.folder)
    result.directory = stored_folder(swap.folder)
    result[INCOMPLETE] = result.mute = True
    _copy_look(strip, result)
    copy_grade(strip, result)
    yield
    yield from set_pictures(edit, swap.names)
    set_range(edit.swap(), frames)
    copy_fcurves(edit.strip(), edit.swap(), _ANIMATED)
    if options.use_opacity_keys and ("blend_alpha", 0) not in strip_fcurves(edit.swap()):
        for frame in (frames.start, frames.stop - 1):
            edit.swap().keyframe_insert("blend_alpha", frame=frame)
    if options.use_mask:
        yield from _add_mask(edit, swap)
    edit.swap().mute = False
    del edit.swap()[INCOMPLETE]


def _name(edit: SwapEdit, what: str) -> str:
    """Return a name that tells the swaps of a shot apart: shot, what it is, who is replaced."""
    return f"{edit.strip().name} {what} {casting.names_of(edit.scene(), edit.target)}".strip()


def _free_channel(strip: Any, frames: range) -> int:
    level = level_of(strip)
    below = max(s.channel for s in [strip, *effects_over(strip)])
    taken = {s.channel for s in level.strips if len(shared_frames(visible_frames(s), frames))}
    for channel in range(below + 1, _CHANNELS + 1):
        if channel not in taken and not level.channels[channel].mute:
            return channel
    raise EngineError(
        ErrorCode.STRIP_UNSUPPORTED,
        f"No channel above the strip “{strip.name}” is free.",
        "Move the strips above it, then insert the swap again.",
    )


def _copy_look(strip: Any, swap: Any) -> None:
    for name in _TRANSFORM:
        setattr(swap.transform, name, getattr(strip.transform, name))
    for name in _CROP:
        setattr(swap.crop, name, getattr(strip.crop, name))
    for name in _LOOK:
        setattr(swap, name, getattr(strip, name))
    swap.blend_type = "ALPHA_OVER"
    swap.alpha_mode = "STRAIGHT"
    swap.colorspace_settings.name = strip.colorspace_settings.name


def _add_mask(edit: SwapEdit, swap: SwapContent) -> Iterator[None]:
    if swap.outlines is None or not swap.outlines.present.any():
        return
    frames = visible_frames(edit.swap())
    mask = masks.new_mask(_name(edit, "mask"), frames.start, len(frames))
    masks.bind_mask(edit.swap(), mask)
    yield
    yield from key_mask(edit, swap, np.zeros(len(frames), bool))
