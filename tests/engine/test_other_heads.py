# SPDX-License-Identifier: GPL-3.0-or-later
"""Views of a head in poses that no frame shows."""

from dataclasses import replace

import numpy as np
from understudy.engine.contract.settings import TrainSettings
from understudy.engine.faces.geometry import CANONICAL_INNER
from understudy.engine.training.augmentation import Augmentation, View, make_views
from understudy.engine.training.other_heads import OtherHeads, dome
from understudy.engine.training.recipes import RECIPES, augmentation_of

STILL = Augmentation(rotation_deg=0, zoom=0, shift=0, flip=0, jitter=0)
VIEW = View(48, 1.7)


def picture():
    random = np.random.default_rng(8)
    coarse = random.integers(0, 256, (12, 12, 3), np.uint8)
    return np.kron(coarse, np.ones((10, 10, 1), np.uint8))


def views(preset, count=3):
    return make_views([picture()] * count, [2.0] * count, VIEW, preset, np.random.default_rng(2))


def test_input_and_target_are_bent_alike():
    inputs, targets = views(replace(STILL, head_turn_deg=15.0))
    still, _targets = views(STILL)
    assert np.allclose(inputs, targets, atol=2 / 255)
    assert np.abs(targets - still).max() > 0.1
    assert np.abs(targets[0] - targets[1]).max() > 0.1


def test_the_setting_turns_heads_for_any_family():
    for recipe in RECIPES.values():
        assert augmentation_of(recipe, TrainSettings()).head_turn_deg == 0.0
        assert augmentation_of(recipe, TrainSettings(augment_turn=12.0)).head_turn_deg == 12.0


def test_what_is_off_draws_no_random_numbers():
    random, untouched = np.random.default_rng(5), np.random.default_rng(5)
    heads = OtherHeads(4, 0.0, random)
    positions = np.arange(72.0).reshape(2, 6, 6)
    assert np.array_equal(heads.look(0, positions), positions)
    assert random.random() == untouched.random()


def test_a_turned_head_moves_its_nose_against_its_rim_and_keeps_its_place():
    heads = OtherHeads(50, 10.0, np.random.default_rng(1))
    marks = CANONICAL_INNER.T[:, None] * 160.0
    rim = np.array([[[-118.0, 118.0, 0.0, 0.0]], [[0.0, 0.0, 140.0, -140.0]]])
    # (50, 2, points)
    moved = np.array([(heads.look(i, marks) - marks)[:, 0] for i in range(50)])
    assert np.abs(moved.mean(axis=2)).max() < 1e-9
    nose = np.argmax(dome(marks))
    away = np.array([(heads.look(i, rim) - rim)[:, 0] for i in range(50)])
    # The dome's top goes one way, what lies behind the pivot the other.
    assert np.all((moved[:, :, nose, None] * away).sum(axis=1) < 0)
    # A dome of 75 units turned by at most 10 degrees each way.
    farthest = np.linalg.norm(moved[:, :, nose] - away[:, :, 0], axis=1).max()
    assert farthest < 75.0 * np.tan(np.deg2rad(10.0)) * np.sqrt(2.0)
