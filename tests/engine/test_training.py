# SPDX-License-Identifier: GPL-3.0-or-later
"""Training from first step to swapping model: learning, saving, resuming, stopping, and every refusal."""

import dataclasses
import errno
import json
import zipfile

import cv2
import numpy as np
import pytest
import tensorflow as tf
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.files import write_bytes
from understudy.engine.contract.jobs import FacesetPart, TrainingPerformer, TrainJob
from understudy.engine.contract.messages import Done, Log, Metrics, Preview, Progress
from understudy.engine.contract.project import Project, ProjectLock
from understudy.engine.contract.settings import TrainSettings
from understudy.engine.networks.registry import FAMILIES, quick_family
from understudy.engine.pipelines.train import train
from understudy.engine.runtime.reporter import CallbackReporter
from understudy.engine.runtime.stop import StopSignal
from understudy.engine.training import feeding, losses
from understudy.engine.training import session as session_module
from understudy.engine.training.batch_processes import BatchProcesses
from understudy.engine.training.checkpoint import read_model
from understudy.engine.training.held_out import Measurement
from understudy.engine.training.history import held_out_series, read_history
from understudy.engine.training.inference import load_swapper
from understudy.engine.training.recipes import RECIPES
from understudy.engine.training.trainer import Trainer

SIZE = 32


def draw_face(random, skin):
    """Return a cartoon face of 96 px: skin ellipse, eyes and mouth that move."""
    image = np.full((96, 96, 3), 60, np.uint8)
    x, y = 48 + random.integers(-4, 5, 2)
    cv2.ellipse(image, (int(x), int(y)), (26, 32), 0, 0, 360, skin, -1, cv2.LINE_AA)
    for side in (-9, 9):
        cv2.circle(image, (int(x + side), int(y - 8)), 4, (20, 20, 20), -1, cv2.LINE_AA)
    opening = int(random.integers(2, 9))
    cv2.ellipse(image, (int(x), int(y + 14)), (10, opening), 0, 0, 360, (150, 30, 40), -1, cv2.LINE_AA)
    return image


def write_faces(folder, skin, count=12):
    random = np.random.default_rng(count)
    for i in range(count):
        _ok, data = cv2.imencode(".png", draw_face(random, skin)[..., ::-1])
        write_bytes(folder / f"{i:06d}_t00.png", data.tobytes())


@pytest.fixture(scope="module")
def facesets(tmp_path_factory):
    root = tmp_path_factory.mktemp("Gesichter für später")
    write_faces(root / "anna", (230, 190, 160))
    write_faces(root / "bert", (120, 80, 60))
    return root


def make_quick_tiny(patch):
    """Replace the family quick by one that learns something in seconds."""
    patch.setitem(FAMILIES, "quick", quick_family(face_size=SIZE, width=8, code=32))
    patch.setitem(RECIPES, "quick", dataclasses.replace(RECIPES["quick"], warm_up=5))


@pytest.fixture(autouse=True)
def tiny_quick(monkeypatch):
    make_quick_tiny(monkeypatch)


class Recorder(CallbackReporter):
    """Keeps messages; asks for a stop after a number of steps."""

    def __init__(self, stop_after=None):
        self.messages = []
        self._stop_after = stop_after
        super().__init__(self.messages.append, StopSignal())

    def metrics(self, step, values):
        super().metrics(step, values)
        self.messages.append(("step", step, values))
        if step == self._stop_after:
            self.stop.set()

    def of(self, kind):
        return [message for message in self.messages if isinstance(message, kind)]

    @property
    def steps(self):
        return [(step, values) for _name, step, values in (m for m in self.messages if isinstance(m, tuple))]

    @property
    def warnings(self):
        return [m.text for m in self.messages if getattr(m, "level", "") == "warning"]


def settings(**changes):
    values = {"maximum_steps": 6, "batch_size": 4, "deterministic": True, "save_interval": 100, "preview_interval": 100}
    return TrainSettings(**{**values, **changes})


def job(model, facesets, performers=("anna", "bert"), project=None, **changes):
    parts = tuple(TrainingPerformer(name, (FacesetPart(facesets / name),)) for name in performers)
    return TrainJob(model, parts, project, settings(**changes))


