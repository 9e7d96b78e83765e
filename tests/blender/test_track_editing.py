# SPDX-License-Identifier: GPL-3.0-or-later
"""Corrections from the edit: each operator asks the engine for exactly what a script would write by the contract."""

import json
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest
import understudy
from coded_footage import add_pictures
from found_faces import track_values, write_found
from understudy.blender_addon import (
    casting,
    correction_requests,
    environment,
    faces_in_frame,
    frame_maps,
    process,
    project_view,
    readiness,
)
from understudy.blender_addon.sequencer import set_timing
from understudy.engine.contract.correction_list import load_corrections
from understudy.engine.contract.corrections import (
    AddFace,
    DeleteFrames,
    DeleteTrack,
    KeepFound,
    MergeTracks,
    MoveFace,
    Realign,
    SplitTrack,
)
from understudy.engine.contract.jobs import CorrectJob, load_job
from understudy.engine.contract.project import Project

OPS = bpy.ops.understudy


@pytest.fixture(autouse=True)
def addon(monkeypatch):
    monkeypatch.setattr(process, "LAUNCH_FILE", Path(__file__).with_name("fake_engine.py"))
    monkeypatch.setenv(environment.PYTHON_VARIABLE, sys.executable)
    monkeypatch.setattr(project_view, "_SECONDS_BETWEEN_LOOKS", 0.0)
    understudy.register()
    yield
    understudy.unregister()


@pytest.fixture
def edit(scene, clips, tmp_path):
    """A saved edit of one trimmed shot with two faces; timeline frame 11 shows media frame 10."""
    scene.render.resolution_x, scene.render.resolution_y = 1280, 720
    strip = scene.sequence_editor.strips.new_movie("Shot ä", str(clips / "target_A.mp4"), 1, 1)
    set_timing(strip, "left_handle", 6)
    strip.select = True
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "Schnitt ä.blend"))
    frames = np.arange(8, 40)
    walk = np.stack([150.0 + frames, 200.0 + 0 * frames], axis=1)
    tracks = {1: track_values(frames, walk), 2: track_values(frames[:10], walk[:10] + [200, 50], 60.0, bridged=(12,))}
    write_found(folder(), clips / "target_A.mp4", tracks)
    bpy.context.scene.frame_current = 11
    return bpy.context.scene


def folder():
    return Project.beside(Path(bpy.data.filepath)).footage("target_A-0123456789ab")


def strip():
    return bpy.context.scene.sequence_editor.strips_all["Shot ä"]


def last_job():
    jobs = sorted((folder().parents[1] / "jobs").glob("*-correct*"))
    return load_job(jobs[-1] / "job.json")


def written():
    return [replace(item, key="") for item in load_corrections(folder())]


def message_of(call, **options):
    with pytest.raises(RuntimeError) as caught:
        call(**options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (
            lambda: OPS.track_move(track=1, shift=(3.3, -1002.2), scale=1.1, turn=10.7),
            MoveFace(1, 10, 3.3, -1002.2, scale=1.1, turn_deg=10.7),
        ),
        (lambda: OPS.track_move(track=2, frame=14, shift=(1, 0)), MoveFace(2, 14, 1.0, 0.0)),
        (lambda: OPS.track_move(track=1, shift=(1, 0), reach=0), MoveFace(1, 10, 1.0, 0.0, reach=0)),
        (lambda: OPS.track_move(track=1, shift=(1, 0), reach=-1), MoveFace(1, 10, 1.0, 0.0, reach=None)),
        (lambda: OPS.track_keep(track=1), KeepFound(1, 10)),
        (lambda: OPS.track_realign(track=1), Realign(1, 10)),
        (lambda: OPS.track_add(box=(10, 20, 110, 140)), AddFace(10, (10.0, 20.0, 110.0, 140.0))),
        (lambda: OPS.track_split(track=1), SplitTrack(1, 10)),
        (lambda: OPS.track_merge(track=2, other=1), MergeTracks(2, 1)),
        (lambda: OPS.track_delete(track=2), DeleteTrack(2)),
        (lambda: OPS.track_delete(track=1, frames_only=True), DeleteFrames(1, 10, 11)),
        (lambda: OPS.track_delete(track=1, start=20, end=30), DeleteFrames(1, 20, 30)),
    ],
)
def test_each_operator_asks_for_exactly_one_correction(edit, call, expected):
    assert call() == {"FINISHED"}
    assert last_job() == CorrectJob(
        project=Project.beside(Path(bpy.data.filepath)).root, footage=last_job().footage, append=(expected,)
    )
    assert written() == [expected]
    assert last_job().footage.path == Path(bpy.path.abspath(strip().filepath)).resolve()


