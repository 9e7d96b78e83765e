# SPDX-License-Identifier: GPL-3.0-or-later
"""Face tracks as tracking data: exact frames and places, and back again exactly what an editor moved."""

import time

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from coded_footage import add_pictures, decoded_number, render_frame
from found_faces import landmarks_at, track_values, write_found
from odd_movies import with_variable_rate
from understudy.blender_addon import footage_clip, track_arrays, tracking_data, tracking_reading
from understudy.blender_addon.face_points import NAMES, Motion, box_around, motion_between, named_points
from understudy.blender_addon.slices import finished
from understudy.engine.contract.corrections import AddFace, MoveFace, SetLandmarks
from understudy.engine.contract.errors import EngineError, ErrorCode

SIZE = (512, 512)


def face_track(tmp_path, number=1, frames=range(10, 40), bridged=(20, 21)):
    """A face that walks to the right, read back from a file."""
    frames = np.array(frames)
    values = track_values(frames, np.stack([150 + 3.3 * frames, 200 + 0.0 * frames], axis=1), bridged=bridged)
    write_found(tmp_path / "found", tmp_path / "x.mp4", {number: values})
    (track,) = track_arrays.read_tracks(tmp_path / "found")
    return track


@pytest.fixture
def clip(scene, clips):
    return footage_clip.footage_clip(scene.sequence_editor.strips.new_movie("Shot", str(clips / "target_A.mp4"), 1, 1))


@pytest.fixture
def written(clip, tmp_path):
    track = face_track(tmp_path)
    finished(tracking_data.write_faces(clip.name, [track], SIZE))
    return clip, track


def marker(clip, name, media_frame, face="Face 1"):
    markers = clip.tracking.objects[face].tracks[name].markers
    return markers.find_frame(footage_clip.clip_frame(clip, media_frame))


def test_points_get_an_own_tracking_object_at_the_right_place(written):
    clip, track = written
    face = clip.tracking.objects["Face 1"]
    assert [item.name for item in face.tracks] == list(NAMES)
    expected = named_points(track.landmarks)
    for column, name in enumerate(NAMES):
        for row, frame in enumerate(track.frames.tolist()):
            x, y = expected[row, column]
            # A pixel's center is half a pixel away from its edge, and the clip's y points up.
            assert tuple(marker(clip, name, frame).co) == pytest.approx(
                ((x + 0.5) / 512, 1 - (y + 0.5) / 512), abs=1e-6
            )


def test_frames_without_the_face_are_muted(written):
    clip, track = written
    markers = clip.tracking.objects["Face 1"].tracks["nose"].markers
    muted = [item.frame for item in markers if item.mute]
    # One before, the two bridged ones, one behind; clip frames count from 1.
    assert muted == [10, 21, 22, 41]
    assert not any(item.is_keyed for item in markers)
    low, high = marker(clip, "center", 15).pattern_bound_box
    assert (high - low if np.isscalar(low) else np.subtract(high, low)[0]) == pytest.approx(0.8 * 100 / 512, rel=1e-4)


@pytest.mark.parametrize("offset", [0, 3])
def test_clip_frames_show_the_media_frames_of_a_movie(scene, coded_movies, tmp_path, offset):
    strip = scene.sequence_editor.strips.new_movie("Movie", str(coded_movies()), 1, 1)
    check_pictures(scene, strip, tmp_path, offset)


@pytest.mark.parametrize("offset", [0, 3])
def test_clip_frames_show_the_media_frames_of_pictures(scene, coded_pictures, tmp_path, offset):
    strip = add_pictures(scene, *coded_pictures)
    check_pictures(scene, strip, tmp_path, offset)


def test_a_clip_follows_the_clock_of_a_variable_rate_as_strips_do(scene, coded_movies, tmp_path):
    path = with_variable_rate(coded_movies(b_frames=0), tmp_path / "variable.mp4")
    strip = scene.sequence_editor.strips.new_movie("Movie", str(path), 1, 1)
    frames = range(1, 60, 4)
    expected = [decoded_number(render_frame(scene, frame, tmp_path)) for frame in frames]
    clip = footage_clip.footage_clip(strip)
    shown = scene.sequence_editor.strips.new_clip("Clip", clip, 2, clip.frame_start)
    shown.blend_type = "REPLACE"
    assert [decoded_number(render_frame(scene, frame, tmp_path)) for frame in frames] == expected
    assert expected[-1] < 40, "pictures that last longer are shown longer"