def run(model, facesets, stop_after=None, **changes):
    reporter = Recorder(stop_after)
    done = train(job(model, facesets, **changes), reporter)
    return reporter, done


def arrays_of(model):
    with np.load(model / read_model(model).checkpoint) as archive:
        return {name: archive[name] for name in archive.files}


def error_of(call, *arguments, **named):
    with pytest.raises(EngineError) as caught:
        call(*arguments, **named)
    return caught.value


@pytest.fixture(scope="module")
def trained(facesets, tmp_path_factory):
    """Folder and messages of a model with 40 steps; tests that change it copy it first."""
    with pytest.MonkeyPatch.context() as patch:
        make_quick_tiny(patch)
        model = tmp_path_factory.mktemp("models") / "anna und bert"
        figures = {"maximum_steps": 40, "learning_rate": 0.01, "save_interval": 10, "preview_interval": 20}
        reporter, done = run(model, facesets, **figures)
    return model, reporter, done


@pytest.fixture
def copied(trained, tmp_path):
    for path in trained[0].iterdir():
        write_bytes(tmp_path / "copy" / path.name, path.read_bytes())
    return tmp_path / "copy"


def test_training_lowers_the_loss_and_reports(trained):
    model, reporter, done = trained
    losses = [values["loss anna"] + values["loss bert"] for _step, values in reporter.steps]
    assert len(losses) == 40
    assert np.mean(losses[-5:]) < 0.92 * np.mean(losses[:5])
    _steps, errors = held_out_series(read_history(model / "history.jsonl"))
    assert errors[-1] < 0.9 * errors[0]
    assert isinstance(done, Done)
    assert done.result["step"] == 40
    assert set(done.result["losses"]) == {"anna", "bert"}
    last = reporter.of(Progress)[-1]
    assert (last.done, last.total, last.unit) == (40, 40, "steps")
    assert reporter.of(Metrics)
    pictures = [str(model / "preview.png"), str(model / "history.png")]
    assert [message.path for message in reporter.of(Preview)] == pictures * 2


def test_model_folder_holds_document_history_preview_and_backups(trained):
    model = trained[0]
    document = json.loads((model / "model.json").read_text(encoding="utf-8"))
    assert (document["schema"], document["version"]) == ("understudy.model", 1)
    assert (document["family"], document["face_size"], document["step"]) == ("quick", SIZE, 40)
    assert document["settings"]["maximum_steps"] == 40
    assert [item["faces"] for item in document["facesets"]] == [12, 12]
    assert document["backups"] == ["checkpoint-00000030.npz", "checkpoint-00000020.npz"]
    names = {path.name for path in model.iterdir()}
    expected = {document["checkpoint"], *document["backups"], document["best"]["file"], "model.json", "history.jsonl"}
    expected |= {"preview.png", "history.png"} | {item["file"] for item in document["snapshots"]}
    graphs = {name for name in names if name.startswith(("graph-encoder-", "graph-decoder-"))}
    assert len(graphs) == 2
    expected |= graphs
    assert names == expected
    lines = read_history(model / "history.jsonl")
    assert [line["step"] for line in lines if "loss/anna" in line] == [10, 20, 30, 40]
    held_out = [line["held_out/ssim"] for line in lines if "held_out/ssim" in line]
    assert document["best"]["ssim"] == pytest.approx(max(held_out), abs=1e-6)
    # Twelve faces each: six rows, two blocks of target, own and swap with a border.
    assert cv2.imread(str(model / "preview.png")).shape == (6 * SIZE, 2 * (3 * SIZE + 4), 3)


def test_loaded_swapper_gives_the_trained_network_for_any_number_of_faces(trained):
    swapper = load_swapper(trained[0])
    assert (swapper.face_size, swapper.coverage, swapper.family, swapper.step) == (SIZE, 1.7, "quick", 40)
    assert swapper.performers == ("anna", "bert")
    plates = np.random.default_rng(0).random((11, SIZE, SIZE, 3), np.float32)
    faces = swapper.inputs(plates, np.full((11, 68, 2), SIZE / 2.0), "bert", ("anna",) * 11)
    swapped, masks = swapper.swap(faces, "bert")
    assert swapped.shape == plates.shape
    assert swapped.dtype == np.float32
    assert masks is None
    assert np.allclose(swapped[9:10], swapper.swap(faces[9:10], "bert")[0], atol=1e-5)
    assert np.array_equal(swapped, load_swapper(trained[0]).swap(faces, "bert")[0])
    assert np.abs(swapped - swapper.swap(faces, "anna")[0]).mean() > 0.02
    assert error_of(swapper.swap, faces, "cleo").code is ErrorCode.PERFORMER_UNKNOWN


