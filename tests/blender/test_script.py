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
