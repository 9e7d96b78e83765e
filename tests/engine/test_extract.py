# SPDX-License-Identifier: GPL-3.0-or-later
"""Extraction of footage: tracks, facesets, what is kept from run to run, and what bad input gets."""

import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from extract_material import CLIPS, Recorder, frame, frames, job, two_people, write_sequence
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.project import Project, ProjectLock
from understudy.engine.contract.settings import ExtractSettings
from understudy.engine.contract.timing import Footage, FrameRange
from understudy.engine.faces.alignment import face_matrix
from understudy.engine.faces.picture_part import FaceView
from understudy.engine.faces.smoothing import REACH
from understudy.engine.faces.tracking import Observation
from understudy.engine.faces.tracks import load_tracks
from understudy.engine.faceset.store import load_faceset
from understudy.engine.media.images import read_image, write_png
from understudy.engine.media.picture import ArrayPicture
from understudy.engine.media.reader import FootageReader
from understudy.engine.pipelines.extract import extract
from understudy.engine.pipelines.extract_report import _summary
from understudy.engine.pipelines.track_recording import SeenFace, TrackRecording

TARGET = Footage(CLIPS / "target_A.mp4")


@pytest.fixture
def decoded(monkeypatch) -> list[int]:
    """Media frames that were decoded."""
    seen: list[int] = []
    original = FootageReader.pictures

    def count(self, ranges=()):
        for media_frame, picture in original(self, ranges):
            seen.append(media_frame)
            yield media_frame, picture

    monkeypatch.setattr(FootageReader, "pictures", count)
    return seen


def _looks(monkeypatch) -> list[str]:
    """Return a list that fills with what the detector is asked for."""
    from understudy.engine.faces.blazeface import BlazeFaceDetector

    calls: list[str] = []
    for name in ("detect", "check"):
        original = getattr(BlazeFaceDetector, name)

        def note(self, *arguments, _name=name, _original=original):
            calls.append(_name)
            return _original(self, *arguments)

        monkeypatch.setattr(BlazeFaceDetector, name, note)
    return calls


def test_a_movie_becomes_tracks_and_a_faceset(tmp_path):
    project = tmp_path / "Prüfung 名前.understudy"
    done = extract(job(project, TARGET, [(10, 22)]), Recorder())
    assert done.result["pictures"] == done.result["faces"] == 12
    assert done.result["tracks"] == [1]
    assert done.result["several"] == 0
    folder, faces = Path(done.result["footage_folder"]), Path(done.result["faceset_folder"])
    assert folder == Project(project).footage(done.result["key"])
    document = json.loads((folder / "footage.json").read_text(encoding="utf-8"))
    assert document["schema"] == "understudy.footage"
    assert document["ranges"] == [[10, 22]]
    assert (document["width"], document["height"], document["rate"]) == (512, 512, "25")
    assert document["tracks"][0]["frames"] == 12
    assert read_image(folder / document["tracks"][0]["thumbnail"]).shape == (128, 128, 3)
    track = load_tracks(folder).track(1)
    assert track.frames.tolist() == list(range(10, 22))
    assert not track.bridged.any()
    assert np.linalg.norm(track.identity) > 0.5
    assert sorted(path.name for path in faces.glob("*.png")) == [f"{i:06d}_t01.png" for i in range(10, 22)]
    record = load_faceset(faces).records[5]
    # The aligned faces use the steadied landmarks, and the stored picture is that alignment of the frame.
    assert np.array_equal(record.landmarks, track.landmarks[5])
    assert np.allclose(record.image_to_face, face_matrix(track.landmarks[5], 256, 2.0))


def test_d11_landmarks_boxes_and_alignments_are_never_rounded(tmp_path):
    done = extract(job(tmp_path, TARGET, [(10, 16)]), Recorder())
    track = load_tracks(Path(done.result["footage_folder"])).tracks[0]
    records = load_faceset(Path(done.result["faceset_folder"])).records
    for values in (track.landmarks, track.raw_landmarks, track.boxes, np.array([r.landmarks for r in records])):
        assert values.dtype == np.float32
        rest = np.abs(values - np.round(values))
        assert 0.1 < rest.mean() < 0.4
    assert np.abs(records[0].image_to_face - np.round(records[0].image_to_face)).max() > 0.01


