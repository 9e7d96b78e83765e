# SPDX-License-Identifier: GPL-3.0-or-later
"""Generators, discriminators and losses of the adversarial families: the ancestor's figures and its mended defects."""

import keras
import numpy as np
import pytest
from adversarial_families import narrow_families
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.settings import TrainSettings
from understudy.engine.networks import gan
from understudy.engine.networks.autoencoder import Autoencoder
from understudy.engine.networks.discriminators import (
    GAN128_JUDGES,
    GAN_JUDGES,
    build_code_judge,
    build_picture_judge,
)
from understudy.engine.networks.registry import FAMILIES
from understudy.engine.training import adversarial_losses as losses
from understudy.engine.training import perceptual
from understudy.engine.training.adversarial_players import GENERATORS, AdversarialGame, mixing_shares
from understudy.engine.training.recipes import RECIPES

# Parameters of a normalization: a scale and an offset for each channel.
NORM = 2


def convolution(kernel, before, after, bias=True):
    return kernel * kernel * before * after + after * bias


def separable(before, after):
    return 9 * before + before * after


def normalized(kernel, before, after):
    return convolution(kernel, before, after, bias=False) + NORM * after


def doubling(before, after):
    return normalized(3, before, 4 * after)


def dense_part():
    """The flattened 4 × 4 × 1024 to a code of 1024, normalized, the code itself, and back to 16,384; upscale 512."""
    return 16_384 * 1024 + NORM * 1024 + 1024 * 1025 + 1024 * 16_384 + 16_384 + doubling(1024, 512)


def mixed_scales(channels):
    return sum(convolution(3, channels + number, 1) for number in range(16)) + convolution(1, channels + 16, 4)


def test_s50_gan_has_the_sizes_that_the_ancestors_layers_give():
    counts = Autoencoder(FAMILIES["gan"], ("a", "b")).parameter_counts()
    steps = [(64, 128), (128, 256), (256, 512), (512, 1024)]
    encoder = convolution(5, 3, 64) + sum(normalized(3, *pair) for pair in steps) + dense_part()
    ups = [(512, 256), (256, 128), (128, 64)]
    decoder = sum(doubling(*pair) for pair in ups) + 2 * convolution(5, 64, 64) + mixed_scales(64)
    assert counts == {"encoder": encoder, "decoder:a": decoder, "decoder:b": decoder, "total": encoder + 2 * decoder}
    assert (encoder, decoder) == (59_776_512, 6_412_300)


def test_s55_gan128_has_the_sizes_that_the_ancestors_layers_give():
    counts = Autoencoder(FAMILIES["gan128"], ("a", "b")).parameter_counts()
    steps = [(32, 64), (64, 128), (128, 256), (256, 512), (512, 1024)]
    encoder = convolution(5, 3, 32) + sum(separable(*pair) + NORM * pair[1] for pair in steps) + dense_part()
    ups = [(512, 256), (256, 128), (128, 64), (64, 32)]
    decoder = sum(doubling(*pair) for pair in ups) + 4 * convolution(5, 32, 32) + mixed_scales(32)
    assert counts == {"encoder": encoder, "decoder:a": decoder, "decoder:b": decoder, "total": encoder + 2 * decoder}
    assert (encoder, decoder) == (54_214_624, 6_379_148)
    assert gan.build_side_head(gan.GAN128, "float32").count_params() == convolution(5, 64, 3)


