# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pictures a retimed strip shows: asked of Blender itself, by rendering a numbered stand-in in the strip's place.

Blender tells Python neither the curve of retiming keys nor what a speed effect does. So a copy of the scene, kept for
milliseconds, gets a movie in place of the strip's whose pictures show their number, and its renders are read.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import bpy

from ..engine.contract.errors import EngineError, ErrorCode
from . import stand_in
from .sequencer import (
    all_strips,
    effect_inputs,
    effects_over,
    fcurves,
    level_of,
    set_timing,
    visible_frames,
)
from .silence import silenced_handlers
from .slices import SLICE_S


def is_retimed(strip: Any) -> bool:
    """Whether retiming keys or speed effects decide which frames the strip shows."""
    return len(strip.retiming_keys) > 0 or bool(_speed_effects(strip))


def _speed_effects(strip: Any) -> list[Any]:
    return [effect for effect in effects_over(strip) if effect.type == "SPEED"]


def retimed_frames(strip: Any, length: int, rate: Fraction) -> Generator[None, None, tuple[int, ...]]:
    """Find the media frame a retimed strip shows on each of its timeline frames.

    A generator, so that the rendering can be done in slices of some milliseconds; its return value is the result.

    Args:
        strip: A retimed movie or image strip.
        length: Pictures in its footage.
        rate: Pictures per second of its footage.

    Raises:
        EngineError: `strip_unsupported`, naming the strip, when its frames can't be determined.
    """
    _refuse_unclear(strip)
    scene_name, name, frames = strip.id_data.name, strip.name, visible_frames(strip)
    is_movie = strip.type == "MOVIE"
    with tempfile.TemporaryDirectory(prefix="understudy-") as folder:
        media = Path(folder) / "media"
        media.mkdir()
        movie = media / "numbers.avi"
        yield from stand_in.write_movie(movie, length, rate) if is_movie else stand_in.write_pictures(media, length)
        shown: list[int] = []
        while len(shown) < len(frames):
            scene = bpy.data.scenes.get(scene_name)
            if scene is None or name not in scene.sequence_editor.strips_all:
                raise _unclear(name, "it was removed while it was looked at")
            with _stand_in_scene(scene, name, movie if is_movie else media) as copy:
                started = time.perf_counter()
                while len(shown) < len(frames) and time.perf_counter() - started < SLICE_S:
                    number = _number_at(copy, frames[len(shown)], Path(folder))
                    if number is None or number >= length:
                        raise _unclear(name, f"frame {frames[len(shown)]} shows no single picture of it")
                    shown.append(number)
            yield
    return tuple(shown)


def _unclear(name: str, reason: str) -> EngineError:
    return EngineError(
        ErrorCode.STRIP_UNSUPPORTED,
        f"Which pictures the retimed strip “{name}” shows can't be determined: {reason}.",
        "Render the strip to a movie and use that in the edit.",
    )


def _refuse_unclear(strip: Any) -> None:
    """Refuse what has no single picture for a frame, or none that a still stand-in could show."""
    speeds = _speed_effects(strip)
    for effect in speeds:
        if effect.use_frame_interpolate:
            raise _unclear(strip.name, f"the speed effect “{effect.name}” blends neighboring pictures")
        if any(other != strip and other not in speeds for other in effect_inputs(effect)):
            raise _unclear(strip.name, f"the speed effect “{effect.name}” works on another effect")
        if _places_picture(effect):
            raise _unclear(strip.name, f"the speed effect “{effect.name}” moves, crops or mirrors the picture")
        if visible_frames(effect) != visible_frames(strip):
            raise _unclear(strip.name, f"the speed effect “{effect.name}” covers other frames")
    if visible_frames(strip).start < 0:
        raise _unclear(strip.name, "it starts before frame 0, where Blender renders nothing")


def _places_picture(strip: Any) -> bool:
    transform, crop = strip.transform, strip.crop
    moved = (transform.scale_x, transform.scale_y, transform.rotation, transform.offset_x, transform.offset_y)
    return (
        moved != (1, 1, 0, 0, 0)
        or any((crop.min_x, crop.max_x, crop.min_y, crop.max_y))
        or strip.use_flip_x
        or strip.use_flip_y
    )


@contextlib.contextmanager
def _stand_in_scene(scene: bpy.types.Scene, name: str, media: Path) -> Iterator[bpy.types.Scene]:
    """Lend a copy of the scene that shows nothing but the strip, with numbered pictures in place of its own."""
    had_result = "Render Result" in bpy.data.images
    actions = set(bpy.data.actions)
    copy = scene.copy()
    try:
        _keep_speed_curves_only(copy)
        strip = copy.sequence_editor.strips_all[name]
        _remove_others(copy, strip)
        _plain_output(copy)
        shown = [strip, *effects_over(strip)]
        while strip.parent_meta() is not None:
            strip = strip.parent_meta()
            shown.append(strip)
        for item in shown:
            _plain_strip(item)
        strip = shown[0]
        _show_numbers(strip, media)
        for meta in (item for item in shown if item.type == "META"):
            _open_meta(meta, visible_frames(strip))
        with silenced_handlers():
            yield copy
    finally:
        bpy.data.scenes.remove(copy)
        for action in set(bpy.data.actions) - actions:
            bpy.data.actions.remove(action)
        if not had_result and "Render Result" in bpy.data.images:
            bpy.data.images.remove(bpy.data.images["Render Result"])


