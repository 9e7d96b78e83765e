# SPDX-License-Identifier: GPL-3.0-or-later
"""Strips keep their ids through copies and renaming, and what can't be a shot is refused by name."""

import bpy
import pytest
from coded_footage import add_movie, add_pictures, in_meta, setup_scene
from understudy.blender_addon.strips import find_strip, known_uid, strip_shot, strip_uid
from understudy.engine.contract.errors import EngineError, ErrorCode

pytestmark = [pytest.mark.blender, pytest.mark.filterwarnings("error::DeprecationWarning")]


def refusal(scene, strip):
    with pytest.raises(EngineError) as caught:
        strip_shot(scene, strip)
    assert caught.value.code == ErrorCode.STRIP_UNSUPPORTED
    assert f"“{strip.name}”" in caught.value.message and caught.value.hint
    return str(caught.value)


def new_effect(scene, kind, channel, **inputs):
    extent = {"length": 10} if bpy.app.version >= (5,) else {"frame_end": 11}
    return scene.sequence_editor.strips.new_effect(
        name=f"my {kind.lower()}", type=kind, channel=channel, frame_start=1, **inputs, **extent
    )


def test_ids_last(scene, coded_movies):
    strip = add_movie(scene, coded_movies())
    assert known_uid(strip) == "" and find_strip(scene, "") is None
    uid = strip_uid(strip)
    assert strip_uid(strip) == uid == known_uid(strip)
    strip.name = "renamed"
    in_meta(strip)
    assert strip_uid(strip) == uid and find_strip(scene, uid) == strip
    assert find_strip(scene, "nobody's") is None


def test_copies_get_ids_of_their_own(scene, coded_movies):
    strip = add_movie(scene, coded_movies())
    uid = strip_uid(strip)
    copy = strip.split(20, "SOFT")
    assert known_uid(copy) == uid and find_strip(scene, uid) == strip
    assert strip_uid(copy) != uid and strip_uid(strip) == uid
    assert find_strip(scene, strip_uid(copy)) == copy


def test_strips_without_footage(scene, coded_movies, coded_pictures):
    strips = scene.sequence_editor.strips
    color = new_effect(scene, "COLOR", 1)
    assert "color strip" in refusal(scene, color)
    assert "text strip" in refusal(scene, new_effect(scene, "TEXT", 2))
    assert "effect" in refusal(scene, new_effect(scene, "GLOW", 3, input1=color))
    assert "scene strip" in refusal(scene, strips.new_scene("my scene", bpy.data.scenes.new("other"), 4, 1))
    assert "mask strip" in refusal(scene, strips.new_mask("my mask", bpy.data.masks.new("m"), 5, 1))
    plate = add_movie(scene, coded_movies(), channel=6)
    assert "speed effect" in refusal(scene, new_effect(scene, "SPEED", 7, input1=plate))
    assert "meta strip" in refusal(scene, in_meta(plate))
    clip = bpy.data.movieclips.load(str(coded_movies()))
    assert "movie clip strip" in refusal(scene, strips.new_clip("my clip", clip, 9, 1))


def test_pictures_of_linear_light_are_refused_with_a_way_out(scene, tmp_path, coded_pictures):
    folder, names = coded_pictures
    strip = add_pictures(scene, folder, names[:3])
    for name in ("render_0002.exr", "sky.HDR"):
        strip.elements[1].filename = name
        text = refusal(scene, strip)
        assert name in text and "light of a scene" in text and "16-bit PNG" in text


def test_missing_media(scene, tmp_path, coded_movies, coded_pictures):
    gone = tmp_path / "gone ü.mp4"
    gone.write_bytes(coded_movies().read_bytes())
    strip = add_movie(scene, gone)
    gone.unlink()
    assert str(gone) in refusal(scene, strip)
    folder, names = coded_pictures
    pictures = add_pictures(scene, folder, names[:4], channel=2)
    pictures.elements[2].filename = "nowhere.png"
    assert str(folder / "nowhere.png") in refusal(scene, pictures)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"not a movie")
    strip.filepath = str(broken)
    assert "broken.mp4" in refusal(scene, strip)


def test_relative_paths_are_resolved(scene, tmp_path, coded_movies):
    (tmp_path / "footage").mkdir()
    movie = tmp_path / "footage" / "a clip.mp4"
    movie.write_bytes(coded_movies().read_bytes())
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "edit.blend"))
    strip = add_movie(scene, movie)
    strip.filepath = "//footage/a clip.mp4"
    assert strip_shot(scene, strip).footage.path == movie


def test_strip_whose_movie_changed_its_length(scene, tmp_path, coded_movies):
    setup_scene(scene, fps=30)
    movie = tmp_path / "grown.mp4"
    movie.write_bytes(coded_movies(count=30).read_bytes())
    strip = add_movie(scene, movie, adjust_rate=True)
    movie.write_bytes(coded_movies().read_bytes())
    assert "another length" in refusal(scene, strip)


def test_asking_leaves_no_data_behind(scene, coded_movies):
    setup_scene(scene, fps=30)
    strip = add_movie(scene, coded_movies(), adjust_rate=True)
    strip_shot(scene, strip)
    assert list(bpy.data.scenes) == [scene] and not bpy.data.movieclips and not known_uid(strip)
