# SPDX-License-Identifier: GPL-3.0-or-later
"""Swapping without TensorFlow: the pictures are Keras', nothing of TensorFlow is loaded, and what fails falls back."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from adversarial_families import make_adversarial_narrow
from comp_faces import landmarks_at
from test_swap_pipeline import add_tracks, face_track
from test_training import SIZE, facesets, make_quick_tiny, run, tiny_quick, trained  # noqa: F401 - fixtures
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.jobs import FaceAssignment, SwapJob
from understudy.engine.contract.settings import SwapSettings
from understudy.engine.contract.timing import Footage, FrameRange
from understudy.engine.networks.blocks import PixelShuffle
from understudy.engine.networks.registry import FAMILIES
from understudy.engine.pipelines import swap_model
from understudy.engine.pipelines.swap import swap
from understudy.engine.pipelines.swap_model import load_trained
from understudy.engine.runtime.openvino_runtime import (
    BFLOAT16,
    BRANCHES,
    CORE,
    DEEP_CORE,
    FLOAT32,
    OPEN_CORE,
    Graph,
    computes_bfloat16,
    load_openvino,
)
from understudy.engine.runtime.reporter import CallbackReporter, Reporter
from understudy.engine.runtime.rough_branches import count_branches, roughen, to_bfloat16
from understudy.engine.runtime.rough_core import Core, cut
from understudy.engine.training import network_graph, precision_choice
from understudy.engine.training.checkpoint import ModelDocument, fingerprint_of, read_model, save_model
from understudy.engine.training.chosen_weights import read_inference_weights
from understudy.engine.training.exported import ExportedSwapper
from understudy.engine.training.graph_files import graph_files, input_name
from understudy.engine.training.inference import Swapper, assign_weights, build_network, load_swapper
from understudy.engine.training.network_inputs import with_sketches
from understudy.engine.training.precision_choice import (
    ENOUGH,
    EXACT,
    LIMIT,
    ROUGH,
    Precision,
    choose,
    load_choices,
    relit,
    telling,
)

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def model(trained, tmp_path):  # noqa: F811
    """A copy of a trained model."""
    folder = tmp_path / "Modell für später"
    shutil.copytree(trained[0], folder)
    return folder


def some_faces(count=5, size=SIZE, channels=FAMILIES["quick"].channels):
    """Return what a network is given of faces that are noise; by default a quick one, sketches included."""
    faces = np.random.default_rng(1).uniform(0, 1, (count, size, size, 3)).astype(np.float32)
    landmarks = landmarks_at((size / 2, size / 2), 0.6 * size)
    return faces if channels == 3 else with_sketches(faces, [landmarks] * count)


def test_training_leaves_the_graphs(trained):  # noqa: F811
    document = read_model(trained[0])
    files = graph_files(trained[0], document)
    assert files.are_there and sum(path.stat().st_size for path in (files.encoder, files.decoder)) < 100_000


@pytest.mark.parametrize("count", [1, 5, 8])
def test_the_pictures_are_those_of_keras(model, count):
    document = read_model(model)
    swapper = load_trained(model, document, Reporter())
    assert isinstance(swapper, ExportedSwapper)
    keras_swapper, faces = load_swapper(model), some_faces(count)
    for performer in document.performers:
        expected = keras_swapper.swap(faces, performer)[0]
        # Exactly first, then as is chosen.
        for limit in (1e-4, 1 / 255, 1 / 255):
            assert np.abs(swapper.swap(faces, performer)[0] - expected).max() <= limit
    assert swapper.fingerprint == keras_swapper.fingerprint and swapper.performers == keras_swapper.performers
    with pytest.raises(EngineError, match="does not know"):
        swapper.swap(faces, "nobody")


def test_the_compiled_network_gives_what_its_layers_give(model):
    """TensorFlow joined operations, and other pictures came out."""
    document = read_model(model)
    network = build_network(document, "float32")
    assign_weights(network, read_inference_weights(model, document)[0], model)
    faces = some_faces()
    expected = np.asarray(network.decoders["anna"](network.encoder(faces)))
    assert np.abs(load_swapper(model).swap(faces, "anna")[0] - expected).max() < 1e-4


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_family_can_be_exported(family, tmp_path, monkeypatch):
    """In float32, from a checkpoint with random weights that no training wrote."""
    from understudy.engine.networks.autoencoder import Autoencoder

    # Their kinds of layers are what counts; whole they take a quarter of a minute each.
    make_adversarial_narrow(monkeypatch)
    keras.utils.set_random_seed(0)
    network = Autoencoder(FAMILIES[family], ("a", "b"))
    weights = {name: variable.numpy() for name, variable in network.weights().items()}
    kind = network.family
    document = ModelDocument(
        family, ("a", "b"), kind.face_size, kind.coverage, 1, {}, network.parameter_counts(), [], "",
        fingerprint=fingerprint_of(weights), sketch=kind.sketch,
    )  # fmt: skip
    document = save_model(tmp_path, document, {f"weights/{name}": value for name, value in weights.items()})
    precision_choice.save_choices(tmp_path, document.fingerprint, {"b": precision_choice.Choice(EXACT, {})})
    files = network_graph.export_graphs(tmp_path, document)
    faces = some_faces(2, kind.face_size, kind.channels)
    result, mask = ExportedSwapper(tmp_path, document, files, ("b",)).swap(faces, "b")
    expected = np.asarray(network.decoders["b"](network.encoder(faces)))
    assert np.abs(result - expected[..., :3]).max() < 1e-3
    assert (mask is not None) == kind.has_mask
    assert mask is None or np.abs(mask - expected[..., 3]).max() < 1e-3


def test_a_checkpoint_of_later_needs_no_new_graphs(model, facesets):  # noqa: F811
    before = {path.name: path.stat().st_mtime_ns for path in model.glob("graph-*.pb")}
    old = load_trained(model, read_model(model), Reporter()).swap(some_faces(), "anna")[0]
    run(model, facesets, maximum_steps=44)
    document = read_model(model)
    assert document.step == 44
    assert {path.name: path.stat().st_mtime_ns for path in model.glob("graph-*.pb")} == before
    new = load_trained(model, document, Reporter()).swap(some_faces(), "anna")[0]
    assert np.abs(new - load_swapper(model).swap(some_faces(), "anna")[0]).max() <= 1 / 255
    assert np.abs(new - old).max() > 1e-4


SCRIPT = """
import importlib.util, json, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("understudy_launch", sys.argv[1])
spec.loader.exec_module(importlib.util.module_from_spec(spec))
from understudy.training_cli.main import main
code = main(json.loads(sys.argv[2]))
heavy = sorted({name.partition(".")[0] for name in sys.modules} & {"tensorflow", "keras", "openvino_telemetry"})
print("LOADED", json.dumps([code, [name for name in heavy if sys.modules[name] is not None]]))
"""


def test_the_swap_command_loads_no_tensorflow_and_reports_to_nobody(model, tmp_path, clips):
    arguments = ["swap", str(clips / "target_A.mp4"), "--model", str(model), "--source", "anna"]
    arguments += ["--project", str(tmp_path / "p"), "--output", str(tmp_path / "out"), "--ranges", "0-3"]
    command = [sys.executable, "-c", SCRIPT, str(ROOT / "training_cli" / "launch.py"), json.dumps(arguments)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("LOADED")]
    assert json.loads(line.removeprefix("LOADED ")) == [0, []], done.stderr
    assert len(list((tmp_path / "out").glob("*.png"))) == 4


def test_a_run_with_other_comp_settings_loads_no_network_and_gives_its_pictures(model, tmp_path, clips, monkeypatch):
    footage = Footage(clips / "target_A.mp4")
    add_tracks(tmp_path / "p", footage, [face_track(1, range(20))], 72)
    settings = SwapSettings(mark_pictures=False)
    assigned = (FaceAssignment(1, "anna", "bert"),)
    job = SwapJob(tmp_path / "p", footage, (FrameRange(0, 20),), model, assigned, tmp_path / "out", (), settings)
    assert swap(job, Reporter()).result["kept_faces"]["reused"] == 0
    assert bool(load_choices(model, read_model(model).fingerprint)) == computes_bfloat16()
    other = replace(job, settings=replace(settings, color_transfer="mean"))
    with monkeypatch.context() as patch:
        # Whoever loads calls what isn't there.
        patch.setattr(swap_model, "load_trained", None)
        done = swap(other, Reporter())
    assert done.result["kept_faces"]["reused"] == 20 and done.result["kept_faces"]["made"] == 0
    plain = replace(other, output=tmp_path / "plain", settings=replace(other.settings, keep_faces=False))
    swap(plain, Reporter())
    for path in plain.output.glob("*.png"):
        assert path.read_bytes() == (job.output / path.name).read_bytes(), path.name


def warnings_of(call):
    messages = []
    return call(CallbackReporter(messages.append)), [m.text for m in messages if getattr(m, "level", "") == "warning"]


def test_damaged_graphs_fall_back_to_keras_and_are_made_again(model):
    document = read_model(model)
    graph_files(model, document).decoder.write_bytes(b"no graph")
    swapper, warnings = warnings_of(lambda reporter: load_trained(model, document, reporter, ("anna",)))
    assert isinstance(swapper, Swapper) and len(warnings) == 1 and "Keras" in warnings[0]
    swapper, warnings = warnings_of(lambda reporter: load_trained(model, document, reporter, ("anna",)))
    assert isinstance(swapper, ExportedSwapper) and not warnings


def test_a_network_that_cannot_be_exported_falls_back_to_keras(model, monkeypatch):
    def refuse(*_arguments):
        raise ValueError("no such operation")

    document = read_model(model)
    graph_files(model, document).remove()
    monkeypatch.setattr(network_graph, "trace", refuse)
    swapper, warnings = warnings_of(lambda reporter: load_trained(model, document, reporter, ("anna",)))
    assert isinstance(swapper, Swapper) and "no such operation" in warnings[0]


def test_a_checkpoint_without_a_weight_is_named(model):
    document = read_model(model)
    with np.load(model / document.checkpoint) as archive:
        arrays = {name: archive[name] for name in archive.files if "encoder/00" not in name}
    np.savez(model / document.checkpoint, **arrays)
    with pytest.raises(EngineError, match="lacks the weights") as caught:
        load_trained(model, document, Reporter(), ("anna",))
    assert caught.value.code == ErrorCode.MODEL_UNREADABLE


def test_the_fastest_precision_with_the_same_pictures_is_chosen():
    errors = {EXACT: 0.0, **dict.fromkeys(ROUGH, 0.02)}

    def compute(precision, faces):
        return faces + np.float32(errors[precision])

    assert choose(some_faces(), compute).precision == EXACT
    # From the slowest on; what is faster comes first.
    for precision in reversed(ROUGH):
        errors[precision] = LIMIT * 1.1
        assert choose(some_faces(), compute).precision != precision
        errors[precision] = LIMIT * 0.9
        choice = choose(some_faces(), compute)
        assert choice.precision == precision
        assert choice.differences[precision.title] == pytest.approx(LIMIT * 0.9, abs=1e-4)
    assert len({precision.title for precision in ROUGH}) == len(ROUGH)


def kinds_of_convolutions(graph):
    return [
        node.get_output_element_type(0).get_type_name()
        for node in graph.get_ordered_ops()
        if node.get_type_name() == "Convolution"
    ]


def test_only_residual_branches_are_rounded(model):
    document = read_model(model)
    swapper = load_trained(model, document, Reporter())
    faces = some_faces()
    exact = swapper._compute(EXACT, faces, "anna")
    assert 0.0 < np.abs(swapper._compute(Precision(FLOAT32, BRANCHES), faces, "anna") - exact).max() <= 1 / 255
    encoder, decoder = swapper._graph("encoder"), swapper._graph("decoder:anna")
    assert (count_branches(encoder.model), count_branches(decoder.model)) == (2, 3)
    model_of_decoder = decoder.model.clone()
    roughen(load_openvino(), model_of_decoder)
    kinds = kinds_of_convolutions(model_of_decoder)
    # What makes colors of the last branch stays, and so does all that isn't a branch.
    assert len(kinds) == 13 and kinds.count("bf16") == 6 and kinds[-3:] == ["bf16", "bf16", "f32"]


def graph_of(network, path):
    """Return a Keras network's graph with its weights."""
    path.write_bytes(network_graph.trace(network, "code"))
    graph = Graph(path)
    weights = enumerate(network.trainable_variables)
    graph.fill({f"{input_name(index, item.name)}:0": item.numpy() for index, item in weights})
    return graph


