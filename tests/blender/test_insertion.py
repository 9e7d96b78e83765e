# SPDX-License-Identifier: GPL-3.0-or-later
"""Swaps come back under exactly the frames of their shot, looking like it, and say what made them."""

import json
import time

import bpy
import numpy as np
import pytest
from coded_footage import (
    HEIGHT,
    WIDTH,
    add_movie,
    add_pictures,
    in_meta,
    render_frame,
    sequencer_area,
    setup_scene,
    write_png,
)
from swap_folder import COLOR, RADIUS, center, write_swap
from swapped import center_of, swap_into, swapped_pixels
from understudy.blender_addon import masks
from understudy.blender_addon.insertion import (
    insert_swap,
    insert_swap_steps,
    remove_swap,
    swap_strip_of,
    toggle_swap,
)
from understudy.blender_addon.sequencer import (
    ensure_sequencer_scene,
    fcurves,
    set_timing,
    strip_fcurves,
    visible_frames,
)
from understudy.blender_addon.strips import strip_shot, strip_uid
from understudy.engine.contract.errors import EngineError, ErrorCode

pytestmark = [pytest.mark.blender, pytest.mark.filterwarnings("error::DeprecationWarning")]


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
    assert swap.name == "plate swap bert"
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


def test_the_swap_takes_its_shot_s_place_in_the_selection_and_leaves_others_alone(scene, tmp_path, coded_movies):
    first, second, other = (add_movie(scene, coded_movies(), channel=channel) for channel in (1, 3, 5))
    active = scene.sequence_editor
    first.select, second.select, other.select = True, True, False
    one = swap_into(scene, first, tmp_path / "one")
    two = swap_into(scene, second, tmp_path / "two")
    assert (one.select, two.select, first.select, second.select, other.select) == (True, True, False, False, False)
    assert active.active_strip == two
    # The editor has gone on to another strip when the frames of a swap are renewed.
    one.select, two.select, other.select = False, False, True
    active.active_strip = other
    swap_into(scene, first, tmp_path / "one")
    assert (one.select, first.select, other.select) == (False, False, True) and active.active_strip == other


def test_toggle_and_remove(scene, tmp_path, coded_movies):
    strip = add_movie(scene, coded_movies())
    swap_into(scene, strip, tmp_path / "swap")
    assert toggle_swap(scene, strip) is False
    assert toggle_swap(scene, strip) is True
    remove_swap(scene, strip)
    assert swap_strip_of(scene, strip) is None
    assert [s.name for s in scene.sequence_editor.strips_all] == ["plate"]
    assert not bpy.data.masks and not strip_fcurves(strip)
    with pytest.raises(EngineError, match="plate.*no swap"):
        remove_swap(scene, strip)


def test_scaled_moved_and_mirrored_shot(scene, tmp_path, coded_movies):
    strip = add_movie(scene, coded_movies(), frame_start=3)
    transform = strip.transform
    transform.scale_x, transform.scale_y, transform.offset_x, transform.rotation = 0.9, 0.8, 7, 0.1
    strip.use_flip_x, strip.crop.min_y = True, 4
    set_timing(strip, "right_handle", 40)
    swap = swap_into(scene, strip, tmp_path / "swap")
    for name in ("scale_x", "scale_y", "rotation", "offset_x", "offset_y", "filter"):
        assert getattr(swap.transform, name) == getattr(transform, name)
    assert (swap.use_flip_x, swap.use_flip_y, swap.crop.min_y) == (True, False, 4)
    assert tuple(swap.transform.origin) == tuple(transform.origin)
    assert swap.colorspace_settings.name == strip.colorspace_settings.name
    placement = masks.placement_of(swap, (WIDTH, HEIGHT))
    shot = strip_shot(scene, strip)
    for frame in (3, 20, 39):
        x, y = placement.to_frame(np.reshape(center(shot.used[frame - 3]), (1, 1, 2)))[0, 0]
        found = center_of(swapped_pixels(scene, swap, frame, tmp_path))
        assert found == pytest.approx((x - 0.5, HEIGHT - y - 0.5), abs=0.8)