def _keep_speed_curves_only(scene: bpy.types.Scene) -> None:
    animation = scene.animation_data
    if animation is None or animation.action is None:
        return
    # The copied scene shares its model's action; removing strips would take their curves out of the user's.
    slot = animation.action_slot
    animation.action = animation.action.copy()
    if slot is not None:
        animation.action_slot = animation.action.slots[slot.identifier]
    for curve in list(fcurves(scene)):
        if ".speed_" not in curve.data_path:
            _curves_holding(scene, curve).remove(curve)


def _curves_holding(scene: bpy.types.Scene, curve: Any) -> Any:
    animation = scene.animation_data
    for layer in animation.action.layers:
        for action_strip in layer.strips:
            channelbag = action_strip.channelbag(animation.action_slot)
            if channelbag is not None and curve in list(channelbag.fcurves):
                return channelbag.fcurves
    raise LookupError(curve.data_path)


def _remove_others(scene: bpy.types.Scene, strip: Any) -> None:
    kept = {strip.name, *(effect.name for effect in _speed_effects(strip))}
    meta = strip.parent_meta()
    while meta is not None:
        kept.add(meta.name)
        meta = meta.parent_meta()
    while True:
        # Removing a strip removes the effects on it too, so each is looked up anew.
        others = [other for other in all_strips(scene) if other.name not in kept]
        if not others:
            return
        level_of(others[0]).strips.remove(others[0])


def _plain_output(scene: bpy.types.Scene) -> None:
    render, view = scene.render, scene.view_settings
    render.resolution_x, render.resolution_y, render.resolution_percentage = stand_in.WIDTH, stand_in.HEIGHT, 100
    render.pixel_aspect_x = render.pixel_aspect_y = 1
    render.use_border = render.use_compositing = render.use_stamp = render.use_multiview = False
    render.use_sequencer = render.use_file_extension = True
    render.dither_intensity = 0
    view.view_transform, view.look, view.exposure, view.gamma = "Standard", "None", 0, 1
    view.use_curve_mapping = False
    settings = render.image_settings
    if hasattr(settings, "media_type"):  # from 5.0 on, it decides which formats there are
        settings.media_type = "IMAGE"
    settings.file_format, settings.color_mode = "BMP", "RGB"
    settings.color_management = "FOLLOW_SCENE"
    scene.sequence_editor.use_cache_raw = scene.sequence_editor.use_cache_final = False
    for channel in scene.sequence_editor.channels:
        channel.mute = False


def _plain_strip(strip: Any) -> None:
    strip.mute = strip.use_flip_x = strip.use_flip_y = False
    strip.blend_type, strip.blend_alpha = "REPLACE", 1
    strip.color_saturation = strip.color_multiply = 1
    for modifier in strip.modifiers:
        modifier.mute = True  # removing them crashes 5.0 and 5.1 as long as no workspace shows a sequencer scene
    transform, crop = strip.transform, strip.crop
    transform.scale_x = transform.scale_y = 1
    transform.offset_x = transform.offset_y = transform.rotation = 0
    transform.filter = "NEAREST"
    crop.min_x = crop.max_x = crop.min_y = crop.max_y = 0
    if hasattr(strip, "use_deinterlace"):
        strip.use_deinterlace = False
    if hasattr(strip, "use_proxy"):
        strip.use_proxy = False
    if strip.type == "META":
        strip.use_reverse_frames, strip.strobe = False, 1
        for channel in strip.channels:
            channel.mute = False


def _show_numbers(strip: Any, media: Path) -> None:
    strip.colorspace_settings.name = "sRGB"
    strip.alpha_mode = "STRAIGHT"
    if strip.type == "MOVIE":
        strip.filepath = str(media)
        return
    strip.directory = str(media)
    for number, element in enumerate(strip.elements):
        element.filename = stand_in.picture_name(number)


def _open_meta(meta: Any, frames: range) -> None:
    set_timing(meta, "left_handle", frames.start)
    set_timing(meta, "right_handle", frames.stop)


def _number_at(scene: bpy.types.Scene, frame: int, folder: Path) -> int | None:
    path = folder / "shown.bmp"
    scene.frame_current = frame
    scene.render.filepath = str(path)
    # Naming the scene to the operator instead would render it at the frame of the scene on screen.
    with bpy.context.temp_override(scene=scene):
        bpy.ops.render.render(write_still=True)
    return stand_in.number_in(stand_in.read_bitmap(path))