@pytest.mark.parametrize(
    ("judges", "size", "result", "face"),
    [
        (GAN_JUDGES, 64, (64, 128, 256), (64, 128, 256, 512)),
        (GAN128_JUDGES, 128, (64, 128, 256, 512), (64, 128, 256, 512, 1024)),
    ],
)
def test_s52_discriminators_have_the_sizes_that_the_ancestors_layers_give(judges, size, result, face):
    def expected(channels, before):
        inner = sum(normalized(4, *pair) for pair in zip(channels, channels[1:], strict=False))
        return convolution(4, before, channels[0]) + inner + convolution(4, channels[-1], 1)

    assert (judges.result, judges.face, judges.code) == (result, face, (256, 128))
    assert build_picture_judge(size, 2, judges.result, "float32").count_params() == expected(result, 6)
    assert build_picture_judge(size, 1, judges.face, "float32").count_params() == expected(face, 3)
    code = build_code_judge(1024, 2, judges.code, "float32")
    assert code.output_shape == (None, 1) and code.count_params() == 1025 * 256 + 257 * 128 + 129


@pytest.mark.parametrize("name", ["gan", "gan128"])
def test_s31_s43_s44_s53_s54_recipes_have_the_ancestors_figures(name):
    recipe, family = RECIPES[name], FAMILIES[name]
    assert (recipe.batch_size, recipe.learning_rate, recipe.beta_1, recipe.beta_2) == (64, 2e-4, 0.5, 0.999)
    views = recipe.augmentation
    assert (views.rotation_deg, views.zoom, views.shift, views.flip, views.jitter) == (0.0, 0.1, 0.0, 0.5, 6.0)
    assert family.coverage * 160 == 220 and family.face_size == {"gan": 64, "gan128": 128}[name]
    shares = recipe.adversarial
    # 3 times the error of pictures in -1…1.
    assert (shares.absolute, shares.deceiving, shares.hiding, shares.kept_code) == (3 * 2, 0.5, 0.03, 1.0)
    assert (shares.mask_size, shares.mask_roughness) == ({"gan": 1e-3, "gan128": 3e-3}[name], 0.01)
    assert shares.mixing == 0.2


@pytest.mark.parametrize("name", ["gan", "gan128"])
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_decoders_return_color_and_mask_between_0_and_1(name, policy):
    network = Autoencoder(narrow_families()[name], ("a", "b"), policy)
    size = network.family.face_size
    faces = np.random.default_rng(0).random((2, size, size, 3), np.float32)
    made = np.array(network.decoders["a"](network.encoder(faces)))
    assert network.family.has_mask and made.shape == (2, size, size, 4) and made.dtype == np.float32
    assert made.min() >= 0.0 and made.max() <= 1.0 and made[..., 3].std() > 0.0
    assert not network.encoder.non_trainable_variables, "checkpoints hold trained weights only"


def test_d5_a_faces_code_has_length_one_and_does_not_depend_on_its_batch():
    keras.utils.set_random_seed(1)
    encoder = Autoencoder(narrow_families()["gan"], ("a", "b")).encoder
    coder = keras.Model(encoder.input, encoder.get_layer(gan.CODE).output)
    faces = np.random.default_rng(0).random((8, 64, 64, 3), np.float32)
    together = np.array(coder(faces))
    assert np.allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)
    assert np.allclose(together[3:4], np.array(coder(faces[3:4])), atol=1e-5)
    assert np.ptp(together, axis=0).max() > 1e-3, "different faces have different codes"


def made_game():
    keras.utils.set_random_seed(2)
    network = Autoencoder(narrow_families()["gan"], ("a", "b"))
    random = np.random.default_rng(3)
    batch = {name: random.random((2, 2, 64, 64, 3), np.float32) for name in ("inputs", "targets")}
    return AdversarialGame(network, RECIPES["gan"].adversarial), batch