def test_searched_frames_are_not_decoded_again_and_neighbors_join(tmp_path, decoded):
    extract(job(tmp_path, TARGET, [(20, 28)]), Recorder())
    assert decoded == list(range(20, 28))
    decoded.clear()
    again = extract(job(tmp_path, TARGET, [(20, 28)]), Recorder())
    assert decoded == []
    assert again.result["faces"] == 8
    more = extract(job(tmp_path, TARGET, [(14, 34)]), Recorder())
    assert decoded == [*range(14, 20), *range(28, 34)]
    assert more.result["tracks"] == [1]
    assert more.result["faces"] == 20
    tracks = load_tracks(Path(more.result["footage_folder"]))
    assert tracks.ranges == (FrameRange(14, 34),)
    assert tracks.tracks[0].frames.tolist() == list(range(14, 34))
    records = load_faceset(Path(more.result["faceset_folder"])).records
    assert {(record.media_frame, record.track) for record in records} == {(i, 1) for i in range(14, 34)}


def test_the_rest_of_a_track_at_the_edge_of_a_search_is_not_lost_for_being_short(tmp_path):
    images = [*frames("target_A", 10, 18), *[np.full((512, 512, 3), 90, np.uint8)] * 8]
    footage = write_sequence(tmp_path / "seq", images)
    extract(job(tmp_path / "p", footage, [(0, 6)], minimum_track=5), Recorder())
    done = extract(job(tmp_path / "p", footage, [(0, 16)], minimum_track=5), Recorder())
    assert done.result["tracks"] == [1]
    assert done.result["faces"] == 8


def test_other_settings_search_all_again_and_keep_the_ids(tmp_path, decoded):
    extract(job(tmp_path, TARGET, [(20, 26)]), Recorder())
    decoded.clear()
    done = extract(job(tmp_path, TARGET, [(26, 30)], minimum_size=40), Recorder())
    assert decoded == list(range(20, 30))
    assert done.result["tracks"] == [1]
    faces = Path(done.result["faceset_folder"])
    assert len(load_faceset(faces).records) == len(list(faces.glob("*.png"))) == 10


def test_a_lost_face_is_bridged_and_a_cut_ends_the_track(tmp_path):
    first, second = list(frames("target_A", 10, 24)), list(frames("train_B", 60, 66))
    for hidden in (6, 7, 8):
        first[hidden] = cv2.rectangle(first[hidden].copy(), (90, 60), (420, 460), (110, 110, 110), -1)
    done = extract(job(tmp_path / "p", write_sequence(tmp_path / "seq", first + second)), Recorder())
    tracks = load_tracks(Path(done.result["footage_folder"])).tracks
    assert [(track.first, track.last) for track in tracks] == [(0, 13), (14, 19)]
    assert np.flatnonzero(tracks[0].bridged).tolist() == [6, 7, 8]
    raw = tracks[0].raw_landmarks
    assert np.allclose(raw[7], (raw[5] + raw[9]) / 2, atol=1e-3)
    assert (tracks[0].scores[6:9] == 0).all()
    assert done.result["faces"] == 17
    names = {record.media_frame for record in load_faceset(Path(done.result["faceset_folder"])).records}
    assert names == set(range(20)) - {6, 7, 8}


def test_pictures_shown_twice_are_searched_once(tmp_path, monkeypatch):
    calls = _looks(monkeypatch)
    footage = write_sequence(tmp_path / "seq", list(frames("target_A", 10, 14)))
    held = dataclasses.replace(footage, pictures=tuple(name for name in footage.pictures for _ in range(3)))
    done = extract(job(tmp_path / "p", held, detect_every=2), Recorder())
    assert len(calls) == 4
    assert done.result["faces"] == 12
    raw = load_tracks(Path(done.result["footage_folder"])).tracks[0].raw_landmarks
    assert np.array_equal(raw[0], raw[2])
    assert not np.array_equal(raw[2], raw[3])


