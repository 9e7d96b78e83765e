# SPDX-License-Identifier: GPL-3.0-or-later
"""Swaps come back under exactly the frames of their shot, looking like it, and coming again keeps the editor's work."""

import json

import numpy as np
import pytest
from coded_footage import add_movie, render_frame
from swap_folder import COLOR, RADIUS, center, write_swap
from understudy.blender_addon.insertion import insert_swap, remove_swap, swap_strip_of, toggle_swap
from understudy.blender_addon.sequencer import set_timing, strip_fcurves, visible_frames
from understudy.blender_addon.strips import strip_shot, strip_uid

pytestmark = [pytest.mark.blender, pytest.mark.filterwarnings("error::DeprecationWarning")]


def swap_into(scene, strip, folder, **details):
    shot = strip_shot(scene, strip)
    return insert_swap(scene, strip, shot, write_swap(folder, shot.used, **details))


def swapped_pixels(scene, swap, frame, folder):
    """Return where the swap shows (bool), after checking that everything else is the plate, bit for bit."""
    shown = render_frame(scene, frame, folder)[..., :3].astype(int)
    swap.mute = True
    plate = render_frame(scene, frame, folder)[..., :3].astype(int)
    swap.mute = False
    is_swap = np.abs(shown - COLOR).max(axis=-1) <= 1
    distance = np.hypot(*(np.indices(shown.shape[:2])[::-1] - np.reshape(center_of(is_swap), (2, 1, 1))))
    outside = distance > RADIUS + 3
    outside[0, -1] = False  # Blender leaves this corner under a mask uninitialized in some versions
    assert (shown[outside] == plate[outside]).all()
    return is_swap


def center_of(is_swap):
    assert is_swap.any()
    rows, columns = np.nonzero(is_swap)
    return columns.mean(), rows.mean()


def test_mask_cuts_the_swap_and_follows_the_face(scene, tmp_path, coded_movies):
    strip = add_movie(scene, coded_movies(), frame_start=10)
    set_timing(strip, "left_handle", 17)
    set_timing(strip, "right_handle", 60)
    swap = swap_into(scene, strip, tmp_path / "swap")
    assert visible_frames(swap) == visible_frames(strip) == range(17, 60)
    shot = strip_shot(scene, strip)
    for frame in (17, 30, 45, 59):
        is_swap = swapped_pixels(scene, swap, frame, tmp_path)
        assert center_of(is_swap) == pytest.approx(center(shot.used[frame - 17]), abs=0.7)
        assert is_swap.sum() == pytest.approx(np.pi * RADIUS**2, rel=0.1)


def test_strip_says_what_made_it(scene, tmp_path, coded_movies):
    strip = add_movie(scene, coded_movies())
    swap = swap_into(scene, strip, tmp_path / "swap")
    assert swap.name == "plate swap"
    assert (swap.blend_type, swap.alpha_mode) == ("ALPHA_OVER", "STRAIGHT")
    assert swap.channel == strip.channel + 1
    assert swap["understudy_uid"] == strip_uid(strip)
    assert swap["understudy_model"] == "anna-bert"
    assert json.loads(swap["understudy_settings"]) == {"mask": "extended-hull"}
    assert (swap["understudy_source"], swap["understudy_target"]) == ("anna", "bert")
    assert json.loads(swap["understudy_consent"]) == {"anna": "given"}
    assert swap["understudy_digital_source_type"].endswith("compositeWithTrainedAlgorithmicMedia")
    assert swap.select and scene.sequence_editor.active_strip == swap and not strip.select
    keys = strip_fcurves(swap)["blend_alpha", 0].keyframe_points
    assert [tuple(key.co) for key in keys] == [(1, 1), (60, 1)]
    assert swap_strip_of(scene, strip) == swap


def test_toggle_and_remove(scene, tmp_path, coded_movies):
    import bpy

    strip = add_movie(scene, coded_movies())
    swap_into(scene, strip, tmp_path / "swap")
    assert toggle_swap(scene, strip) is False
    assert toggle_swap(scene, strip) is True
    remove_swap(scene, strip)
    assert swap_strip_of(scene, strip) is None
    assert [s.name for s in scene.sequence_editor.strips_all] == ["plate"]
    assert not bpy.data.masks and not strip_fcurves(strip)
