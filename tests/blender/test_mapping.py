# SPDX-License-Identifier: GPL-3.0-or-later
"""A strip's shot names exactly the media frames that Blender renders: checked on pictures that carry their number."""

import math
from fractions import Fraction

import pytest
from coded_footage import add_movie, add_pictures, decoded_number, in_meta, render_frame, setup_scene
from odd_movies import picture_times, with_rotation, with_variable_rate
from understudy.blender_addon.sequencer import set_timing, timing, visible_frames
from understudy.blender_addon.strips import strip_shot

pytestmark = [pytest.mark.blender, pytest.mark.filterwarnings("error::DeprecationWarning")]


def assert_shot_matches_render(scene, strip, folder, every=1):
    shot = strip_shot(scene, strip)
    frames = visible_frames(strip)
    assert len(shot.used) == len(frames)
    for index, frame in list(enumerate(frames))[::every]:
        assert decoded_number(render_frame(scene, frame, folder)) == shot.used[index], (frame, shot.used)
    return shot


def trim(strip):
    set_timing(strip, "left_handle", visible_frames(strip).start + 7)
    set_timing(strip, "right_handle", visible_frames(strip).stop - 11)


def move(strip):
    trim(strip)
    set_timing(strip, "content_start", timing(strip, "content_start") + 40)


def slip(strip):
    trim(strip)
    frames = visible_frames(strip)
    set_timing(strip, "content_start", timing(strip, "content_start") - 4)
    set_timing(strip, "left_handle", frames.start)
    set_timing(strip, "right_handle", frames.stop)


def cut_content(strip):
    strip.id_data.sequence_editor  # noqa: B018
    set_timing(strip, "content_trim_start", 5)
    set_timing(strip, "content_trim_end", 9)


def hold(strip):
    set_timing(strip, "left_handle", visible_frames(strip).start - 3)
    set_timing(strip, "right_handle", visible_frames(strip).stop + 4)


def reverse(strip):
    trim(strip)
    strip.use_reverse_frames = True


def strobe(strip):
    trim(strip)
    strip.strobe = 3


def strobe_by_halves(strip):
    strip.strobe = 2.5


EDITS = [trim, move, slip, cut_content, hold, reverse, strobe, strobe_by_halves]


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("kind", ["movie", "pictures"])
def test_edited_strip(scene, tmp_path, coded_movies, coded_pictures, kind, edit):
    strip = add_movie(scene, coded_movies()) if kind == "movie" else add_pictures(scene, *coded_pictures)
    edit(strip)
    assert_shot_matches_render(scene, strip, tmp_path)


RATES = [(24, 1.0), (30, 1.0), (50, 1.0), (24, 1.001), (60, 1.0)]


@pytest.mark.parametrize("adjust_rate", [False, True])
@pytest.mark.parametrize(("fps", "fps_base"), RATES)
def test_scene_rate_differs(scene, tmp_path, coded_movies, fps, fps_base, adjust_rate):
    setup_scene(scene, fps=fps, fps_base=fps_base)
    strip = add_movie(scene, coded_movies(), adjust_rate=adjust_rate)
    duration = len(visible_frames(strip))
    assert abs(duration - (60 * fps / fps_base / 25 if adjust_rate else 60)) <= 1
    trim(strip)
    assert_shot_matches_render(scene, strip, tmp_path, every=1 if adjust_rate else 4)


@pytest.mark.parametrize("edit", [move, slip, cut_content, hold, reverse, strobe])
def test_edits_of_adjusted_rate(scene, tmp_path, coded_movies, edit):
    setup_scene(scene, fps=30)
    strip = add_movie(scene, coded_movies(), adjust_rate=True)
    edit(strip)
    assert_shot_matches_render(scene, strip, tmp_path)


def test_inside_nested_metas_that_are_trimmed(scene, tmp_path, coded_movies):
    strip = add_movie(scene, coded_movies(), frame_start=4)
    trim(strip)
    outer = in_meta(in_meta(strip))
    set_timing(outer, "left_handle", 20)
    shot = strip_shot(scene, strip)
    assert len(shot.used) == 60 - 18, "the shot is what the strip itself shows"
    for frame in range(20, visible_frames(strip).stop):
        index = frame - visible_frames(strip).start
        assert decoded_number(render_frame(scene, frame, tmp_path)) == shot.used[index]