@pytest.fixture
def hourglass(tmp_path):
    """The graph of a network with all that matters: picture, sketch, features, a dense layer, colors."""
    keras.utils.set_random_seed(0)

    def convolve(x, channels):
        return keras.layers.LeakyReLU(negative_slope=0.1)(keras.layers.Conv2D(channels, 3, padding="same")(x))

    inputs = keras.Input((8, 8, 7))
    sketch = inputs[..., 3:]
    x = convolve(convolve(inputs[..., :3], 32), 64)
    x = keras.layers.Add()([x, convolve(x, 64)])
    x = keras.layers.Reshape((8, 8, 40))(keras.layers.Dense(8 * 8 * 40)(keras.layers.Flatten()(x)))
    x = keras.layers.Add()([convolve(x, 32), convolve(sketch, 32)])
    x = PixelShuffle()(keras.layers.Conv2D(12, 3, padding="same")(convolve(x, 48)))
    return graph_of(keras.Model(inputs, keras.layers.Activation("sigmoid")(x)), tmp_path / "graph.pb")


def sizes_of(piece):
    """Return how many channels each of a piece's convolutions takes and makes."""
    found = [node for node in piece.model.get_ordered_ops() if node.get_type_name() == "Convolution"]
    return sorted(
        tuple(node.input_value(1).get_partial_shape()[axis].get_length() for axis in (1, 0)) for node in found
    )


