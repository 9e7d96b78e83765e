# SPDX-License-Identifier: GPL-3.0-or-later
"""The family studio: a cast of three in one model, masks, growing pictures, larger networks, and the finish."""

import dataclasses

import keras
import numpy as np
import pytest
from test_training import Recorder, arrays_of, error_of, facesets, job, write_faces  # noqa: F401 - a fixture
from understudy.engine.contract.errors import ErrorCode
from understudy.engine.contract.files import write_bytes
from understudy.engine.networks import studio
from understudy.engine.networks.autoencoder import Autoencoder
from understudy.engine.networks.registry import FAMILIES, studio_family
from understudy.engine.pipelines.swap_model import load_trained
from understudy.engine.pipelines.train import train
from understudy.engine.runtime.reporter import Reporter
from understudy.engine.training.checkpoint import read_model
from understudy.engine.training.forking import fork_for_finish
from understudy.engine.training.growing import set_shares
from understudy.engine.training.growth import grown_from, plan_growth, resume_growth
from understudy.engine.training.inference import load_swapper
from understudy.engine.training.mask_loss import mask_error
from understudy.engine.training.opening import open_session
from understudy.engine.training.recipes import RECIPES

SIZE = 32
CHANNELS = studio_family().channels
CAST = ("anna", "bert", "cleo")
# Steps at 16 px; the rest is 32 px.
EACH = 3


