# SPDX-License-Identifier: GPL-3.0-or-later
"""What the network sees: geometry of the views, their repeatability, and the loader that makes them."""

import time
from dataclasses import replace

import cv2
import numpy as np
import pytest
from understudy.engine.contract.settings import TrainSettings
from understudy.engine.training import batch as batch_module
from understudy.engine.training.augmentation import (
    Augmentation,
    View,
    make_plain_views,
    make_views,
)
from understudy.engine.training.batch import BatchPlan, make_batch, pick_faces
from understudy.engine.training.curve import loss_curve, loss_series
from understudy.engine.training.face_weight import face_weight
from understudy.engine.training.feeding import threads
from understudy.engine.training.loader import BatchLoader
from understudy.engine.training.performer_faces import PerformerFaces
from understudy.engine.training.recipes import RECIPES, augmentation_of, flips_of
from understudy.engine.training.views_picture import views_picture

STILL = Augmentation(rotation_deg=0, zoom=0, shift=0, flip=0, jitter=0)
CLASSIC = Augmentation(rotation_deg=10, zoom=0.05, shift=0.05, flip=0.4, jitter=5)


def faces_of(name, count, size=64, seed=0):
    random = np.random.default_rng([seed, len(name)])
    pictures = tuple(random.integers(0, 256, (size, size, 3), np.uint8) for _ in range(count))
    coverage = np.full(count, 2.0)
    return PerformerFaces(name, pictures, pictures[:2], coverage, coverage[:2], "0" * 64, ())


def smooth_face(size):
    y, x = np.mgrid[:size, :size] / (size - 1)
    return (np.stack([x, y, 1 - x], axis=-1) * 255).round().astype(np.uint8)


def test_views_without_augmentation_are_the_plain_crop():
    image, view = smooth_face(128), View(32, 1.0)
    inputs, targets = make_views([image], [2.0], view, STILL, np.random.default_rng(0))
    assert np.allclose(inputs, targets, atol=2 / 255)
    assert np.allclose(targets, make_plain_views([image], [2.0], view), atol=1e-6)
    # The crop is the middle half: 31.5 … 95.5 of 128 pixels, at the centers of 32 pixels.
    expected = (31.5 + (np.arange(32) + 0.5) * 2) / 127
    assert np.allclose(targets[0, 16, :, 0], expected, atol=2 / 255)


def test_plain_views_agree_with_the_alignment_of_the_swap():
    from understudy.engine.faces.alignment import face_square_matrix

    image = smooth_face(128)
    stored, wanted = face_square_matrix(128, 2.0), face_square_matrix(32, 1.7)
    scale = wanted[0, 0] / stored[0, 0]
    matrix = np.hstack([np.eye(2) * scale, (wanted[:, 2] - scale * stored[:, 2])[:, None]])
    expected = cv2.warpAffine(image, matrix, (32, 32), flags=cv2.INTER_LINEAR) / np.float32(255)
    assert np.allclose(make_plain_views([image], [2.0], View(32, 1.7))[0], expected, atol=2 / 255)


def test_s42_figures_of_the_classic_placement():
    from understudy.engine.training.augmentation import _placement

    drawn = _placement(20_000, CLASSIC, CLASSIC.flip, np.random.default_rng(0))
    factor, shift, mirrored = drawn.factor, drawn.shift, drawn.mirrored
    assert 9.9 < np.abs(np.degrees(np.angle(factor))).max() <= 10.0
    assert np.allclose([np.abs(factor).min(), np.abs(factor).max()], [0.95, 1.05], atol=1e-3)
    assert np.allclose([shift.real.max(), shift.imag.min()], [12.8, -12.8], atol=0.05)
    assert abs(mirrored.mean() - 0.4) < 0.02