@pytest.mark.parametrize(
    ("core", "before", "rounded", "after"),
    [
        (Core(32), [(3, 32), (4, 32)], [(32, 48), (32, 64), (40, 32), (64, 64)], [(48, 12)]),
        (Core(32, is_open=True), [(3, 32), (4, 32)], [(32, 48), (32, 64), (40, 32), (48, 12), (64, 64)], []),
        (Core(64), [(3, 32), (32, 64)], [(64, 64)], [(4, 32), (32, 48), (40, 32), (48, 12)]),
    ],
)
def test_a_core_has_the_convolutions_of_features_and_its_ends_are_exact(hourglass, core, before, rounded, after):
    count = len(hourglass.model.get_ops())
    pieces = cut(load_openvino(), hourglass.model, core)
    assert len(hourglass.model.get_ops()) == count
    assert [piece.is_core for piece in pieces] == [False, True, False]
    first, middle, last = map(sizes_of, pieces)
    # What comes from the picture alone may be computed first or last.
    assert sorted([*first, *last]) == sorted([*before, *after])
    assert middle == rounded and set(before[:1]) <= set(first) and set(after[-1:]) <= set(last)
    kinds = [{node.get_type_name() for node in piece.model.get_ordered_ops()} for piece in pieces]
    assert "Sigmoid" in kinds[2] and not {"Sigmoid", "Parameter"} & (kinds[0] - {"Parameter"})
    # A bias and a ramp belong to their convolution.
    assert "PRelu" in kinds[1] and ("PRelu" in kinds[2]) == (core.channels == 64)