def check_pictures(scene, strip, folder, offset):
    """Render the clip and compare the number in its picture with the media frame that its marker frame stands for."""
    clip = footage_clip.footage_clip(strip)
    clip.frame_offset = offset
    shown = scene.sequence_editor.strips.new_clip("Clip", clip, 2, clip.frame_start)
    shown.blend_type = "REPLACE"
    for media_frame in (5, 17, 42):
        frame = footage_clip.clip_frame(clip, media_frame)
        assert footage_clip.media_frame(clip, frame) == media_frame
        # A marker frame is the scene frame where `frame_start` is 1.
        assert decoded_number(render_frame(scene, clip.frame_start - 1 + frame, folder)) == media_frame


def test_the_clip_of_the_same_file_is_used_again(scene, clips, coded_pictures):
    movie = scene.sequence_editor.strips.new_movie("Movie", str(clips / "target_A.mp4"), 1, 1)
    assert footage_clip.find_clip(movie) is None
    own = bpy.data.movieclips.load(str(clips / "train_A" / ".." / "target_A.mp4"))
    assert footage_clip.footage_clip(movie) == own
    pictures = add_pictures(scene, *coded_pictures)
    assert footage_clip.footage_clip(pictures) == footage_clip.footage_clip(pictures)
    assert len(bpy.data.movieclips) == 2


def test_pictures_that_a_clip_cannot_show_are_refused(scene, coded_pictures):
    folder, names = coded_pictures
    for chosen in ([names[0], names[2]], [names[3], names[3]], [names[5], names[4]]):
        strip = add_pictures(scene, folder, chosen)
        with pytest.raises(EngineError, match=chosen[1]) as caught:
            footage_clip.footage_clip(strip)
        assert caught.value.code is ErrorCode.STRIP_UNSUPPORTED


def read(clip, *tracks):
    return tracking_reading.read_corrections(clip, tracks, SIZE)


def test_nothing_moved_is_nothing_read_even_after_saving(written, tmp_path):
    clip, track = written
    assert read(clip, track) == []
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "edit ä.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "edit ä.blend"))
    (clip,) = bpy.data.movieclips
    assert tracking_data.written_tracks(clip) == (1,)
    assert read(clip, track) == []
    shift(marker(clip, "center", 25), 1.0, 0.0)
    assert len(read(clip, track)) == 1


def shift(found, dx, dy):
    found.co = (found.co[0] + dx / 512, found.co[1] - dy / 512)


def test_a_moved_center_moves_the_face(written):
    clip, track = written
    shift(marker(clip, "center", 25), 6.5, -3.25)
    (moved,) = read(clip, track)
    assert isinstance(moved, MoveFace) and (moved.track, moved.frame) == (1, 25)
    assert (moved.dx, moved.dy) == pytest.approx((6.5, -3.25), abs=1e-3)
    assert (moved.scale, moved.turn_deg) == (1.0, 0.0)


def test_moved_features_scale_and_turn_the_face_about_the_middle_of_its_box(written):
    clip, track = written
    wanted = Motion((4.0, 2.0), 1.2, 10.0)
    box = track.boxes[12]
    after = wanted.moved(named_points(track.landmarks)[12], (box[:2] + box[2:]) / 2)
    for column in (1, 2, 4):
        marker(clip, NAMES[column], 22).co = tracking_data.to_clip(after[column], SIZE)
    (moved,) = read(clip, track)
    assert moved.frame == 22
    assert (moved.dx, moved.dy) == pytest.approx(wanted.shift, abs=1e-2)
    assert (moved.scale, moved.turn_deg) == pytest.approx((1.2, 10.0), abs=1e-2)


