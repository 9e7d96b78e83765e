# SPDX-License-Identifier: GPL-3.0-or-later
"""The detectors and fitters find the demo's faces, agree with each other, and say so when a model is missing."""

import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest
from extract_material import frame, two_people
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.settings import ExtractSettings
from understudy.engine.faces import dlib_detection, models
from understudy.engine.faces.detection import DETECTORS, make_detector
from understudy.engine.faces.geometry import box_of, box_overlap, eye_distance, eye_lean
from understudy.engine.faces.identity import IdentityModel, identity_distance
from understudy.engine.faces.landmarks import make_landmark_fitter
from understudy.engine.faces.rotations import TurningDetector, turn_back_points
from understudy.engine.pipelines.usable_detector import with_usable_detector


@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_finds_the_face_and_only_it(name):
    # A tenth of the pixels, so that the slow network has little to do.
    image = cv2.resize(frame("target_A", 10), (160, 160), interpolation=cv2.INTER_AREA)
    expected, _ = make_landmark_fitter("mesh").fit(image, np.array([40, 40, 125, 125.0]))
    found = make_detector(name, 0.5, 24).detect(image)
    assert len(found) == 1
    assert box_overlap(found[0].box, box_of(expected))[0, 0] > 0.5
    assert 0.5 <= found[0].score <= 1


@pytest.mark.parametrize("name", ["blazeface", "dlib-hog"])
def test_faces_below_the_smallest_size_or_score_are_left_out(name):
    image = cv2.resize(frame("target_A", 10), (160, 160), interpolation=cv2.INTER_AREA)
    assert len(make_detector(name, 0.5, 24).detect(image)) == 1
    assert make_detector(name, 0.5, 150).detect(image) == []
    assert make_detector(name, 0.995, 24).detect(image) == []


def test_small_faces_are_found_in_tiles():
    image = np.full((720, 1280, 3), 90, np.uint8)
    image[40:130, 1100:1190] = cv2.resize(frame("target_A", 10), (90, 90), interpolation=cv2.INTER_AREA)
    found = make_detector("blazeface", 0.5, 24).detect(image)
    assert len(found) == 1
    assert np.allclose(found[0].box.reshape(2, 2).mean(axis=0), (1145, 88), atol=15)


@pytest.mark.parametrize("number", [10, 40])
def test_two_independent_fitters_agree(number):
    image = frame("target_A", number)
    detection = make_detector("blazeface", 0.5, 24).detect(image)[0]
    mesh, presence = make_landmark_fitter("mesh").fit(image, detection.box, detection.roll_deg)
    trees, _ = make_landmark_fitter("dlib-68").fit(image, detection.box, detection.roll_deg)
    assert presence > 0.9
    assert mesh.shape == trees.shape == (68, 2)
    assert mesh.dtype == trees.dtype == np.float32
    assert np.linalg.norm(mesh - trees, axis=1)[17:].mean() < 0.08 * eye_distance(mesh)
    # The jaw line is the visible contour for both.
    assert np.linalg.norm(mesh - trees, axis=1)[:17].mean() < 0.2 * eye_distance(mesh)


