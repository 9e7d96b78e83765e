# SPDX-License-Identifier: GPL-3.0-or-later
"""That a training learns what it shall: faces in a few hundred steps, and eyes and mouth before the rest."""

from dataclasses import replace

import cv2
import keras
import numpy as np
import pytest
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.settings import TrainSettings
from understudy.engine.faces.geometry import CANONICAL_INNER
from understudy.engine.networks.autoencoder import Autoencoder
from understudy.engine.networks.registry import quick_family, studio_family
from understudy.engine.runtime.backend import prepare_backend
from understudy.engine.training.augmentation import View
from understudy.engine.training.batch import BatchPlan, make_batch
from understudy.engine.training.face_weight import face_area, face_weight
from understudy.engine.training.held_out import measure
from understudy.engine.training.inference import NetworkDecoder
from understudy.engine.training.network_inputs import network_inputs
from understudy.engine.training.opening import make_trainer
from understudy.engine.training.performer_faces import PerformerFaces
from understudy.engine.training.recipes import RECIPES, augmentation_of
from understudy.engine.training.view_units import UNKNOWN

SIZE = 64
# Where eyes, mouth and a cheek are in face squares from the middle of the face.
EYE, MOUTH, CHEEK = CANONICAL_INNER[19:25].mean(axis=0), CANONICAL_INNER[31:51].mean(axis=0), np.array([0.42, 0.08])


@pytest.fixture(autouse=True, scope="module")
def repeatable():
    prepare_backend(deterministic=True)


def performer(name, skin, seed):
    """Cartoon faces of one skin whose heads, eyes and mouths move."""
    random = np.random.default_rng(seed)
    pictures = []
    for _ in range(24):
        image = np.full((SIZE, SIZE, 3), 60, np.uint8)
        x, y = 32 + random.integers(-3, 4, 2)
        cv2.ellipse(image, (int(x), int(y)), (18, 22), 0, 0, 360, skin, -1, cv2.LINE_AA)
        for side in (-6, 6):
            cv2.circle(image, (int(x + side), int(y - 5)), 3, (20, 20, 20), -1, cv2.LINE_AA)
        cv2.ellipse(image, (int(x), int(y + 10)), (7, int(random.integers(1, 6))), 0, 0, 360, (150, 30, 40), -1)
        pictures.append(image)
    learned, held_out = tuple(pictures[:16]), tuple(pictures[16:])
    return PerformerFaces(
        performer=name, learned=learned, held_out=held_out, learned_coverage=np.full(16, 1.7),
        held_out_coverage=np.full(8, 1.7), digest="", folders=(), learned_points=(UNKNOWN,) * 16,
        held_out_points=(UNKNOWN,) * 8,
    )  # fmt: skip


def test_the_error_of_unseen_faces_halves_within_two_hundred_steps():
    cast = (performer("anna", (230, 190, 160), 1), performer("bert", (120, 80, 60), 2))
    names, settings = tuple(item.performer for item in cast), TrainSettings(batch_size=4)
    keras.utils.set_random_seed(0)
    network = Autoencoder(quick_family(face_size=32, width=8, code=32), names)
    recipe = replace(RECIPES["quick"], warm_up=10)
    trainer = make_trainer(network, recipe, settings)
    view = View(network.family.face_size, network.family.coverage)
    unseen = {
        item.performer: network_inputs(item.held_out, item.held_out_coverage, view, item.held_out_points)
        for item in cast
    }
    plan = BatchPlan(view, augmentation_of(recipe, settings), settings.batch_size, settings.seed)

    def error(decode):
        with trainer.averaged():
            return measure(unseen, view, decode, trainer.steps).absolute

    decode = NetworkDecoder(network)
    first = error(decode)
    for step in range(200):
        batch = make_batch(cast, plan, step)
        trainer.step(batch.inputs, batch.targets, 3e-3)
    last = error(decode)
    assert all(last[name] < 0.5 * first[name] for name in names)
    # Whoever learned nothing but a mean face can't be better than the mean of these very faces.
    means = {name: faces[..., :3].mean(axis=0) for name, faces in unseen.items()}
    still = error(lambda faces, name: np.broadcast_to(means[name], faces[..., :3].shape))
    assert sum(last.values()) < 0.8 * sum(still.values())


def pixel(place, size, coverage):
    """Row and column of a place in face squares from the middle of the face."""
    column, row = np.floor((place / coverage + 0.5) * size).astype(int)
    return int(row), int(column)


def test_eyes_and_mouth_weigh_more_than_the_rest_of_the_face_and_zero_makes_it_flat():
    size, coverage = 128, 1.7
    weight, flat = (face_weight(size, coverage, eyes_and_mouth=factor)[..., 0] for factor in (1.0, 0.0))
    assert np.array_equal(weight, face_weight(size, coverage)[..., 0]), "1 is what it always was"
    eye, mouth, cheek = (pixel(place, size, coverage) for place in (EYE, MOUTH, CHEEK))
    assert weight[eye] == pytest.approx(4.0 * weight[cheek], rel=0.1)
    assert weight[mouth] == pytest.approx(2.5 * weight[cheek], rel=0.1)
    inside = face_area(size, coverage) == 1.0
    assert inside[eye] and inside[mouth] and inside[cheek]
    assert np.ptp(flat[inside]) == 0.0 and flat[cheek] > 5.0 * flat[0, 0]
    assert weight.mean() == pytest.approx(1.0) == flat.mean()
    assert face_weight(size, coverage, eyes_and_mouth=2.0)[eye][0] > weight[eye]


FAMILIES = {
    "quick": quick_family(face_size=SIZE, width=4, code=16),
    "studio": studio_family(face_size=SIZE, seen=32, first=16, width=2, code=16),
}


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize(("factor", "least", "most"), [(1.0, 2.0, 4.5), (0.0, 0.95, 1.05)])
def test_the_same_error_costs_more_in_the_eyes_and_the_mouth(name, factor, least, most):
    family = FAMILIES[name]
    keras.utils.set_random_seed(0)
    network = Autoencoder(family, ("anna", "bert"))
    # Without what depends on the surroundings of a pixel too.
    recipe = replace(RECIPES[name], structural=0.0, gradient=0.0, mask=0.0)
    trainer = make_trainer(network, recipe, TrainSettings(family=name, eyes_and_mouth=factor))
    trainer.steps = len(family.sizes)
    inputs = np.random.default_rng(0).random((2, 1, SIZE, SIZE, family.channels), np.float32)
    made = NetworkDecoder(network)(inputs[0], "anna")

    def cost(place):
        row, column = pixel(place, SIZE, family.coverage)
        patch = np.zeros((SIZE, SIZE, 1), np.float32)
        patch[row - 1 : row + 2, column - 1 : column + 2] = 0.1
        targets = np.zeros((2, 1, SIZE, SIZE, 4 if family.has_mask else 3), np.float32)
        targets[0, 0, ..., :3] = made[0] + patch
        batch = {key: keras.ops.convert_to_tensor(value) for key, value in (("inputs", inputs), ("targets", targets))}
        return float(trainer.players[0].loss(batch)[1]["anna"])

    for place in (EYE, MOUTH):
        assert least < cost(place) / cost(CHEEK) < most


@pytest.mark.parametrize("wrong", [-0.1, 4.1, float("nan"), "much"])
def test_a_weight_of_eyes_and_mouth_out_of_range_is_refused(wrong):
    with pytest.raises(EngineError, match="eyes_and_mouth") as caught:
        TrainSettings(eyes_and_mouth=wrong)
    assert caught.value.code is ErrorCode.SETTINGS_INVALID