def test_each_frame_and_each_face_is_told_apart(clip, tmp_path):
    tracks = [face_track(tmp_path, 1), face_track(tmp_path, 7, range(12), ())]
    finished(tracking_data.write_faces(clip.name, tracks, SIZE))
    shift(marker(clip, "nose", 11), 1.0, 0.0)
    shift(marker(clip, "nose", 30), 0.0, 2.0)
    shift(marker(clip, "chin", 5, "Face 7"), 3.0, 0.0)
    moved = read(clip, *tracks)
    assert [(item.track, item.frame) for item in moved] == [(1, 11), (1, 30), (7, 5)]
    # A movement counts from where earlier key frames put the face, so several frames of a face are told as places.
    for item, row, dx, dy in ((moved[0], 1, 1, 0), (moved[1], 20, 0, 2)):
        assert isinstance(item, SetLandmarks)
        assert np.allclose(item.landmarks, tracks[0].landmarks[row] + [dx, dy], atol=1e-3)
    assert isinstance(moved[2], MoveFace) and (moved[2].dx, moved[2].dy) == pytest.approx((3, 0), abs=1e-3)


def test_muted_markers_and_frames_of_nobody_say_nothing(written):
    clip, track = written
    shift(marker(clip, "nose", 30), 9.0, 0.0)
    marker(clip, "nose", 30).mute = True
    clip.tracking.objects["Face 1"].tracks["nose"].markers.insert_frame(60, co=(0.1, 0.1))
    assert read(clip, track) == []


def test_the_same_markers_read_again_change_nothing(written, tmp_path):
    # As after undo: the markers are where the editor put them, and the face track has gone there in the meantime.
    clip, track = written
    shift(marker(clip, "center", 25), 6.0, 0.0)
    frames = track.frames
    corrected = track_values(frames, np.stack([156 + 3.3 * frames, 200 + 0.0 * frames], axis=1))
    write_found(tmp_path / "found", tmp_path / "x.mp4", {1: corrected})
    assert read(clip, *track_arrays.read_tracks(tmp_path / "found")) == []


def own_face(clip, name, points, media_frame, offset=(0.0, 0.0)):
    """Tracking data as an editor makes it: a tracking object with tracks named after the points of a face."""
    own = clip.tracking.objects.new(name)
    for point, place in points.items():
        markers = own.tracks.new(name=point, frame=footage_clip.clip_frame(clip, media_frame)).markers
        markers[0].co = tracking_data.to_clip(np.array(place) + offset, SIZE)
    return own


def test_an_editors_own_tracks_become_a_new_face_where_there_is_none(written):
    clip, track = written
    box = np.array([40.0, 300.0, 140.0, 400.0])
    points = {"left eye": (112, 320.5), "right eye": (68, 320.5), "mouth left": (107, 368.5), "chin": (90, 400)}
    own_face(clip, "Somebody", points, 33)
    own_face(clip, "Known face", points, 25, named_points(track.landmarks)[15, 0] - (90, 344.5))
    own_face(clip, "Ball", {"left": (100, 100)}, 33)
    (face,) = read(clip, track)
    assert isinstance(face, AddFace) and face.frame == 33 and face.landmarks is None
    assert np.allclose(face.box, box, atol=1.5)
    assert read(clip) != []


def test_one_own_track_takes_its_pattern_as_the_face(clip):
    own = own_face(clip, "Somebody", {"center": (200.0, 100.0)}, 12)
    own.tracks["center"].markers[0].pattern_corners = ((-0.1, -0.2), (0.1, -0.2), (0.1, 0.2), (-0.1, 0.2))
    (face,) = read(clip)
    assert face.frame == 12
    assert face.box == pytest.approx((200 - 51.2, 100 - 102.4, 200 + 51.2, 100 + 102.4), abs=1e-2)


def test_a_turned_face_gets_the_box_around_it():
    upright = {"right eye": np.array([28.0, 20.5]), "left eye": np.array([72.0, 20.5]), "chin": np.array([50.0, 100.0])}
    assert box_around(upright) == pytest.approx((0, 0, 100, 100), abs=1e-6)
    turned = {name: np.array([-y, x]) for name, (x, y) in upright.items()}
    assert box_around(turned) == pytest.approx((-100, 0, 0, 100), abs=1e-6)