def test_undo_takes_back_the_last_one_or_all(edit):
    for dx in (1, 2, 3):
        OPS.track_move(track=1, shift=(dx, 0))
    assert readiness.undo_reason(bpy.context) == ""
    OPS.track_undo()
    assert [item.dx for item in written()] == [1, 2]
    assert last_job().undo == 1
    OPS.track_undo(everything=True)
    assert written() == [] and last_job().clear
    assert readiness.undo_reason(bpy.context) == "This footage has no corrections"


def test_frames_of_the_preview_range_are_deleted_from_behind(edit):
    edit.use_preview_range = True
    edit.frame_preview_start, edit.frame_preview_end = 13, 16
    OPS.track_delete(track=1, frames_only=True)
    assert written() == [DeleteFrames(1, 12, 16)]
    OPS.track_undo()
    # A strobing strip shows every third picture only; what it doesn't show stays.
    strip().strobe = 3
    OPS.track_delete(track=1, frames_only=True)
    assert written() == [DeleteFrames(1, 15, 16), DeleteFrames(1, 12, 13)]


@pytest.mark.parametrize("change", ["moved", "slipped", "reversed", "fast"])
def test_the_playhead_is_followed_through_the_edit(edit, change):
    shot = strip()
    if change == "moved":
        set_timing(shot, "content_start", 101)
        edit.frame_current, media_frame = 111, 10
    elif change == "slipped":
        set_timing(shot, "content_start", -3)
        edit.frame_current, media_frame = 11, 14
    elif change == "reversed":
        shot.use_reverse_frames = True
        edit.frame_current, media_frame = 61, 11
    else:
        shot.strobe = 4
        edit.frame_current, media_frame = 12, 8
    OPS.track_realign(track=1)
    assert written() == [Realign(1, media_frame)]


def place(shot, name):
    """Put the 512 px picture somewhere in the 1280 × 720 frame."""
    if name in ("scaled", "everything"):
        shot.transform.scale_x = shot.transform.scale_y = 1.25
        shot.transform.offset_x, shot.transform.offset_y = 100, -40
    if name in ("flipped", "everything"):
        shot.use_flip_x = True
    if name in ("turned", "everything"):
        shot.transform.rotation = np.radians(30)
    if name == "cropped":
        shot.crop.min_x, shot.crop.max_y = 40, 30


PLACES = ["plain", "scaled", "flipped", "turned", "cropped", "everything"]


@pytest.mark.parametrize("name", PLACES)
def test_a_box_in_preview_pixels_comes_back_as_picture_pixels(edit, name):
    place(strip(), name)
    placement = faces_in_frame.preview_placement(strip(), (512, 512), 11)
    corners = placement.to_frame(np.array([(100.0, 120.0), (200.0, 120.0), (200.0, 240.0), (100.0, 240.0)]))
    box = (*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist())
    OPS.track_add(box=box, space="FRAME")
    (face,) = written()
    if name in ("turned", "everything"):
        # The box around a turned box: it has the same middle and holds the face.
        middle = np.array(face.box).reshape(2, 2).mean(axis=0)
        assert np.allclose(middle, (150, 180), atol=0.01)
        assert face.box[2] - face.box[0] > 100 and face.box[3] - face.box[1] > 120
    else:
        assert np.allclose(face.box, (100, 120, 200, 240), atol=0.01)


