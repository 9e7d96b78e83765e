# SPDX-License-Identifier: GPL-3.0-or-later
"""Sketches: what is drawn, that it lies where a view shows the face, and in whose shape it is drawn for a swap."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from comp_faces import landmarks_at
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.sketch import SKETCH_CHANNELS, SKETCH_FORM
from understudy.engine.contract.timing import Footage, FrameRange
from understudy.engine.faces.alignment import align_face, face_matrix
from understudy.engine.faces.blazeface import BlazeFaceDetector
from understudy.engine.faces.eyes import EYE_POINTS, EyeFitter
from understudy.engine.faces.geometry import transform_points
from understudy.engine.faces.mesh import MeshFitter
from understudy.engine.faces.sketch import draw_sketch
from understudy.engine.faceset.record import FaceRecord
from understudy.engine.media.reader import FootageReader
from understudy.engine.networks.autoencoder import Autoencoder
from understudy.engine.networks.blocks import PixelFold, PixelShuffle
from understudy.engine.networks.registry import quick_family
from understudy.engine.runtime.reporter import Reporter
from understudy.engine.training import view_sketches
from understudy.engine.training.augmentation import Augmentation, View, make_views
from understudy.engine.training.checkpoint import ModelDocument
from understudy.engine.training.face_points import FacePoints
from understudy.engine.training.face_shapes import face_shapes, shapes_from_json, shapes_to_json
from understudy.engine.training.inference import family_of
from understudy.engine.training.network_inputs import network_inputs
from understudy.engine.training.other_heads import OtherHeads, dome
from understudy.engine.training.performer_faces import PerformerFaces
from understudy.engine.training.sketcher import Sketcher, sketcher_of
from understudy.engine.training.view_units import UNKNOWN, in_pixels, in_units

SIZE, COVERAGE = 96, 1.7
LANDMARKS = landmarks_at((47.5, 47.5), 56)
EYES, EYE_ROWS = slice(36, 48), (slice(36, 42), slice(42, 48))


def center(plane):
    rows, columns = np.mgrid[0 : plane.shape[0], 0 : plane.shape[1]]
    return np.array([(columns * plane).sum(), (rows * plane).sum()]) / plane.sum()


def test_a_sketch_shows_where_eyes_and_mouth_are_to_a_tenth_of_a_pixel():
    first, moved = (draw_sketch(LANDMARKS + shift, SIZE) for shift in (0.0, (0.3, 0.0)))
    assert first.shape == (SIZE, SIZE, SKETCH_CHANNELS) and first.dtype == np.uint8
    assert all(plane.any() for plane in np.moveaxis(first, -1, 0))
    assert np.abs(center(first[..., 2]) - LANDMARKS[EYES].mean(axis=0)).max() < 0.6
    for channel in range(SKETCH_CHANNELS):
        assert np.abs(center(moved[..., channel]) - center(first[..., channel]) - (0.3, 0.0)).max() < 0.1


def test_closed_eyes_and_an_open_mouth_are_told():
    closed = LANDMARKS.copy()
    closed[EYES, 1] = closed[EYES, 1].mean()
    assert draw_sketch(closed, SIZE)[..., 2].sum() < 0.6 * draw_sketch(LANDMARKS, SIZE)[..., 2].sum()
    wide = LANDMARKS.copy()
    wide[65:68, 1] += 6.0
    wide[55:60, 1] += 6.0
    middle = tuple(np.rint(wide[60:68].mean(axis=0)).astype(int)[::-1])
    assert draw_sketch(wide, SIZE)[(*middle, 3)] == 0


def eye_points(landmarks, opening=1.0, gaze=0.0):
    """Points of both eyes as they are fitted: outlines like the landmarks', opened so far, irises aside by `gaze`."""
    found = []
    for rows in EYE_ROWS:
        eye = landmarks[rows]
        middle = eye.mean(axis=0)
        turn = np.linspace(0.0, 2 * np.pi, EYE_POINTS - 1, endpoint=False)
        outline = middle + np.stack([np.cos(turn), opening * 0.45 * np.sin(turn)], axis=-1) * np.ptp(eye[:, 0]) / 2
        found += [middle[None] + (gaze, 0.0), outline]
    return np.concatenate(found)