def test_writing_again_renews_our_tracks_and_keeps_the_editors(written, tmp_path):
    clip, _ = written
    ear = clip.tracking.objects["Face 1"].tracks.new(name="ear", frame=3)
    ear.markers[0].co = (0.5, 0.25)
    shift(marker(clip, "nose", 30), 9.0, 0.0)
    shorter = face_track(tmp_path, 1, range(12, 18), ())
    finished(tracking_data.write_faces(clip.name, [shorter], SIZE))
    face = clip.tracking.objects["Face 1"]
    assert [item.name for item in face.tracks] == [*NAMES, "ear"]
    assert [item.frame for item in face.tracks["nose"].markers] == list(range(12, 20))
    assert tuple(face.tracks["ear"].markers[0].co) == (0.5, 0.25)
    assert read(clip, shorter) == []


def test_three_thousand_frames_take_less_than_a_second(clip, tmp_path):
    track = face_track(tmp_path, 1, range(3000), ())
    for _ in range(2):
        started = time.process_time()
        finished(tracking_data.write_faces(clip.name, [track], SIZE))
        assert time.process_time() - started < 1.0
    assert len(clip.tracking.objects["Face 1"].tracks["chin"].markers) == 3002


def test_writing_is_sliced(clip, tmp_path):
    track = face_track(tmp_path, 1, range(3000), ())
    assert len(list(tracking_data.write_faces(clip.name, [track], SIZE))) > 2


def test_a_clip_of_another_shape_is_refused(clip, tmp_path):
    with pytest.raises(EngineError, match="1920 × 1080"):
        finished(tracking_data.write_faces(clip.name, [face_track(tmp_path)], (1920, 1080)))


@pytest.mark.parametrize("damage", ["missing", "cut", "text", "shape"])
def test_damaged_tracks_are_named(tmp_path, damage):
    face_track(tmp_path)
    path = tmp_path / "found" / "tracks.npz"
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:500])
    elif damage == "text":
        path.write_text("not tracks")
    else:
        np.savez(
            path, ids=[1], **{f"1/{name}": np.zeros(3) for name in ("frames", "landmarks", "boxes", "bridged", "size")}
        )
    with pytest.raises(EngineError, match="tracks.npz") as caught:
        track_arrays.read_tracks(tmp_path / "found")
    assert caught.value.code is ErrorCode.TRACKS_MISSING and "xtract" in caught.value.hint


def test_tracks_are_read_again_only_after_they_changed(tmp_path):
    first = face_track(tmp_path)
    assert track_arrays.read_tracks(tmp_path / "found")[0] is first
    second = face_track(tmp_path, 2)
    assert second is not first and second.id == 2


@pytest.mark.parametrize("motion", [Motion((0, 0)), Motion((3, -2), 0.5, 170.0), Motion((-1, 1), 3.0, -45.0)])
def test_a_motion_is_found_again_from_its_points(motion):
    points = landmarks_at([(50, 80)])[0].astype(float)
    pivot = np.array([10.0, 20.0])
    found = motion_between(points, motion.moved(points, pivot), pivot)
    assert found.shift == pytest.approx(motion.shift, abs=1e-6)
    assert (found.scale, found.turn) == pytest.approx((motion.scale, motion.turn), abs=1e-6)
    alone = motion_between(points[:1], points[:1] + [2, 3], pivot)
    assert alone == Motion((2.0, 3.0))


@pytest.mark.parametrize("media_frame", [12, 20, 33])
def test_what_is_stuck_to_a_face_stays_on_it_even_where_it_was_lost(scene, written, media_frame):
    clip, track = written
    scene.render.resolution_x, scene.render.resolution_y = SIZE
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    hat = bpy.data.objects.new("Hat", None)
    for item in (camera, hat):
        scene.collection.objects.link(item)
    scene.camera, camera.location = camera, (0, 0, 10)
    follow = hat.constraints.new("FOLLOW_TRACK")
    follow.use_active_clip, follow.clip, follow.camera = False, clip, camera
    follow.object, follow.track = "Face 1", "nose"
    scene.frame_set(clip.frame_start - 1 + footage_clip.clip_frame(clip, media_frame))
    place = hat.evaluated_get(bpy.context.evaluated_depsgraph_get()).matrix_world.translation
    shown = world_to_camera_view(scene, camera, place)
    nose = track.landmarks[track.index(media_frame), 30]
    assert tracking_data.to_pixels(np.array(shown[:2]), SIZE) == pytest.approx(nose, abs=0.02)
