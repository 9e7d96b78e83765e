# SPDX-License-Identifier: GPL-3.0-or-later
"""Footage whose pictures carry their number, put into edits and rendered by Blender itself."""

import contextlib
import struct
import zlib
from pathlib import Path

import bpy
import numpy as np

WIDTH, HEIGHT = 128, 64
BLOCK = 16


def setup_scene(scene, width=WIDTH, height=HEIGHT, fps=25, fps_base=1.0):
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = width, height, 100
    render.fps, render.fps_base = fps, fps_base
    scene.view_settings.view_transform = "Standard"
    scene.sequence_editor_create()
    for name in ("use_cache_raw", "use_cache_final"):
        # From 5.0 on, cached sources make the picture depend on what was shown before when rates differ.
        setattr(scene.sequence_editor, name, False)
    return scene


def write_png(path, image):
    """Write uint8 (h, w, 3 or 4) with the standard library: Blender's side has no image library of its own."""
    height, width, channels = image.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), image.reshape(height, -1)], axis=1)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, {3: 2, 4: 6}[channels], 0, 0, 0)
    data = zlib.compress(np.ascontiguousarray(rows).tobytes(), 1)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b""))


def coded_picture(number):
    """Eight bits as white and black blocks, with their negative below."""
    bits = np.array([number >> bit & 1 for bit in range(8)], np.uint8)
    row = np.repeat(np.concatenate([bits]), BLOCK) * 255
    half = np.tile(row, (HEIGHT // 2, 1))
    return np.repeat(np.concatenate([half, 255 - half])[:, :, None], 3, axis=2)


def decoded_number(picture):
    """Read `coded_picture`'s number back; fails on anything else."""
    blocks = picture[:, BLOCK // 2 :: BLOCK, 0].astype(int)
    top, bottom = blocks[HEIGHT // 4] > 127, blocks[3 * HEIGHT // 4] > 127
    assert (top != bottom).all(), blocks[[HEIGHT // 4, 3 * HEIGHT // 4]]
    return int(sum(int(bit) << place for place, bit in enumerate(top)))


def render_frame(scene, frame, folder):
    """Return a rendered timeline frame as uint8 (h, w, 4), top row first."""
    scene.frame_set(frame)
    return rendered(scene, folder)


def rendered(scene, folder):
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format, settings.color_mode, settings.color_depth = "PNG", "RGBA", "8"
    path = Path(folder) / "rendered.png"
    scene.render.filepath = str(path)
    scene.render.use_file_extension = False
    bpy.ops.render.render(write_still=True, scene=scene.name)
    image = bpy.data.images.load(str(path), check_existing=False)
    try:
        width, height = image.size
        pixels = np.empty(width * height * 4, np.float32)
        image.pixels.foreach_get(pixels)
        return np.rint(pixels.reshape(height, width, 4)[::-1] * 255).astype(np.uint8)
    finally:
        bpy.data.images.remove(image)


def render_movie(folder, pictures, path, fps=25, fps_base=1.0, gop=12, b_frames=0):
    """Render pictures to an H.264 movie with Blender's own encoder."""
    scene = bpy.data.scenes.new("movie maker")
    try:
        setup_scene(scene, fps=fps, fps_base=fps_base)
        strip = add_pictures(scene, folder, pictures)
        scene.frame_start, scene.frame_end = 1, len(pictures)
        settings = scene.render.image_settings
        if hasattr(settings, "media_type"):
            settings.media_type = "VIDEO"
        settings.file_format = "FFMPEG"
        ffmpeg = scene.render.ffmpeg
        ffmpeg.format, ffmpeg.codec, ffmpeg.audio_codec = "MPEG4", "H264", "NONE"
        ffmpeg.constant_rate_factor, ffmpeg.gopsize = "PERC_LOSSLESS", gop
        ffmpeg.use_max_b_frames, ffmpeg.max_b_frames = True, b_frames
        scene.render.filepath, scene.render.use_file_extension = str(path), False
        assert len(strip.elements) == len(pictures)
        bpy.ops.render.render(animation=True, scene=scene.name)
    finally:
        bpy.data.scenes.remove(scene)
    assert path.stat().st_size > 0
    return path


def add_pictures(scene, folder, names, channel=1, frame_start=1):
    strips = scene.sequence_editor.strips
    strip = strips.new_image("pictures", str(folder / names[0]), channel=channel, frame_start=frame_start)
    for name in names[1:]:
        strip.elements.append(name)
    return strip


def add_movie(scene, path, channel=1, frame_start=1, adjust_rate=False, name="plate"):
    """Add a movie as a script does, or with its playback rate adjusted, as dropping it into the editor does."""
    if not adjust_rate:
        return scene.sequence_editor.strips.new_movie(name, str(path), channel=channel, frame_start=frame_start)
    # Without move_strips=False this operator crashes in background from 5.0 on.
    options = {"move_strips": False} if bpy.app.version >= (5,) else {}
    with sequencer_area(scene):
        bpy.ops.sequencer.movie_strip_add(
            filepath=str(path),
            directory=str(path.parent),
            files=[{"name": path.name}],
            frame_start=frame_start,
            channel=channel,
            sound=False,
            use_framerate=False,
            adjust_playback_rate=True,
            fit_method="ORIGINAL",
            **options,
        )
    strip = scene.sequence_editor.active_strip
    strip.name = name
    return strip


@contextlib.contextmanager
def sequencer_area(scene):
    """The context in which the sequencer's operators run."""
    window = bpy.context.window_manager.windows[0]
    if hasattr(window.workspace, "sequencer_scene"):
        window.workspace.sequencer_scene = scene
    area = window.screen.areas[0]
    area.type = "SEQUENCE_EDITOR"
    region = next(r for r in area.regions if r.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        yield


def in_meta(strip):
    """Wrap a strip into a new meta strip as an editor does, and return the meta."""
    editor = strip.id_data.sequence_editor
    for other in editor.strips_all:
        other.select = other == strip
    editor.active_strip = strip
    with sequencer_area(strip.id_data):
        bpy.ops.sequencer.meta_make()
    return strip.parent_meta()
