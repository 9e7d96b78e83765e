# SPDX-License-Identifier: GPL-3.0-or-later
"""Hard faces are found and fitted: rolled, in profile, tiny, huge, dark, back-lit, cut off, hidden, many, crossing.

All of it is measured on made scenes whose landmarks are known; the demo's performers play in them.
"""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from extract_material import Recorder, job, write_sequence
from face_scenes import KnownFace
from found_faces import Verdict, judge, partners
from hard_footage import crossing, hand_passing, leaving, somersault
from hard_scenes import hard_scenes
from understudy.engine.faces.detection import Detection, make_detector
from understudy.engine.faces.geometry import box_of
from understudy.engine.faces.landmarks import make_landmark_fitter
from understudy.engine.faces.tracks import FaceTrack, load_tracks
from understudy.engine.pipelines.extract import extract

# Length of the nose's ridge in eye distances, on the performers' frontal faces: a measure that profiles don't shorten.
_EYES_PER_RIDGE = 1.35


@cache
def detections(kind: str) -> list[list[Detection]]:
    """Return what the default detector finds in the pictures of a kind."""
    detector = make_detector("blazeface", 0.5, 24)
    return [detector.detect(image) for image, _ in hard_scenes(kind)]


def error(landmarks: np.ndarray, face: KnownFace) -> float:
    """Return the mean error of the 51 inner landmarks in eye distances."""
    ridge = float(np.linalg.norm(face.landmarks[27] - face.landmarks[33]))
    return float(np.linalg.norm(landmarks - face.landmarks, axis=1)[17:].mean()) / (ridge * _EYES_PER_RIDGE)


def detected(kind: str, least_visible: float = 0.0) -> Verdict:
    """Return how well the detector alone does."""
    verdicts = [
        judge([item.box for item in found], faces, least_visible)
        for found, (_, faces) in zip(detections(kind), hard_scenes(kind), strict=True)
    ]
    return sum(verdicts, Verdict())


def fitted(kind: str, least_visible: float = 0.0) -> tuple[Verdict, np.ndarray]:
    """Return how well detector and mesh do together, and the errors of the faces that they found."""
    fitter = make_landmark_fitter("mesh")
    total, errors = Verdict(), []
    for found, (image, faces) in zip(detections(kind), hard_scenes(kind), strict=True):
        fits = [fitter.fit(image, item.box, item.roll_deg) for item in found]
        marks = [landmarks for landmarks, presence in fits if presence >= 0.5]
        boxes = [box_of(landmarks) for landmarks in marks]
        total += judge(boxes, faces, least_visible)
        errors += [error(marks[one], faces[other]) for one, other in partners(boxes, faces).items()]
    return total, np.array(errors)


def test_faces_are_found_and_fitted_at_any_lean():
    total, errors = fitted("rolled by any angle")
    assert total == Verdict(known=24, found=24)
    # The mesh's own error is 3 to 5 %; a face fitted the wrong way round is off by more than 100 %.
    assert np.sort(errors)[:-1].max() < 0.10
    assert np.median(errors) < 0.05


def test_a_detection_tells_how_far_the_face_leans():
    leans = []
    for number, (found, (_, faces)) in enumerate(
        zip(detections("rolled by any angle"), hard_scenes("rolled by any angle"), strict=True)
    ):
        across = faces[0].landmarks[42:48].mean(axis=0) - faces[0].landmarks[36:42].mean(axis=0)
        lean = np.degrees(np.arctan2(across[1], across[0]))
        assert len(found) == 1, number
        leans.append(abs((found[0].roll_deg - lean + 180) % 360 - 180))
    assert np.median(leans) < 8
    assert np.sort(leans)[:-1].max() < 30


def test_profiles_to_75_degrees_are_found_and_fitted():
    total, errors = fitted("yaw 45-75")
    assert total == Verdict(known=12, found=12)
    # Heads of 45, 55, 65 and 75 degrees in turn; the mesh guesses the eye and the lips that one can't see any more.
    by_yaw = errors.reshape(3, 4).mean(axis=0)
    assert by_yaw[0] < 0.10
    assert by_yaw[1] < 0.12
    assert by_yaw[2] < 0.15
    assert by_yaw[3] < 0.30


def test_faces_from_40_px_to_most_of_a_1080p_picture_are_found_in_clutter():
    total, errors = fitted("40-900 px in 1080p")
    assert total == Verdict(known=10, found=10)
    assert errors.max() < 0.10
    assert detected("40-900 px in 1080p").false <= 2


def test_faces_that_fill_the_picture_are_found():
    total, errors = fitted("filling the picture")
    assert total == Verdict(known=4, found=4)
    assert errors.max() < 0.08


@pytest.mark.parametrize("kind", ["dark", "back-lit"])
def test_faces_in_bad_light_are_found(kind):
    total, errors = fitted(kind)
    assert total == Verdict(known=6, found=6)
    assert errors.max() < 0.12