def test_saved_weights_are_the_average_that_the_trainer_had(trained, monkeypatch):
    arrays = arrays_of(trained[0])
    name = "encoder/00.kernel"
    assert not np.array_equal(arrays[f"average/{name}"], arrays[f"weights/{name}"])
    network_weights = {}
    monkeypatch.setattr(
        "understudy.engine.training.inference.Swapper",
        lambda _document, network: network_weights.update(network.weights()),
    )
    load_swapper(trained[0])
    assert np.array_equal(network_weights[name].value.numpy(), arrays[f"average/{name}"])


@pytest.mark.parametrize("recipe_turns", [False, True], ids=["together", "turns"])
def test_interrupted_and_resumed_equals_uninterrupted_bit_for_bit(facesets, tmp_path, monkeypatch, recipe_turns):
    if recipe_turns:
        classic = RECIPES["original"]
        monkeypatch.setitem(RECIPES, "quick", dataclasses.replace(classic, batch_size=4))
    run(tmp_path / "whole", facesets, maximum_steps=8)
    _, done = run(tmp_path / "parts", facesets, maximum_steps=8, stop_after=3)
    assert done.stopped
    assert done.result["step"] == 3
    run(tmp_path / "parts", facesets, maximum_steps=8)
    whole, parts = arrays_of(tmp_path / "whole"), arrays_of(tmp_path / "parts")
    assert set(whole) == set(parts)
    assert int(whole["steps"]) == 8
    different = [name for name, value in whole.items() if value.tobytes() != parts[name].tobytes()]
    assert different == []
    assert read_model(tmp_path / "whole").fingerprint == read_model(tmp_path / "parts").fingerprint


def test_processes_that_make_batches_change_no_bit_even_when_one_is_killed(facesets, tmp_path, monkeypatch):
    run(tmp_path / "thread", facesets, maximum_steps=6)
    monkeypatch.setattr(feeding, "computes_on_card", lambda: True)
    monkeypatch.setattr(feeding, "available_cores", lambda: 3)
    make = BatchProcesses.make

    def mortal(crew, step):
        if step == 4:
            crew._processes[0]._process.kill()
        return make(crew, step)

    monkeypatch.setattr(BatchProcesses, "make", mortal)
    reporter, _done = run(tmp_path / "processes", facesets, maximum_steps=6)
    assert any("batches ended" in text for text in reporter.warnings)
    whole, parts = arrays_of(tmp_path / "thread"), arrays_of(tmp_path / "processes")
    assert [name for name, value in whole.items() if value.tobytes() != parts[name].tobytes()] == []


def test_stop_saves_at_once_and_keeps_history(facesets, tmp_path):
    reporter, done = run(tmp_path / "m", facesets, stop_after=2)
    assert done.stopped
    assert [step for step, _ in reporter.steps] == [1, 2]
    assert read_model(tmp_path / "m").step == 2


def test_time_limit_ends_training(facesets, tmp_path):
    reporter, done = run(tmp_path / "m", facesets, maximum_steps=100_000, maximum_minutes=0.05)
    assert not done.stopped
    assert 0 < done.result["step"] < 100_000
    assert reporter.of(Progress)[-1].unit == "seconds"
    assert " This run took " in done.summary and done.result["seconds"] >= done.result["end_seconds"]


def test_resuming_another_family_size_or_cast_is_refused(facesets, copied, monkeypatch):
    cast = error_of(run, copied, facesets, performers=("anna", "cleo"))
    assert cast.code is ErrorCode.MODEL_MISMATCH
    assert "anna, bert instead of anna, cleo" in cast.message
    assert "family quick instead of lowmem" in error_of(run, copied, facesets, family="lowmem").message
    monkeypatch.setitem(FAMILIES, "quick", quick_family(face_size=48, width=8, code=32))
    assert "face size 32 instead of 48" in error_of(run, copied, facesets).message
    assert error_of(load_swapper, copied).code is ErrorCode.MODEL_MISMATCH


