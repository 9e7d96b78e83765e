# SPDX-License-Identifier: GPL-3.0-or-later
"""The frames of retimed strips are Blender's own, and looking for them leaves no trace."""

import bpy
import pytest
from coded_footage import (
    add_movie,
    add_pictures,
    decoded_number,
    in_meta,
    render_frame,
    sequencer_area,
    setup_scene,
)
from understudy.blender_addon.sequencer import ensure_sequencer_scene, fcurves, set_timing, visible_frames
from understudy.blender_addon.strips import strip_shot, strip_shot_steps
from understudy.engine.contract.errors import EngineError, ErrorCode

pytestmark = [pytest.mark.blender, pytest.mark.filterwarnings("error::DeprecationWarning")]


def assert_shot_matches_render(scene, strip, folder, every=1):
    shot = strip_shot(scene, strip)
    frames = visible_frames(strip)
    assert len(shot.used) == len(frames)
    for index, frame in list(enumerate(frames))[::every]:
        assert decoded_number(render_frame(scene, frame, folder)) == shot.used[index], (frame, shot.used)
    return shot


def retime(strip, keys):
    """Add retiming keys as an editor does: timeline frame, and by how many frames to move it."""
    # From Python, the first key crashes Blender up to 5.0; the operator doesn't.
    scene = strip.id_data
    scene.sequence_editor.active_strip = strip
    with sequencer_area(scene):
        for frame, _ in keys:
            bpy.ops.sequencer.retiming_key_add(timeline_frame=frame)
    for frame, by in reversed(keys):
        key = min(strip.retiming_keys, key=lambda key: abs(key.timeline_frame - frame))
        key.timeline_frame += by


def add_speed(strip, **settings):
    scene = strip.id_data
    frames = visible_frames(strip)
    extent = {"length": len(frames)} if bpy.app.version >= (5,) else {"frame_end": frames.stop}
    inputs = {"input1": strip}
    effect = scene.sequence_editor.strips.new_effect(
        name="Speed", type="SPEED", channel=strip.channel + 1, frame_start=frames.start, **inputs, **extent
    )
    effect.use_frame_interpolate = False
    for name, value in settings.items():
        setattr(effect, name, value)
    return effect


@pytest.mark.parametrize("kind", ["movie", "pictures"])
def test_retiming_keys(scene, tmp_path, coded_movies, coded_pictures, kind):
    strip = add_movie(scene, coded_movies()) if kind == "movie" else add_pictures(scene, *coded_pictures)
    retime(strip, [(20, 13), (40, -5)])
    shot = assert_shot_matches_render(scene, strip, tmp_path)
    assert shot.used[0] == 0 and shot.used[32] == 19 and len(set(shot.used)) < len(shot.used)


def test_retimed_trimmed_moved_and_reversed(scene, tmp_path, coded_movies):
    strip = add_movie(scene, coded_movies(), frame_start=30)
    retime(strip, [(50, 20)])
    set_timing(strip, "left_handle", 41)
    set_timing(strip, "right_handle", 77)
    strip.use_reverse_frames = True
    assert_shot_matches_render(scene, strip, tmp_path, every=2)


def test_frozen_frame(scene, tmp_path, coded_movies):
    strip = add_movie(scene, coded_movies())
    scene.sequence_editor.active_strip = strip
    scene.frame_set(25)
    with sequencer_area(scene):
        bpy.ops.sequencer.retiming_key_add(timeline_frame=25)
        bpy.ops.sequencer.retiming_freeze_frame_add(duration=10)
    shot = assert_shot_matches_render(scene, strip, tmp_path)
    assert max(shot.used.count(frame) for frame in shot.used) >= 10


def test_retimed_while_rates_differ(scene, tmp_path, coded_movies):
    setup_scene(scene, fps=30)
    strip = add_movie(scene, coded_movies(), adjust_rate=True)
    retime(strip, [(30, 12)])
    assert_shot_matches_render(scene, strip, tmp_path)


def test_retimed_inside_metas_turned_around(scene, tmp_path, coded_movies):
    strip = add_movie(scene, coded_movies(), frame_start=3)
    retime(strip, [(20, 9)])
    expected = assert_shot_matches_render(scene, strip, tmp_path, every=4).used
    other = add_movie(scene, coded_movies(), channel=4, frame_start=3, name="other")
    outer = in_meta(in_meta(strip))
    outer.use_reverse_frames = True
    set_timing(outer, "left_handle", 30)
    outer.transform.scale_x = 0.3
    other.mute = True
    assert strip_shot(scene, strip).used == expected, "what the metas do, they do to the swap inside as well"