def test_detection_on_every_fifth_frame_follows_the_face_in_between(tmp_path, monkeypatch):
    calls = _looks(monkeypatch)
    done = extract(job(tmp_path, TARGET, [(10, 21)], detect_every=5, save_every=4), Recorder())
    # All of the scene's first picture; then the known face in the last one of every five.
    assert calls == ["detect", "check", "check", "check"]
    assert done.result["faces"] == 11
    records = load_faceset(Path(done.result["faceset_folder"])).records
    assert [record.media_frame for record in records] == [10, 14, 18]


def test_short_tracks_are_dropped_unless_the_shot_is_that_short(tmp_path):
    images = [frame("target_A", 10)] * 2 + [np.full((512, 512, 3), 90, np.uint8)] * 20
    footage = write_sequence(tmp_path / "seq", images)
    with pytest.raises(EngineError) as caught:
        extract(job(tmp_path / "p", footage, minimum_track=3), Recorder())
    assert caught.value.code is ErrorCode.NO_FACES
    done = extract(job(tmp_path / "q", footage, [(0, 2)], minimum_track=3), Recorder())
    assert done.result["faces"] == 2


def test_no_face_names_the_footage_and_what_to_try(tmp_path):
    gray = [np.full((240, 320, 3), 90, np.uint8)] * 3
    footage = write_sequence(tmp_path / "leere Straße", gray)
    with pytest.raises(EngineError) as caught:
        extract(job(tmp_path / "p", footage), Recorder())
    assert caught.value.code is ErrorCode.NO_FACES
    assert "leere Straße" in caught.value.message
    assert "confidence" in caught.value.hint


def test_the_identity_filter_keeps_one_of_two(tmp_path):
    footage = write_sequence(tmp_path / "seq", [two_people()] * 4)
    write_png(tmp_path / "b.png", frame("train_B", 100))
    keep = dataclasses.replace(job(tmp_path / "keep", footage), references=(tmp_path / "b.png",))
    kept = extract(keep, Recorder())
    leave = dataclasses.replace(job(tmp_path / "leave", footage), rejects=(tmp_path / "b.png",))
    left = extract(leave, Recorder())
    centers = [
        load_tracks(Path(done.result["footage_folder"])).tracks[0].landmarks[..., 0].mean() for done in (kept, left)
    ]
    assert kept.result["tracks"] != left.result["tracks"]
    assert centers[0] > 512 > centers[1]
    assert len(kept.result["rejected"]) == len(left.result["rejected"]) == 1
    assert "distance" in kept.result["rejected"][0]


def test_a_reference_without_a_face_is_named(tmp_path):
    write_png(tmp_path / "wall.png", np.full((200, 200, 3), 120, np.uint8))
    wanted = dataclasses.replace(job(tmp_path / "p", TARGET, [(0, 2)]), references=(tmp_path / "wall.png",))
    with pytest.raises(EngineError, match=r"wall\.png"):
        extract(wanted, Recorder())


def test_a_stop_keeps_what_was_found(tmp_path, decoded):
    done = extract(job(tmp_path, TARGET, [(10, 40)]), Recorder(stop_after=6))
    assert done.stopped
    tracks = load_tracks(Path(done.result["footage_folder"]))
    assert tracks.ranges == (FrameRange(10, 16),)
    assert tracks.tracks[0].frames.tolist() == list(range(10, 16))
    assert len(load_faceset(Path(done.result["faceset_folder"])).records) == 6
    decoded.clear()
    more = extract(job(tmp_path, TARGET, [(10, 20)]), Recorder())
    assert decoded == list(range(16, 20))
    assert more.result["faces"] == 10


