# SPDX-License-Identifier: GPL-3.0-or-later
"""What a swap was made with comes back into the panel, and what the edit hasn't got any more is named."""

import json
from dataclasses import asdict, replace

import bpy
import pytest
from coded_footage import add_movie
from swapped import swap_into
from understudy.blender_addon.job_requests import settings_of
from understudy.blender_addon.swap_made_with import take_settings
from understudy.engine.contract.errors import EngineError
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