def test_an_iris_shows_where_its_eye_looks_as_far_as_the_lids_are_open():
    plain = draw_sketch(np.concatenate([LANDMARKS, np.full((2 * EYE_POINTS, 2), np.nan)]), SIZE)
    assert np.array_equal(plain, draw_sketch(LANDMARKS, SIZE)), "without fitted eyes the landmarks are drawn"
    left, right = (draw_sketch(np.concatenate([LANDMARKS, eye_points(LANDMARKS, 1.0, x)]), SIZE) for x in (-2.0, 2.0))
    bright = [np.where(item[..., 2] > 200, 1.0, 0.0) for item in (left, right)]
    assert np.abs(center(bright[1]) - center(bright[0]) - (4.0, 0.0)).max() < 0.8
    assert np.array_equal(left[..., 2] > 0, right[..., 2] > 0), "lids cover an iris"
    assert all(np.array_equal(left[..., channel], plain[..., channel]) for channel in (0, 1, 3))
    closed = draw_sketch(np.concatenate([LANDMARKS, eye_points(LANDMARKS, 0.1)]), SIZE)
    assert closed[..., 2].sum() < 0.5 * left[..., 2].sum(), "its outline says how far an eye is open"


def test_unknown_landmarks_draw_nothing_and_distant_ones_harm_nobody():
    assert not draw_sketch(np.full((68, 2), np.nan), SIZE).any()
    assert draw_sketch(LANDMARKS * 1e9, SIZE).shape == (SIZE, SIZE, SKETCH_CHANNELS)


def with_eyes(landmarks):
    """Landmarks in units with the points of open eyes behind them."""
    eyes = eye_points(np.stack([landmarks.real, landmarks.imag], axis=-1))
    return np.concatenate([landmarks, eyes[:, 0] + 1j * eyes[:, 1]])


def mouthed(size=192, coverage=2.0):
    """A stored face that is black but for its mouth, drawn as a sketch draws it, and its landmarks in units."""
    landmarks = (LANDMARKS - 47.5) * (size / coverage) / (SIZE / COVERAGE) + (size - 1) / 2
    return np.repeat(draw_sketch(landmarks, size)[..., 3:], 3, axis=2), with_eyes(in_units(landmarks, size, coverage))


@pytest.mark.parametrize("change", [{}, {"flip": 1.0}, {"head_turn_deg": 12.0}])
def test_the_sketch_lies_where_the_target_shows_the_face(change, monkeypatch):
    monkeypatch.setattr(view_sketches, "_PART_SHIFT", 0.0)
    monkeypatch.setattr(view_sketches, "_POINT_SHIFT", 0.0)
    image, points = mouthed()
    preset = Augmentation(rotation_deg=15.0, zoom=0.1, shift=0.05, flip=0.0, jitter=3.0)
    preset = dataclasses.replace(preset, **change)
    views = make_views(
        [image] * 8, [2.0] * 8, View(SIZE, COVERAGE), preset, np.random.default_rng(0), points=[points] * 8
    )
    inputs, targets = views
    assert inputs.shape == (8, SIZE, SIZE, 3 + SKETCH_CHANNELS) and targets.shape == (8, SIZE, SIZE, 3)
    for given, target in zip(inputs, targets, strict=True):
        assert np.abs(center(given[..., 6]) - center(target[..., 0])).max() < 0.4


def test_sketches_change_nothing_of_the_pictures_and_are_a_little_wrong():
    image, points = mouthed()
    preset = Augmentation(rotation_deg=5.0, zoom=0.04, shift=0.02, flip=0.0, jitter=1.5, color=0.5)

    def views(**more):
        return make_views([image] * 4, [2.0] * 4, View(SIZE, COVERAGE), preset, np.random.default_rng(3), **more)

    with_sketches, without = views(points=[points] * 4), views()
    assert np.array_equal(with_sketches[0][..., :3], without[0]) and np.array_equal(with_sketches[1], without[1])
    still = dataclasses.replace(preset, rotation_deg=0.0, zoom=0.0, shift=0.0, jitter=0.0)
    wrong, _ = make_views([image], [2.0], View(SIZE, COVERAGE), still, np.random.default_rng(3), points=[points])
    exact = network_inputs([image], [2.0], View(SIZE, COVERAGE), [points])
    assert not np.array_equal(wrong[..., 3:], exact[..., 3:])
    assert np.abs(center(wrong[0, ..., 5]) - center(exact[0, ..., 5])).max() < 3.0


def test_a_turned_heads_places_are_found_back():
    heads = OtherHeads(1, 12.0, np.random.default_rng(0))
    stored = mouthed()[1]
    stored = np.stack([stored.real, stored.imag])
    assert np.abs(heads.look(0, heads.shown(0, stored)) - stored).max() < 0.1


