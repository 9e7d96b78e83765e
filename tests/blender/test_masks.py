# SPDX-License-Identifier: GPL-3.0-or-later
"""The mask lies on the face wherever the strip puts it, has few keys, and is the editor's to change."""

import bpy
import numpy as np
import pytest
from coded_footage import HEIGHT, WIDTH, add_movie, add_pictures, render_frame, rendered, setup_scene, write_png
from swap_folder import COLOR, RADIUS, center, write_swap
from understudy.blender_addon import mask_refresh, masks
from understudy.blender_addon.insertion import insert_swap, swap_strip_of
from understudy.blender_addon.outline_geometry import Placement, key_indices
from understudy.blender_addon.sequencer import set_timing, visible_frames
from understudy.blender_addon.strips import strip_shot

pytestmark = [pytest.mark.blender, pytest.mark.filterwarnings("error::DeprecationWarning")]


def swap_into(scene, strip, folder, **details):
    shot = strip_shot(scene, strip)
    return insert_swap(scene, strip, shot, write_swap(folder, shot.used, **details)), shot


def swap_shape(scene, frame, folder):
    """Return how much of each pixel is the swap (the plate has no red hue), 0 to 1."""
    scene.frame_set(frame)
    return rendered_shape(scene, folder)


def rendered_shape(scene, folder):
    shown = rendered(scene, folder)[..., :3].astype(float)
    return np.clip((shown[..., 0] - shown[..., 2]) / (COLOR[0] - COLOR[2]), 0, 1)


def middle(shape):
    rows, columns = np.indices(shape.shape)
    return (shape * columns).sum() / shape.sum(), (shape * rows).sum() / shape.sum()


def placed(placement, point):
    """Where a plate pixel is in the rendered frame, in pixels from the top left."""
    x, y = placement.to_frame(np.array(point, float).reshape(1, 1, 2))[0, 0]
    return x - 0.5, placement.scene_size[1] - y - 0.5


PLACEMENTS = {
    "scaled": {"scale_x": 1.2, "scale_y": 1.2, "offset_y": -10},
    "stretched and moved": {"scale_x": 0.8, "scale_y": 1.3, "offset_x": 11, "offset_y": -9},
    "turned": {"rotation": 0.4, "offset_x": 5},
    "turned about a corner": {"rotation": -0.3, "origin": (0.1, 0.8), "scale_x": 1.2, "scale_y": 1.2},
}
FLIPS = [(False, False), (True, False), (False, True), (True, True)]
MARK = (60, 26)
# Blender softens a mask without feather outwards by less than a pixel.
DISK = np.pi * (RADIUS + 0.75) ** 2


