# SPDX-License-Identifier: GPL-3.0-or-later
"""A swap that comes again keeps what the editor made of it: keys stay on their pictures, the rest as it is."""

import bpy
import numpy as np
import pytest
from coded_footage import (
    WIDTH,
    add_movie,
    render_frame,
)
from swap_folder import center, write_swap
from swapped import center_of, swap_into, swapped_pixels
from understudy.blender_addon import masks
from understudy.blender_addon.insertion import (
    align_mask_steps,
    insert_swap,
    insert_swap_steps,
    swap_strip_of,
)
from understudy.blender_addon.sequencer import (
    set_timing,
    strip_fcurves,
    visible_frames,
)
from understudy.blender_addon.strips import find_strip, strip_shot, strip_uid

pytestmark = [pytest.mark.blender, pytest.mark.filterwarnings("error::DeprecationWarning")]


def mask_key_by_hand(scene, mask, frame, move):
    layer = mask.layers[0]
    scene.frame_set(frame)
    with masks._mask_editor(mask) as editing:
        masks.start_key(editing, frame)
        for point in layer.splines[0].points:
            point.co = (point.co[0] + move[0] / WIDTH, point.co[1] - move[1] / WIDTH)
        assert bpy.ops.mask.shape_key_insert() == {"FINISHED"}


@pytest.fixture
def edited(scene, tmp_path, coded_movies):
    """A swap that an editor worked on: mask moved by (9, 5) px on media frame 20, opacity keyed, renamed, moved up."""
    strip = add_movie(scene, coded_movies(), frame_start=40)
    set_timing(strip, "left_handle", 50)
    set_timing(strip, "right_handle", 80)
    swap = swap_into(scene, strip, tmp_path / "swap")
    mask_key_by_hand(scene, masks.bound_mask(swap), 60, (9, 5))
    swap.blend_alpha = 0.5
    swap.keyframe_insert("blend_alpha", frame=65)
    swap.name, swap.channel = "my swap", 7
    swap.transform.offset_y = 2
    swap.modifiers.new("grade", "BRIGHT_CONTRAST")
    assert center_of_edit(scene, swap, strip, 60, tmp_path) == pytest.approx(moved(20), abs=0.7)
    return strip


def moved(media_frame):
    return center(media_frame) + np.array([9, 5])


def new(media_frame):
    """Where a key made now lies: on the picture, which the editor moved up by two pixels."""
    return center(media_frame) + np.array([0, -2])


def center_of_edit(scene, swap, strip, frame, folder):
    """Middle of what the swap changes, where its opacity is anything but 0."""
    shown = render_frame(scene, frame, folder)[..., :3].astype(int)
    swap.mute = True
    plate = render_frame(scene, frame, folder)[..., :3].astype(int)
    swap.mute = False
    return center_of(np.abs(shown - plate).max(axis=-1) > 4)


def assert_editors_work_is_kept(swap, opacity_key):
    assert (swap.name, swap.channel, swap.transform.offset_y) == ("my swap", 7, 2)
    assert [modifier.name for modifier in swap.modifiers] == ["Face mask", "grade"]
    keys = strip_fcurves(swap)["blend_alpha", 0].keyframe_points
    assert (opacity_key, 0.5) in [tuple(key.co) for key in keys]
    assert masks.bound_mask(swap).frame_start == visible_frames(swap).start


def again(scene, strip, folder, opacity_key=65, **details):
    count = len(scene.sequence_editor.strips_all)
    swap = swap_into(scene, strip, folder, **details)
    assert len(scene.sequence_editor.strips_all) == count and len(bpy.data.masks) == 1
    assert_editors_work_is_kept(swap, opacity_key)
    assert visible_frames(swap) == visible_frames(strip)
    assert [e.filename for e in swap.elements] == [f"{f:06d}.png" for f in strip_shot(scene, strip).used]
    return swap


def test_again_replaces_pictures_and_keeps_the_edit(scene, tmp_path, edited):
    other = (20, 60, 220)
    swap = again(scene, edited, tmp_path / "swap", color=other)  # the same files, written anew
    x, y = np.rint(moved(20)).astype(int)
    shown = render_frame(scene, 60, tmp_path)[y, x, :3].astype(int)
    swap.mute = True
    plate = render_frame(scene, 60, tmp_path)[y, x, :3].astype(int)
    alpha = strip_fcurves(swap)["blend_alpha", 0].evaluate(60)
    assert shown == pytest.approx(alpha * np.array(other) + (1 - alpha) * plate, abs=3)
    swap.mute = False
    assert center_of_edit(scene, swap, edited, 60, tmp_path) == pytest.approx(moved(20), abs=0.8)