def test_picture_pixels_are_where_the_preview_shows_them(edit):
    # The 512 px picture in the middle of 1280 × 720; half pixels as in the footage.
    placement = faces_in_frame.preview_placement(strip(), (512, 512), 11)
    assert placement.to_frame(np.array([(0.0, 0.0)])).tolist() == [[384.0, 104.0]]
    assert placement.to_view(np.array([(255.5, 255.5)])).tolist() == [[0.0, 0.0]]
    assert placement.to_view(np.array([(256.5, 255.5)])).tolist() == [[1.0, 0.0]]
    edit.render.pixel_aspect_x = 2
    wide = faces_in_frame.preview_placement(strip(), (512, 512), 11)
    assert wide.to_view(np.array([(256.5, 254.5)])).tolist() == [[2.0, 1.0]]
    assert wide.frame_from_view(wide.to_view(np.array([(7.0, 9.0)]))).tolist() == [[391.0, 113.0]]


@pytest.mark.parametrize("name", PLACES)
def test_a_shift_in_preview_pixels_is_undone_by_the_placement(edit, name):
    place(strip(), name)
    placement = faces_in_frame.preview_placement(strip(), (512, 512), 11)
    points = np.array([(160.0, 200.0), (170.0, 196.0)])
    assert np.allclose(placement.from_frame(placement.to_frame(points)), points)
    shift = np.diff(placement.to_frame(points), axis=0)[0]
    OPS.track_move(track=1, shift=shift.tolist(), turn=20, space="FRAME")
    (moved,) = written()
    assert (moved.dx, moved.dy) == pytest.approx((10, -4), abs=1e-3)
    # What looks clockwise in a mirrored picture is the other way round in the footage.
    assert moved.turn_deg == pytest.approx(-20 if name in ("flipped", "everything") else 20)


def test_a_shot_inside_of_a_placed_meta_strip_is_found_in_the_preview(edit):
    editor = edit.sequence_editor
    meta = editor.strips.new_meta("Meta", 3, 1)
    strip().move_to_meta(meta)
    strip().transform.scale_x = strip().transform.scale_y = 0.5
    meta.transform.scale_x = meta.transform.scale_y = 2
    meta.transform.offset_x = 10
    placement = faces_in_frame.preview_placement(strip(), (512, 512), 11)
    assert placement.to_view(np.array([(255.5, 255.5), (265.5, 255.5)])).tolist() == [[10.0, 0.0], [20.0, 0.0]]


def test_a_face_is_found_without_its_number_where_it_is_alone(edit):
    edit.frame_current = 25
    OPS.track_realign()
    assert written() == [Realign(1, 24)]
    edit.frame_current = 11
    assert "there is face 1, face 2; say which" in message_of(OPS.track_realign)


