# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks made elsewhere: DFM and one-shot stand-ins imported, swapped with, asked for their licence; bad files."""

import argparse
import datetime
import json
import struct

import numpy as np
import onnx_stand_ins as stand_ins
import pytest
from onnx_stand_ins import CELEB_MASK, COLORS, EMAP, FACE_MASK, LENGTH, SIDE
from test_swap_pipeline import job, pictures_of  # noqa: F401 - a fixture
from understudy.engine.comp.over import composite
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.import_model_job import ImportModelJob, ShownPerformer
from understudy.engine.contract.imported_model import LicenceAnswer, answer_licence, licence_warnings, load_imported
from understudy.engine.contract.jobs import FacesetPart, TrainingPerformer, TrainJob, save_job
from understudy.engine.contract.messages import Progress
from understudy.engine.contract.project import Project, ProjectLock
from understudy.engine.faces.geometry import CANONICAL_INNER, scale_of, transform_points
from understudy.engine.imported.alignments import alignment_matrix, arcface_points, coverage_of, five_points
from understudy.engine.imported.onnx_file import last_initializer
from understudy.engine.imported.opening import open_imported
from understudy.engine.media.reader import FootageReader
from understudy.engine.pipelines import import_model as import_model_module
from understudy.engine.pipelines.import_model import import_model, import_network
from understudy.engine.pipelines.swap import swap
from understudy.engine.runtime.reporter import CallbackReporter, Reporter
from understudy.engine.training.checkpoint import read_model
from understudy.training_cli.commands import run as run_command
from understudy.training_cli.main import main

ANSWER = LicenceAnswer("Erika Muster", "anything, also paid work", "2026-11-26")


def bring(folder, data, name="netz é.onnx"):
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(data)
    return folder / name


def imported_dfm(tmp_path, reporter=None, **options):
    folder = tmp_path / "models" / "dfm"
    file = bring(tmp_path / "brought", stand_ins.dfm(morph=options.pop("has_morph", False)))
    import_network(file, folder, "dfm", {"B": []}, reporter or Reporter(), **options)
    return folder


def vector_file(tmp_path, seed=0, length=LENGTH):
    path = tmp_path / f"vector {seed}.npy"
    np.save(path, np.random.default_rng(seed).uniform(-1, 1, length).astype(np.float32))
    return path


def imported_one_shot(tmp_path, **options):
    folder = tmp_path / "models" / "one shot"
    file = bring(tmp_path / "brought", stand_ins.one_shot())
    performers = {"A": [vector_file(tmp_path, 1)], "B": [vector_file(tmp_path, 2)]}
    import_network(file, folder, "one-shot", performers, Reporter(), ANSWER, **options)
    return folder


def error_of(call, *arguments, **named):
    with pytest.raises(EngineError) as caught:
        call(*arguments, **named)
    return caught.value


def some_faces(count=3):
    return np.random.default_rng(0).uniform(0, 1, (count, SIDE, SIDE, 3)).astype(np.float32)


def test_a_dfm_network_takes_bgr_and_gives_face_and_mask(tmp_path):
    folder = imported_dfm(tmp_path)
    network = open_imported(folder, load_imported(folder))
    faces = some_faces()
    swapped, masks = network.swap(faces, "B")
    assert np.allclose(swapped, faces * [1.0, 1.0, 0.5], atol=1e-5), "its first channel is blue"
    assert np.allclose(masks, (FACE_MASK * CELEB_MASK)[..., 0]) and masks.shape == (3, SIDE, SIDE)
    assert error_of(network.swap, faces, "C").code == ErrorCode.PERFORMER_UNKNOWN


def test_a_dfm_network_is_told_its_morph(tmp_path):
    folder = imported_dfm(tmp_path, has_morph=True, morph=0.25)
    swapped, _masks = open_imported(folder, load_imported(folder)).swap(some_faces(), "B")
    assert np.allclose(swapped, some_faces() * [0.25, 0.25, 0.125], atol=1e-5)