def faces_of(performer, shape, yaws):
    """Faces of one shape turned, as if they were domes, with some expression."""
    random = np.random.default_rng(len(performer))
    depths = dome(np.stack([shape.real, shape.imag]))
    landmarks = (
        shape + np.tan(np.radians(yaw)) * (depths - depths[17:].mean()) + random.normal(0.0, 0.5, 68) for yaw in yaws
    )
    points = tuple(with_eyes(item) for item in landmarks)
    return PerformerFaces(
        performer=performer, learned=(), held_out=(), learned_coverage=np.empty(0), held_out_coverage=np.empty(0),
        digest="", folders=(), learned_points=(*points, UNKNOWN),
    )  # fmt: skip


def test_shapes_differ_by_the_person_and_not_by_the_poses_of_the_footage():
    shape = in_units(LANDMARKS, SIZE, COVERAGE)
    wide = shape.copy()
    wide[48:68] = wide[48:68].mean() + 1.2 * (wide[48:68] - wide[48:68].mean())
    # One looked to one side most of the time, the other to the other.
    faces = [faces_of("anna", shape, np.linspace(-10, 30, 60)), faces_of("bo", wide, np.linspace(-30, 10, 60))]
    shapes = face_shapes(faces)
    means = [np.mean(item.learned_points[:-1], axis=0)[:68] for item in faces]
    wrong = np.abs((means[1] - means[0]) - (wide - shape)).max()
    assert wrong > 5.0 and np.abs((shapes["bo"] - shapes["anna"]) - (wide - shape)).max() < 0.3 * wrong
    assert face_shapes([faces_of("few", shape, [0.0])]) == {}
    again = shapes_from_json(shapes_to_json(shapes))
    assert all(np.abs(again[name] - shapes[name]).max() < 1e-3 for name in shapes)


def test_a_sketch_is_drawn_in_the_shape_of_who_appears():
    shape = in_units(LANDMARKS, SIZE, COVERAGE)
    sketcher = Sketcher(COVERAGE, True, {"anna": shape, "bo": shape + 4.0j})
    plates = np.zeros((3, SIZE, SIZE, 3), np.float32)
    given = sketcher(plates, np.stack([LANDMARKS] * 3), "bo", ("anna", "bo", "somebody"))
    moved, same, unknown = (center(item[..., 5]) for item in given)
    assert np.abs(moved - same - (0.0, 4.0 * SIZE / COVERAGE / 160.0)).max() < 0.2
    assert np.array_equal(same, unknown)
    assert Sketcher(COVERAGE)(plates, np.stack([LANDMARKS] * 3), "bo", ("anna",) * 3) is plates


def test_damaged_shapes_are_named():
    document = ModelDocument(
        "quick", ("a",), 96, 1.7, 0, {}, {}, [], "", sketch=SKETCH_FORM, shapes={"a": [[1.0, 2.0]]}
    )
    with pytest.raises(EngineError, match="face shape of a") as caught:
        sketcher_of(document)
    assert caught.value.code is ErrorCode.MODEL_UNREADABLE


@pytest.mark.parametrize(("form", "named"), [(0, "without sketches"), (1, "with sketches of form 1")])
def test_a_model_of_before_these_sketches_is_refused_by_name(form, named):
    document = ModelDocument("quick", ("a",), 96, 1.7, 0, {}, {}, [], "", sketch=form)
    with pytest.raises(EngineError) as caught:
        family_of(document)
    assert caught.value.code is ErrorCode.MODEL_MISMATCH and named in caught.value.message


def test_folding_loses_nothing():
    x = np.random.default_rng(0).random((2, 8, 8, 3), np.float32)
    folded = PixelFold(4)(x)
    assert folded.shape == (2, 2, 2, 48) and np.array_equal(np.array(PixelShuffle(4)(folded)), x)
    assert np.array_equal(np.array(folded)[0, 0, 1].reshape(4, 4, 3), x[0, :4, 4:])


def test_the_decoder_sees_the_sketch_at_its_place():
    network = Autoencoder(quick_family(face_size=32, width=4, code=8), ("anna", "bert"))
    plain = np.random.default_rng(0).random((1, 32, 32, 7), np.float32)
    marked = plain.copy()
    marked[:, 24:28, 4:8, 5] += 1.0
    before, after = (np.array(network.decoders["anna"](network.encoder(item))) for item in (plain, marked))
    changed = np.abs(after - before).max(axis=(0, 3))
    assert changed[24:28, 4:8].mean() > 5.0 * changed[:8, 24:].mean()


@pytest.fixture(scope="module")
def demo_face():
    clip = Path(__file__).resolve().parents[2] / "demo" / "clips" / "train_B.mp4"
    with FootageReader(Footage(clip)) as reader:
        _number, image = next(iter(reader.frames([FrameRange(30, 31)])))
    (found,) = BlazeFaceDetector(0.5, 40).detect(image)
    landmarks, _presence = MeshFitter().fit(image, found.box)
    matrix = face_matrix(landmarks, 256, 2.0)
    return align_face(image, matrix, 256), transform_points(matrix, landmarks), 2.0