def test_s44_the_grid_spans_160_px_and_is_jittered_by_5_px():
    from understudy.engine.training.augmentation import _warps
    from understudy.engine.training.bent_grid import BentGrids

    def positions(count, jitter, size=64):
        grids = BentGrids(_warps(count, view, jitter, np.random.default_rng(0)).grids, size)
        return np.stack([grids.enlarged(i).copy() for i in range(count)])

    view = View(64, 1.0)
    still, bent = positions(1, 0.0), positions(1000, 5.0)
    assert np.allclose(still[0, 0, 0, [0, -1]], [-78.75, 78.75])
    assert np.allclose(still[0, 1, [0, -1], 0], [-78.75, 78.75])
    # Of 66 pixels, as many as the grid's four cells don't divide, two lie on its lines.
    points = _warps(1, view, 5.0, np.random.default_rng(0)).grids[:, 1::2, 1::2]
    assert np.allclose(positions(1, 5.0, 66)[:, :, 16::33, 16::33], np.stack([points.real, points.imag], axis=1))
    # The corner pixel lies 1/32 of a cell off the grid's corner point, along both axes.
    share = (31 / 32) ** 2 + (1 / 32) ** 2
    assert abs((bent - still)[:, 0, 0, 0].std() - 5.0 * share) < 0.2


def test_the_target_follows_the_grids_common_motion_and_is_not_bent():
    # Red tells how far right a pixel was, green how far down.
    ramp = np.broadcast_to(np.arange(256, dtype=np.uint8), (256, 256))
    image = np.dstack([ramp, ramp.T, ramp])
    bending = Augmentation(rotation_deg=0, zoom=0, shift=0, flip=0, jitter=5.0)
    views = make_views([image] * 20, [2.0] * 20, View(64, 1.0), bending, np.random.default_rng(1))
    rows, columns = np.mgrid[0:64, 0:64].reshape(2, -1)
    places = np.stack([np.ones_like(rows), columns, rows], axis=1)
    left, turned = [], []
    for faces in views:
        values = 255 * faces[..., :2].transpose(1, 2, 0, 3).reshape(64 * 64, 40)
        plane, *_ = np.linalg.lstsq(places, values, rcond=None)
        left.append(np.abs(values - places @ plane).max(axis=0))
        turned.append(plane[1:].reshape(2, 20, 2))
    bent, straight = left
    # Values are whole numbers.
    assert straight.max() < 1.1 < 3.0 < bent.min()
    across, down = turned[1]
    # A similarity: the same size along both axes, which stay at right angles. Two of 256 pixels lie between two of 64.
    assert np.allclose(across[:, 0], down[:, 1], atol=0.01)
    assert np.allclose(across[:, 1], -down[:, 0], atol=0.01)
    assert 0.0 < np.abs(across[:, 0] - 2.0).max() < 0.2


def test_mirrored_views_mirror_input_and_target():
    image, view = smooth_face(128), View(32, 1.0)
    mirrored = Augmentation(rotation_deg=0, zoom=0, shift=0, flip=1.0, jitter=0)
    plain = make_plain_views([image], [2.0], view)
    for result in make_views([image], [2.0], view, mirrored, np.random.default_rng(0)):
        assert np.allclose(result, plain[:, :, ::-1], atol=2 / 255)


def test_color_changes_only_the_input():
    image, view = smooth_face(128), View(32, 1.0)
    colored = Augmentation(rotation_deg=0, zoom=0, shift=0, flip=0, jitter=0, color=1.0)
    inputs, targets = make_views([image], [2.0], view, colored, np.random.default_rng(3))
    assert np.allclose(targets, make_plain_views([image], [2.0], view), atol=1e-6)
    assert np.abs(inputs - targets).mean() > 0.01
    assert 0.0 <= inputs.min() <= inputs.max() <= 1.0


def test_stored_size_and_coverage_do_not_move_the_view():
    view = View(32, 1.0)
    large, small = smooth_face(256), cv2.resize(smooth_face(256), (96, 96), interpolation=cv2.INTER_AREA)
    assert np.allclose(make_plain_views([large], [2.0], view), make_plain_views([small], [2.0], view), atol=2 / 255)


def test_face_weight_prefers_the_face():
    weight = face_weight(64, 1.7)
    assert np.isclose(weight.mean(), 1.0)
    assert weight[32, 32, 0] > 5 * weight[0, 0, 0]


