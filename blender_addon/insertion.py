# SPDX-License-Identifier: GPL-3.0-or-later
"""Swapped pictures back into the edit: an image strip over its shot, with keyed opacity and an animated mask.

Nothing here pushes an undo step; the operator that calls makes the whole insertion one.
"""

from __future__ import annotations

import collections
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..engine.contract.errors import EngineError, ErrorCode
from ..engine.contract.timing import Shot
from . import masks
from .mask_shift import shift_keys
from .sequencer import (
    all_strips,
    discard_cached_pictures,
    editor,
    effects_over,
    level_of,
    set_timing,
    strip_fcurves,
    timing,
    visible_frames,
)
from .slices import SLICE_S, sliced
from .strip_animation import copy_fcurves, first_key, shift_curves
from .strips import SWAP, UID, find_strip, strip_uid
from .swap_content import SwapContent, describe, read_swap, stored_folder
from .swap_strips import existing_swap, remove_swap, shared_frames, swap_strip_of, toggle_swap

__all__ = [
    "InsertionOptions",
    "align_mask_steps",
    "insert_swap",
    "insert_swap_steps",
    "remove_swap",
    "swap_strip_of",
    "toggle_swap",
]


_CHANNELS = 128
_TRANSFORM = ("scale_x", "scale_y", "rotation", "offset_x", "offset_y", "origin", "filter")
_CROP = ("min_x", "max_x", "min_y", "max_y")
# What changes the plate's picture on its strip must change the swap's alike, or the face stands out.
_LOOK = ("use_flip_x", "use_flip_y", "color_saturation", "color_multiply", "blend_alpha")
_ANIMATED = ("transform.", "crop.", "color_saturation", "color_multiply", "blend_alpha")


@dataclass(frozen=True)
class InsertionOptions:
    """How a swap is inserted.

    Attributes:
        use_mask: Whether the strip gets a mask that follows the face.
        use_opacity_keys: Whether the strip's opacity gets keys at its first and last frame.
    """

    use_mask: bool = True
    use_opacity_keys: bool = True


def insert_swap(
    scene: bpy.types.Scene,
    strip: Any,
    shot: Shot,
    swap_folder: Path,
    options: InsertionOptions = InsertionOptions(),
) -> Any:
    """Run `insert_swap_steps` to its end and return the swap strip."""
    uid = strip_uid(strip)
    for _ in insert_swap_steps(scene, strip, shot, swap_folder, options):
        pass
    return swap_strip_of(scene, find_strip(scene, uid))


def insert_swap_steps(
    scene: bpy.types.Scene,
    strip: Any,
    shot: Shot,
    swap_folder: Path,
    options: InsertionOptions = InsertionOptions(),
) -> Iterator[None]:
    """Insert the swapped pictures over their shot, or renew the swap that is there, keeping the user's keys.

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
    edit = _Edit(scene.name, strip_uid(strip))
    swap = read_swap(shot, swap_folder)
    _check_length(strip, swap.names)
    if swap_strip_of(scene, strip) is None:
        yield from _add(edit, swap, options)
    else:
        yield from _renew(edit, swap)
    result = edit.swap()
    describe(result, swap)
    if scene_rate_differs(edit.scene(), shot):
        # From 5.0 on, a cached plate may show its neighbor when rates differ; the face would lag behind the plate.
        edit.scene().sequence_editor.use_cache_raw = False
    _choose(edit.scene(), result)
    discard_cached_pictures(result)


@dataclass(frozen=True)
class _Edit:
    """Finds the shot's strip and its swap anew: no reference survives the time between two slices."""

    scene_name: str
    uid: str

    def scene(self) -> bpy.types.Scene:
        scene = bpy.data.scenes.get(self.scene_name)
        if scene is None:
            raise _gone("The scene of the edit")
        return scene

    def strip(self) -> Any:
        strip = find_strip(self.scene(), self.uid)
        if strip is None:
            raise _gone("The shot's strip")
        return strip

    def swap(self) -> Any:
        swap = swap_strip_of(self.scene(), self.strip())
        if swap is None:
            raise _gone("The new strip")
        return swap


def _gone(what: str) -> EngineError:
    return EngineError(
        ErrorCode.STRIP_UNSUPPORTED, f"{what} was removed while its swap was inserted.", "Insert the swap again."
    )


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