def test_d10_damaged_checkpoint_is_refused_names_its_backup_and_stays(facesets, copied):
    document = read_model(copied)
    path = copied / document.checkpoint
    path.write_bytes(path.read_bytes()[:5000])
    before = {item.name: item.read_bytes() for item in copied.iterdir()}
    for call in (lambda: run(copied, facesets, maximum_steps=50), lambda: load_swapper(copied)):
        error = error_of(call)
        assert error.code is ErrorCode.MODEL_UNREADABLE
        assert document.checkpoint in error.message
        assert document.backups[0] in error.hint
        assert {item.name: item.read_bytes() for item in copied.iterdir()} == before
    _, done = run(copied, facesets, maximum_steps=32, resume_from=document.backups[0])
    assert done.result["step"] == 32
    assert [line["step"] for line in read_history(copied / "history.jsonl")][-1] == 32


def test_d10_flipped_bit_in_the_weights_is_noticed(copied):
    path = copied / read_model(copied).checkpoint
    with zipfile.ZipFile(path) as archive:
        place = archive.getinfo("average/encoder/00.kernel.npy").header_offset + 400
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(bytes(data))
    assert error_of(load_swapper, copied).code is ErrorCode.MODEL_UNREADABLE


def test_d10_checkpoint_without_document_is_not_overwritten(facesets, copied):
    (copied / "model.json").unlink()
    before = sorted(path.name for path in copied.iterdir())
    assert error_of(run, copied, facesets).code is ErrorCode.MODEL_UNREADABLE
    assert sorted(path.name for path in copied.iterdir()) == before


def test_d04_missing_model_never_swaps_with_random_weights(tmp_path):
    assert error_of(load_swapper, tmp_path / "nowhere").code is ErrorCode.MODEL_MISSING


def test_d17_unreadable_picture_is_named_and_left_out(facesets, tmp_path):
    write_faces(tmp_path / "sets" / "anna", (230, 190, 160), count=10)
    write_faces(tmp_path / "sets" / "bert", (120, 80, 60), count=10)
    (tmp_path / "sets" / "anna" / "000003_t00.png").write_bytes(b"no picture")
    reporter, done = run(tmp_path / "m", tmp_path / "sets", maximum_steps=1)
    assert done.result["step"] == 1
    assert any("000003_t00.png" in text for text in reporter.warnings)
    assert [item["faces"] for item in read_model(tmp_path / "m").facesets] == [9, 10]


def test_d17_fewer_faces_than_the_batch_trains_and_too_few_are_refused(facesets, tmp_path):
    _, done = run(tmp_path / "m", facesets, maximum_steps=1, batch_size=30)
    assert done.result["step"] == 1
    write_faces(tmp_path / "sets" / "anna", (230, 190, 160), count=9)
    write_faces(tmp_path / "sets" / "bert", (120, 80, 60), count=5)
    error = error_of(run, tmp_path / "n", tmp_path / "sets")
    assert error.code is ErrorCode.TOO_FEW_FACES
    assert "bert has 5" in error.message
    assert error.hint
    assert not (tmp_path / "n").exists()


def test_diverged_training_keeps_the_last_good_checkpoint(facesets, copied, monkeypatch):
    saved = read_model(copied)
    step = Trainer.step

    def run_away(self, inputs, targets, learning_rate):
        return {**step(self, inputs, targets, learning_rate), "bert": float("nan")}

    monkeypatch.setattr(Trainer, "step", run_away)
    error = error_of(run, copied, facesets, maximum_steps=50)
    assert error.code is ErrorCode.TRAINING_DIVERGED
    assert "step 40 is kept" in error.message
    assert read_model(copied) == saved


def test_float32_means_float32_on_cards_too():
    from understudy.engine.runtime.device import prepare_tensorflow

    tf.config.experimental.enable_tensor_float_32_execution(True)
    prepare_tensorflow()
    assert not tf.config.experimental.tensor_float_32_execution_enabled()


