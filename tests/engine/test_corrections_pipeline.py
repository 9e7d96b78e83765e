# SPDX-License-Identifier: GPL-3.0-or-later
"""Correcting real footage: tracks, aligned faces and files change together, and corrections outlive a new search."""

import json
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from extract_material import CLIPS, Recorder, frames, job, two_people, write_sequence
from understudy.engine.contract.correction_list import append_corrections, load_corrections
from understudy.engine.contract.corrections import (
    AddFace,
    DeleteFrames,
    DeleteTrack,
    MergeTracks,
    MoveFace,
    Realign,
    SetBox,
    SplitTrack,
)
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.fitness import read_fitness
from understudy.engine.contract.jobs import CorrectJob
from understudy.engine.contract.project import Project, ProjectLock
from understudy.engine.contract.timing import Footage
from understudy.engine.faces.alignment import align_face, face_matrix
from understudy.engine.faces.tracks import TrackSet, load_tracks
from understudy.engine.faceset.store import load_faceset
from understudy.engine.media.images import read_image
from understudy.engine.media.reader import FootageReader
from understudy.engine.pipelines.correct import correct
from understudy.engine.pipelines.extract import extract
from understudy.engine.pipelines.reapply import load_found

TARGET = Footage(CLIPS / "target_A.mp4")
ADDED_BOX = (190.0, 190.0, 390.0, 390.0)


class Scene:
    """A project with one extracted footage."""

    def __init__(self, root: Path, footage: Footage) -> None:
        self.root, self.footage = root, footage
        self.folder = next((root / "footage").iterdir())
        self.faceset = root / "facesets" / self.folder.name

    def correct(self, *corrections, **more):
        return correct(CorrectJob(self.root, self.footage, corrections, **more), Recorder()).result

    def refuse(self, *corrections, **more) -> EngineError:
        with pytest.raises(EngineError) as caught:
            self.correct(*corrections, **more)
        assert caught.value.code == ErrorCode.CORRECTION_INVALID
        return caught.value

    @property
    def tracks(self) -> TrackSet:
        return load_tracks(self.folder)

    def faces(self) -> dict[tuple[int, int], bytes]:
        """Return the pictures of the faceset by track and frame."""
        folder = self.faceset
        return {(r.track, r.media_frame): (folder / r.file).read_bytes() for r in load_faceset(folder).records}

    def is_consistent(self) -> bool:
        """Whether each aligned face has the alignment of its track, and its file the name of its track."""
        for record in load_faceset(self.faceset).records:
            track = self.tracks.track(record.track)
            landmarks = track.landmarks[track.index(record.media_frame)]
            matrix = face_matrix(landmarks, 256, 2.0)
            is_named = record.file.startswith(f"{record.media_frame:06d}_t{record.track:02d}")
            if not (is_named and np.array_equal(landmarks, record.landmarks)):
                return False
            if not np.allclose(matrix, record.image_to_face):
                return False
        return True