def _add(edit: _Edit, swap: SwapContent, options: InsertionOptions) -> Iterator[None]:
    strip = edit.strip()
    frames = visible_frames(strip)
    result = level_of(strip).strips.new_image(
        f"{strip.name} swap",
        str(swap.folder / swap.names[0]),
        channel=_free_channel(strip, frames),
        frame_start=frames.start,
        fit_method="ORIGINAL",
    )
    result[UID], result[SWAP] = edit.uid, str(swap.folder)
    result.directory = stored_folder(swap.folder)
    result.mute = True  # until it is complete
    _copy_look(strip, result)
    yield
    yield from _set_pictures(edit, swap.names)
    _set_range(edit.swap(), frames)
    copy_fcurves(edit.strip(), edit.swap(), _ANIMATED)
    if options.use_opacity_keys and ("blend_alpha", 0) not in strip_fcurves(edit.swap()):
        for frame in (frames.start, frames.stop - 1):
            edit.swap().keyframe_insert("blend_alpha", frame=frame)
    if options.use_mask:
        yield from _add_mask(edit, swap)
    edit.swap().mute = False


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


def _set_pictures(edit: _Edit, names: Sequence[str]) -> Iterator[None]:
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


def _set_range(swap: Any, frames: range) -> None:
    for name in ("content_trim_start", "content_trim_end", "left_handle_offset", "right_handle_offset"):
        if timing(swap, name) != 0:
            set_timing(swap, name, 0)
    set_timing(swap, "content_start", frames.start)
    set_timing(swap, "left_handle", frames.start)
    set_timing(swap, "right_handle", frames.stop)


def _add_mask(edit: _Edit, swap: SwapContent) -> Iterator[None]:
    if swap.outlines is None or not swap.outlines.present.any():
        return
    frames = visible_frames(edit.swap())
    mask = masks.new_mask(f"{edit.strip().name} mask", frames.start, len(frames))
    masks.bind_mask(edit.swap(), mask)
    yield
    yield from _key_mask(edit, swap, np.ones(len(frames), bool))


def _key_mask(edit: _Edit, swap: SwapContent, wanted: np.ndarray) -> Iterator[None]:
    assert swap.outlines is not None
    target = edit.swap()
    mask = masks.bound_mask(target)
    first = masks.mask_frame(target, mask, visible_frames(target).start)
    used = [int(Path(name).stem) for name in swap.names]
    placement = masks.placement_of(target, swap.plate_size)
    new_tracks = set(swap.outlines.tracks.tolist()) - set(masks.made_layers(mask))
    keys_of_tracks = masks.layer_keys(swap.outlines, used, wanted, new_tracks, placement, first)
    found = yield from sliced(keys_of_tracks)
    for keys in found:
        mask = masks.bound_mask(edit.swap())
        if mask is None:
            return
        yield from masks.insert_keys(mask, keys)


def _renew(edit: _Edit, swap: SwapContent) -> Iterator[None]:
    """Give the swap strip that is there new pictures; whatever the editor made of it stays."""
    present = edit.swap()
    shift, kept = _kept_pictures([element.filename for element in present.elements], swap.names)
    frames = visible_frames(edit.strip())
    # How far the picture that comes first now lay behind the content's start, where masks count from.
    behind = shift - int(timing(present, "content_trim_start"))
    moved = frames.start - (timing(present, "content_start") + behind)
    present.directory = stored_folder(swap.folder)
    yield from _set_pictures(edit, swap.names)
    _move_to(edit.swap(), frames, moved)
    if masks.bound_mask(edit.swap()) is None or swap.outlines is None:
        return
    mask = _own_mask(edit.swap())
    # First the keys stay on their pictures, then they move to the timeline frames of their pictures.
    yield from _align(mask, mask.frame_start + behind, frames)
    yield from _key_mask(edit, swap, ~kept)


def _move_to(swap: Any, frames: range, moved: float) -> None:
    """Set the strip's range; its keys move with their pictures, not with the strip's start as Blender has it."""
    key_before = first_key(swap)
    _set_range(swap, frames)
    if key_before is not None:
        shift_curves(swap, key_before + moved - (first_key(swap) or 0.0))


def align_mask_steps(scene: bpy.types.Scene, strip: Any) -> Iterator[None]:
    """Move the keys of a swap's mask to the timeline frames of their pictures, after the swap itself was moved.

    From then on, the Image Editor shows at the playhead what the sequencer uses there, as when the mask was new.
    A generator, as `insert_swap_steps`; does nothing to a swap without a mask.
    """
    swap = existing_swap(scene, strip)
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
    mask = masks.bound_mask(swap)
    modifier = next(m for m in swap.modifiers if getattr(m, "input_mask_id", None) == mask)
    modifier.input_mask_id = None
    modifier.input_mask_id = mask.copy() if masks.is_used(mask) else mask
    return modifier.input_mask_id


def _choose(scene: bpy.types.Scene, swap: Any) -> None:
    for other in all_strips(scene):
        other.select = False
    swap.select = True
    editor(scene).active_strip = swap