def test_again_on_a_longer_shot(scene, tmp_path, edited):
    set_timing(edited, "left_handle", 42)
    set_timing(edited, "right_handle", 97)
    swap = again(scene, edited, tmp_path / "swap 2")
    for frame, expected in ((60, moved(20)), (44, new(4)), (95, new(55))):
        assert center_of_edit(scene, swap, edited, frame, tmp_path) == pytest.approx(expected, abs=0.8)


def test_again_on_a_shorter_shot(scene, tmp_path, edited):
    set_timing(edited, "left_handle", 57)
    set_timing(edited, "right_handle", 63)
    swap = again(scene, edited, tmp_path / "swap 2")
    assert center_of_edit(scene, swap, edited, 60, tmp_path) == pytest.approx(moved(20), abs=0.8)


def test_again_on_a_moved_and_longer_shot(scene, tmp_path, edited):
    set_timing(edited, "content_start", 10)
    set_timing(edited, "left_handle", 12)
    swap = again(scene, edited, tmp_path / "swap 2", opacity_key=35)
    for frame, expected in ((30, moved(20)), (14, new(4)), (40, center(30))):
        assert center_of_edit(scene, swap, edited, frame, tmp_path) == pytest.approx(expected, abs=0.8)


def test_again_on_other_pictures(scene, tmp_path, edited):
    frames = visible_frames(edited)
    set_timing(edited, "content_start", 37)
    set_timing(edited, "left_handle", frames.start)
    set_timing(edited, "right_handle", frames.stop)
    swap = again(scene, edited, tmp_path / "swap 2", opacity_key=62)
    for frame, media in ((57, 20), (79, 42)):
        expected = moved(media) if media == 20 else center(media)
        assert center_of_edit(scene, swap, edited, frame, tmp_path) == pytest.approx(expected, abs=0.8)


def test_again_with_a_new_face(scene, tmp_path, edited):
    swap = again(scene, edited, tmp_path / "swap 2", tracks=(1, 2))
    assert [layer.name for layer in masks.bound_mask(swap).layers] == ["Face 1", "Face 2"]


def test_moved_swap_gets_its_mask_aligned(scene, tmp_path, edited):
    swap = swap_strip_of(scene, edited)
    for strip in (edited, swap):
        set_timing(strip, "content_start", visible_frames(strip).start + (60 if strip == swap else 50))
    for _ in align_mask_steps(scene, edited):
        pass
    mask = masks.bound_mask(swap)
    assert mask.frame_start == visible_frames(swap).start
    scene.frame_set(60 + 60)
    layer = mask.evaluated_get(bpy.context.evaluated_depsgraph_get()).layers[0]
    x = np.mean([point.co[0] for point in layer.splines[0].points])
    assert (x - 0.5) * WIDTH + WIDTH / 2 - 0.5 == pytest.approx(moved(20)[0], abs=0.5)


def test_split_shot_takes_its_half_of_the_swap(scene, tmp_path, coded_movies):
    strip = add_movie(scene, coded_movies())
    swap = swap_into(scene, strip, tmp_path / "swap")
    right, right_swap = strip.split(30, "SOFT"), swap.split(30, "SOFT")
    assert strip_uid(right) != strip_uid(strip)
    assert swap_strip_of(scene, right) == right_swap and swap_strip_of(scene, strip) == swap
    assert (find_strip(scene, strip_uid(right)), find_strip(scene, strip_uid(strip))) == (right, strip)
    again_right = swap_into(scene, right, tmp_path / "right")
    assert again_right == right_swap and visible_frames(right_swap) == range(30, 61)
    assert masks.bound_mask(right_swap) != masks.bound_mask(swap), "each has its own mask from now on"
    assert center_of(swapped_pixels(scene, swap, 12, tmp_path)) == pytest.approx(center(11), abs=0.7)
    assert center_of(swapped_pixels(scene, right_swap, 33, tmp_path)) == pytest.approx(center(32), abs=0.7)


def test_half_made_swap_is_made_anew(scene, tmp_path, coded_movies):
    strip = add_movie(scene, coded_movies())
    shot = strip_shot(scene, strip)
    folder = write_swap(tmp_path / "swap", shot.used)
    steps = insert_swap_steps(scene, strip, shot, folder)
    next(steps)
    steps.close()
    assert swap_strip_of(scene, strip).mute
    swap = insert_swap(scene, strip, shot, folder)
    assert len(scene.sequence_editor.strips_all) == 2 and not swap.mute
    assert center_of(swapped_pixels(scene, swap, 20, tmp_path)) == pytest.approx(center(19), abs=0.7)


def test_face_found_later_gets_its_keys(scene, tmp_path, coded_movies):
    strip = add_movie(scene, coded_movies())
    swap_into(scene, strip, tmp_path / "swap", absent=range(15, 40))
    swap = swap_into(scene, strip, tmp_path / "swap", absent=())
    assert center_of(swapped_pixels(scene, swap, 28, tmp_path)) == pytest.approx(center(27), abs=0.7)