@pytest.fixture(scope="module")
def extracted(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("Prüfung 名前")
    extract(job(root, TARGET, [(10, 30)]), Recorder())
    return root


@pytest.fixture
def scene(extracted, tmp_path) -> Scene:
    return Scene(Path(shutil.copytree(extracted, tmp_path / "film 名.understudy")), TARGET)


@pytest.fixture
def decoded(monkeypatch) -> list[int]:
    """Media frames that were decoded."""
    seen: list[int] = []
    original = FootageReader.frames

    def count(self, ranges=(), deep=False):
        for media_frame, image in original(self, ranges, deep):
            seen.append(media_frame)
            yield media_frame, image

    monkeypatch.setattr(FootageReader, "frames", count)
    return seen


def test_a_moved_face_is_cut_anew_and_all_others_stay_untouched(scene, decoded):
    before, faces = scene.tracks.track(1), scene.faces()
    times = {path.name: path.stat().st_mtime_ns for path in scene.faceset.glob("*.png")}
    result = scene.correct(MoveFace(1, 15, 6, 0, reach=3))
    assert (result["changed"], result["faces_cut"], result["unplaced"]) == ([1], 5, [])
    assert set(decoded) <= set(range(13, 18))
    after = scene.tracks.track(1)
    assert np.abs(after.landmarks[5] - before.landmarks[5] - (6, 0)).max() < 1e-4
    changed = [path.name for path in scene.faceset.glob("*.png") if times[path.name] != path.stat().st_mtime_ns]
    assert sorted(changed) == [f"{frame:06d}_t01.png" for frame in range(13, 18)]
    assert scene.is_consistent()
    with FootageReader(TARGET) as reader:
        picture = dict(reader.frames([next(iter(load_found(scene.folder).ranges))]))[15]
    expected = align_face(picture, face_matrix(after.landmarks[5], 256, 2.0), 256)
    assert np.abs(read_image(scene.faceset / "000015_t01.png").astype(int) - expected).mean() < 0.5
    record = next(item for item in load_faceset(scene.faceset).records if item.media_frame == 15)
    for name in ("sharpness", "exposure"):
        values, old = getattr(after, name), getattr(before, name)
        assert values[5] == pytest.approx(getattr(record, name)) and values[5] != old[5], "measured where it lies now"
        assert np.array_equal(values[10:], old[10:])
    assert load_found(scene.folder).track(1).is_same_as(before)
    assert faces[1, 20] == scene.faces()[1, 20]


def test_undoing_gives_everything_back(scene):
    faces, original = scene.faces(), scene.tracks
    scene.correct(MoveFace(1, 15, 6, 0))
    once = scene.tracks
    scene.correct(Realign(1, 20), SplitTrack(1, 25), DeleteTrack(1001))
    assert [track.id for track in scene.tracks.tracks] == [1]
    assert scene.tracks.track(1).last == 24
    scene.correct(undo=3)
    assert scene.tracks.track(1).is_same_as(once.track(1))
    assert [item.kind for item in load_corrections(scene.folder)] == ["move_face"]
    scene.correct(undo=1)
    assert scene.tracks.track(1).is_same_as(original.track(1))
    assert scene.tracks.steadiness == original.steadiness
    assert faces.keys() == scene.faces().keys() and scene.is_consistent()
    assert sorted(path.name for path in scene.folder.iterdir()) == [
        *("fitness.json", "fitness_t01.png", "footage.json", "t01.png", "tracks.npz")
    ]
    scene.refuse(undo=1)


def test_faces_follow_their_tracks_through_split_delete_and_merge(scene, decoded):
    faces = scene.faces()
    result = scene.correct(SplitTrack(1, 20))
    assert (result["added"], result["parents"], result["faces_renamed"]) == ([1001], {"1001": 1}, 10)
    now = scene.faces()
    assert {frame: now[1 if frame < 20 else 1001, frame] for frame in range(10, 30)} == {
        frame: faces[1, frame] for frame in range(10, 30)
    }
    assert (scene.folder / "t1001.png").is_file()
    # Only the thumbnail of the new track needed a picture.
    assert len(set(decoded)) == 1
    assert scene.correct(DeleteFrames(1001, 25, 40))["faces_removed"] == 5
    assert sorted(scene.faces()) == [(1, f) for f in range(10, 20)] + [(1001, f) for f in range(20, 25)]
    scene.correct(MergeTracks(1, 1001))
    assert sorted(scene.faces()) == [(1, f) for f in range(10, 25)]
    assert scene.is_consistent()
    assert not (scene.folder / "t1001.png").exists()


def test_a_picture_that_the_user_deleted_stays_deleted(scene):
    (scene.faceset / "000015_t01.png").unlink()
    scene.correct(MoveFace(1, 15, 6, 0), SplitTrack(1, 18))
    assert (1, 15) not in scene.faces() and len(scene.faces()) == 19
    scene.correct(undo=2)
    assert (1, 15) not in scene.faces() and len(scene.faces()) == 19


def test_an_added_face_is_found_where_the_search_had_it(scene):
    found = scene.tracks.track(1)
    result = scene.correct(DeleteTrack(1), AddFace(20, ADDED_BOX))
    assert (result["added"], result["removed"], result["faces_cut"]) == ([1001], [1], 20)
    track = scene.tracks.track(1001)
    assert (track.first, track.last) == (10, 29)
    # Within a fiftieth of the face, which is 145 px large.
    assert np.abs(track.landmarks - found.landmarks)[:, 17:].mean() < 3
    assert np.linalg.norm(track.identity - found.identity) < 0.3
    assert track.sharpness.min() > 1 and 0 < track.exposure.min() < 1
    assert scene.is_consistent()
    assert read_image(scene.folder / "t1001.png").shape == (128, 128, 3)


def test_realigning_from_a_misplaced_face_finds_it_again(scene):
    found = scene.tracks.track(1)
    # Everything was found half a face too far left, as after a hair or a hand.
    scene.correct(MoveFace(1, 10, -40, 10, reach=None), MoveFace(1, 20, 36, -8, reach=None), Realign(1, 20))
    track = scene.tracks.track(1)
    assert np.abs(track.landmarks[12:] - found.landmarks[12:])[:, 17:].mean() < 3
    assert np.abs(track.landmarks[9] - found.landmarks[9]).mean() > 1


def test_nothing_is_decoded_for_what_is_stored(scene, decoded):
    scene.correct(Realign(1, 15))
    decoded.clear()
    scene.correct()
    assert decoded == []
    (scene.folder / "corrections.npz").write_bytes(b"nothing")
    recorder = Recorder()
    before = scene.tracks
    correct(CorrectJob(scene.root, TARGET), recorder)
    assert "corrections.npz is damaged" in recorder.warnings[0]
    assert scene.tracks.track(1).is_same_as(before.track(1))


def test_corrections_survive_a_search_of_more_frames(scene):
    scene.correct(MoveFace(1, 15, 6, 0, reach=None), DeleteFrames(1, 10, 12))
    extract(job(scene.root, TARGET, [(5, 35)]), Recorder())
    found, track = load_found(scene.folder).track(1), scene.tracks.track(1)
    assert (found.first, found.last) == (5, 34)
    # What was face track 1 stays it; the frames before the deleted ones are new.
    assert {item.id: (item.first, item.last) for item in scene.tracks.tracks} == {1: (12, 34), 1001: (5, 9)}
    # The head leans a little more by then, and the offset with it.
    assert np.abs(track.landmarks[-1] - found.landmarks[-1] - (6, 0)).max() < 1
    assert sorted(scene.faces()) == [(1, f) for f in range(12, 35)] + [(1001, f) for f in range(5, 10)]
    assert scene.is_consistent()


def test_corrections_survive_a_search_with_other_settings(scene):
    scene.correct(MoveFace(1, 20, 6, 0, reach=4), DeleteFrames(1, 28, 30), AddFace(28, ADDED_BOX))
    here = scene.tracks.track(1).landmarks[10]
    # Lying beside the found track, the added face goes back to where that one ends.
    assert [(item.id, item.first, item.last) for item in scene.tracks.tracks] == [(1, 10, 27), (1001, 28, 29)]
    recorder = Recorder()
    done = extract(job(scene.root, TARGET, [(10, 30)], detect_every=3, smoothing=2.0), recorder)
    assert recorder.warnings == []
    assert [(item.id, item.first, item.last) for item in scene.tracks.tracks] == [(1, 10, 27), (1001, 28, 29)]
    assert np.array_equal(scene.tracks.track(1).landmarks[10], here)
    assert done.result["tracks"] == [1, 1001]
    assert scene.tracks.settings.smoothing == load_found(scene.folder).settings.smoothing == 2.0
    assert scene.is_consistent() and len(scene.faces()) == 20


def test_what_can_not_be_placed_is_kept_with_a_warning_and_placed_later(scene):
    scene.correct(MoveFace(1, 28, 6, 0))
    shutil.rmtree(scene.faceset)
    for name in ("found.json", "found.npz", "footage.json", "tracks.npz"):
        (scene.folder / name).unlink()
    recorder = Recorder()
    extract(job(scene.root, TARGET, [(10, 15)]), recorder)
    assert recorder.warnings == [
        "A correction could not be placed (move face track 1 in frame 28): Face track 1 is not in frame 28; it runs "
        "from frame 10 to 14. It is kept."
    ]
    assert len(load_corrections(scene.folder)) == 1
    recorder = Recorder()
    extract(job(scene.root, TARGET, [(10, 30)]), recorder)
    assert recorder.warnings == []
    found, track = load_found(scene.folder).track(1), scene.tracks.track(1)
    assert np.abs(track.landmarks[18] - found.landmarks[18] - (6, 0)).max() < 0.5


def test_extraction_without_anything_to_search_answers_with_the_corrected_tracks(scene):
    scene.correct(SplitTrack(1, 20))
    done = extract(job(scene.root, TARGET, [(10, 30)]), Recorder())
    assert done.result["tracks"] == [1, 1001]
    assert [track.id for track in scene.tracks.tracks] == [1, 1001]


def test_a_damaged_list_costs_no_search(scene):
    scene.correct(SplitTrack(1, 20))
    (scene.folder / "corrections.json").write_text("{", encoding="utf-8")
    recorder = Recorder()
    extract(job(scene.root, TARGET, [(10, 33)]), recorder)
    assert "corrections.json" in recorder.warnings[0] and "left as found" in recorder.warnings[0]
    assert scene.tracks.track(1).last == 32
    assert {number: len(item.fitness) for number, item in read_fitness(scene.folder / "fitness.json").items()} == {
        1: 23
    }
    assert "corrections.json" in scene.refuse(MoveFace(1, 15, 1)).message


def test_a_refused_correction_changes_nothing(scene):
    scene.correct(MoveFace(1, 15, 1))
    files = {path: path.read_bytes() for path in scene.folder.iterdir()}
    assert "runs from frame 10 to 29" in scene.refuse(MoveFace(1, 20, 1), SplitTrack(1, 40)).message
    assert "No face could be fitted in frame 12" in scene.refuse(AddFace(12, (5.0, 5.0, 45.0, 45.0))).message
    assert files == {path: path.read_bytes() for path in scene.folder.iterdir()}


def test_a_script_may_write_the_list_itself(scene):
    append_corrections(scene.folder, [SetBox(1, 15, (200.0, 200.0, 380.0, 380.0)), SplitTrack(1, 99)])
    recorder = Recorder()
    done = correct(CorrectJob(scene.root, TARGET), recorder)
    assert len(done.result["unplaced"]) == 1 and "split face track 1 at frame 99" in recorder.warnings[0]
    assert np.abs(scene.tracks.track(1).boxes[5] - (200, 200, 380, 380)).max() < 1e-3
    anchors = [item.anchor for item in load_corrections(scene.folder)]
    assert anchors[0].frame == 15 and anchors[1] is None


def test_stopping_changes_no_track_and_the_next_run_makes_faces_good(scene):
    files = {path.name: path.read_bytes() for path in scene.folder.iterdir()}
    recorder = Recorder(stop_after=2)
    done = correct(CorrectJob(scene.root, TARGET, (MoveFace(1, 15, 6, 0),)), recorder)
    assert done.stopped
    assert files == {path.name: path.read_bytes() for path in scene.folder.iterdir() if path.suffix != ".png"} | {
        name: data for name, data in files.items() if name.endswith(".png")
    }
    assert not scene.is_consistent()
    scene.correct()
    assert scene.is_consistent() and len(scene.faces()) == 20


def test_a_stopped_extraction_applies_what_needs_no_pictures(scene):
    scene.correct(DeleteFrames(1, 10, 14), Realign(1, 20))
    recorder = Recorder(stop_after=3)
    extract(job(scene.root, TARGET, [(10, 40)]), recorder)
    assert "Stopped" in recorder.warnings[-1]
    assert scene.tracks.track(1).first == 14
    scene.correct()
    assert scene.is_consistent()


def test_a_face_that_leaves_and_a_cut_end_an_added_track(tmp_path):
    pictures = list(frames("target_A", 10, 16))
    empty = np.full_like(pictures[0], 90)
    footage = write_sequence(tmp_path / "pictures", [*pictures, *[empty] * 12, *pictures])
    root = tmp_path / "p"
    extract(job(root, footage, minimum_track=1), Recorder())
    scene = Scene(root, footage)
    number = next(track.id for track in scene.tracks.tracks if track.first == 0)
    scene.correct(DeleteTrack(number), AddFace(3, ADDED_BOX))
    assert [(t.first, t.last) for t in scene.tracks.tracks if t.id == 1001] == [(0, 5)]


def test_a_face_that_is_hidden_for_a_moment_is_bridged_and_found_again(tmp_path):
    pictures = [image.copy() for image in frames("target_A", 10, 30)]
    for image in pictures[8:13]:
        # Without its details a face is none, and the picture stays similar enough not to be a cut.
        image[150:420, 150:420] = cv2.blur(image[150:420, 150:420], (151, 151))
    footage = write_sequence(tmp_path / "pictures", pictures)
    root = tmp_path / "p"
    extract(job(root, TARGET, [(10, 30)]), Recorder())
    whole = Scene(root, TARGET).tracks.track(1)
    extract(job(tmp_path / "q", footage, minimum_track=1), Recorder())
    scene = Scene(tmp_path / "q", footage)
    box = tuple(scene.tracks.tracks[0].boxes[3].tolist())
    scene.correct(*(DeleteTrack(track.id) for track in scene.tracks.tracks), AddFace(3, box))
    track = scene.tracks.track(1001)
    assert (track.first, track.last) == (0, 19)
    assert np.flatnonzero(track.bridged).tolist() == [8, 9, 10, 11, 12]
    seen = ~track.bridged
    assert np.abs(track.landmarks[seen] - whole.landmarks[seen])[:, 17:].mean() < 2
    assert not any(frame in range(8, 13) for _, frame in scene.faces())


def test_two_people_keep_apart(tmp_path):
    footage = write_sequence(tmp_path / "pictures", [two_people()] * 4)
    extract(job(tmp_path / "p", footage), Recorder())
    scene = Scene(tmp_path / "p", footage)
    assert "different places in 4 frames" in scene.refuse(MergeTracks(1, 2)).message
    left = scene.tracks.track(1).boxes[0].tolist()
    assert "is face track 1 already" in scene.refuse(AddFace(2, tuple(left))).message
    scene.correct(DeleteTrack(1))
    assert {track for track, _ in scene.faces()} == {2}


def test_a_footage_without_tracks_or_in_use_is_refused(scene, tmp_path):
    with pytest.raises(EngineError) as caught:
        correct(CorrectJob(tmp_path / "other", TARGET), Recorder())
    assert caught.value.code == ErrorCode.TRACKS_MISSING and "target_A.mp4" in caught.value.message
    with ProjectLock(Project(scene.root), "train"), pytest.raises(EngineError) as caught:
        scene.correct(MoveFace(1, 15, 1))
    assert caught.value.code == ErrorCode.PROJECT_BUSY


def test_the_corrected_document_is_what_everybody_reads(scene):
    scene.correct(SplitTrack(1, 20), MoveFace(1001, 25, 4))
    document = json.loads((scene.folder / "footage.json").read_text(encoding="utf-8"))
    assert [(item["id"], item["first"], item["last"]) for item in document["tracks"]] == [(1, 10, 19), (1001, 20, 29)]
    found = json.loads((scene.folder / "found.json").read_text(encoding="utf-8"))
    assert [item["id"] for item in found["tracks"]] == [1]


def test_the_example_of_the_how_to_page_does_what_it_says(tmp_path, monkeypatch, capsys):
    page = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "correct-tracks.md"
    code = re.search(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.S)[1]
    shutil.copy(TARGET.path, tmp_path / "shot.mp4")
    monkeypatch.chdir(tmp_path)
    extract(job(Path("film.understudy"), Footage(tmp_path / "shot.mp4"), [(15, 34)]), Recorder())
    exec(compile(code, str(page), "exec"), {})
    assert capsys.readouterr().out.endswith("Corrections in all: 3. [1001]\n")
    scene = Scene(Path("film.understudy"), Footage(tmp_path / "shot.mp4"))
    assert [item.kind for item in load_corrections(scene.folder)] == ["move_face", "realign"]
