# SPDX-License-Identifier: GPL-3.0-or-later
"""The network families: their exact sizes, shapes and ranges."""

import dataclasses

import keras
import numpy as np
import pytest
from understudy.engine.contract.settings import TrainSettings
from understudy.engine.networks.autoencoder import Autoencoder
from understudy.engine.networks.blocks import PixelShuffle
from understudy.engine.networks.registry import FAMILIES, quick_family
from understudy.engine.runtime.device import prepare_tensorflow
from understudy.engine.training.inference import NetworkDecoder
from understudy.engine.training.recipes import RECIPES, learning_rate_at


@pytest.mark.parametrize(
    ("name", "encoder", "total"), [("original", 69_662_976, 82_062_470), ("lowmem", 48_165_632, 60_565_126)]
)
def test_s45_s46_s48_classic_families_have_exactly_the_ancestors_parameters(name, encoder, total):
    counts = Autoencoder(FAMILIES[name], ("a", "b")).parameter_counts()
    assert counts == {"encoder": encoder, "decoder:a": 6_199_747, "decoder:b": 6_199_747, "total": total}
    assert (FAMILIES[name].face_size, FAMILIES[name].coverage) == (64, 1.0)


def test_d01_s30_lowmem_can_be_chosen():
    from understudy.training_cli.main import build_parser

    arguments = build_parser("train").parse_args(
        ["train", "model", "--performer", "a=x", "--performer", "b=y", "--family", "lowmem"]
    )
    from understudy.training_cli.commands.train import job_from

    assert job_from(arguments).settings.family == "lowmem"
    assert FAMILIES["lowmem"].name == "lowmem"


@pytest.mark.parametrize("name", ["original", "lowmem"])
def test_s49_either_performers_decoder_takes_the_one_encoders_code(name):
    network = Autoencoder(FAMILIES[name], ("a", "b"))
    parts = {variable.partition("/")[0] for variable in network.weights()}
    assert parts == {"encoder", "decoder:a", "decoder:b"}
    decode = NetworkDecoder(network)
    faces = np.random.default_rng(0).random((2, 64, 64, 3), np.float32)
    code = network.encoder(faces)
    for who in ("a", "b"):
        assert np.abs(decode(faces, who) - np.array(network.decoders[who](code))).max() < 1e-4
    assert np.abs(decode(faces, "a") - decode(faces, "b")).max() > 1e-3


def test_every_family_on_offer_can_be_built_and_trained():
    field = next(item for item in dataclasses.fields(TrainSettings) if item.name == "family")
    assert set(field.metadata["choices"]) == set(FAMILIES) == set(RECIPES)


@pytest.mark.parametrize("name", ["original", "lowmem"])
def test_s41_s42_s44_s47_classic_recipes_have_the_ancestors_figures(name):
    recipe = RECIPES[name]
    assert (recipe.batch_size, recipe.learning_rate, recipe.beta_1, recipe.beta_2) == (64, 5e-5, 0.5, 0.999)
    assert (recipe.absolute, recipe.structural, recipe.gradient) == (1.0, 0.0, 0.0)
    assert recipe.takes_turns
    views = recipe.augmentation
    assert (views.rotation_deg, views.zoom, views.shift, views.flip, views.jitter) == (10.0, 0.05, 0.05, 0.4, 5.0)
    assert views.color == 0.0
    assert learning_rate_at(recipe, recipe.learning_rate, 0, 0.0) == 5e-5
    assert learning_rate_at(recipe, recipe.learning_rate, 10**6, 0.999) == 5e-5
    assert TrainSettings().save_interval == 100


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_quick_returns_pictures_for_any_number_of_performers(policy):
    family = quick_family(face_size=32, width=4, code=8)
    network = Autoencoder(family, ("anna", "bert", "cleo"), policy)
    faces = np.random.default_rng(0).random((2, 32, 32, family.channels), np.float32)
    results = [np.array(model(network.encoder(faces))) for model in network.decoders.values()]
    for result in results:
        assert result.shape == (2, 32, 32, 3)
        assert result.dtype == np.float32
        assert 0.0 <= result.min() <= result.max() <= 1.0
    assert not np.array_equal(results[0], results[1])
    assert all(str(variable.dtype) == "float32" for variable in network.weights().values())


def test_weights_have_the_same_names_in_every_process_state():
    family = quick_family(face_size=32, width=4, code=8)
    first, second = (set(Autoencoder(family, ("a", "b")).weights()) for _ in range(2))
    assert first == second
    assert "decoder:b/00.kernel" in first


def test_pixel_shuffle_puts_four_channels_into_a_square():
    x = np.arange(4, dtype=np.float32).reshape(1, 1, 1, 4)
    assert np.array(PixelShuffle()(x)).reshape(2, 2).tolist() == [[0, 1], [2, 3]]


def test_quick_learning_rate_rises_then_falls():
    recipe = RECIPES["quick"]
    rates = [learning_rate_at(recipe, 1.0, step, share) for step, share in ((0, 0.0), (10**4, 0.3), (10**4, 0.999))]
    assert rates[0] < 0.05
    assert rates[1] == 1.0
    assert 0.0 < rates[2] < 0.05


def test_a_compiled_network_gives_what_its_layers_give():
    """TensorFlow 2.21 joined operations of the function, and other pictures came out."""
    prepare_tensorflow()
    keras.utils.set_random_seed(3)
    network = Autoencoder(FAMILIES["quick"], ("anna", "berta"))
    size = network.family.face_size
    faces = np.random.default_rng(1).uniform(0, 1, (3, size, size, network.family.channels)).astype(np.float32)
    expected = np.asarray(network.decoders["anna"](network.encoder(faces)))
    assert np.abs(NetworkDecoder(network)(faces, "anna") - expected).max() < 1e-4
