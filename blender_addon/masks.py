# SPDX-License-Identifier: GPL-3.0-or-later
"""The animated mask of a swap: one layer for each face track, a closed spline whose shape keys follow the face.

Shape keys are what Blender's own mask tools edit. Mask frames equal timeline frames when the mask is made, so the
Image Editor shows at the playhead what the sequencer uses there.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import bpy
import numpy as np

from ..engine.contract.timing import ranges_of
from .outline_geometry import Placement, is_clockwise, key_indices
from .outlines import Outlines
from .sequencer import FLIPS_MASKS, all_strips, ensure_sequencer_scene, timing, value_reader, visible_frames
from .slices import SLICE_S

MADE_LAYERS = "understudy_layers"
_COVERED = "understudy_covered"
# Half a pixel of the plate: less than the resampling of the pictures can show.
TOLERANCE_PX = 0.5
_MODIFIER = "Face mask"
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class MaskKeys:
    """The shape keys of one layer.

    Attributes:
        track: Face track id.
        frames: int (m,), mask frames.
        points: float64 (m, 16, 2), mask space, clockwise seen with y up, so that the feather grows outwards.
        weights: float64 (m,), width of the feather in mask space.
    """

    track: int
    frames: np.ndarray
    points: np.ndarray
    weights: np.ndarray


def placement_of(strip: Any, plate_size: tuple[int, int], frames: Sequence[int] = ()) -> Placement:
    """Return how `strip` places its pictures on timeline frames, by default each of its own, animation included."""
    frames = frames or visible_frames(strip)
    render, transform = strip.id_data.render, strip.transform

    def values(name: str) -> np.ndarray:
        read = value_reader(strip, f"transform.{name}")
        return np.array([read(frame) for frame in frames])

    return Placement(
        plate_size=plate_size,
        scene_size=(render.resolution_x, render.resolution_y),
        scale=np.stack([values("scale_x"), values("scale_y")], axis=1),
        offset=np.stack([values("offset_x"), values("offset_y")], axis=1),
        rotation=values("rotation"),
        origin=tuple(transform.origin),
        flip=(strip.use_flip_x, strip.use_flip_y),
        is_mask_flipped=FLIPS_MASKS,
    )


def layer_keys(
    outlines: Outlines,
    used: Sequence[int],
    kept: np.ndarray,
    covered: dict[int, set[int]],
    placement: Placement,
    first_frame: int,
) -> Iterator[MaskKeys | None]:
    """Yield the keys of each face track; None now and then, so that the work can be sliced.

    Args:
        outlines: The outlines of the swap.
        used: Media frame of each timeline frame of the strip.
        kept: bool (len(used),), timeline frames whose keys stay, if their track had the face there.
        covered: Media frames of each track that the mask was made for before.
        placement: How the strip places its pictures.
        first_frame: Mask frame of the strip's first timeline frame.
    """
    rows = outlines.rows(used)
    for column, track in enumerate(outlines.tracks.tolist()):
        had_face = np.array([frame in covered.get(track, ()) for frame in used], bool)
        shown = (rows >= 0) & ~(kept & had_face)
        shown[shown] = outlines.present[rows[shown], column]
        index = np.flatnonzero(shown)
        if not len(index):
            continue
        # Frames without the face are transparent pictures, so the mask may take any shape between its keys there.
        points = outlines.points[rows, column].astype(float)
        placed = placement.to_mask(points)[index]
        if not is_clockwise(placed[0]):
            placed = placed[:, ::-1]
        units = placement.mask_units[index]
        chosen = yield from key_indices(index, placed, TOLERANCE_PX * float(units.min()))
        weights = outlines.feather_px[rows[index], column] * units
        yield MaskKeys(track, (first_frame + index)[chosen], placed[chosen], weights[chosen])


def new_mask(name: str, first_frame: int, frames: int) -> Any:
    """Return a new mask data-block without layers."""
    mask = bpy.data.masks.new(name)
    mask.frame_start, mask.frame_end = max(0, first_frame), max(0, first_frame) + frames
    mask[MADE_LAYERS] = json.dumps([])
    return mask


def made_layers(mask: Any) -> dict[int, str]:
    """Return the face tracks that ever got a layer in this mask, with the layer's first name."""
    return {int(track): name for track, name in json.loads(mask.get(MADE_LAYERS, "[]"))}


def covered_frames(mask: Any) -> dict[int, set[int]]:
    """Return the media frames of each face track that the mask was made for."""
    ranges = json.loads(mask.get(_COVERED, "{}"))
    return {int(track): {f for start, end in found for f in range(start, end)} for track, found in ranges.items()}


def note_covered(mask: Any, outlines: Outlines, used: Sequence[int]) -> None:
    """Remember that the mask was made for the faces of these media frames as well."""
    covered = covered_frames(mask)
    shown = np.isin(outlines.media_frames, used)
    for column, track in enumerate(outlines.tracks.tolist()):
        frames = outlines.media_frames[shown & outlines.present[:, column]].tolist()
        covered[track] = covered.get(track, set()) | set(frames)
    mask[_COVERED] = json.dumps(
        {track: [[r.start, r.end] for r in ranges_of(frames)] for track, frames in covered.items()}
    )


def add_layer(mask: Any, track: int, points: int) -> Any:
    """Add a layer with one closed spline for a face track."""
    layer = mask.layers.new(name=f"Face {track}")
    spline = layer.splines.new()
    spline.points.add(points - len(spline.points))
    spline.use_cyclic = True
    for point in spline.points:
        point.handle_type = "AUTO"
    mask[MADE_LAYERS] = json.dumps([*made_layers(mask).items(), (track, layer.name)])
    return layer


