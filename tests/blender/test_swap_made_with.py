# SPDX-License-Identifier: GPL-3.0-or-later
"""What a swap was made with comes back into the panel, which also says what has changed since."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest
from coded_footage import add_movie
from swapped import swap_into
from test_panels import Layout
from understudy.blender_addon.ids import Panel
from understudy.blender_addon.job_requests import settings_of
from understudy.blender_addon.sequencer import set_timing, visible_frames
from understudy.blender_addon.swap_age import remarks
from understudy.blender_addon.swap_made_with import take_settings
from understudy.engine.contract.errors import EngineError
from understudy.engine.contract.project import Project
from understudy.engine.contract.settings import SwapSettings

pytestmark = pytest.mark.usefixtures("addon_with_fake_engine")

OTHER = replace(
    SwapSettings(), mask="hull", color_transfer="none", bit_depth=16, sharpen=0.3, keep_faces=False, face_scale=1.05
)


@pytest.fixture
def swap(scene, tmp_path, coded_movies):
    """A swap of bert's face by anna's, made with `OTHER`, in an edit that knows both."""
    strip = swap_into(scene, add_movie(scene, coded_movies()), tmp_path / "bert")
    strip["understudy_settings"] = json.dumps(asdict(OTHER))
    strip["understudy_model"] = "D:\\Film\\Film.understudy\\models\\anna-bert"
    for name in ("Änna", "Bert"):
        item = scene.understudy.performers.add()
        item.name, item.performer_id = name, {"Änna": "anna", "Bert": "bert"}[name]
    return strip


def test_settings_performers_and_model_come_back(scene, swap):
    settings = scene.understudy
    assert settings_of(settings.swap, SwapSettings) != OTHER
    assert take_settings(settings, swap, ["anna-bert", "Model"]) == []
    assert settings_of(settings.swap, SwapSettings) == OTHER
    assert (settings.source, settings.target, settings.model) == ("Änna", "Bert", "anna-bert")


def test_what_the_edit_lacks_is_named_and_stays(scene, swap):
    settings = scene.understudy
    settings.performers.remove(0)
    settings.model = "Model"
    # Of another version: a choice that is gone, a setting nobody knows, and one that wasn't there yet.
    made_with = {**asdict(OTHER), "mask": "cut-out", "unheard_of": 3}
    del made_with["sharpen"]
    swap["understudy_settings"] = json.dumps(made_with)
    settings.swap.sharpen = 0.9
    assert take_settings(settings, swap, ["Model"]) == ["mask", "the source anna", "the model anna-bert"]
    assert settings_of(settings.swap, SwapSettings) == replace(
        OTHER, mask=SwapSettings().mask, sharpen=SwapSettings().sharpen
    )
    assert (settings.source, settings.target, settings.model) == ("", "Bert", "Model")


@pytest.mark.parametrize("written", ["", "{", "[1]", "{}", 7])
def test_a_strip_that_says_nothing_changes_nothing(scene, swap, written):
    swap["understudy_settings"] = written
    before = settings_of(scene.understudy.swap, SwapSettings)
    with pytest.raises(EngineError, match="doesn't say what it was made with"):
        take_settings(scene.understudy, swap, ["anna-bert"])
    assert settings_of(scene.understudy.swap, SwapSettings) == before and not scene.understudy.target


def test_the_button_takes_one_swap_and_can_be_undone(scene, swap, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "Schnitt.blend"))
    assert bpy.ops.understudy.swap_settings_take(strip=swap.name) == {"FINISHED"}
    assert settings_of(bpy.context.scene.understudy.swap, SwapSettings) == OTHER
    assert "UNDO" in bpy.types.UNDERSTUDY_OT_swap_settings_take.bl_options
    strip = next(item for item in scene.sequence_editor.strips_all if item.type == "MOVIE")
    swap_into(scene, strip, tmp_path / "cleo", tracks=(2,), target="cleo")
    with pytest.raises(RuntimeError, match="There are several swaps: “plate swap bert”, “plate swap cleo”"):
        bpy.ops.understudy.swap_settings_take(strip=strip.name)
    assert bpy.ops.understudy.swap_settings_take(strip=strip.name, target="bert") == {"FINISHED"}


def test_the_panel_says_what_a_swap_is_behind_in(scene, swap, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "Schnitt.blend"))
    scene = bpy.context.scene
    swap = scene.sequence_editor.strips_all["plate swap bert"]
    (strip,) = (item for item in scene.sequence_editor.strips_all if item.type == "MOVIE")
    strip.select = True
    folder = Project.beside(Path(bpy.data.filepath)).models / "anna-bert"
    folder.mkdir(parents=True)
    (folder / "model.json").write_text('{"performers": ["anna", "bert"], "step": 1700}', encoding="utf-8")

    def shown():
        lines = []
        getattr(bpy.types, Panel.SWAP).draw(SimpleNamespace(layout=Layout(lines)), bpy.context)
        return " ".join(" ".join(lines).split())

    assert "was made after 1200 steps; the model has 1700 now" in shown() and "covers" not in shown()
    swap["understudy_settings"] = json.dumps({"checkpoint": "best"})
    assert "1700" not in shown(), "that checkpoint was asked for"
    frames = visible_frames(strip)
    set_timing(swap, "right_handle", frames.stop - 4)
    assert f"covers {len(frames) - 4} of the shot's {len(frames)} frames" in shown()


def test_a_model_that_is_gone_or_the_same_is_no_news(swap):
    strip = next(item for item in swap.id_data.sequence_editor.strips_all if item.type == "MOVIE")
    for step, expected in ((None, 0), (0, 0), (1200, 0), (1199, 0), (1201, 1)):
        assert len(remarks(strip, swap, lambda _name, step=step: SimpleNamespace(step=step))) == expected
    assert remarks(strip, swap, lambda _name: None) == []
    swap["understudy_step"] = "many"
    assert remarks(strip, swap, lambda _name: SimpleNamespace(step=5)) == []
    del swap["understudy_step"]
    assert remarks(strip, swap, lambda _name: SimpleNamespace(step=5)) == []