SPEEDS = {
    "stretch": {"speed_control": "STRETCH"},
    "multiply": {"speed_control": "MULTIPLY", "speed_factor": 1.7},
    "slow": {"speed_control": "MULTIPLY", "speed_factor": 0.35},
    "frame number": {"speed_control": "FRAME_NUMBER", "speed_frame_number": 13},
    "length": {"speed_control": "LENGTH", "speed_length": 40},
}


@pytest.mark.parametrize("name", SPEEDS)
def test_speed_effects(scene, tmp_path, coded_movies, name):
    strip = add_movie(scene, coded_movies(), frame_start=8)
    set_timing(strip, "right_handle", 50)
    add_speed(strip, **SPEEDS[name])
    assert_shot_matches_render(scene, strip, tmp_path, every=2)


def test_animated_speed_effect(scene, tmp_path, coded_movies):
    strip = add_movie(scene, coded_movies())
    effect = add_speed(strip, speed_control="FRAME_NUMBER")
    for frame, number in ((1, 0), (20, 50), (60, 10)):
        effect.speed_frame_number = number
        effect.keyframe_insert("speed_frame_number", frame=frame)
    strip.transform.offset_x = 3
    strip.transform.keyframe_insert("offset_x", frame=1)
    curves = [curve.data_path for curve in fcurves(scene)]
    shot = strip_shot(scene, strip)
    assert [curve.data_path for curve in fcurves(scene)] == curves, "the user's animation is left alone"
    assert len(set(shot.used)) > 30
    strip.transform.offset_x = 0
    for curve in fcurves(scene):
        if curve.data_path.endswith("offset_x"):
            curve.keyframe_points[0].co[1] = 0
    assert assert_shot_matches_render(scene, strip, tmp_path, every=3) == shot


def test_no_trace_is_left(scene, coded_movies):
    strip = add_movie(scene, coded_movies())
    retime(strip, [(20, 13)])
    other = add_movie(scene, coded_movies(), channel=3, name="other")
    other.keyframe_insert("blend_alpha", frame=3)
    ensure_sequencer_scene(scene)
    strip.modifiers.new("bright", "BRIGHT_CONTRAST")
    window = bpy.context.window_manager.windows[0]
    calls = []
    handler = lambda *arguments: calls.append(arguments)  # noqa: E731
    handlers = (bpy.app.handlers.render_pre, bpy.app.handlers.frame_change_pre, bpy.app.handlers.render_complete)
    for each in handlers:
        each.append(handler)

    def state():
        data = bpy.data
        kinds = (data.scenes, data.actions, data.images, data.movieclips, data.worlds, data.texts, data.node_groups)
        return (
            [[item.name for item in kind] for kind in kinds],
            [(s.name, s.select, s.mute, tuple(visible_frames(s))) for s in scene.sequence_editor.strips_all],
            (scene.frame_current, scene.render.filepath, scene.render.resolution_x, scene.view_settings.view_transform),
            (window.scene.name, bpy.context.scene.name),
            [[curve.data_path for curve in fcurves(scene)], scene.animation_data.action.users],
            [list(each) for each in handlers],
        )

    before = state()
    steps = strip_shot_steps(scene, strip)
    for _ in steps:
        assert state() == before, "between two slices nothing of it is to be seen"
    assert state() == before and not calls
    for each in handlers:
        each.remove(handler)


def test_what_stays_unclear_is_refused(scene, coded_movies):
    strip = add_movie(scene, coded_movies())
    effect = add_speed(strip, speed_control="MULTIPLY", speed_factor=0.5)
    effect.use_frame_interpolate = True
    with pytest.raises(EngineError, match="plate.*Speed.*blends") as refusal:
        strip_shot(scene, strip)
    assert refusal.value.code == ErrorCode.STRIP_UNSUPPORTED and "movie" in refusal.value.hint
    effect.use_frame_interpolate = False
    effect.transform.offset_x = 4
    with pytest.raises(EngineError, match="moves, crops or mirrors"):
        strip_shot(scene, strip)
