# SPDX-License-Identifier: GPL-3.0-or-later
"""Boxes, landmarks and numbers of the chosen shots' faces over the sequencer's preview, and what the mouse does to one.

Draws and changes nothing; without a window it is registered but never called.
"""

from __future__ import annotations

from typing import Any

import blf
import bpy
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader

from .faces_in_frame import FaceInFrame, active_face, face_label, faces_at_playhead
from .gestures import BoxGesture, FaceGesture
from .preview_geometry import corners

_ACTIVE = (1.0, 0.62, 0.1, 1.0)
_OTHER = (0.35, 0.75, 1.0, 0.9)
# Where the face was lost, what is drawn is a guess.
_BRIDGED = (0.7, 0.7, 0.7, 0.7)
_GESTURE = (1.0, 1.0, 1.0, 1.0)
_LINE_PX = 1.6
# Half a landmark's cross.
_CROSS_PX = 1.5
_LETTERS_PX = 12
# Footage has any color, skin first of all: text stands on a plate of its own.
_PLATE = (0.0, 0.0, 0.0, 0.65)
_PLATE_MARGIN_PX = 4
_ADVICE_PLACE_PX = 14

_handle: list[Any] = []
# The gesture that is going on, if any; the operator puts it here and takes it away.
gesture: list[FaceGesture | BoxGesture] = []
# What to do with the mouse meanwhile, drawn where one looks; the status bar is far away.
advice = ""


def region_places(region: Any, points: np.ndarray) -> np.ndarray:
    """Return view units (k, 2) as px in a region, float64; `view_to_region` would round them."""
    low, high = np.array(region.view2d.region_to_view(0, 0)), np.array(region.view2d.region_to_view(1000, 1000))
    return (np.asarray(points, float) - low) / (high - low) * 1000


def closed_lines(outline: np.ndarray) -> np.ndarray:
    """Return the ends of the lines around a closed outline (k, 2), as (2k, 2)."""
    return np.stack([outline, np.roll(outline, -1, axis=0)], axis=1).reshape(-1, 2)


def crosses(points: np.ndarray, half: float) -> np.ndarray:
    """Return the ends of the lines of small crosses around points (k, 2), as (4k, 2)."""
    arms = np.array([(-half, 0), (half, 0), (0, -half), (0, half)], float)
    return (points[:, None] + arms).reshape(-1, 2)


def _draw() -> None:
    context = bpy.context
    state, space = context.window_manager.understudy, context.space_data
    if not (state.show_faces or gesture) or space.display_mode != "IMAGE" or not space.show_overlays:
        return
    faces = faces_at_playhead(context) if state.show_faces else []
    chosen = active_face(context, faces)
    for face in faces:
        color = _BRIDGED if face.is_bridged else (_ACTIVE if face is chosen else _OTHER)
        _draw_face(context.region, face, face_label(context, face), color)
    for item in gesture:
        places = region_places(context.region, item.outlines)
        if len(places):
            lines = np.concatenate([closed_lines(places[:4]), crosses(places[4:], _CROSS_PX)])
            _draw_lines(context.region, lines, _GESTURE)
        _draw_text(advice, (_ADVICE_PLACE_PX, _ADVICE_PLACE_PX), _GESTURE)


def _draw_face(region: Any, face: FaceInFrame, label: str, color: tuple[float, float, float, float]) -> None:
    outline = region_places(region, face.outline)
    marks = crosses(region_places(region, face.landmarks), _CROSS_PX)
    _draw_lines(region, np.concatenate([closed_lines(outline), marks]), color)
    above = float(outline[:, 0].min()), float(outline[:, 1].max()) + 2 * _PLATE_MARGIN_PX
    _draw_text(label, above, color)


def _draw_lines(region: Any, ends: np.ndarray, color: tuple[float, float, float, float]) -> None:
    shader = gpu.shader.from_builtin("POLYLINE_UNIFORM_COLOR")
    flat = np.concatenate([ends, np.zeros((len(ends), 1))], axis=1).astype(np.float32)
    batch = batch_for_shader(shader, "LINES", {"pos": flat.tolist()})
    gpu.state.blend_set("ALPHA")
    shader.uniform_float("viewportSize", (region.width, region.height))
    shader.uniform_float("lineWidth", _LINE_PX * bpy.context.preferences.system.pixel_size)
    shader.uniform_float("color", color)
    batch.draw(shader)
    gpu.state.blend_set("NONE")


def _draw_text(text: str, place: tuple[float, float], color: tuple[float, float, float, float]) -> None:
    """Draw a line of text on its plate; `place` is the lower left corner of the text, px in the region."""
    font, scale = 0, bpy.context.preferences.system.ui_scale
    blf.size(font, _LETTERS_PX * scale)
    width, height = blf.dimensions(font, text)
    margin = _PLATE_MARGIN_PX * scale
    plate = corners((place[0] - margin, place[1] - margin, place[0] + width + margin, place[1] + height + margin))
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    flat = np.concatenate([plate, np.zeros((4, 1))], axis=1).astype(np.float32)
    batch = batch_for_shader(shader, "TRIS", {"pos": flat.tolist()}, indices=[(0, 1, 2), (0, 2, 3)])
    gpu.state.blend_set("ALPHA")
    shader.uniform_float("color", _PLATE)
    batch.draw(shader)
    gpu.state.blend_set("NONE")
    blf.color(font, *color)
    blf.position(font, *place, 0)
    blf.draw(font, text)


def register() -> None:
    """Hang the drawing on the preview."""
    _handle.append(bpy.types.SpaceSequenceEditor.draw_handler_add(_draw, (), "PREVIEW", "POST_PIXEL"))


def unregister() -> None:
    """Take it away."""
    gesture.clear()
    while _handle:
        bpy.types.SpaceSequenceEditor.draw_handler_remove(_handle.pop(), "PREVIEW")