def test_d6_each_discriminator_is_deceived_with_its_own_share():
    game, batch = made_game()
    seen = {}

    def judge(name, answer):
        def look(pictures):
            seen[name] = np.array(pictures)
            return keras.ops.full((len(pictures), 4, 4, 1), answer)

        return look

    # The first sees real pictures and is to say 0, the second made ones and is to say 1.
    game.result_judges = {name: judge("result " + name, 0.0) for name in "ab"}
    game.face_judges = {name: judge("face " + name, 1.0) for name in "ab"}
    shares = np.stack([np.ones((2, 2), np.float32), np.zeros((2, 2), np.float32)], axis=-1)
    right, _ = game.generating({**batch, GENERATORS: shares})
    assert np.array_equal(seen["result b"], np.concatenate([batch["targets"][1], batch["inputs"][1]], axis=-1))
    assert not np.allclose(seen["face b"], batch["targets"][1], atol=0.05)
    game.face_judges = {name: judge("face " + name, 0.0) for name in "ab"}
    wrong, _ = game.generating({**batch, GENERATORS: shares})
    # Two performers, a share of 0.5, an error of 1: only the second discriminators' answer changed.
    assert float(wrong) - float(right) == pytest.approx(2 * 0.5, abs=1e-4)


def test_shares_are_drawn_for_each_face_and_discriminator_and_repeat():
    drawn = mixing_shares(0, 1, 0.2, 5, (2, 4000))
    assert drawn.shape == (2, 4000, 2) and drawn.dtype == np.float32
    assert np.array_equal(drawn, mixing_shares(0, 1, 0.2, 5, (2, 4000)))
    for other in ((1, 1, 5), (0, 0, 5), (0, 1, 6)):
        assert not np.array_equal(drawn, mixing_shares(other[0], other[1], 0.2, other[2], (2, 4000)))
    assert not np.array_equal(drawn[..., 0], drawn[..., 1])
    # Beta(0.2, 0.2) has mean 1/2 and variance 1/(4·1.4).
    assert drawn.mean() == pytest.approx(0.5, abs=0.02) and drawn.var() == pytest.approx(1 / 5.6, abs=0.01)


def test_s53_losses_of_pictures_are_least_squares_of_mixtures():
    real, made = np.ones((2, 4, 4, 3), np.float32), np.zeros((2, 4, 4, 3), np.float32)
    share = np.array([0.25, 1.0], np.float32)

    def brightness(pictures):
        return keras.ops.mean(pictures, axis=(1, 2, 3), keepdims=True)

    assert float(losses.judging_loss(brightness, real, made, share)) == pytest.approx(0.0, abs=1e-7)
    # It says 0.25 and 1 where 0.75 and 0 are wanted.
    assert float(losses.deceiving_loss(brightness, real, made, share)) == pytest.approx((0.25 + 1.0) / 2)


def test_s53_code_losses_are_cross_entropy_and_cosine_for_any_number_of_performers():
    sure = [np.full((3, 1), -20.0, np.float32), np.full((3, 1), 20.0, np.float32)]
    assert float(losses.code_judging_loss(sure)) == pytest.approx(0.0, abs=1e-6)
    assert float(losses.code_hiding_loss(sure)) == pytest.approx(20.0, rel=1e-4)
    undecided = [np.zeros((2, 2), np.float32)] * 3
    assert float(losses.code_judging_loss(undecided)) == pytest.approx(np.log(3))
    assert float(losses.code_hiding_loss(undecided)) == pytest.approx(np.log(3))
    x, y = np.array([[1.0, 0.0]], np.float32), np.array([[0.0, 1.0]], np.float32)
    assert [float(losses.code_distance(x, other)) for other in (x, y, -x)] == [0.0, 1.0, 2.0]


def test_s51_s53_mask_is_measured_and_lets_the_face_through():
    mask = np.zeros((1, 2, 4, 1), np.float32)
    mask[:, :, 2:] = 1.0
    assert float(losses.mask_size(mask)) == 0.5
    # One of three steps across, none down.
    assert float(losses.mask_roughness(mask)) == pytest.approx(1 / 3)
    face, under = np.full((1, 2, 4, 3), 0.8, np.float32), np.full((1, 2, 4, 3), 0.2, np.float32)
    result = np.array(losses.masked_result(face, mask * 0.25, under))
    assert np.allclose(result[:, :, :2], 0.2) and np.allclose(result[:, :, 2:], 0.25 * 0.8 + 0.75 * 0.2)