def test_split_and_used_twice(scene, tmp_path, coded_movies):
    left = add_movie(scene, coded_movies(), frame_start=5)
    right = left.split(30, "SOFT")
    again = add_movie(scene, coded_movies(), channel=2, frame_start=60)
    set_timing(again, "left_handle", 100)
    shots = [assert_shot_matches_render(scene, strip, tmp_path, every=3) for strip in (left, right, again)]
    assert shots[0].used + shots[1].used == tuple(range(60))
    assert shots[2].used == tuple(range(40, 60))
    assert shots[0].footage == shots[1].footage == shots[2].footage


def test_placement_changes_no_frames(scene, coded_movies):
    strip = add_movie(scene, coded_movies())
    trim(strip)
    before = strip_shot(scene, strip)
    strip.transform.scale_x, strip.transform.rotation, strip.crop.min_x = 2.0, 0.5, 9
    strip.use_flip_x = strip.use_flip_y = True
    assert strip_shot(scene, strip) == before


@pytest.mark.parametrize("rate", [(25, 1.0), (24, 1.001), (30, 1.001), (12, 1.0)])
def test_footage_rate_is_exact(scene, coded_movies, rate):
    strip = add_movie(scene, coded_movies(*rate, count=12))
    exact = {1.0: Fraction(rate[0]), 1.001: Fraction(rate[0] * 1000, 1001)}[rate[1]]
    assert strip_shot(scene, strip, handles=3).footage.rate == exact
    assert strip_shot(scene, strip, handles=3).handles == 3


def test_pictures_keep_their_order_and_rate(scene, coded_pictures):
    folder, names = coded_pictures
    shuffled = [names[i] for i in (5, 3, 3, 40)]
    setup_scene(scene, fps=24, fps_base=1.001)
    shot = strip_shot(scene, add_pictures(scene, folder, shuffled))
    assert (shot.footage.path, shot.footage.pictures) == (folder, tuple(shuffled))
    assert shot.footage.rate == Fraction(24000, 1001) and shot.used == (0, 1, 2, 3)


def test_still_picture_lasts_as_long_as_its_strip(scene, tmp_path, coded_pictures):
    folder, names = coded_pictures
    strip = add_pictures(scene, folder, names[9:10])
    set_timing(strip, "right_handle", 15)
    shot = strip_shot(scene, strip)
    assert shot.used == (0,) * 14
    assert decoded_number(render_frame(scene, 9, tmp_path)) == 9


def test_variable_rate_follows_the_clock(scene, tmp_path, coded_movies):
    path = with_variable_rate(coded_movies(b_frames=0), tmp_path / "variable.mp4")
    strip = add_movie(scene, path)
    shot = strip_shot(scene, strip)
    times = picture_times(60)
    for index in range(0, len(shot.used), 3):
        seconds = shot.used[index] / float(shot.footage.rate)
        expected = max(i for i, start in enumerate(times) if start <= seconds + 1e-6)
        assert decoded_number(render_frame(scene, 1 + index, tmp_path)) == expected


def test_rotated_movie_keeps_its_frames(scene, tmp_path, coded_movies):
    path = with_rotation(coded_movies(), tmp_path / "rotated.mp4")
    strip = add_movie(scene, path)
    strip_pixels = strip.elements[0].orig_width, strip.elements[0].orig_height
    assert strip_pixels == (64, 128), "turned by its metadata, as the engine reads it"
    trim(strip)
    strip.transform.rotation = -math.pi / 2 if is_upright_after(strip, scene, tmp_path) else math.pi / 2
    assert_shot_matches_render(scene, strip, tmp_path, every=5)


def is_upright_after(strip, scene, folder):
    strip.transform.rotation = -math.pi / 2
    try:
        decoded_number(render_frame(scene, visible_frames(strip).start, folder))
    except AssertionError:
        return False
    return decoded_number(render_frame(scene, visible_frames(strip).start, folder)) == 7
