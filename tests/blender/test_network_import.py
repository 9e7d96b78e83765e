# SPDX-License-Identifier: GPL-3.0-or-later
"""A network made elsewhere is brought in from Blender: what is asked, what the job says, and that it is chosen."""

import importlib.util
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest
import understudy
from test_panels import Layout
from understudy.blender_addon import environment, jobs, process, project_view, readiness
from understudy.blender_addon.ids import Panel
from understudy.blender_addon.import_request import Brought
from understudy.blender_addon.job_queue import JobState
from understudy.engine.contract.imported_model import load_imported
from understudy.engine.contract.jobs import load_job
from understudy.engine.contract.project import Project

OPS = bpy.ops.understudy
ROOT = Path(__file__).resolve().parents[2]


def stand_ins():
    """The engine tests' tiny ONNX files, which need no library but numpy."""
    path = ROOT / "tests" / "engine" / "onnx_stand_ins.py"
    spec = importlib.util.spec_from_file_location("onnx_stand_ins", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def fake_engine(monkeypatch):
    monkeypatch.setattr(process, "LAUNCH_FILE", Path(__file__).with_name("fake_engine.py"))
    monkeypatch.setenv(environment.PYTHON_VARIABLE, sys.executable)


@pytest.fixture(autouse=True)
def addon(monkeypatch):
    monkeypatch.setattr(project_view, "_SECONDS_BETWEEN_LOOKS", 0.0)
    understudy.register()
    yield
    jobs.queue.jobs.clear()
    understudy.unregister()


@pytest.fixture
def edit(scene, tmp_path):
    """A saved edit with two performers, and the files of two networks beside it."""
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "Schnitt ä.blend"))
    for name in ("Anna", "Ben Ö"):
        OPS.performer_add(name=name)
    made = stand_ins()
    (tmp_path / "Netz é 1.dfm").write_bytes(made.dfm())
    (tmp_path / "swapper.onnx").write_bytes(made.one_shot())
    (tmp_path / "arcface.onnx").write_bytes(made.recognizer())
    return bpy.context.scene


def folder():
    return Path(bpy.data.filepath).parent


def project():
    return Project.beside(Path(bpy.data.filepath))


def last_job():
    return load_job(sorted((project().root / "jobs").glob("*-import_model*"))[-1] / "job.json")


def message_of(call, **options):
    with pytest.raises(RuntimeError) as caught:
        call(**options)
    return str(caught.value)


def drawn(cls, **values):
    lines = []
    cls.draw(SimpleNamespace(layout=Layout(lines), **values), bpy.context)
    return " ".join(lines)


def test_a_deepfacelive_model_becomes_the_scenes_model(edit, fake_engine):
    file = folder() / "Netz é 1.dfm"
    assert "It isn't said whom the network shows." in message_of(OPS.model_import, filepath=str(file))
    OPS.performer_remove(performer="Anna")
    assert OPS.model_import(filepath=str(file), made_by=" ourselves ", allows="this film") == {"FINISHED"}
    job = last_job()
    assert (job.network, job.file, job.project) == ("dfm", file, project().root)
    assert [(item.performer, item.files) for item in job.performers] == [("ben-ö", ())]
    assert edit.understudy.model == "Netz-é-1" and job.model == project().model("Netz-é-1")
    model = load_imported(job.model)
    assert model.licence.sentence == "made by ourselves; allows: this film" and len(model.licence.answered) == 10
    assert (job.model / "network.onnx").read_bytes() == file.read_bytes()
    swap = drawn(getattr(bpy.types, Panel.SWAP))
    assert "Model: Netz-é-1 [IMPORT]" in swap and "Made by ourselves; allows: this film." in swap
    assert (project().performers / "ben-ö.json").is_file()


def test_what_is_said_reaches_the_job(edit, fake_engine):
    OPS.model_import(
        filepath=str(folder() / "swapper.onnx"),
        model="Anna: half",
        network="dfm",
        performer="Anna",
        face_type="half_face",
        morph=0.3,
    )
    job = last_job()
    assert (job.model.name, job.network, job.face_type, job.morph) == ("Anna-half", "dfm", "half_face", 0.3)
    assert not job.licence.is_complete and job.licence.answered == "" and job.recognizer is None
    assert "There is a model “Anna-half” in this project already" in message_of(
        OPS.model_import, filepath=str(folder() / "swapper.onnx"), model="Anna half"
    )