def tiny(name="studio", face_size=SIZE):
    return studio_family(name, face_size=face_size, seen=SIZE, first=SIZE // 2, width=2, code=16)


def make_studio_tiny(patch):
    patch.setitem(FAMILIES, "studio", tiny())
    patch.setitem(FAMILIES, "studio-512", tiny("studio-512", 2 * SIZE))
    for name in ("studio", "studio-512"):
        patch.setitem(RECIPES, name, dataclasses.replace(RECIPES[name], warm_up=2, fade_share=0.7))


@pytest.fixture(autouse=True)
def tiny_studio(monkeypatch):
    make_studio_tiny(monkeypatch)


@pytest.fixture(scope="module")
def cast(facesets):  # noqa: F811
    write_faces(facesets / "cleo", (90, 140, 200))
    return facesets


FIGURES = {"family": "studio", "growth_steps": EACH, "batch_size": 2}


def run(model, folder, stop_after=None, performers=CAST, **changes):
    reporter = Recorder(stop_after)
    return reporter, train(job(model, folder, performers=performers, **{**FIGURES, **changes}), reporter)


def save_opened(model, folder, performers=CAST, **changes):
    """Open a training and save it as it is before its first step."""
    session = open_session(job(model, folder, performers=performers, **{**FIGURES, **changes}), Recorder())
    trainer = session._trainer
    session._keeper.save(trainer.state(), trainer.inference_weights(), {}, None, 0.0)


@pytest.fixture(scope="module")
def trained(cast, tmp_path_factory):
    """A cast of three, trained through all sizes; tests that change it copy it first."""
    model = tmp_path_factory.mktemp("studio") / "Besetzung für drei"
    with pytest.MonkeyPatch.context() as patch:
        make_studio_tiny(patch)
        reporter, done = run(model, cast, maximum_steps=6)
    return model, reporter, done


@pytest.fixture
def copied(trained, tmp_path):
    for path in trained[0].iterdir():
        write_bytes(tmp_path / "Besetzung für drei" / path.name, path.read_bytes())
    return tmp_path / "Besetzung für drei"


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def some_faces(count=3, size=SIZE):
    """Return what a network is given of faces, sketches included."""
    return np.random.default_rng(0).random((count, size, size, CHANNELS), np.float32)


def test_another_performer_adds_little_and_the_shared_parts_are_there_once():
    two, three = (Autoencoder(FAMILIES["studio"], CAST[:count]) for count in (2, 3))
    before, after = two.parameter_counts(), three.parameter_counts()
    assert after["total"] - before["total"] == after["decoder:cleo"] == after["decoder:anna"]
    assert {id(v) for v in three.parts()["trunk"]} & {id(v) for v in three.decoders["cleo"].weights}
    names = list(three.weights())
    assert len({id(v) for v in three.weights().values()}) == len(names)


def test_the_real_sizes():
    counts = Autoencoder(studio_family(), ("a", "b")).parameter_counts()
    assert counts == {
        "encoder": 8_691_520,
        "trunk": 1_026_722,
        "decoder:a": 1_498_540,
        "decoder:b": 1_498_540,
        "total": 12_715_322,
    }


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_every_size_is_a_picture_and_a_new_one_begins_as_the_enlarged_one_below(policy):
    keras.utils.set_random_seed(1)
    network = Autoencoder(FAMILIES["studio"], CAST, policy)
    code = network.encoder(some_faces())
    pictures = {size: np.asarray(studio.decoder_at(network.decoders["bert"], size)(code)) for size in (16, 32)}
    for size, picture in pictures.items():
        assert picture.shape == (3, size, size, 4) and picture.dtype == np.float32
        assert 0.0 <= picture.min() < picture.max() <= 1.0
    below = np.log(pictures[16] / (1.0 - pictures[16]))
    enlarged = np.asarray(keras.ops.image.resize(below, (32, 32), interpolation="bilinear"))
    assert np.abs(pictures[32] - 1.0 / (1.0 + np.exp(-enlarged))).max() < 1e-4
    assert np.array_equal(pictures[32], np.asarray(network.decoders["bert"](code)))
    own = np.abs(pictures[32] - np.asarray(network.decoders["cleo"](code))).mean()
    assert own > 0.002


def test_the_mask_error_is_zero_for_the_target_itself_and_grows_with_the_difference():
    target = np.random.default_rng(0).random((2, 8, 8, 1)).astype(np.float32)
    errors = [float(mask_error(keras.ops.convert_to_tensor(np.clip(target + d, 0, 1)), target)) for d in (0, 0.1, 0.3)]
    assert errors[0] == pytest.approx(0.0, abs=1e-6)
    assert errors[0] < errors[1] < errors[2]


def test_the_schedule_of_sizes():
    growth = plan_growth((64, 128, 256), 100, 0.25)
    assert [growth.size_at(step) for step in (0, 99, 100, 199, 200, 10**6)] == [64, 64, 128, 128, 256, 256]
    shares = [growth.shares_at(step)[128] for step in (99, 100, 112, 124, 200)]
    assert shares == [0.0, 0.04, 0.52, 1.0, 1.0]
    assert [growth.shares_at(step)[256] for step in (199, 200, 10**6)] == [0.0, 0.04, 1.0]
    # What began stays, what comes follows the settings; a model never shrinks.
    later = resume_growth(plan_growth((64, 128, 256), 1000, 0.25), growth.state(), 120)
    assert later.starts == (0, 100, 1100) and later.fades == (25, 25, 250)
    sooner = resume_growth(plan_growth((64, 128, 256), 10, 0.25), growth.state(), 150)
    assert sooner.starts == (0, 100, 150)
    assert resume_growth(plan_growth((64, 128, 256), 100, 0.25), growth.state(), 100) == growth
    larger = grown_from(plan_growth((64, 128, 256, 512), 100, 0.25), 256)
    assert larger.size_at(0) == 512 and larger.shares_at(0) == {128: 1.0, 256: 1.0, 512: 0.04}


def test_training_a_cast_grows_through_all_sizes(trained):
    model, reporter, done = trained
    texts = [message.text for message in reporter.messages if getattr(message, "level", "") == "info"]
    assert [text for text in texts if "grow" in text] == ["The pictures grow from 16 to 32 px."]
    assert set(done.result["losses"]) == set(CAST)
    document = read_model(model)
    assert document.performers == CAST and document.parameters["trunk"] > 0
    arrays = arrays_of(model)
    assert arrays["growth/starts"].tolist() == [0, EACH]
    assert [value.tolist() for name, value in arrays.items() if name.endswith("share") and "weights" in name] == [[1.0]]


def test_any_of_three_can_take_the_place_of_any_other(trained):
    model = trained[0]
    faces, swapper = some_faces(), load_swapper(model)
    exported = load_trained(model, read_model(model), Reporter())
    assert type(exported).__name__ == "ExportedSwapper"
    results = {}
    for name in CAST:
        results[name], masks = swapper.swap(faces, name)
        assert results[name].shape == (*faces.shape[:3], 3) and masks.shape == faces.shape[:3]
        assert 0.0 <= masks.min() <= masks.max() <= 1.0
        same, same_masks = exported.swap(faces, name)
        assert np.abs(same - results[name]).max() <= 1 / 255 and np.abs(same_masks - masks).max() <= 1 / 255
    for one, other in (("anna", "bert"), ("bert", "cleo"), ("cleo", "anna")):
        assert np.abs(results[one] - results[other]).mean() > 0.005
    assert error_of(swapper.swap, faces, "dora").code is ErrorCode.PERFORMER_UNKNOWN


def test_a_training_stopped_while_a_size_is_faded_in_ends_with_the_same_bytes(cast, tmp_path, trained):
    _, done = run(tmp_path / "parts", cast, maximum_steps=6, stop_after=EACH + 1)
    assert done.stopped and done.result["step"] == EACH + 1
    assert [share.tolist() for name, share in arrays_of(tmp_path / "parts").items() if name.endswith("share")][0] == [
        0.5
    ]
    run(tmp_path / "parts", cast, maximum_steps=6)
    whole, parts = arrays_of(trained[0]), arrays_of(tmp_path / "parts")
    assert set(whole) == set(parts)
    assert [name for name, value in whole.items() if value.tobytes() != parts[name].tobytes()] == []


def test_a_larger_network_starts_from_a_smaller_one_and_knows_what_that_knew(trained, cast, tmp_path):
    smaller, model = trained[0], tmp_path / "groß"
    save_opened(model, cast, family="studio-512", warm_start=str(smaller))
    assert read_model(model).face_size == 2 * SIZE
    faces = some_faces(size=2 * SIZE)
    reduced = faces.reshape(3, SIZE, 2, SIZE, 2, CHANNELS).mean(axis=(2, 4))
    for name in CAST:
        large, small = load_swapper(model).swap(faces, name)[0], load_swapper(smaller).swap(reduced, name)[0]
        # The new level adds nothing yet, so the picture is the enlarged smaller one.
        again = large.reshape(3, SIZE, 2, SIZE, 2, 3).mean(axis=(2, 4))
        assert np.abs(again - small).max() < 0.05
    assert arrays_of(model)["growth/starts"].tolist()[-1] == 0
    error = error_of(run, tmp_path / "small", cast, warm_start=str(model))
    assert error.code is ErrorCode.MODEL_MISMATCH


def test_another_performer_joins_by_a_warm_start(trained, cast, tmp_path):
    write_faces(cast / "dora", (200, 90, 90))
    model = tmp_path / "vier"
    save_opened(model, cast, performers=(*CAST, "dora"), warm_start=str(trained[0]))
    faces = some_faces()
    four, three = load_swapper(model), load_swapper(trained[0])
    assert np.abs(four.swap(faces, "cleo")[0] - three.swap(faces, "cleo")[0]).max() < 1e-3
    newcomer = four.swap(faces, "dora")[0]
    assert min(np.abs(newcomer - three.swap(faces, name)[0]).max() for name in CAST) < 1e-3
    assert error_of(run, trained[0], cast, performers=(*CAST, "dora")).code is ErrorCode.MODEL_MISMATCH


def test_a_finish_forks_the_model_and_leaves_it_as_it_was_bit_for_bit(copied, cast):
    before, best = contents(copied), read_model(copied).best
    reporter, done = run(copied, cast, finish=True, maximum_steps=8)
    fork = copied.with_name(copied.name + "-finish")
    assert contents(copied) == before
    assert done.result["model"] == str(fork)
    assert any(copied.name + " stays as it is" in getattr(message, "text", "") for message in reporter.messages)
    document = read_model(fork)
    assert document.step == 8
    assert document.forked_from["model"] == copied.name and document.forked_from["step"] == 6
    # The best by faces not trained on survives a finish that made it worse.
    assert document.best["ssim"] >= best["ssim"]
    assert (fork / document.best["file"]).is_file()
    losses = [values for _step, values in reporter.steps]
    assert "loss judge" in losses[-1]
    old, new = arrays_of(copied), arrays_of(fork)
    assert any(name.startswith("training/judge/") for name in new)
    assert not np.array_equal(old["weights/trunk/00.kernel"], new["weights/trunk/00.kernel"])
    # It goes on in the fork, also when the fork itself is named; a fork has no fork.
    assert fork_for_finish(copied) == fork_for_finish(fork) == (fork, False)
    judge = arrays_of(fork)["training/judge/00.kernel"]
    save_opened(fork, cast, finish=True)
    assert np.array_equal(arrays_of(fork)["training/judge/00.kernel"], judge) and contents(copied) == before


def test_a_finish_needs_a_model_and_a_place_of_its_own(copied, cast, tmp_path):
    assert error_of(run, tmp_path / "nothing", cast, finish=True).code is ErrorCode.MODEL_MISSING
    stranger = copied.with_name(copied.name + "-finish")
    for name, content in contents(copied).items():
        write_bytes(stranger / name, content)
    before = contents(stranger)
    assert error_of(run, copied, cast, finish=True).code is ErrorCode.MODEL_MISMATCH
    assert contents(stranger) == before


def test_shares_are_weights_that_no_optimizer_moves():
    network = Autoencoder(FAMILIES["studio"], CAST)
    set_shares(network, plan_growth((16, 32), 4, 0.5), 4)
    (share,) = (variable for name, variable in network.weights().items() if name.endswith("share"))
    assert share.numpy().tolist() == [0.5] and not share.trainable