@pytest.mark.parametrize("precision", [CORE, DEEP_CORE, OPEN_CORE])
def test_pieces_compute_what_the_whole_does(hourglass, precision, monkeypatch):
    given = np.random.default_rng(0).uniform(0, 1, (3, 8, 8, 7)).astype(np.float32)
    (exact,) = (np.array(value) for value in hourglass.compile(FLOAT32)(given).values())
    rounded = hourglass.compile(precision)(given)
    assert list(rounded) == hourglass.outputs() and np.abs(rounded[hourglass.outputs()[0]] - exact).max() <= 2 / 255
    compiled = hourglass._compiled
    monkeypatch.setattr(hourglass, "_compiled", lambda model, _is_rough, threads: compiled(model, False, threads))
    (whole,) = hourglass.compile(precision)(given).values()
    np.testing.assert_allclose(whole, exact, atol=1e-5)


def test_weights_are_rounded_to_the_nearest():
    values = np.random.default_rng(0).normal(0.0, 1.0, 2000).astype(np.float32)
    values[:4] = 1.0 + np.float32(2.0**-8), 1.0 + np.float32(3 * 2.0**-8), 0.0, -1.0 - np.float32(2.0**-8)
    expected = keras.ops.convert_to_numpy(keras.ops.cast(keras.ops.cast(values, "bfloat16"), "float32"))
    np.testing.assert_array_equal(to_bfloat16(values), expected)