def test_plain_pictures_of_faces_get_their_landmarks_by_a_fit(demo_face):
    picture, landmarks, coverage = demo_face
    found = FacePoints(Reporter()).of(FaceRecord("a.png", coverage=coverage), picture)
    assert np.abs(in_pixels(found[:68], picture.shape[0], coverage) - landmarks)[17:].mean() < 0.02 * picture.shape[0]
    noise = np.random.default_rng(0).integers(0, 256, picture.shape, np.uint8)
    assert np.isnan(FacePoints(Reporter()).of(FaceRecord("b.png", coverage=coverage), noise)).all()


def test_eyes_are_fitted_also_in_a_face_on_its_side(demo_face):
    picture, landmarks, _coverage = demo_face
    eyes = EyeFitter().fit(picture, landmarks)
    for eye, rows in zip(eyes.reshape(2, EYE_POINTS, 2), EYE_ROWS, strict=True):
        # Her irises are blue, which nothing beside them is.
        x, y = np.rint(eye[0]).astype(int)
        shades = picture[y - 3 : y + 4, x - 14 : x + 15].astype(float)
        blue = np.convolve((shades[..., 2] - shades[..., 0]).mean(axis=0), np.ones(5), "valid")
        assert abs(np.argmax(blue) - len(blue) // 2) <= 4
        assert np.abs(eye[0] - landmarks[rows].mean(axis=0)).max() < 0.5 * np.ptp(landmarks[rows, 0])
        assert 0.6 < np.ptp(eye[1:, 0]) / np.ptp(landmarks[rows, 0]) < 1.4
        steps = np.linalg.norm(np.diff(eye[[*range(1, EYE_POINTS), 1]], axis=0), axis=1)
        assert steps.max() < 0.4 * np.ptp(eye[1:, 0]), "the outline goes once around"
    lying = np.stack([landmarks[:, 1], picture.shape[1] - 1 - landmarks[:, 0]], axis=-1)
    found = EyeFitter().fit(np.ascontiguousarray(np.rot90(picture)), lying)
    assert np.abs(found - np.stack([eyes[:, 1], picture.shape[1] - 1 - eyes[:, 0]], axis=-1)).max() < 1.0
    landmarks = landmarks.copy()
    landmarks[36] = np.nan
    one = EyeFitter().fit(picture, landmarks)
    assert np.isnan(one[:EYE_POINTS]).all() and np.array_equal(one[EYE_POINTS:], eyes[EYE_POINTS:])


def test_a_closed_eye_is_told_from_an_open_one():
    clip = Path(__file__).resolve().parents[2] / "demo" / "clips" / "target_A.mp4"
    opening = []
    with FootageReader(Footage(clip)) as reader:
        for _number, image in reader.frames([FrameRange(24, 25), FrameRange(38, 39)]):
            (found,) = BlazeFaceDetector(0.5, 40).detect(image)
            landmarks, _presence = MeshFitter().fit(image, found.box)
            for eye in EyeFitter().fit(image, landmarks).reshape(2, EYE_POINTS, 2):
                opening.append(np.ptp(eye[1:, 1]) / np.ptp(eye[1:, 0]))
    assert max(opening[:2]) < 0.6 * min(opening[2:])


def test_the_swap_draws_the_eyes_of_the_plate_as_wide_as_the_others_and_at_their_place(demo_face):
    picture, landmarks, coverage = demo_face
    shape = in_units(landmarks, picture.shape[0], coverage)
    other = shape.copy()
    other[36:42] = shape[36:42].mean() - 6.0 + 0.8 * (shape[36:42] - shape[36:42].mean())
    plates = picture[None].astype(np.float32) / 255
    sketcher = Sketcher(coverage, True, {"anna": shape, "bo": other})
    own, moved = (sketcher(plates, landmarks[None], who, ("anna",))[0, ..., 5] for who in ("anna", "bo"))
    expected = draw_sketch(np.concatenate([landmarks, EyeFitter().fit(picture, landmarks)]), picture.shape[0])
    assert np.array_equal(np.rint(own * 255), expected[..., 2])
    px = 6.0 * picture.shape[0] / coverage / 160.0
    middle = int(landmarks[27, 0])
    shown = [np.where(item > 0.3, 1.0, 0.0)[:, :middle] for item in (own, moved)]
    assert np.abs(center(shown[1]) - center(shown[0]) + (px, 0.0)).max() < 1.0
    assert 0.5 < shown[1].sum() / shown[0].sum() < 0.8
    assert np.array_equal(own[:, middle:] > 0.3, moved[:, middle:] > 0.3)