def test_inside_a_meta(scene, tmp_path, coded_movies):
    strip = add_movie(scene, coded_movies(), frame_start=6)
    set_timing(strip, "left_handle", 10)
    meta = in_meta(strip)
    swap = swap_into(scene, strip, tmp_path / "swap")
    assert swap.parent_meta() == meta and visible_frames(swap) == visible_frames(strip)
    assert visible_frames(meta) == visible_frames(strip)
    set_timing(meta, "left_handle", 15)
    assert center_of(swapped_pixels(scene, swap, 20, tmp_path)) == pytest.approx(center(14), abs=0.7)


def test_shot_of_pictures(scene, tmp_path, coded_pictures):
    strip = add_pictures(scene, *coded_pictures)
    strip.use_reverse_frames = True
    swap = swap_into(scene, strip, tmp_path / "swap")
    assert center_of(swapped_pixels(scene, swap, 10, tmp_path)) == pytest.approx(center(50), abs=0.7)


def test_shot_at_another_rate_names_pictures_repeatedly(scene, tmp_path, coded_movies):
    setup_scene(scene, fps=50)
    scene.sequence_editor.use_cache_raw = True
    strip = add_movie(scene, coded_movies(), adjust_rate=True)
    set_timing(strip, "right_handle", 60)
    swap = swap_into(scene, strip, tmp_path / "swap")
    shot = strip_shot(scene, strip)
    assert [element.filename for element in swap.elements] == [f"{frame:06d}.png" for frame in shot.used]
    assert not scene.sequence_editor.use_cache_raw, "cached plates may be a picture off when rates differ"
    for frame in (1, 2, 33):
        found = center_of(swapped_pixels(scene, swap, frame, tmp_path))
        assert found == pytest.approx(center(shot.used[frame - 1]), abs=0.7)


def test_retimed_shot(scene, tmp_path, coded_movies):
    strip = add_movie(scene, coded_movies())
    scene.sequence_editor.active_strip = strip
    with sequencer_area(scene):
        bpy.ops.sequencer.retiming_key_add(timeline_frame=20)
    next(key for key in strip.retiming_keys if key.timeline_frame == 20).timeline_frame = 40
    swap = swap_into(scene, strip, tmp_path / "swap")
    shot = strip_shot(scene, strip)
    assert shot.used[39] == 19
    for frame in (20, 40, 55):
        found = center_of(swapped_pixels(scene, swap, frame, tmp_path))
        assert found == pytest.approx(center(shot.used[frame - 1]), abs=0.9)


def test_shot_that_fades(scene, tmp_path, coded_movies):
    strip = add_movie(scene, coded_movies())
    for frame, alpha in ((1, 0.0), (20, 1.0)):
        strip.blend_alpha = alpha
        strip.keyframe_insert("blend_alpha", frame=frame)
    swap = swap_into(scene, strip, tmp_path / "swap")
    keys = strip_fcurves(swap)["blend_alpha", 0].keyframe_points
    assert [tuple(key.co) for key in keys] == [(1, 0), (20, 1)], "the swap fades as its shot does"
    assert render_frame(scene, 1, tmp_path)[..., 0].max() == 0


def test_channel_is_the_next_free_one(scene, tmp_path, coded_movies):
    strip = add_movie(scene, coded_movies(), frame_start=10)
    add_movie(scene, coded_movies(count=12), channel=2, frame_start=60, name="over the end")
    add_movie(scene, coded_movies(count=12), channel=4, frame_start=90, name="elsewhere")
    scene.sequence_editor.channels[3].mute = True
    assert swap_into(scene, strip, tmp_path / "swap").channel == 4
    for channel in range(4, 129):
        if channel != 4:
            add_movie(scene, coded_movies(count=12), channel=channel, frame_start=12, name="full")
    other = add_movie(scene, coded_movies(), channel=3, frame_start=10, name="crowded")
    with pytest.raises(EngineError, match="No channel above.*crowded"):
        swap_into(scene, other, tmp_path / "other")


def test_what_is_missing_is_named(scene, tmp_path, coded_movies):
    strip = add_movie(scene, coded_movies())
    shot = strip_shot(scene, strip)
    folder = write_swap(tmp_path / "swap", shot.used)
    set_timing(strip, "right_handle", 50)
    with pytest.raises(EngineError, match="plate.*49 frames now, but 60"):
        insert_swap(scene, strip, shot, folder)
    (folder / "000007.png").unlink()
    with pytest.raises(EngineError, match="lacks 1.*000007.png") as refusal:
        insert_swap(scene, strip, strip_shot(scene, strip), folder)
    assert refusal.value.code == ErrorCode.FRAME_MISSING
    assert len(scene.sequence_editor.strips_all) == 1, "nothing half inserted"


