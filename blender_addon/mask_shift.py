# SPDX-License-Identifier: GPL-3.0-or-later
"""A mask's shape keys moved in time, whoever made them.

The Image Editor shows a mask at the playhead's frame, the sequencer at the strip's own. Once a swap was moved the two
differ, until its keys are moved as well. Blender shows Python no shape keys: their shapes are read by evaluating the
mask, and which frames have one is told by clearing them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bpy

from .masks import in_mask_editor, start_key
from .silence import silenced_handlers

# Of each point of each spline: its place, its two handles and its feather.
_Shape = list[list[tuple[tuple[float, float], tuple[float, float], tuple[float, float], float]]]


def shift_keys(mask: Any, frames: range, delta: int) -> Iterator[None]:
    """Move all shape keys at `frames` by `delta` frames, in slices of some milliseconds."""
    name = mask.name
    for layer in [layer.name for layer in mask.layers]:
        shapes: dict[int, _Shape] = {}
        keyed: list[int] = []

        def read(layer: Any, scene: bpy.types.Scene, frame: int, shapes: dict[int, _Shape] = shapes) -> None:
            shapes[frame] = _shape_at(layer, scene, frame)

        def take(layer: Any, scene: bpy.types.Scene, frame: int, keyed: list[int] = keyed) -> None:
            scene.frame_current = frame
            if bpy.ops.mask.shape_key_clear() == {"FINISHED"}:
                keyed.append(frame)

        def put(layer: Any, scene: bpy.types.Scene, frame: int, shapes: dict[int, _Shape] = shapes) -> None:
            start_key(scene, frame + delta)
            _set_shape(layer, shapes[frame])
            bpy.ops.mask.shape_key_insert()

        yield from in_mask_editor(name, layer, frames, read)
        yield from in_mask_editor(name, layer, frames, take)
        yield from in_mask_editor(name, layer, keyed, put)


def _shape_at(layer: Any, scene: bpy.types.Scene, frame: int) -> _Shape:
    with silenced_handlers():
        scene.frame_set(frame)
    evaluated = layer.id_data.evaluated_get(scene.view_layers[0].depsgraph).layers[layer.name]
    return [
        [(tuple(p.co), tuple(p.handle_left), tuple(p.handle_right), p.weight) for p in spline.points]
        for spline in evaluated.splines
    ]


def _set_shape(layer: Any, shape: _Shape) -> None:
    for spline, points in zip(layer.splines, shape, strict=True):
        for point, (place, left, right, weight) in zip(spline.points, points, strict=True):
            point.co, point.handle_left, point.handle_right, point.weight = place, left, right, weight
            point.select = True