def test_every_face_is_seen_once_in_each_round():
    picked = np.concatenate([pick_faces(10, 4, step, (0,)) for step in range(5)])
    assert sorted(picked[:10]) == sorted(picked[10:]) == list(range(10))
    assert picked[:10].tolist() != picked[10:].tolist()


def test_batch_depends_on_seed_and_step_alone():
    faces, plan = (faces_of("a", 9), faces_of("bb", 12)), BatchPlan(View(16, 1.0), CLASSIC, 4, seed=7)
    with BatchLoader(threads(faces), plan) as loader:
        batches = [loader.next_batch() for _ in range(4)]
    with BatchLoader(threads(faces), plan, first_step=3) as loader:
        resumed = loader.next_batch()
    assert np.array_equal(batches[3].inputs, resumed.inputs)
    assert np.array_equal(batches[3].targets, resumed.targets)
    assert not np.array_equal(batches[2].inputs, resumed.inputs)
    assert not np.array_equal(make_batch(faces, replace(plan, seed=8), 3).inputs, resumed.inputs)


def test_d17_batch_larger_than_the_set_never_hangs():
    feeding = threads((faces_of("a", 3), faces_of("bb", 2)))
    with BatchLoader(feeding, BatchPlan(View(16, 1.0), CLASSIC, 16, seed=0)) as loader:
        assert loader.next_batch().inputs.shape == (2, 16, 16, 16, 3)


def test_d17_error_in_the_loader_thread_surfaces(monkeypatch):
    def broken(*_arguments):
        raise ValueError("the picture fell off the wall")

    monkeypatch.setattr(batch_module, "make_views", broken)
    began = time.monotonic()
    loader = BatchLoader(threads((faces_of("a", 3),)), BatchPlan(View(16, 1.0), CLASSIC, 2, seed=0))
    with loader, pytest.raises(ValueError, match="fell off"):
        loader.next_batch()
    assert time.monotonic() - began < 5


def test_waiting_for_a_slow_batch_is_counted_and_for_a_ready_one_it_is_not(monkeypatch):
    made = batch_module.make_views
    monkeypatch.setattr(batch_module, "make_views", lambda *args, **named: time.sleep(0.3) or made(*args, **named))
    with BatchLoader(threads((faces_of("a", 3),)), BatchPlan(View(16, 1.0), CLASSIC, 2, seed=0)) as loader:
        loader.next_batch()
        slow = loader.waited_s
        # The ones after it are made while the step is done.
        while not loader._waiting[0].done():
            time.sleep(0.01)
        loader.next_batch()
    assert slow >= 0.25 and loader.waited_s - slow < 0.25


def test_history_becomes_a_falling_line_for_each_performer():
    lines = [{"step": 10 * n, "loss/anna": 0.5 / n, "loss/ben": 0.4 / n} for n in range(1, 20)]
    series = loss_series([*lines, {"step": 100, "held_out/ssim": 0.9}, {"step": 110, "loss/anna": float("nan")}])
    assert [*series] == ["anna", "ben", "held out"] and len(series["anna"]) == 19
    picture = loss_curve(series)
    assert picture.shape == (256, 256, 3) and picture.dtype == np.uint8
    blue = np.argwhere((picture[..., 2] > 180) & (picture[..., 0] < 140))
    blue = blue[blue[:, 1] < 180]  # beside the names
    left, right = blue[blue[:, 1].argmin()], blue[blue[:, 1].argmax()]
    assert left[0] < 40 and right[0] > 130, "the loss falls from the top left to the bottom right"
    named = loss_curve({"Änne": series["anna"]})
    assert not np.array_equal(named, loss_curve({"anna": series["anna"]})), "each curve has its name"
    assert np.array_equal(loss_curve({}), loss_curve(loss_series([])))