def test_faces_partly_out_of_the_picture_are_found():
    total, errors = fitted("partly outside", least_visible=0.75)
    assert total.found == total.known == 7
    assert total.false == total.doubles == 0
    assert np.median(errors) < 0.10
    # Of those half outside, most.
    assert detected("partly outside").found >= 12


def test_faces_behind_a_hand_are_found():
    assert min(face.visible for _, faces in hard_scenes("behind a hand") for face in faces) < 0.75
    total, errors = fitted("behind a hand")
    assert total == Verdict(known=6, found=6)
    assert np.median(errors) < 0.08
    assert errors.max() < 0.25


def test_twenty_faces_in_a_picture_are_found_once_each():
    total, errors = fitted("twenty faces")
    assert total.known == 60
    assert total.found >= 56
    assert total.doubles == 0
    assert total.false == 0
    assert np.median(errors) < 0.05
    assert (errors > 0.5).sum() <= 2


def test_clutter_without_a_face_shows_none():
    found = detected("no face")
    assert (found.known, found.doubles) == (0, 0)
    assert found.false <= 2
    total, _ = fitted("no face")
    assert total == Verdict()


def test_dlib_finds_a_frontal_face_and_no_clutter():
    images = hard_scenes("no face")
    detector = make_detector("dlib-hog", 0.5, 24)
    assert sum(len(detector.detect(image)) for image, _ in images) == 0
    image, faces = hard_scenes("back-lit")[0]
    assert judge([item.box for item in detector.detect(image)], faces) == Verdict(known=1, found=1)


def test_pictures_of_any_size_are_searched():
    detector = make_detector("blazeface", 0.5, 24)
    for shape in ((1, 1), (8, 8), (1, 16000), (16000, 1), (3, 500)):
        assert detector.detect(np.full((*shape, 3), 90, np.uint8)) == []


def tracks_of(folder: Path, pictures: list[np.ndarray]) -> list[FaceTrack]:
    """Return the tracks of pictures, searched as footage with the settings' defaults."""
    done = extract(job(folder / "p.understudy", write_sequence(folder / "shot", pictures)), Recorder())
    return list(load_tracks(Path(done.result["footage_folder"])).tracks)


def persons(track: FaceTrack, known: list[list[KnownFace]], least_visible: float) -> list[str]:
    """Return whom a track shows in each of its frames in which the face is visible enough."""
    shown = []
    for frame, landmarks in zip(track.frames, track.landmarks, strict=True):
        near = min(known[frame], key=lambda face: np.linalg.norm(face.landmarks.mean(0) - landmarks.mean(0)))
        if near.visible >= least_visible:
            shown.append(near.person)
    return shown


def errors_of(track: FaceTrack, known: list[list[KnownFace]]) -> np.ndarray:
    """Return the landmark error of each frame of a track, in eye distances, where there is one face."""
    return np.array([error(marks, known[frame][0]) for frame, marks in zip(track.frames, track.landmarks, strict=True)])


def test_two_people_crossing_keep_their_tracks(tmp_path):
    pictures, known = crossing()
    hidden = [number for number, faces in enumerate(known) if faces[0].visible < 0.3]
    assert len(hidden) >= 3
    tracks = tracks_of(tmp_path, pictures)
    assert len(tracks) == 2
    shown = [set(persons(track, known, 0.6)) for track in tracks]
    assert sorted(map(sorted, shown)) == [["A"], ["B"]]
    front = next(track for track, who in zip(tracks, shown, strict=True) if who == {"A"})
    assert front.frames.tolist() == list(range(len(pictures)))
    behind = next(track for track in tracks if track is not front)
    assert len(behind.frames) >= len(pictures) - len(hidden) - 2


def test_a_hand_passing_before_a_face_leaves_it_one_track(tmp_path):
    pictures, known = hand_passing()
    assert min(faces[0].visible for faces in known) < 0.45
    tracks = tracks_of(tmp_path, pictures)
    assert len(tracks) == 1
    assert tracks[0].frames.tolist() == list(range(len(pictures)))
    errors = errors_of(tracks[0], known)
    free = np.array([faces[0].visible > 0.95 for faces in known])
    assert errors[free].max() < 0.12
    assert errors.max() < 0.6


def test_a_face_half_out_of_the_picture_leaves_it_one_track(tmp_path):
    pictures, known = leaving()
    assert min(faces[0].visible for faces in known) < 0.6
    tracks = tracks_of(tmp_path, pictures)
    assert len(tracks) == 1
    seen = set(tracks[0].frames.tolist())
    assert {number for number, faces in enumerate(known) if faces[0].visible > 0.75} <= seen


def test_a_face_turning_around_on_screen_stays_one_track(tmp_path):
    pictures, known = somersault()
    tracks = tracks_of(tmp_path, pictures)
    assert len(tracks) == 1
    assert tracks[0].frames.tolist() == list(range(len(pictures)))
    errors = errors_of(tracks[0], known)
    assert np.median(errors) < 0.06
    assert errors.max() < 0.15