def test_a_training_that_collapsed_keeps_the_last_good_checkpoint(facesets, copied, monkeypatch):
    step = Trainer.step

    def collapse(self, inputs, targets, learning_rate):
        found = step(self, inputs, targets, learning_rate)
        return {name: loss if self.steps <= 52 else 30.0 for name, loss in found.items()}

    monkeypatch.setattr(Trainer, "step", collapse)
    error = error_of(run, copied, facesets, maximum_steps=500, save_interval=10)
    assert error.code is ErrorCode.TRAINING_DIVERGED
    assert "four times" in error.message and "step 50 is kept" in error.message
    assert read_model(copied).step == 50


def test_a_finish_of_quick_trains_a_fork_and_leaves_the_model_as_it_was(facesets, copied):
    before = {path.name: path.read_bytes() for path in copied.iterdir()}
    reporter, done = run(copied, facesets, finish=True, maximum_steps=42)
    fork = copied.with_name("copy-finish")
    assert done.result["model"] == str(fork) and read_model(fork).step == 42
    assert {path.name: path.read_bytes() for path in copied.iterdir()} == before
    assert "loss judge" in reporter.steps[-1][1]
    old, new = arrays_of(copied), arrays_of(fork)
    assert not np.array_equal(old["weights/encoder/00.kernel"], new["weights/encoder/00.kernel"])
    assert any(name.startswith("training/judge/") for name in new)
    assert error_of(run, copied, facesets, family="original", finish=True).code is ErrorCode.SETTINGS_INVALID


def test_out_of_memory_halves_the_batch_and_says_so(facesets, tmp_path, monkeypatch):
    reconstruction = losses.reconstruction

    def hungry(prediction, *others):
        if prediction.shape[0] > 2:
            raise tf.errors.ResourceExhaustedError(None, None, "too little memory")
        return reconstruction(prediction, *others)

    monkeypatch.setattr(losses, "reconstruction", hungry)
    reporter, done = run(tmp_path / "m", facesets, maximum_steps=2, batch_size=8)
    assert done.result["step"] == 2
    assert [text for text in reporter.warnings if "memory" in text] == [
        "The memory ran out; going on with a batch of 4 faces.",
        "The memory ran out; going on with a batch of 2 faces.",
    ]


def test_warm_start_takes_encoder_and_known_decoders_and_strangers_begin_as_the_nearest(facesets, trained, tmp_path):
    # Cleo looks like Bert, who isn't the model's first performer.
    write_faces(tmp_path / "sets" / "cleo", (120, 80, 60), count=9)
    write_faces(tmp_path / "sets" / "anna", (230, 190, 160))
    warm = job(
        tmp_path / "m", tmp_path / "sets", ("anna", "cleo"), warm_start=str(trained[0]), maximum_steps=1,
        learning_rate=1e-12,
    )  # fmt: skip
    reporter = Recorder()
    train(warm, reporter)
    old, new = arrays_of(trained[0]), arrays_of(tmp_path / "m")
    for mine, theirs in (("encoder", "encoder"), ("decoder:anna", "decoder:anna"), ("decoder:cleo", "decoder:bert")):
        assert np.allclose(new[f"weights/{mine}/00.kernel"], old[f"average/{theirs}/00.kernel"], atol=1e-6)
    assert read_model(tmp_path / "m").warm_start == str(trained[0])
    said = [message.text for message in reporter.of(Log) if "begins" in message.text]
    assert len(said) == 1
    assert "cleo begins as bert" in said[0]


def test_a_warm_start_of_strangers_takes_decoders_and_begins_the_encoder_anew(facesets, trained, tmp_path):
    for name, skin in (("cleo", (120, 80, 60)), ("dora", (230, 190, 160))):
        write_faces(tmp_path / "sets" / name, skin, count=9)
    figures = {"performers": ("cleo", "dora"), "maximum_steps": 1, "learning_rate": 1e-12}
    run(tmp_path / "cold", tmp_path / "sets", **figures)
    run(tmp_path / "warm", tmp_path / "sets", warm_start=str(trained[0]), **figures)
    old, cold, warm = arrays_of(trained[0]), arrays_of(tmp_path / "cold"), arrays_of(tmp_path / "warm")
    for name in (name for name in warm if name.startswith("weights/encoder/")):
        assert np.allclose(warm[name], cold[name], atol=1e-6), name
    for mine, theirs in (("cleo", "bert"), ("dora", "anna")):
        kernel = old[f"average/decoder:{theirs}/00.kernel"]
        assert np.allclose(warm[f"weights/decoder:{mine}/00.kernel"], kernel, atol=1e-6)
        assert np.allclose(warm[f"average/decoder:{mine}/00.kernel"], kernel, atol=1e-6)


