# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's edits, cut in Blender's sequencer: the fictional performers' scene, or two clips of the user's."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
from sound import write_melody

DEMO = Path(__file__).resolve().parent


class DemoError(Exception):
    """The demo can't go on; the text says why."""


@dataclass(frozen=True)
class Cut:
    """Names of the strips of an edit, by what the demo does with them.

    Attributes:
        source: Strips that show who is to appear.
        target: Strips that show whose face is replaced, for training.
        shots: Strips to swap; all of them show the target.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    shots: tuple[str, ...]


def new_scene(width: int, height: int, fps: int, fps_base: float) -> Any:
    """Return an empty scene for an edit; colors pass through it unchanged."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene = bpy.context.scene
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = width, height, 100
    render.fps, render.fps_base = fps, fps_base
    scene.view_settings.view_transform = "Standard"
    scene.sequence_editor_create()
    for window in bpy.context.window_manager.windows:
        # From 5.0 on the edit on screen is the workspace's, and there is none at first.
        if hasattr(window.workspace, "sequencer_scene"):
            window.workspace.sequencer_scene = scene
    return scene


def cut_fictional_scene(work: Path) -> Cut:
    """Cut between the fictional performers: B talks, A listens, B talks, A listens; A's rehearsal lies behind the end.

    Args:
        work: Folder for the sound track.
    """
    clips = DEMO / "clips"
    scene = new_scene(512, 512, 25, 1.0)
    at = 1
    names = []
    for name, file, start, end in (
        ("Berta 1", "train_B.mp4", 20, 70),
        ("Anna 1", "target_A.mp4", 0, 37),
        ("Berta 2", "train_B.mp4", 80, 120),
        ("Anna 2", "target_A.mp4", 44, 72),
    ):
        names.append(add_movie(scene, name, clips / file, at, start, end).name)
        at += end - start
    scene.frame_end = at - 1
    add_movie(scene, "Anna rehearsing", clips / "train_A.mp4", at + 50, 0, 150)
    melody = work / "melody.wav"
    write_melody(melody, (at - 1) / 25)
    scene.sequence_editor.strips.new_sound("Melody", str(melody), 1, 1)
    return Cut(("Berta 1", "Berta 2"), ("Anna 1", "Anna 2", "Anna rehearsing"), ("Anna 1", "Anna 2"))


def cut_users_clips(source: Path, target: Path) -> Cut:
    """Cut the target clip in two shots, with its sound; the source clip lies behind the end.

    Raises:
        DemoError: Blender can't read one of the clips.
    """
    probe = new_scene(64, 64, 25, 1.0)
    movie = probe.sequence_editor.strips.new_movie("probe", str(target), 2, 1)
    for clip in (source, target):
        if probe.sequence_editor.strips.new_movie("readable", str(clip), 3, 1).fps <= 0:
            raise DemoError(f"Blender can't read {clip}; choose a clip that a player shows.")
    element, rate, length = movie.elements[0], movie.fps, length_of(movie)
    width, height = element.orig_width, element.orig_height
    fps = math.ceil(rate - 1e-6)
    # H.264 takes even sizes only.
    scene = new_scene(width + width % 2, height + height % 2, fps, fps / rate)
    half = max(1, length // 2)
    shots = []
    for number, (start, end) in enumerate(((0, half), (half, length)), 1):
        if end > start:
            shots.append(add_movie(scene, f"Target {number}", target, 1 + start, start, end).name)
    scene.frame_end = length
    add_movie(scene, "Source", source, length + 50)
    sound = scene.sequence_editor.strips.new_sound("Sound", str(target), 1, 1)
    if length_of(sound) <= 1:
        scene.sequence_editor.strips.remove(sound)
        print("  the target clip has no sound, so the film has none either")
    return Cut(("Source",), tuple(shots), tuple(shots))


def add_movie(scene: Any, name: str, path: Path, at: int, start: int = 0, end: int | None = None) -> Any:
    """Add the media frames from `start` up to `end` of a movie at a timeline frame; return the strip."""
    strip = scene.sequence_editor.strips.new_movie(name, str(path), 2, at)
    if end is not None:
        set_timing(strip, "right_handle_offset", length_of(strip) - end)
        set_timing(strip, "left_handle_offset", start)
        set_timing(strip, "content_start", at - start)
    return strip


# Blender 5.1 names a strip's timing anew and warns about the older names.
_OLD_NAMES = {
    "content_start": "frame_start",
    "content_duration": "frame_duration",
    "left_handle": "frame_final_start",
    "right_handle": "frame_final_end",
    "duration": "frame_final_duration",
    "left_handle_offset": "frame_offset_start",
    "right_handle_offset": "frame_offset_end",
}


def _name(strip: Any, name: str) -> str:
    return name if hasattr(strip, name) else _OLD_NAMES[name]


def timing(strip: Any, name: str) -> int:
    """Return a strip's timing value by its newest name."""
    return int(getattr(strip, _name(strip, name)))


def set_timing(strip: Any, name: str, value: int) -> None:
    """Set a strip's timing value by its newest name."""
    setattr(strip, _name(strip, name), value)


def length_of(strip: Any) -> int:
    """Return how many pictures a strip's footage has on the timeline."""
    return timing(strip, "content_duration")


def footage_of(strip: Any) -> str:
    """Return the path of a movie strip's footage."""
    return str(Path(bpy.path.abspath(strip.filepath)).resolve())


def render_movie(scene: Any, path: Path) -> None:
    """Render the edit with its sound to an mp4 file."""
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "VIDEO"
    settings.file_format = "FFMPEG"
    ffmpeg = scene.render.ffmpeg
    ffmpeg.format, ffmpeg.codec, ffmpeg.constant_rate_factor = "MPEG4", "H264", "HIGH"
    ffmpeg.audio_codec = "AAC"
    scene.render.filepath, scene.render.use_file_extension = str(path), False
    with quiet_blender():
        bpy.ops.render.render(animation=True, scene=scene.name)


def render_still(scene: Any, frame: int, path: Path) -> None:
    """Render one timeline frame to a PNG file."""
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format, settings.color_mode, settings.color_depth = "PNG", "RGB", "8"
    scene.render.filepath, scene.render.use_file_extension = str(path), False
    scene.frame_set(frame)
    with quiet_blender():
        bpy.ops.render.render(write_still=True, scene=scene.name)


@contextlib.contextmanager
def quiet_blender() -> Iterator[None]:
    """Keep Blender's line for every rendered frame out of the terminal."""
    kept = os.dup(1)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(silence)