def test_a_one_shot_network_gets_the_identity_times_its_last_array(tmp_path):
    folder = imported_one_shot(tmp_path)
    network = open_imported(folder, load_imported(folder))
    faces = some_faces()
    for seed, name in ((1, "A"), (2, "B")):
        swapped, masks = network.swap(faces, name)
        identity = np.random.default_rng(seed).uniform(-1, 1, LENGTH).astype(np.float32)
        vector = identity / np.linalg.norm(identity) @ EMAP
        tint = vector / np.linalg.norm(vector) @ COLORS
        assert masks is None and np.allclose(swapped, np.clip(faces * 0.5 + tint, 0, 1), atol=1e-5)


def test_identities_come_from_pictures_with_the_users_own_recognizer(tmp_path, clips):
    from understudy.engine.contract.timing import Footage, FrameRange
    from understudy.engine.media.images import write_png

    with FootageReader(Footage(clips / "train_A.mp4")) as reader:
        picture = next(image for _frame, image in reader.frames((FrameRange(0, 1),)))
    write_png(tmp_path / "a.png", picture)
    file = bring(tmp_path / "brought", stand_ins.one_shot())
    other = bring(tmp_path / "brought", stand_ins.recognizer(), "recognizer.onnx")
    folder = tmp_path / "model"
    import_network(file, folder, "one-shot", {"A": [tmp_path / "a.png"]}, Reporter(), ANSWER, recognizer=other)
    with np.load(folder / "identities.npz") as archive:
        assert np.isclose(np.linalg.norm(archive["A"]), 1.0, atol=1e-4)
    swapped, _masks = open_imported(folder, load_imported(folder)).swap(some_faces(), "A")
    assert np.isfinite(swapped).all()


@pytest.mark.parametrize("alignment", ["whole_face", "full_face", "half_face", "arcface"])
def test_coverage_says_how_large_the_face_is_in_the_networks_square(alignment):
    landmarks = np.zeros((68, 2))
    landmarks[17:] = CANONICAL_INNER * 100 + 200
    matrix = alignment_matrix(alignment, landmarks, 224)
    assert np.isclose(scale_of(matrix) * 100 * coverage_of(alignment, 224), 224, rtol=1e-3)
    inside = transform_points(matrix, landmarks[17:])
    assert (inside > 0).all() and (inside < 223).all() or alignment == "half_face"


def test_arcface_points_of_128_px_have_eight_on_either_side():
    assert np.allclose(arcface_points(128)[0], [46.2946, 51.6963]) and np.allclose(arcface_points(112)[0, 0], 38.2946)
    landmarks = np.zeros((68, 2))
    landmarks[17:] = CANONICAL_INNER * 80 + 300
    placed = transform_points(alignment_matrix("arcface", landmarks, 128), five_points(landmarks))
    assert np.abs(placed - arcface_points(128)).max() < 6, "our mean face is not quite theirs"


@pytest.mark.parametrize("kind", ["dfm", "one-shot"])
def test_a_swap_uses_it_like_any_model_and_warns_of_the_licence(kind, job, tmp_path):  # noqa: F811
    from dataclasses import replace

    folder = imported_dfm(tmp_path) if kind == "dfm" else imported_one_shot(tmp_path)
    done = swap(replace(job, model=folder), Reporter())
    assert done.result["swapped"] == 7 and done.result["failed"] == 0
    record = json.loads((job.output / "swap.json").read_text(encoding="utf-8"))
    assert record["family"] == kind
    unanswered = [text for text in done.result["warnings"] if "licence" in text]
    assert bool(unanswered) == (kind == "dfm")
    assert record["model_licence"]["made_by"] == ("" if kind == "dfm" else "Erika Muster")
    pictures = pictures_of(job)
    with FootageReader(job.footage) as reader:
        plates = dict(reader.frames(job.ranges))
    changed = np.abs(composite(plates[5], pictures[5]).astype(int) - plates[5]).max(axis=2)
    assert changed.max() > 10 and changed[:60].max() == 0


def test_the_licence_question_is_asked_stored_and_answered_later(tmp_path):
    messages = []
    folder = imported_dfm(tmp_path, CallbackReporter(messages.append))
    assert any("licence" in getattr(message, "text", "") for message in messages)
    assert licence_warnings(folder) and not load_imported(folder).licence.is_complete
    assert error_of(answer_licence, folder, "somebody", " ", datetime.date(2026, 1, 2)).code == "settings_invalid"
    answer_licence(folder, "somebody", "research", datetime.date(2026, 1, 2))
    assert load_imported(folder).licence == LicenceAnswer("somebody", "research", "2026-01-02")
    assert not licence_warnings(folder)
    assert error_of(answer_licence, tmp_path, "a", "b", datetime.date(2026, 1, 2)).code == ErrorCode.MODEL_MISSING