def test_three_performers_share_one_encoder(facesets, tmp_path):
    write_faces(tmp_path / "sets" / "cleo", (90, 140, 90))
    parts = [("anna", facesets), ("bert", facesets), ("cleo", tmp_path / "sets")]
    performers = tuple(TrainingPerformer(name, (FacesetPart(root / name),)) for name, root in parts)
    done = train(TrainJob(tmp_path / "m", performers, settings=settings(maximum_steps=1)), Recorder())
    assert set(done.result["losses"]) == {"anna", "bert", "cleo"}
    assert cv2.imread(str(tmp_path / "m" / "preview.png")).shape == (6 * SIZE, 3 * (4 * SIZE + 4), 3)


def test_busy_project_refuses_a_second_training(facesets, tmp_path):
    project = tmp_path / "film.understudy"
    with ProjectLock(Project(project), "swap"):
        error = error_of(train, job(tmp_path / "m", facesets, project=project), Recorder())
    assert error.code is ErrorCode.PROJECT_BUSY
    assert not (tmp_path / "m").exists()


def test_original_trains_a_step_and_a_full_disk_leaves_no_half_model(facesets, tmp_path, monkeypatch):
    from understudy.engine.training import checkpoint

    def full_disk(file, **_arrays):
        file.write_bytes(b"the first half")
        raise OSError(errno.ENOSPC, "No space left on device")

    reporter = Recorder()
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.np, "savez", full_disk)
        asked = job(tmp_path / "m", facesets, family="original", batch_size=1, maximum_steps=1)
        error = error_of(train, asked, reporter)
    assert error.code is ErrorCode.DISK_FULL
    assert [step for step, _ in reporter.steps] == [1]
    assert all(0.0 < loss < 1.0 for _, losses in reporter.steps for loss in losses.values())
    assert [path.name for path in (tmp_path / "m").iterdir()] == ["history.jsonl"]


def test_training_stops_at_the_plateau_after_a_short_fall_of_the_rate(facesets, tmp_path, monkeypatch):
    # The pretended network gets no better from the first measurement on.
    flat = Measurement(0, {"anna": 0.7, "bert": 0.7}, {"anna": 0.1, "bert": 0.1})
    monkeypatch.setattr(session_module, "measure", lambda *arguments: dataclasses.replace(flat, step=arguments[-1]))
    reporter, done = run(
        tmp_path / "m", facesets, stop_at_plateau=True, maximum_steps=100, save_interval=2, snapshots_kept=0
    )
    # Eight measurements make the first estimate, two agree at step 18, a tenth of that is the end.
    assert done.result["step"] == 20
    assert "plateau" in done.summary and not done.stopped
    assert reporter.steps[-1][1]["plateau latest s"] == 0.0


def test_best_weights_and_snapshots_swap_and_can_be_trained_on(facesets, copied):
    document = read_model(copied)
    best = load_swapper(copied, checkpoint="best")
    assert (best.step, best.fingerprint) == (document.best["step"], document.best["fingerprint"])
    run(copied, facesets, maximum_steps=41, save_interval=1, snapshot_minutes=1e-6)
    # The step may pass a milestone of quality as well, which then is the reason that is noted.
    snapshot = read_model(copied).snapshots[-1]
    assert snapshot["file"] == "snapshot-00000041.npz" and snapshot["reason"] in ("time", "quality")
    assert load_swapper(copied, checkpoint=snapshot["file"]).step == 41
    _, done = run(copied, facesets, maximum_steps=42, resume_from=snapshot["file"], snapshots_kept=0)
    assert done.result["step"] == 42