@pytest.mark.parametrize(
    ("call", "options", "text"),
    [
        ("track_move", {"track": 7}, "target_A.mp4 has no face track 7; it has face 1, face 2."),
        ("track_move", {"track": 2, "frame": 30}, "is not in frame 31 (00:00:01:06); it has frames 9–18 ("),
        ("track_split", {"track": 1, "frame": 8}, "nothing would be left before it"),
        ("track_merge", {"track": 1}, "Merging needs two face tracks"),
        ("track_merge", {"track": 1, "other": 1}, "can't be merged with itself"),
        ("track_add", {"box": (600, 600, 700, 700)}, "outside of the picture of 512 × 512 px"),
        ("track_add", {"box": (50, 50, 50, 90)}, "is empty"),
        ("track_delete", {"track": 2, "start": 30, "end": 35}, "has frames 9–18 (00:00:00:09) and none of these."),
        ("track_move", {"track": 1, "strip": "Nobody"}, "no strip “Nobody”"),
        ("track_undo", {"strip": "Nobody"}, "no strip “Nobody”"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(edit, call, options, text):
    assert text in message_of(getattr(OPS, call), **options)
    assert written() == [] and not (folder().parents[1] / "jobs").exists()


def test_the_playhead_must_be_in_a_shot_with_faces(edit, tmp_path):
    edit.frame_current = 3
    assert "The playhead at frame 3 is not in “Shot ä”" in message_of(OPS.track_realign, track=1)
    edit.frame_current = 11
    strip().transform.scale_x = 0
    assert "scaled to nothing" in message_of(OPS.track_add, box=(1, 1, 50, 50), space="FRAME")
    strip().select = False
    assert "No strip is selected" in message_of(OPS.track_realign, track=1)
    (folder() / "tracks.npz").write_bytes(b"PK\x03\x04 damaged")
    assert "tracks.npz" in message_of(OPS.track_realign, track=1, strip="Shot ä")
    (folder() / "footage.json").unlink()
    assert "were not extracted yet" in message_of(OPS.track_realign, track=1, strip="Shot ä")


def test_both_parts_of_a_split_track_stay_assigned(edit):
    settings = edit.understudy
    casting.assign(settings, folder().name, 1, "anna")
    casting.assign(settings, folder().name, 2, "ben")
    OPS.track_split(track=1)
    assert casting.assigned(settings, folder().name) == {1: "anna", 2: "ben", 1001: "anna"}
    OPS.track_delete(track=2)
    assert casting.assigned(settings, folder().name) == {1: "anna", 1001: "anna"}
    # The part that shows somebody else stays without an assignment.
    casting.assign(settings, folder().name, 1001, "")
    OPS.track_keep(track=1)
    assert casting.assigned(settings, folder().name) == {1: "anna"}


def test_a_merged_track_shows_whom_either_showed(edit):
    casting.assign(edit.understudy, folder().name, 2, "anna")
    OPS.track_merge(track=1, other=2)
    assert casting.assigned(edit.understudy, folder().name)[1] == "anna"


def known_faces():
    """The faces at the playhead, once the timer, which never runs in background mode, has worked."""
    faces_in_frame.faces_at_playhead(bpy.context)
    while frame_maps.work():
        pass
    return faces_in_frame.faces_at_playhead(bpy.context)


def test_a_deleted_track_comes_back_with_its_performer(edit):
    OPS.performer_add(name="Anna")
    key = folder().name
    casting.assign(edit.understudy, key, 1, "anna")
    there = readiness.found_in(bpy.context, strip())
    gone = replace(there, tracks=tuple(track for track in there.tracks if track.id != 1))
    correction_requests.follow_assignments(edit.understudy, gone, {}, ())
    assert casting.assigned(edit.understudy, key) == {}
    correction_requests.follow_assignments(edit.understudy, there, {}, ())
    assert casting.assigned(edit.understudy, key) == {1: "anna"}
    # Only once, and never for somebody who left the cast meanwhile.
    casting.assign(edit.understudy, key, 1, "")
    correction_requests.follow_assignments(edit.understudy, there, {}, ())
    assert casting.assigned(edit.understudy, key) == {}
    casting.assign(edit.understudy, key, 1, "anna")
    correction_requests.follow_assignments(edit.understudy, gone, {}, ())
    OPS.performer_remove(performer="Anna")
    correction_requests.follow_assignments(edit.understudy, there, {}, ())
    assert casting.assigned(edit.understudy, key) == {}


def test_the_preview_knows_the_faces_at_the_playhead(edit):
    assert faces_in_frame.faces_at_playhead(bpy.context) == []
    first, second = known_faces()
    assert (first.track.id, second.track.id) == (1, 2)
    x0, y0, x1, y1 = first.track.boxes[first.index].tolist()
    assert first.outline[0].tolist() == pytest.approx([x0 - 255.5, 255.5 - y0])
    assert first.landmarks.shape == (68, 2)
    edit.frame_current = 13
    assert [face.is_bridged for face in known_faces()] == [False, True]
    edit.frame_current = 30
    assert [face.track.id for face in known_faces()] == [1]
    # Trimming and moving the strip is noticed without being told.
    set_timing(strip(), "content_start", 21)
    assert faces_in_frame.faces_at_playhead(bpy.context) == []
    assert [face.index for face in known_faces()] == [1, 1]
    bpy.context.window_manager.understudy.active_face = 2
    assert faces_in_frame.active_face(bpy.context, known_faces()).track.id == 2


def test_looking_for_faces_is_quick_enough_for_every_redraw(edit):
    known_faces()
    started = time.process_time()
    for _ in range(50):
        faces_in_frame.faces_at_playhead(bpy.context)
    # Opening the movie alone would take some 20 ms.
    assert (time.process_time() - started) / 50 < 0.008


def test_strips_that_cannot_be_mapped_draw_nothing(edit, tmp_path):
    strip().filepath = str(tmp_path / "gone.mp4")
    assert known_faces() == []


def test_corrections_keep_what_the_editor_moved_in_the_clip(edit):
    OPS.tracking_write()
    (clip,) = bpy.data.movieclips
    assert [item.name for item in clip.tracking.objects] == ["Camera", "Face 1", "Face 2"]
    marker = clip.tracking.objects["Face 1"].tracks["center"].markers.find_frame(11)
    marker.co = (marker.co[0] + 8 / 512, marker.co[1])
    OPS.track_move(track=2, shift=(1, 0))
    OPS.tracking_read()
    moved = written()[-1]
    assert (moved.kind, moved.track, moved.frame) == ("move_face", 1, 10)
    assert (moved.dx, moved.dy) == pytest.approx((8, 0), abs=1e-3)
    # Read back it is written anew from the engine's tracks, here unchanged ones.
    assert "Nothing was moved" in message_of(OPS.tracking_read)


def test_tracking_data_is_refused_in_words(edit):
    assert "has no movie clip in this file" in message_of(OPS.tracking_read)
    assert "has no face track 7" in message_of(OPS.tracking_write, track=7)
    OPS.tracking_write(track=2)
    assert [item.name for item in bpy.data.movieclips[0].tracking.objects] == ["Camera", "Face 2"]
    assert "Nothing was moved" in message_of(OPS.tracking_read)
    (folder() / "footage.json").unlink()
    assert "were not extracted yet" in message_of(OPS.tracking_write)


def test_image_sequences_are_corrected_and_tracked_too(edit, coded_pictures):
    pictures, names = coded_pictures
    shot = add_pictures(edit, pictures, names, channel=5, frame_start=41)
    found = Project.beside(Path(bpy.data.filepath)).footage("pictures-0123456789ab")
    shutil.rmtree(folder())
    track = track_values(np.arange(10, 20), np.full((10, 2), 60.0), 30.0)
    write_found(found, pictures, {3: track}, (128, 64), names, len(names))
    edit.frame_current = 53
    OPS.track_move(strip=shot.name, shift=(2, 1))
    (moved,) = load_corrections(found)
    assert (moved.track, moved.frame, moved.dx, moved.dy) == (3, 12, 2, 1)
    OPS.tracking_write(strip=shot.name)
    clip = bpy.data.movieclips[0]
    assert clip.source == "SEQUENCE"
    marker = clip.tracking.objects["Face 3"].tracks["chin"].markers.find_frame(13)
    x, y = track["landmarks"][2, 8]
    assert tuple(marker.co) == pytest.approx(((x + 0.5) / 128, 1 - (y + 0.5) / 64))


def test_damaged_corrections_are_no_reason_to_stop_drawing(edit):
    OPS.track_move(track=1, shift=(1, 0))
    assert readiness.undo_reason(bpy.context) == ""
    (folder() / "corrections.json").write_text(json.dumps({"schema": "other"}))
    assert readiness.undo_reason(bpy.context) == "This footage has no corrections"