def test_the_command_line_imports_lists_and_answers(tmp_path, capsys):
    file = bring(tmp_path / "brought", stand_ins.dfm())
    project = tmp_path / "Projekt é.understudy"
    folder = project / "models" / "gast"
    assert main(["model", "import", str(file), str(folder), "--kind", "dfm", "--performer", "B"]) == 0
    assert main(["model", "list", "--project", str(project)]) == 0
    assert "gast  dfm  B  licence question not answered" in capsys.readouterr().out
    assert main(["model", "licence", str(folder), "--made-by", "me", "--allows", "all"]) == 0
    assert main(["model", "list", "--project", str(project)]) == 0
    assert "made by me; allows: all" in capsys.readouterr().out
    content = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    # What Blender's list of models reads.
    assert content["performers"] == ["B"] and content["family"] == "dfm" and content["step"] == 0


def dfm_job(tmp_path, **options):
    file = bring(tmp_path / "brought", stand_ins.dfm(), "änna.dfm")
    project = Project(tmp_path / "Projekt é.understudy")
    project.create()
    performers = (ShownPerformer("B"),)
    return ImportModelJob(file, project.model("gast"), "dfm", performers, project.root, ANSWER, **options)


def test_a_job_file_imports_as_the_command_does(tmp_path):
    asked, messages = dfm_job(tmp_path, face_type="full_face", morph=0.25), []
    save_job(tmp_path / "job.json", asked)
    arguments = argparse.Namespace(job=tmp_path / "job.json")
    assert run_command.job_name(arguments) == "import_model"
    done = run_command.run(arguments, CallbackReporter(messages.append))
    assert [item.unit for item in messages if isinstance(item, Progress)] == ["MB"]
    assert done.summary == f"The model gast shows B; {ANSWER.sentence}."
    model = load_imported(asked.model)
    assert (model.alignment, model.morph, model.licence) == ("full_face", 0.25, ANSWER)
    assert done.result["fingerprint"] == model.fingerprint
    with ProjectLock(Project(asked.project), "train"):
        assert error_of(import_model, asked, Reporter()).code == ErrorCode.PROJECT_BUSY


def test_a_stop_while_the_file_is_copied_leaves_nothing(tmp_path, monkeypatch):
    asked, messages = dfm_job(tmp_path), []
    reporter = CallbackReporter(messages.append)
    reporter.SECONDS_BETWEEN = 0.0
    monkeypatch.setattr(import_model_module, "_CHUNK", 512)
    reporter.send = lambda message: isinstance(message, Progress) and message.unit == "MB" and reporter.stop.set()
    done = import_model(asked, reporter)
    assert done.stopped and "nothing was imported" in done.summary
    assert not asked.model.exists()


def test_it_is_no_model_to_train_on(tmp_path):
    folder = imported_dfm(tmp_path)
    assert error_of(read_model, folder).code == ErrorCode.MODEL_MISMATCH
    from understudy.engine.pipelines.train import train

    parts = tuple(TrainingPerformer(name, (FacesetPart(tmp_path),)) for name in ("A", "B"))
    assert error_of(train, TrainJob(folder, parts), Reporter()).code == ErrorCode.MODEL_MISMATCH