@pytest.mark.parametrize("precision", [BRANCHES, CORE, DEEP_CORE, OPEN_CORE])
def test_a_network_without_branches_or_features_computes_exactly_instead(precision, tmp_path):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 4))
    network = keras.Model(inputs, keras.layers.Conv2D(4, 3)(keras.layers.Conv2D(4, 3)(inputs)))
    graph = graph_of(network, tmp_path / "graph.pb")
    assert graph.is_rounded_by(BFLOAT16) and not graph.is_rounded_by(FLOAT32) and not graph.is_rounded_by(precision)
    given = np.random.default_rng(0).uniform(0, 1, (2, 8, 8, 4)).astype(np.float32)
    (exact,), (rounded,) = (graph.compile(name)(given).values() for name in (FLOAT32, precision))
    np.testing.assert_array_equal(rounded, exact)


def test_the_choice_is_kept_for_as_long_as_the_weights_are_the_same(model):
    document = read_model(model)
    if not computes_bfloat16():
        # Without bfloat16 there is nothing to choose, and nothing is written.
        load_trained(model, document, Reporter()).swap(some_faces(), "anna")
        assert not (model / "precision.json").exists()
        return
    for performer in document.performers:
        swapper = load_trained(model, document, Reporter())
        # A dark frame doesn't decide, nor do a few faces.
        swapper.swap(np.zeros_like(some_faces(1)), performer)
        swapper.swap(some_faces(ENOUGH // 2), performer)
        assert performer not in load_choices(model, document.fingerprint)
        swapper.swap(some_faces(ENOUGH // 2), performer)
    choices = load_choices(model, document.fingerprint)
    assert set(choices) == {"anna", "bert"} and set(choices.values()) <= {EXACT, *ROUGH}
    assert load_choices(model, "other") == {}
    written = json.loads((model / "precision.json").read_text(encoding="utf-8"))
    earlier = json.dumps({**written, "version": 2})
    for damage in ("{", '{"schema": "understudy.precision", "version": 3}', '{"schema": "other"}', earlier):
        (model / "precision.json").write_text(damage, encoding="utf-8")
        assert load_choices(model, document.fingerprint) == {}


def test_nearly_black_faces_neither_decide_nor_are_rounded(model):
    document = read_model(model)
    swapper = load_trained(model, document, Reporter())
    faces, dark = some_faces(), 0.2 * some_faces()
    assert telling(faces).all() and not telling(dark).any()
    for _ in range(4):
        swapper.swap(dark, "anna")
    assert load_choices(model, document.fingerprint) == {}
    exact = swapper._compute(EXACT, dark, "anna")
    swapper._precisions["anna"] = Precision(BRANCHES, BRANCHES)
    mixed = swapper.swap(np.concatenate([faces, dark]), "anna")[0]
    np.testing.assert_allclose(mixed[len(faces) :], exact, atol=1e-6)
    expected = swapper._compute(Precision(BRANCHES, BRANCHES), faces, "anna")
    np.testing.assert_allclose(mixed[: len(faces)], expected, atol=1e-6)


def test_other_light_keeps_what_is_told():
    for faces in (some_faces(1), some_faces(11), 0.5 * some_faces(11)):
        lit = relit(faces)
        assert lit.shape == (40, *faces.shape[1:]) and lit.dtype == np.float32 and telling(lit).all()
        assert lit.min() >= 0.0 and lit.max() <= 1.0 and np.ptp(lit[..., :3].mean((1, 2, 3))) > 0.3


def test_rewritten_graphs_compute_the_same(tmp_path):
    """Pixel shuffles of other blocks, and convolutions with many weights and few pixels, of any stride and edge."""
    keras.utils.set_random_seed(0)
    inputs = x = keras.Input((8, 6, 64))
    x = keras.layers.Conv2D(1024, 4, strides=(2, 3), padding="same")(x)
    x = PixelShuffle()(x)
    outputs = keras.layers.Conv2D(8, 3)(PixelShuffle()(x))
    model = keras.Model(inputs, outputs)
    path = tmp_path / "graph.pb"
    path.write_bytes(network_graph.trace(model, "code"))
    graph = Graph(path)
    weights = enumerate(model.trainable_variables)
    graph.fill({f"{input_name(index, item.name)}:0": item.numpy() for index, item in weights})
    kinds = [node.get_type_name() for node in graph.model.get_ops()]
    graph.quicken()
    rewritten = [node.get_type_name() for node in graph.model.get_ops()]
    assert (kinds.count("Convolution"), rewritten.count("Convolution")) == (2, 1)
    assert (kinds.count("DepthToSpace"), rewritten.count("DepthToSpace")) == (0, 2)
    ready = graph.compile()
    for count in (1, 3):
        faces = np.random.default_rng(count).uniform(-1, 1, (count, 8, 6, 64)).astype(np.float32)
        (result,) = ready(faces).values()
        assert np.abs(result - np.asarray(model(faces))).max() < 1e-4


def test_a_checkpoint_can_be_chosen(model):
    document = read_model(model)
    faces = some_faces()
    for choice in ("best", document.backups[0]):
        ours, theirs = (
            load_trained(model, document, Reporter(), checkpoint=choice),
            load_swapper(model, checkpoint=choice),
        )
        assert (ours.step, ours.fingerprint) == (theirs.step, theirs.fingerprint)
        assert np.abs(ours.swap(faces, "anna")[0] - theirs.swap(faces, "anna")[0]).max() < 1e-4
    with pytest.raises(EngineError, match=r"Choose one of|no checkpoint") as caught:
        load_trained(model, document, Reporter(), checkpoint="checkpoint-00000001.npz")
    assert caught.value.code == ErrorCode.MODEL_MISSING


def small_decoder(kind):
    """A decoder of 4 to 16 pixels whose mask is a fourth channel, an output of its own, or missing."""
    code = keras.Input((4, 4, 8))
    x = PixelShuffle()(keras.layers.Conv2D(32, 3, padding="same")(keras.layers.Dropout(0.5)(code)))
    small = keras.layers.Conv2D(3, 1, activation="sigmoid")(x)
    x = PixelShuffle()(keras.layers.Conv2D(32, 3, padding="same")(x))
    face = keras.layers.Conv2D(4 if kind == "channel" else 3, 1, activation="sigmoid")(x)
    mask = keras.layers.Conv2D(1, 1, activation="sigmoid")(x)
    return keras.Model(code, {"channel": [face], "output": [mask, small, face], "none": [small, face]}[kind])


@pytest.mark.parametrize("kind", ["channel", "output", "none"])
def test_a_decoder_may_return_a_mask_and_smaller_faces(kind, tmp_path):
    keras.utils.set_random_seed(0)
    size = 16
    encoder_in = keras.Input((size, size, 3))
    parts = {
        "encoder": keras.Model(encoder_in, keras.layers.Conv2D(8, 4, strides=4)(encoder_in)),
        "decoder:a": small_decoder(kind),
    }
    weights = {
        f"{part}/{index:02d}.{item.name}": item.numpy()
        for part, network in parts.items()
        for index, item in enumerate(network.trainable_variables)
    }
    document = ModelDocument("any", ("a",), size, 1.0, 1, {}, {}, [], "", fingerprint=fingerprint_of(weights))
    document = save_model(tmp_path, document, {f"weights/{name}": value for name, value in weights.items()})
    files = graph_files(tmp_path, document)
    files.encoder.write_bytes(network_graph.trace(parts["encoder"], "faces"))
    files.decoder.write_bytes(network_graph.trace(parts["decoder:a"], "code"))
    given = some_faces(3, size, 3)
    faces, masks = ExportedSwapper(tmp_path, document, files).swap(given, "a")
    outputs = [np.asarray(item) for item in keras.tree.flatten(parts["decoder:a"](parts["encoder"](given)))]
    face = outputs[0] if kind == "channel" else outputs[-1]
    assert faces.shape == given.shape and np.abs(faces - face[..., :3]).max() < 1e-4
    if kind == "none":
        assert masks is None
    else:
        expected = face[..., 3] if kind == "channel" else outputs[0][..., 0]
        assert masks.shape == (3, size, size) and np.abs(masks - expected).max() < 1e-4