def test_no_step_takes_long(scene, tmp_path, coded_movies):
    strip = add_movie(scene, coded_movies(count=12))
    set_timing(strip, "right_handle", 501)
    shot = strip_shot(scene, strip)
    folder = write_swap(tmp_path / "swap", shot.used)
    durations = []
    steps = insert_swap_steps(scene, strip, shot, folder)
    while True:
        started = time.thread_time()
        if next(steps, "end") == "end":
            break
        durations.append(time.thread_time() - started)
    assert len(swap_strip_of(scene, strip).elements) == 500
    assert max(durations) < 0.02, durations


def test_undo_takes_the_whole_insertion_back(scene, tmp_path, coded_movies):
    strip = add_movie(scene, coded_movies())
    shot = strip_shot(scene, strip)
    folder = write_swap(tmp_path / "swap", shot.used)
    strip_uid(strip)
    bpy.ops.ed.undo_push(message="before")
    insert_swap(scene, strip, shot, folder)
    bpy.ops.ed.undo_push(message="Insert Swap")
    bpy.ops.ed.undo()
    scene = bpy.context.scene  # undo replaces every reference
    assert [s.name for s in scene.sequence_editor.strips_all] == ["plate"]
    assert not bpy.data.masks and not list(fcurves(scene))
    bpy.ops.ed.redo()
    strips = bpy.context.scene.sequence_editor.strips_all
    assert [s.name for s in strips] == ["plate", "plate swap bert"] and len(bpy.data.masks) == 1
    assert masks.bound_mask(strips["plate swap bert"]) == bpy.data.masks[0]


def test_swap_survives_saving(scene, tmp_path, coded_movies):
    strip = add_movie(scene, coded_movies())
    file = tmp_path / "édit.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(file))
    swap_into(scene, strip, tmp_path / "swaps" / "one")
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(file))
    scene = bpy.context.scene
    swap = swap_strip_of(scene, scene.sequence_editor.strips_all["plate"])
    assert swap.directory.startswith("//swaps") and swap["understudy_swap"].startswith("//swaps")
    assert center_of(swapped_pixels(scene, swap, 20, tmp_path)) == pytest.approx(center(19), abs=0.7)


def set_curves(modifier):
    curve = modifier.curve_mapping.curves[3]
    curve.points.new(0.4, 0.7)
    curve.points[0].location = (0.0, 0.1)
    modifier.curve_mapping.update()


GRADES = {
    "BRIGHT_CONTRAST": lambda m: (setattr(m, "bright", 0.2), setattr(m, "contrast", 20)),
    "COLOR_BALANCE": lambda m: setattr(m.color_balance, "gain", (1.4, 0.7, 1.1)),
    "CURVES": set_curves,
    "WHITE_BALANCE": lambda m: setattr(m, "white_value", (0.8, 1, 0.6)),
}


@pytest.mark.parametrize("kind", GRADES)
def test_swap_is_graded_as_its_shot(scene, tmp_path, kind):
    picture = np.full((HEIGHT, WIDTH, 3), COLOR, np.uint8)
    write_png(tmp_path / "plate.png", picture)
    strip = add_pictures(scene, tmp_path, ["plate.png"])
    set_timing(strip, "right_handle", 5)
    strip.color_saturation = 0.6
    ensure_sequencer_scene(scene)
    GRADES[kind](strip.modifiers.new("my grade", kind))
    graded = render_frame(scene, 2, tmp_path)
    assert np.abs(graded[20, 20, :3].astype(int) - COLOR).max() > 10
    swap = swap_into(scene, strip, tmp_path / "swap")
    strip.mute = True
    alone = render_frame(scene, 2, tmp_path)
    x, y = np.rint(center(0)).astype(int)
    assert alone[y, x, 3] == 255 and (alone[y, x, :3] == graded[y, x, :3]).all()
    assert [m.name for m in swap.modifiers] == ["my grade", "Face mask"]