def test_s55_auxiliary_picture_is_compared_with_the_smaller_target():
    keras.utils.set_random_seed(4)
    family = narrow_families()["gan128"]
    game = AdversarialGame(Autoencoder(family, ("a", "b")), RECIPES["gan128"].adversarial)
    flat = np.full((2, 1, 128, 128, 3), 0.75, np.float32)
    made = game._make({"inputs": flat, "targets": flat})["a"]
    assert made.side.shape == (1, 64, 64, 3)
    assert float(game._side_error(made)) == pytest.approx(np.abs(np.array(made.side) - 0.75).mean(), abs=1e-6)
    names = set(game.generator_variables())
    assert {"side:a/00.kernel", "side:b/00.kernel", "encoder/00.kernel"} <= names


def stand_in():
    """A tiny network in place of ResNet50."""
    inputs = keras.Input((224, 224, 3))
    x = inputs
    for name, pool in (("fine", 4), ("middle", 2), ("coarse", 4)):
        x = keras.layers.Conv2D(2, 1, name=name)(keras.layers.AveragePooling2D(pool)(x))
    return keras.Model(inputs, x)


@pytest.fixture
def small_network(monkeypatch):
    layers = (("coarse", 7, 0.02), ("middle", 28, 0.3), ("fine", 56, 0.5))
    kind = perceptual.PictureNetwork(stand_in, 224, layers, "cached.h5", (103.939, 116.779, 123.68))
    monkeypatch.setitem(perceptual.NETWORKS, "resnet50", kind)


def asked(path=""):
    return TrainSettings(family="gan", perceptual="resnet50", perceptual_weights=str(path))


def test_s53_perceptual_loss_looks_at_resnet50_where_the_ancestor_did():
    kind = perceptual.NETWORKS["resnet50"]
    network = kind.build()
    assert network.input_shape == (None, 224, 224, 3)
    # The ancestor's network had 55 where this one pads to 56.
    found = [(network.get_layer(name).output.shape[1], share) for name, _side, share in kind.layers]
    assert found == [(7, 0.02), (28, 0.3), (56, 0.5)]
    assert [side for _name, side, _share in kind.layers] == [7, 28, 56]


def test_perceptual_loss_takes_weights_from_a_file_or_keras_cache(tmp_path, small_network, monkeypatch):
    keras.utils.set_random_seed(5)
    path = tmp_path / "Gewichte für Gesichter.weights.h5"
    stand_in().save_weights(path)
    loss = perceptual.open_perceptual(asked(path))
    random = np.random.default_rng(0)
    one, other = (random.random((1, 64, 64, 3), np.float32) for _ in range(2))
    assert float(loss(one, one)) == 0.0 and float(loss(one, other)) > 0.1
    assert perceptual.open_perceptual(TrainSettings(family="gan")) is None
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    # The older form, in which Keras' own weights come.
    stand_in().save(tmp_path / "models" / "cached.h5")
    assert float(perceptual.open_perceptual(asked())(one, other)) > 0.1


def test_perceptual_loss_without_weights_is_refused_and_says_what_to_do(tmp_path, small_network, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    wrong = tmp_path / "other.weights.h5"
    inputs = keras.Input((3,))
    keras.Model(inputs, keras.layers.Dense(2)(inputs)).save_weights(wrong)
    torn = tmp_path / "torn.h5"
    torn.write_bytes(b"no weights")
    for path in ("", tmp_path / "nowhere.h5", wrong, torn):
        with pytest.raises(EngineError) as caught:
            perceptual.open_perceptual(asked(path))
        assert caught.value.code is ErrorCode.PERCEPTUAL_UNAVAILABLE
        assert str(path or tmp_path / "models" / "cached.h5") in caught.value.message
        assert "perceptual none" in caught.value.hint and "cached.h5" in caught.value.hint
