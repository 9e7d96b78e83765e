# SPDX-License-Identifier: GPL-3.0-or-later
"""The script of the documentation does the whole job, with the real engine, in every Blender."""

import json
import os
import re
from pathlib import Path

import bpy
import numpy as np
import pytest
import understudy
from understudy.blender_addon.environment import PYTHON_VARIABLE
from understudy.blender_addon.insertion import swap_strip_of
from understudy.blender_addon.sequencer import set_timing
from understudy.blender_addon.track_arrays import read_tracks
from understudy.engine.contract.project import Project

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "scripting.md"
FRAMES = 12


@pytest.fixture(autouse=True)
def addon():
    python = os.environ.get(PYTHON_VARIABLE, "")
    if not Path(python).is_file() or not python:
        pytest.fail(f"Set {PYTHON_VARIABLE} to a Python that has the engine's libraries; `tasks.py test` does.")
    understudy.register()
    yield
    understudy.unregister()


def script():
    """Return the guide's first script, as it stands there but for the time it trains."""
    text = re.search(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL).group(1)
    assert sum(bool(line.strip()) for line in text.splitlines()) <= 10
    assert text.count("minutes=10") == 1
    return text.replace("minutes=10", "minutes=0.05")


def test_the_ten_line_script_of_the_guide_swaps_a_shot(scene, clips, tmp_path):
    scene.render.resolution_x = scene.render.resolution_y = 512
    for channel, (name, clip) in enumerate({"Interview": "target_A", "Casting": "train_B"}.items(), 1):
        strip = scene.sequence_editor.strips.new_movie(name, str(clips / f"{clip}.mp4"), channel, 1)
        set_timing(strip, "duration", FRAMES)
    scene.understudy.handles = 0
    scene.understudy.train.batch_size = 4
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "edit ä.blend"))

    exec(compile(script(), str(GUIDE), "exec"), {})

    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    scene = bpy.context.scene
    swap = swap_strip_of(scene, scene.sequence_editor.strips_all["Interview"])
    assert len(swap.elements) == FRAMES and swap.modifiers[0].input_mask_id is not None
    assert json.loads(swap["understudy_consent"]) == {"ben": "given"}
    folder = Path(bpy.path.abspath(swap.directory))
    assert folder.parent == Project.beside(Path(bpy.data.filepath)).root / "swaps"
    image = bpy.data.images.load(str(folder / swap.elements[FRAMES // 2].filename))
    pixels = np.empty(512 * 512 * 4, np.float32)
    image.pixels.foreach_get(pixels)
    alpha = pixels.reshape(512, 512, 4)[..., 3]
    assert 0.01 < (alpha > 0.5).mean() < 0.5 and alpha[0].max() == 0.0


def test_the_check_of_the_guide_reports_the_engine(scene):
    bpy.ops.understudy.environment_check()
    report = bpy.context.window_manager.understudy.engine_report
    assert "tensorflow 2." in report and "Models: " in report and "GiB free" in report and "broken" not in report


def test_a_face_is_where_it_was_put_in_the_edit_and_in_the_clip(scene, clips, tmp_path):
    strip = scene.sequence_editor.strips.new_movie("Interview", str(clips / "target_A.mp4"), 1, 1)
    set_timing(strip, "duration", FRAMES)
    scene.understudy.handles = 0
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "edit ä.blend"))
    ops = bpy.ops.understudy
    ops.extract(strip="Interview")
    (folder,) = (path.parent for path in Project.beside(Path(bpy.data.filepath)).root.glob("footage/*/tracks.npz"))
    (found,) = read_tracks(folder)
    ops.track_move(strip="Interview", track=1, frame=3, shift=(6, -3))
    (moved,) = read_tracks(folder)
    assert np.allclose(moved.landmarks[3] - found.landmarks[3], (6, -3), atol=1e-3)

    ops.tracking_write(strip="Interview")
    (clip,) = bpy.data.movieclips
    markers = {track.name: track.markers for track in clip.tracking.objects["Face 1"].tracks}
    for name in ("right eye", "left eye", "chin"):
        marker = markers[name].find_frame(8 + 1)
        marker.co = (marker.co[0] + 5 / 512, marker.co[1] - 4 / 512)
    ops.tracking_read(strip="Interview")
    (read,) = read_tracks(folder)
    assert np.allclose(read.landmarks[8] - moved.landmarks[8], (5, 4), atol=1e-2)
    # The other points have followed into the clip.
    x, y = read.landmarks[8, 30]
    assert tuple(markers["nose"].find_frame(8 + 1).co) == pytest.approx(
        ((x + 0.5) / 512, 1 - (y + 0.5) / 512), abs=1e-5
    )

    ops.track_undo(strip="Interview", everything=True)
    assert np.array_equal(read_tracks(folder)[0].landmarks, found.landmarks)