def test_an_unreadable_picture_of_a_sequence_is_passed_over_and_named(tmp_path):
    footage = write_sequence(tmp_path / "seq", list(frames("target_A", 10, 15)))
    (tmp_path / "seq" / "0002.png").write_bytes(b"junk")
    reporter = Recorder()
    done = extract(job(tmp_path / "p", footage), reporter)
    assert done.result["pictures"] == 4
    assert any("0002.png" in text for text in reporter.warnings)


def test_a_movie_that_breaks_off_keeps_what_is_readable_and_says_where_it_ends(tmp_path):
    whole = (CLIPS / "target_A.mp4").read_bytes()
    broken = tmp_path / "cut off.mp4"
    broken.write_bytes(whole[: len(whole) // 4])
    reporter = Recorder()
    done = extract(job(tmp_path / "p", Footage(broken)), reporter)
    assert 0 < done.result["faces"] == done.result["pictures"] < 40
    assert any("cut off.mp4" in text and f"frame {done.result['pictures']}" in text for text in reporter.warnings)


def test_a_file_that_is_no_movie_is_refused_with_its_name(tmp_path):
    broken = tmp_path / "no movie.mp4"
    broken.write_bytes(bytes(2000))
    with pytest.raises(EngineError, match=r"no movie\.mp4") as caught:
        extract(job(tmp_path / "p", Footage(broken)), Recorder())
    assert caught.value.code is ErrorCode.FOOTAGE_UNREADABLE


def test_handles_beyond_the_ends_are_left_out(tmp_path):
    done = extract(job(tmp_path, TARGET, [(68, 90)]), Recorder())
    assert done.result["pictures"] == 4
    with pytest.raises(EngineError) as caught:
        extract(job(tmp_path, TARGET, [(500, 510)]), Recorder())
    assert caught.value.code is ErrorCode.FRAME_MISSING


def test_debug_copies_stay_out_of_the_faceset(tmp_path):
    plain = extract(job(tmp_path / "plain", TARGET, [(10, 13)]), Recorder())
    drawn = extract(job(tmp_path / "drawn", TARGET, [(10, 13)], debug_landmarks=True), Recorder())
    name = "000011_t01.png"
    faces = [read_image(Path(done.result["faceset_folder"]) / name) for done in (plain, drawn)]
    assert np.array_equal(faces[0], faces[1])
    copy = read_image(Path(drawn.result["footage_folder"]) / "landmarks" / name)
    assert not np.array_equal(copy, faces[1])
    assert len(load_faceset(Path(drawn.result["faceset_folder"])).records) == 3


def test_a_project_in_use_is_refused(tmp_path):
    with ProjectLock(Project(tmp_path), "train"), pytest.raises(EngineError) as caught:
        extract(job(tmp_path, TARGET, [(0, 2)]), Recorder())
    assert caught.value.code is ErrorCode.PROJECT_BUSY


def test_memory_stays_flat_and_faces_come_in_order():
    settings = ExtractSettings(face_size=128)
    cut = []
    recording = TrackRecording(1, settings, cut.append)
    picture = ArrayPicture(np.zeros((300, 300, 3), np.uint8))
    landmarks = np.random.default_rng(1).uniform(100, 200, (68, 2)).astype(np.float32)
    for media_frame in range(60):
        view = FaceView.around(picture, landmarks, settings.face_size, settings.coverage)
        recording.see(SeenFace.of(media_frame, Observation(landmarks, 1.0, view=view), settings))
        assert recording.waiting_parts <= 2 * REACH
    assert [face.media_frame for face in cut] == list(range(len(cut)))
    assert len(cut) >= 60 - 2 * REACH
    recording.finish(np.zeros(128, np.float32))
    assert [face.media_frame for face in cut] == list(range(60))


def test_what_was_found_is_said_in_the_singular_too():
    assert _summary(1, 1, 0, 1) == "1 face of 1 face track in 1 picture."
    assert _summary(3, 4, 1, 2) == "4 faces of 2 face tracks in 3 pictures; 1 picture shows several faces."
    assert _summary(3, 6, 3, 2) == "6 faces of 2 face tracks in 3 pictures; 3 pictures show several faces."