def insert_keys(mask: Any, keys: MaskKeys) -> Iterator[None]:
    """Insert the shape keys into the track's layer, in slices.

    A layer that the editor deleted, renamed or gave other points stays as it is.
    """

    def insert(layer: Any, scene: bpy.types.Scene, key: tuple[int, np.ndarray, float]) -> None:
        frame, points, weight = key
        start_key(scene, frame)
        for point, place in zip(layer.splines[0].points, points.tolist(), strict=True):
            point.co = place
            point.weight = weight
            point.select = True
        bpy.ops.mask.shape_key_insert()

    name = made_layers(mask).get(keys.track) or add_layer(mask, keys.track, keys.points.shape[1]).name
    layer = mask.layers.get(name)
    if layer is not None and layer.splines and len(layer.splines[0].points) == keys.points.shape[1]:
        items = list(zip(keys.frames.tolist(), keys.points, keys.weights.tolist(), strict=True))
        yield from in_mask_editor(mask.name, name, items, insert)


def start_key(scene: bpy.types.Scene, frame: int) -> None:
    """Go to the frame of the next shape key, before its points are set."""
    scene.frame_current = frame
    # Otherwise the last key, still waiting for its evaluation, would overwrite the points that are set now.
    bpy.context.view_layer.update()


def in_mask_editor(
    mask_name: str, layer_name: str, items: Sequence[_Item], action: Callable[[Any, bpy.types.Scene, _Item], None]
) -> Iterator[None]:
    """Do `action(layer, scene, item)` for each item where mask operators work on that layer, in slices.

    Ends early when the layer is gone: undo and other add-ons may run between two slices, so only names are kept.
    """
    pending = list(items)[::-1]
    while pending:
        mask = bpy.data.masks.get(mask_name)
        layer = mask.layers.get(layer_name) if mask else None
        if layer is None:
            return
        started = time.perf_counter()
        with _mask_editor(mask) as scene, _only_selectable(mask, layer):
            while pending and time.perf_counter() - started < SLICE_S:
                action(layer, scene, pending.pop())
        yield


@contextlib.contextmanager
def _only_selectable(mask: Any, layer: Any) -> Iterator[None]:
    """Keep the other layers out: the operator keys every layer that can be selected."""
    others = [other.name for other in mask.layers if other.name != layer.name and not other.hide_select]
    hidden = layer.hide, layer.hide_select
    for name in others:
        mask.layers[name].hide_select = True
    layer.hide = layer.hide_select = False
    layer.select = True
    try:
        yield
    finally:
        layer.hide, layer.hide_select = hidden
        for name in others:
            mask.layers[name].hide_select = False


@contextlib.contextmanager
def _mask_editor(mask: Any) -> Iterator[bpy.types.Scene]:
    """Lend the mask operators an image editor and a scene, whose frame is theirs; the user's stay as they were.

    Blender has no way to add a shape key but its operator, which wants an editor that shows the mask.
    """
    window = max(bpy.context.window_manager.windows, key=lambda w: len(w.screen.areas))
    area = min(window.screen.areas, key=_disturbance)
    kind = area.ui_type
    scene = bpy.data.scenes.new("understudy mask keys")
    area.type = "IMAGE_EDITOR"
    space = area.spaces.active
    before = space.mode, space.mask
    try:
        space.mode, space.mask = "MASK", mask
        region = next(r for r in area.regions if r.type == "WINDOW")
        # Two overrides: Blender ignores a scene that is given together with a window.
        with (
            bpy.context.temp_override(window=window, area=area, region=region),
            bpy.context.temp_override(scene=scene),
        ):
            yield scene
    finally:
        space.mode, space.mask = before
        area.ui_type = kind
        bpy.data.scenes.remove(scene)


def _disturbance(area: Any) -> tuple[int, int]:
    # A 3D view would render anew and a file browser forget its place; of the others the smallest is switched fastest.
    rank = {"IMAGE_EDITOR": 0, "VIEW_3D": 3, "FILE_BROWSER": 2}
    return rank.get(area.type, 1), area.width * area.height


def bind_mask(strip: Any, mask: Any) -> None:
    """Let the mask cut `strip`, moving with the strip's content."""
    ensure_sequencer_scene(strip.id_data)
    modifier = strip.modifiers.new(_MODIFIER, "MASK")
    modifier.input_mask_type = "ID"
    modifier.input_mask_id = mask
    modifier.mask_time = "RELATIVE"


def bound_mask(strip: Any) -> Any | None:
    """Return the mask of Understudy that cuts `strip`, or None."""
    for modifier in strip.modifiers:
        mask = getattr(modifier, "input_mask_id", None)
        if modifier.type == "MASK" and mask is not None and MADE_LAYERS in mask:
            return mask
    return None


def is_used(mask: Any) -> bool:
    """Whether any strip is cut by the mask or shows it; Blender's own count of users isn't kept for strips."""
    strips = [strip for scene in bpy.data.scenes for strip in all_strips(scene)]
    return any(
        getattr(strip, "mask", None) == mask or any(getattr(m, "input_mask_id", None) == mask for m in strip.modifiers)
        for strip in strips
    )


def mask_frame(strip: Any, mask: Any, timeline_frame: int) -> int:
    """Return the mask frame shown at a timeline frame, as a relative mask modifier counts."""
    return int(mask.frame_start + timeline_frame - timing(strip, "content_start"))