def damaged(kind):
    good = stand_ins.one_shot()
    return {
        "empty": b"",
        "text": b"#!/bin/sh\necho hello\n" * 20,
        "zeros": bytes(4096),
        "cut": good[: len(good) // 2],
        "endless": stand_ins.endless_number(),
        "pickle": b"\x80\x04\x95" + bytes(50) + b".",
        "no graph": stand_ins.number(1, 8),
        "external": stand_ins.one_shot(location=1),
        "unknown operation": stand_ins.model(
            [stand_ins.node("RunThis", ["target"], "output")],
            [("target", (1, 3, SIDE, SIDE)), ("source", (1, LENGTH))],
            [("output", (1, 3, SIDE, SIDE))],
            [("emap", EMAP)],
        ),
        "no matrix": stand_ins.one_shot(matrix=None),
        "wrong matrix": stand_ins.one_shot(matrix=EMAP[:3]),
        "no numbers": stand_ins.one_shot(matrix=np.full_like(EMAP, np.nan)),
        "other kind": stand_ins.dfm(),
    }[kind]


@pytest.mark.parametrize(
    "kind",
    [
        *("empty", "text", "zeros", "cut", "endless", "pickle", "no graph", "external"),
        *("unknown operation", "no matrix", "wrong matrix", "no numbers", "other kind"),
    ],
)
def test_a_bad_file_is_refused_with_a_sentence_and_leaves_nothing(kind, tmp_path):
    file = bring(tmp_path / "brought", damaged(kind))
    folder = tmp_path / "model"
    performers = {"A": [vector_file(tmp_path)]}
    error = error_of(import_network, file, folder, "one-shot", performers, Reporter(), ANSWER)
    assert error.code in (ErrorCode.MODEL_UNREADABLE, ErrorCode.MODEL_MISMATCH)
    assert file.name in error.message and error.hint and not folder.exists()


def test_a_dfm_network_must_have_its_inputs_and_outputs(tmp_path):
    file = bring(tmp_path / "brought", stand_ins.one_shot())
    error = error_of(import_network, file, tmp_path / "model", "dfm", {"A": []}, Reporter())
    assert error.code == ErrorCode.MODEL_MISMATCH and "in_face" in error.message


def test_what_is_asked_for_is_checked(tmp_path):
    file = bring(tmp_path / "brought", stand_ins.one_shot())
    picture, vector = tmp_path / "a.png", vector_file(tmp_path)
    for kind, performers, code in (
        ("dfm", {"A": [], "B": []}, "settings_invalid"),
        ("one-shot", {"A": []}, "settings_invalid"),
        ("one-shot", {"A": [picture]}, "settings_invalid"),
        ("one-shot", {"A": [vector_file(tmp_path, 5, LENGTH + 1)]}, "model_mismatch"),
        ("one-shot", {"A": [bring(tmp_path, b"no array", "bad.npy")]}, "model_unreadable"),
    ):
        assert error_of(import_network, file, tmp_path / "model", kind, performers, Reporter()).code == code
    gone = tmp_path / "gone.onnx"
    error = error_of(import_network, gone, tmp_path / "model", "one-shot", {"A": [vector]}, Reporter())
    assert error.code == ErrorCode.MODEL_MISSING
    folder = imported_one_shot(tmp_path)
    error = error_of(import_network, file, folder, "one-shot", {"A": [vector]}, Reporter())
    assert error.code == ErrorCode.MODEL_MISMATCH


def test_a_model_damaged_after_its_import_is_named(tmp_path):
    folder = imported_one_shot(tmp_path)
    model = load_imported(folder)
    (folder / "identities.npz").write_bytes(b"no zip")
    assert error_of(open_imported, folder, model).code == ErrorCode.MODEL_UNREADABLE
    (folder / "network.onnx").unlink()
    assert error_of(open_imported, folder, model).code == ErrorCode.MODEL_UNREADABLE
    content = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    for change in ({"kind": "other"}, {"coverage": "wide"}, {"face_size": -1}, {"performers": None}, {"licence": 3}):
        (folder / "model.json").write_text(json.dumps({**content, **change}), encoding="utf-8")
        assert error_of(load_imported, folder).code == ErrorCode.MODEL_UNREADABLE


def test_the_last_array_is_read_in_both_of_its_forms(tmp_path):
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    floats = struct.pack("<6f", *array.ravel())
    fields = stand_ins.block(1, b"\x02\x03") + stand_ins.number(2, 1) + stand_ins.block(4, floats)
    file = bring(tmp_path, stand_ins.block(7, stand_ins.block(5, fields)))
    assert np.array_equal(last_initializer(file), array)
    half = stand_ins.tensor("emap", array.astype(np.float16))
    file = bring(tmp_path, stand_ins.block(7, stand_ins.block(5, half)))
    assert np.array_equal(last_initializer(file), array)