@pytest.mark.parametrize("kind", ["light", "blur", "jpeg", "occluders"])
def test_degradation_changes_inputs_only_and_repeatably(kind):
    images, coverages = [smooth_face(96)] * 12, [2.0] * 12
    preset = replace(CLASSIC, **{kind: 1.0})

    def views(of):
        return make_views(images, coverages, View(48, 1.0), of, np.random.default_rng(3))

    (plain, plain_targets), (inputs, targets) = views(CLASSIC), views(preset)
    assert np.array_equal(targets, plain_targets)
    changed = [not np.array_equal(one, other) for one, other in zip(inputs, plain, strict=True)]
    # Light falls on every face; the others leave about half of them alone.
    assert all(changed) if kind == "light" else 2 <= sum(changed) <= 10
    assert inputs.dtype == np.float32 and inputs.min() >= 0.0 and inputs.max() <= 1.0
    assert np.array_equal(inputs, views(preset)[0])
    weaker = views(replace(CLASSIC, **{kind: 0.1}))[0]
    assert np.abs(weaker - plain).mean() < np.abs(inputs - plain).mean()


def test_augmentation_settings_change_the_family_s_own_only_where_asked():
    recipe = RECIPES["quick"]
    assert augmentation_of(recipe, TrainSettings()) == recipe.augmentation
    asked = augmentation_of(recipe, TrainSettings(augment_color=0.0, augment_blur=0.3))
    assert asked == replace(recipe.augmentation, color=0.0, blur=0.3)


def posed(name, picture, yaw=0.0):
    pictures = (picture,) * 6
    coverage = np.full(6, 2.0)
    return PerformerFaces(name, pictures, pictures, coverage, coverage, "", (), np.full(6, yaw))


def drawn_face(mole=None):
    picture = np.full((128, 128, 3), 180, np.uint8)
    for x in (50, 77):
        cv2.circle(picture, (x, 52), 4, (40, 40, 40), -1, cv2.LINE_AA)
    cv2.ellipse(picture, (64, 86), (12, 4), 0, 0, 360, (150, 40, 40), -1, cv2.LINE_AA)
    if mole:
        cv2.circle(picture, mole, 3, (60, 30, 30), -1, cv2.LINE_AA)
    return picture


def test_only_symmetric_faces_are_mirrored_when_that_is_asked():
    light = np.linspace(0.5, 1.0, 128)[None, :, None]
    cast = [
        posed("same on both sides", drawn_face()),
        posed("lit from a side", (drawn_face() * light).astype(np.uint8)),
        posed("a mole", drawn_face((44, 74))),
        posed("never frontal", drawn_face(), yaw=40.0),
        replace(posed("pose unknown", drawn_face()), learned_yaw=None),
    ]
    settings = TrainSettings(augment_flip="symmetric")
    assert flips_of(RECIPES["quick"], settings, cast) == (0.5, 0.5, 0.0, 0.0, 0.0)
    assert flips_of(RECIPES["original"], TrainSettings(), cast[:2]) == (0.4, 0.4)
    assert flips_of(RECIPES["original"], TrainSettings(augment_flip="never"), cast[:2]) == (0.0, 0.0)


def test_flips_are_drawn_for_each_performer():
    cast = (posed("a", np.ascontiguousarray(smooth_face(64))), posed("b", smooth_face(64)))
    batch = make_batch(cast, BatchPlan(View(32, 1.0), STILL, 8, 0, (1.0, 0.0)), 0)
    assert np.allclose(batch.targets[0][:, :, ::-1], batch.targets[1], atol=1e-3)


def test_picture_of_what_the_network_sees_has_three_rows_for_each_performer():
    cast = (posed("a", smooth_face(64)), posed("b", drawn_face()))
    picture = views_picture(cast, View(32, 1.0), CLASSIC, (0.0, 0.0), 0, columns=5)
    assert picture.shape == (2 * 3 * 32 + 4, 5 * 32, 3) and picture.dtype == np.uint8
    plain = (make_plain_views([smooth_face(64)], [2.0], View(32, 1.0))[0] * 255 + 0.5).astype(np.uint8)
    assert np.array_equal(picture[:32, :32], plain)