def test_a_one_shot_network_takes_the_reference_pictures(edit, fake_engine):
    file = str(folder() / "swapper.onnx")
    assert "needs a picture of a performer, and there is none" in message_of(OPS.model_import, filepath=file)
    for name, performer, is_them in (("a.png", "Anna", True), ("b.png", "Anna", True), ("c.png", "Ben Ö", False)):
        (folder() / name).write_bytes(b"picture")
        OPS.picture_add(filepath=str(folder() / name), performer=performer, is_them=is_them)
    assert "needs a picture of Ben Ö" in message_of(OPS.model_import, filepath=file, performer="Ben Ö")
    edit.understudy.identity_model = "//arcface.onnx"
    OPS.model_import(filepath=file)
    job = last_job()
    assert job.network == "one-shot" and job.recognizer == folder() / "arcface.onnx"
    assert [(item.performer, item.files) for item in job.performers] == [
        ("anna", (folder() / "a.png", folder() / "b.png"))
    ]
    assert edit.understudy.model == "swapper"


def test_what_is_missing_is_said(edit, fake_engine):
    assert "There is no file" in message_of(OPS.model_import, filepath=str(folder() / "gone.dfm"))
    assert "no performer “Carla”" in message_of(
        OPS.model_import, filepath=str(folder() / "Netz é 1.dfm"), performer="Carla"
    )
    assert readiness.import_reason(bpy.context) == ""
    bpy.context.scene.understudy.performers.clear()
    assert readiness.import_reason(bpy.context) == "Add the performer whom the network shows first"
    assert "Add the performer whom the network shows first" in drawn(getattr(bpy.types, Panel.MODEL_IMPORT))


def test_a_file_loaded_meanwhile_keeps_its_own_model(edit, fake_engine):
    from understudy.blender_addon import import_request

    request = import_request.import_request(bpy.context, Brought(folder() / "Netz é 1.dfm", performer="Anna"))
    assert request.undo == "Import Network"
    bpy.ops.wm.save_as_mainfile(filepath=str(folder() / "another.blend"))
    job = jobs.start(request)
    jobs.wait([job])
    assert job.state is JobState.DONE and bpy.context.scene.understudy.model == "Model"


def test_the_file_browser_asks_what_the_kind_needs(edit, fake_engine):
    from understudy.operators.model import UNDERSTUDY_OT_model_import as Import

    def questions(name, performer="", network="by-name"):
        values = {"filepath": str(folder() / name), "model": "", "network": network, "performer": performer}
        values |= {"identity_model": "", "face_type": "whole_face", "morph": 0.75, "made_by": "", "allows": ""}
        operator = SimpleNamespace(bl_rna=OPS.model_import.get_rna_type(), **values)
        operator.layout, operator._brought = Layout([]), lambda: Import._brought(operator)
        Import.draw(operator, bpy.context)
        return " ".join(operator.layout.lines)

    assert questions("") == "Choose a DeepFaceLive model (.dfm) or a one-shot swapper (.onnx)."
    dfm = questions("Netz é 1.dfm")
    assert "Face Type" in dfm and "Morph" in dfm and "Identity Model" not in dfm
    assert "Choose the performer in the field Shows." in dfm
    assert "It will show Ben Ö." in questions("Netz é 1.dfm", "Ben Ö")
    assert "Who made this network, and what does its licence allow?" in dfm and "Made By" in dfm and "Allows" in dfm
    one_shot = questions("swapper.onnx", "Anna")
    assert "Identity Model" in one_shot and "Face Type" not in one_shot and "needs a picture of Anna" in one_shot
    assert "no performer “Carla”" in questions("swapper.onnx", "Carla", "dfm")


def test_the_engine_itself_imports_and_refuses(edit):
    """The real engine's process: nothing heavy is loaded here."""
    if not Path(os.environ.get(environment.PYTHON_VARIABLE, "")).is_file():
        pytest.fail(
            f"Set {environment.PYTHON_VARIABLE} to a Python that has the engine's libraries, as `tasks.py` does."
        )
    OPS.model_import(filepath=str(folder() / "Netz é 1.dfm"), performer="Anna")
    assert edit.understudy.model == "Netz-é-1" and load_imported(project().model("Netz-é-1")).face_size == 32
    assert "licence question not answered" in bpy.context.window_manager.understudy.jobs[-1].summary
    assert "Who made this network" in bpy.context.window_manager.understudy.jobs[-1].warning
    message = message_of(OPS.model_import, filepath=str(folder() / "arcface.onnx"), network="dfm", performer="Anna")
    assert "arcface.onnx is no DFM network" in message
    assert edit.understudy.model == "Netz-é-1" and not project().model("arcface").exists()
    assert not {"openvino", "cv2", "tensorflow"} & set(sys.modules)