def test_d11_landmarks_follow_shifts_smaller_than_a_pixel():
    image = frame("target_A", 10)
    fitter = make_landmark_fitter("mesh")
    start, _ = fitter.fit(image, np.array([150, 150, 370, 370.0]))
    reference, _ = fitter.follow(image, start)
    shifts = []
    for shift in (0.25, 0.5):
        matrix = np.array([[1, 0, shift], [0, 1, 0]])
        moved = cv2.warpAffine(image, matrix, (512, 512), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        landmarks, _ = fitter.follow(moved, start + (shift, 0))
        shifts.append((landmarks - reference)[17:, 0].mean())
    assert shifts == pytest.approx([0.25, 0.5], abs=0.05)


@pytest.mark.parametrize("name", ["mesh", "dlib-68"])
def test_d11_no_fitter_rounds_to_whole_pixels(name):
    landmarks, _ = make_landmark_fitter(name).fit(frame("target_A", 10), np.array([150, 150, 370, 370.0]))
    rest = np.abs(landmarks - np.round(landmarks))
    assert landmarks.dtype == np.float32
    # Even distances to the next whole pixel, a quarter on average.
    assert 0.15 < rest.mean() < 0.35


@pytest.mark.parametrize("name", ["blazeface", "dlib-hog"])
def test_faces_on_their_head_are_found_in_upright_coordinates(name):
    upright = frame("target_A", 10)
    fitter = make_landmark_fitter("mesh")
    detector = TurningDetector(make_detector(name, 0.5, 24))
    first = detector.detect(upright)[0]
    expected, _ = fitter.fit(upright, first.box, first.roll_deg)
    for quarters in (1, 2, 3):
        turned = np.ascontiguousarray(np.rot90(upright, quarters))
        detection = detector.detect(turned)[0]
        landmarks, _ = fitter.fit(turned, detection.box, detection.roll_deg)
        back = turn_back_points(landmarks, quarters, 512, 512)
        assert np.linalg.norm(back - expected, axis=1)[17:].mean() < 0.05 * eye_distance(expected)
        assert abs((eye_lean(landmarks) + 90 * quarters - eye_lean(expected) + 180) % 360 - 180) < 5


def test_a_detector_that_finds_any_lean_is_not_asked_four_times():
    class Counting:
        finds_any_lean = True
        count = 0

        def detect(self, image, known=()):
            self.count += 1
            return []

    detector = Counting()
    TurningDetector(detector).detect(frame("target_A", 10))
    assert detector.count == 1


def test_identity_vectors_tell_the_performers_apart():
    image = two_people()
    fitter, model = make_landmark_fitter("mesh"), IdentityModel()
    found = sorted(make_detector("blazeface", 0.5, 24).detect(image), key=lambda item: item.box[0])
    first, second = (model.embed(image, fitter.fit(image, d.box, d.roll_deg)[0]) for d in found)
    other = frame("target_A", 10)
    detection = make_detector("blazeface", 0.5, 24).detect(other)[0]
    same = model.embed(other, fitter.fit(other, detection.box, detection.roll_deg)[0])
    assert first.shape == (128,)
    assert identity_distance(first, same) < 0.55 < identity_distance(second, same)


def test_a_missing_model_is_named_with_the_next_step(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "ünï code"))
    with pytest.raises(EngineError) as caught:
        models.model_path("mesh")
    assert caught.value.code is ErrorCode.DETECTOR_UNAVAILABLE
    assert "face_landmark.tflite" in caught.value.message
    assert "set-up" in caught.value.hint


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(models, "_DLIB_PACKAGE", "a_package_that_is_not_there")
    with pytest.raises(EngineError) as caught:
        models.model_path("dlib-68")
    assert caught.value.code is ErrorCode.LIBRARY_MISSING
    with pytest.raises(EngineError) as caught:
        models.import_library("a_package_that_is_not_there")
    assert caught.value.code is ErrorCode.LIBRARY_MISSING


def test_a_damaged_model_is_named(monkeypatch, tmp_path):
    folder = tmp_path / models.MODELS_FOLDER
    folder.mkdir(parents=True)
    (folder / models.MODELS["mesh"].file).write_bytes(b"no model")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    models.load_network.cache_clear()
    with pytest.raises(EngineError) as caught:
        models.load_network("mesh")
    models.load_network.cache_clear()
    assert caught.value.code is ErrorCode.DETECTOR_UNAVAILABLE


def test_s17_hog_looks_where_the_network_finds_nothing_and_says_so_once(monkeypatch):
    image = cv2.resize(frame("target_A", 10), (160, 160), interpolation=cv2.INTER_AREA)
    warnings = []
    detector = make_detector("dlib-cnn", 0.5, 24, warnings.append)
    network_finds = []
    monkeypatch.setattr(dlib_detection.CnnDetector, "detect", lambda *_: list(network_finds))
    (by_hog,) = make_detector("dlib-hog", 0.5, 24).detect(image)
    for found in (detector.detect(image), detector.check(image, ()), TurningDetector(detector).detect(image)):
        assert [item.box.tolist() for item in found] == [by_hog.box.tolist()]
    assert warnings == [dlib_detection.FALLBACK_WARNING]
    assert not detector.detect(np.full((160, 160, 3), 90, np.uint8))
    network_finds.append("a face of the network")
    assert detector.detect(image) == network_finds


@pytest.mark.parametrize("content", [None, b"no model"])
def test_s17_without_the_networks_weights_hog_searches_and_is_written_down(monkeypatch, tmp_path, content):
    if content is not None:
        (tmp_path / models.MODELS["dlib-cnn"].file).write_bytes(content)
    monkeypatch.setattr(models, "_folder", lambda _model: tmp_path)
    warnings = []
    settings = ExtractSettings(detector="dlib-cnn", minimum_size=30)
    assert with_usable_detector(settings, warnings.append) == replace(settings, detector="dlib-hog")
    (warning,) = warnings
    assert "mmod_human_face_detector.dat" in warning and "dlib-hog searches instead" in warning and "set-up" in warning
    blazeface = ExtractSettings()
    assert with_usable_detector(blazeface, warnings.append) is blazeface and len(warnings) == 1


def test_s17_without_dlib_nothing_searches_in_its_place(monkeypatch):
    monkeypatch.setattr(models, "_DLIB_PACKAGE", "a_package_that_is_not_there")
    with pytest.raises(EngineError) as caught:
        with_usable_detector(ExtractSettings(detector="dlib-cnn"), pytest.fail)
    assert caught.value.code is ErrorCode.LIBRARY_MISSING


def test_models_state_what_they_mean_for_paid_work():
    assert not models.MODELS["dlib-68"].licence.paid_work
    for model in models.MODELS.values():
        assert model.licence.licence
        assert model.licence.meaning.endswith(".")
