# SPDX-License-Identifier: GPL-3.0-or-later
"""A strip's shot names exactly the media frames that Blender renders: checked on pictures that carry their number."""

import bpy
import pytest
from coded_footage import add_movie, add_pictures, decoded_number, render_frame, sequencer_area, setup_scene
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


def add_retiming(strip, keys):
    """Add retiming keys as an editor does: (timeline frame, frames to move it by)."""
    # From Python, the first key crashes up to 5.0; the operator doesn't.
    scene = strip.id_data
    scene.sequence_editor.active_strip = strip
    with sequencer_area(scene):
        for frame, _ in keys:
            bpy.ops.sequencer.retiming_key_add(timeline_frame=frame)
    for key, (frame, by) in zip(list(strip.retiming_keys)[1:], keys, strict=False):
        assert key.timeline_frame == frame
        key.timeline_frame = frame + by
    assert len(strip.retiming_keys) >= len(keys)


@pytest.mark.parametrize("kind", ["movie", "pictures"])
def test_retiming_keys(scene, tmp_path, coded_movies, coded_pictures, kind):
    strip = add_movie(scene, coded_movies()) if kind == "movie" else add_pictures(scene, *coded_pictures)
    add_retiming(strip, [(20, 13), (40, -5)])
    shot = assert_shot_matches_render(scene, strip, tmp_path)
    assert len(set(shot.used)) < len(shot.used)