def mark_plate(folder):
    """A plate with one small bright square at MARK, to see where Blender puts that pixel."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[MARK[1] - 2 : MARK[1] + 3, MARK[0] - 2 : MARK[0] + 3] = 255
    write_png(folder / "mark.png", picture)
    return add_pictures, folder


@pytest.mark.parametrize("flips", FLIPS)
@pytest.mark.parametrize("name", PLACEMENTS)
@pytest.mark.parametrize("size", [(WIDTH, HEIGHT), (90, 160)])
def test_plate_pixels_are_found_in_the_frame(scene, tmp_path, name, flips, size):
    setup_scene(scene, *size)
    add_pictures, folder = mark_plate(tmp_path)
    strip = add_pictures(scene, folder, ["mark.png"])
    for key, value in PLACEMENTS[name].items():
        setattr(strip.transform, key, value)
    strip.use_flip_x, strip.use_flip_y = flips
    shown = render_frame(scene, 1, tmp_path)[..., 0].astype(float)
    assert shown.max() > 0, "the mark must be inside the frame"
    placement = masks.placement_of(strip, (WIDTH, HEIGHT))
    assert middle(shown) == pytest.approx(placed(placement, MARK), abs=0.35)


@pytest.mark.parametrize("flips", [(False, False), (True, False)])
@pytest.mark.parametrize("name", PLACEMENTS)
def test_mask_lies_on_the_placed_face(scene, tmp_path, coded_movies, name, flips):
    strip = add_movie(scene, coded_movies())
    for key, value in PLACEMENTS[name].items():
        setattr(strip.transform, key, value)
    strip.use_flip_x, strip.use_flip_y = flips
    swap, shot = swap_into(scene, strip, tmp_path / "swap", feather=0)
    assert swap.transform.scale_x == strip.transform.scale_x
    placement = masks.placement_of(swap, (WIDTH, HEIGHT))
    for index in (20, 27):
        shape = swap_shape(scene, 1 + index, tmp_path)
        assert middle(shape) == pytest.approx(placed(placement, center(shot.used[index])), abs=0.8)
        factor = abs(strip.transform.scale_x * strip.transform.scale_y)
        assert shape.sum() == pytest.approx(DISK * factor, rel=0.08)


def test_mask_follows_an_animated_strip(scene, tmp_path, coded_movies):
    strip = add_movie(scene, coded_movies())
    for frame, offset, scale in ((1, 0.0, 1.0), (40, 30.0, 1.4)):
        strip.transform.offset_x, strip.transform.scale_x = offset, scale
        strip.transform.keyframe_insert("offset_x", frame=frame)
        strip.transform.keyframe_insert("scale_x", frame=frame)
    swap, shot = swap_into(scene, strip, tmp_path / "swap")
    placement = masks.placement_of(swap, (WIDTH, HEIGHT))
    assert placement.offset[0, 0] == 0 and placement.offset[39, 0] == 30
    for index in (0, 13, 25):
        at = Placement(
            (WIDTH, HEIGHT),
            (WIDTH, HEIGHT),
            placement.scale[index : index + 1],
            placement.offset[index : index + 1],
            placement.rotation[index : index + 1],
        )
        assert middle(swap_shape(scene, 1 + index, tmp_path)) == pytest.approx(
            placed(at, center(shot.used[index])), abs=0.8
        )


@pytest.mark.parametrize("mirrored", [False, True])
def test_feather_grows_outwards(scene, tmp_path, coded_movies, mirrored):
    strip = add_movie(scene, coded_movies())
    strip.use_flip_x = mirrored
    swap, shot = swap_into(scene, strip, tmp_path / "swap", feather=8.0)
    x, y = placed(masks.placement_of(swap, (WIDTH, HEIGHT)), center(shot.used[20]))
    shape = swap_shape(scene, 21, tmp_path)
    column = int(round(x))
    profile = [shape[int(round(y)) - step, column] for step in range(int(y))]
    assert min(profile[: int(RADIUS) - 1]) > 0.98
    between = [value for value in profile if 0.02 < value < 0.98]
    assert 5 <= len(between) <= 9 and profile[int(RADIUS) + 4] == pytest.approx(0.5, abs=0.2)
    assert max(profile[int(RADIUS) + 9 :], default=0) < 0.02


def test_few_keys_stay_within_half_a_pixel():
    times = np.arange(300)
    path = np.stack([50 + 30 * np.sin(times / 40), 40 + times / 10], axis=1)
    values = path[:, None] + np.linspace(0, 5, 16)[None, :, None]

    def run(steps):
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return end.value

    chosen = run(key_indices(times, values, 0.5))
    assert len(chosen) < 25 and chosen[0] == 0 and chosen[-1] == 299
    flat = values.reshape(300, -1)
    between = np.stack([np.interp(times, times[chosen], flat[chosen, i]) for i in range(flat.shape[1])], axis=1)
    assert np.linalg.norm((between - flat).reshape(300, 16, 2), axis=-1).max() <= 0.5
    assert run(key_indices(times, values, 1e-9)) == list(range(300))
    assert run(key_indices(times[:1], values[:1], 0.5)) == [0]


def test_each_face_has_its_layer_and_they_add_up(scene, tmp_path, coded_movies):
    strip = add_movie(scene, coded_movies())
    swap, shot = swap_into(scene, strip, tmp_path / "swap", tracks=(1, 2))
    mask = masks.bound_mask(swap)
    assert [layer.name for layer in mask.layers] == ["Face 1", "Face 2"]
    shape = swap_shape(scene, 11, tmp_path)
    x, y = np.rint(center(shot.used[10])).astype(int)
    assert shape[y, x] == 1 and shape[y, x + 40] == 1 and shape[y, x + 20] == 0
    assert shape.sum() == pytest.approx(2 * DISK, rel=0.08)


def test_no_face_no_mask(scene, tmp_path, coded_movies):
    strip = add_movie(scene, coded_movies())
    swap, _ = swap_into(scene, strip, tmp_path / "swap", absent=range(60))
    assert masks.bound_mask(swap) is None and not bpy.data.masks


def test_absent_frames_have_no_keys_of_their_own(scene, tmp_path, coded_movies):
    strip = add_movie(scene, coded_movies())
    swap, shot = swap_into(scene, strip, tmp_path / "swap", absent=range(20, 30))
    for index in (19, 30):
        assert middle(swap_shape(scene, 1 + index, tmp_path)) == pytest.approx(center(index), abs=0.7)


def insert_key(mask, frame, move):
    """Reshape the mask by hand at a mask frame, as an editor does in the image editor."""
    layer = mask.layers[0]
    bpy.context.scene.frame_set(frame)
    with masks._mask_editor(mask) as editing:
        masks.start_key(editing, frame)
        for point in layer.splines[0].points:
            point.co = (point.co[0] + move[0], point.co[1] + move[1])
            point.select = True
        layer.select = True
        assert bpy.ops.mask.shape_key_insert() == {"FINISHED"}
    bpy.context.view_layer.update()


@pytest.fixture
def watching():
    mask_refresh.register()
    yield
    mask_refresh.unregister()


def test_editing_the_mask_changes_the_picture(scene, tmp_path, coded_pictures, watching):
    editor = scene.sequence_editor
    editor.use_cache_raw = editor.use_cache_final = True
    strip = add_pictures(scene, *coded_pictures, frame_start=30)
    swap, _ = swap_into(scene, strip, tmp_path / "swap")
    mask = masks.bound_mask(swap)
    assert mask.frame_start == 30, "mask frames are timeline frames, so editors show the same mask"
    for _ in range(2):  # the second time, the picture comes from the cache
        before = middle(swap_shape(scene, 45, tmp_path))
    insert_key(mask, 45, (10 / WIDTH, -6 / WIDTH))
    after = middle(rendered_shape(scene, tmp_path))
    assert np.subtract(after, before) == pytest.approx((10, 6), abs=0.5)


def test_mask_travels_with_a_moved_swap(scene, tmp_path, coded_movies):
    strip = add_movie(scene, coded_movies(), frame_start=5)
    swap, shot = swap_into(scene, strip, tmp_path / "swap")
    set_timing(swap, "content_start", 105)
    assert visible_frames(swap_strip_of(scene, strip)).start == 105
    strip.mute = True
    shape = swap_shape(scene, 105 + 12, tmp_path)
    assert middle(shape) == pytest.approx(center(12), abs=0.7)


def test_user_scene_and_editors_are_left_alone(scene, tmp_path, coded_movies):
    strip = add_movie(scene, coded_movies())
    window = bpy.context.window_manager.windows[0]
    areas = [area.ui_type for area in window.screen.areas]
    scene.frame_current = 33
    swap_into(scene, strip, tmp_path / "swap")
    assert scene.frame_current == 33 and window.scene == scene and list(bpy.data.scenes) == [scene]
    assert [area.ui_type for area in window.screen.areas] == areas
