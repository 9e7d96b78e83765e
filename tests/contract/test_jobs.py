# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs pass through their files unchanged, and what can't be run is refused before it starts."""

import dataclasses
import json
from fractions import Fraction
from pathlib import Path
from typing import get_args

import pytest
from understudy.engine.contract.corrections import MoveFace, SplitTrack
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.import_model_job import ShownPerformer
from understudy.engine.contract.imported_model import LicenceAnswer
from understudy.engine.contract.jobs import (
    VERSION,
    BuildFacesetJob,
    CheckJob,
    CorrectJob,
    DummyJob,
    ExtractJob,
    FaceAssignment,
    FacesetPart,
    ImportModelJob,
    Job,
    PeopleJob,
    SwapJob,
    TrainingPerformer,
    TrainJob,
    load_job,
    save_job,
)
from understudy.engine.contract.people import TrackName
from understudy.engine.contract.people_job import KnownPerformer
from understudy.engine.contract.settings import (
    BuildSettings,
    ExtractSettings,
    PeopleSettings,
    SwapSettings,
    TrainSettings,
)
from understudy.engine.contract.timing import Footage, FrameRange
from understudy.engine.contract.training_set import NeededShot

PROJECT = Path("Schöner Film.understudy")
FACES = (FacesetPart(PROJECT / "facesets" / "a", (1, 3)), FacesetPart(Path("plain pictures")))
JOBS = [
    ExtractJob(
        PROJECT,
        Footage(Path("clip ä.mov"), rate=Fraction(24000, 1001)),
        (FrameRange(3, 9), FrameRange(20, 21)),
        (Path("her.png"),),
        (Path("him.png"),),
        ExtractSettings(detector="dlib-hog", confidence=0.25),
    ),
    ExtractJob(PROJECT, Footage(Path("folder"), ("1.png", "1.png", "2.png"))),
    TrainJob(
        PROJECT / "models" / "m",
        (TrainingPerformer("anna", FACES), TrainingPerformer("berta", FACES[:1])),
        PROJECT,
        TrainSettings(learning_rate=5e-5, family="original"),
    ),
    SwapJob(
        PROJECT,
        Footage(Path("clip.mov")),
        (FrameRange(0, 4),),
        PROJECT / "models" / "m",
        (FaceAssignment(2, "berta", "anna"),),
        PROJECT / "swaps" / "s",
        (2,),
        SwapSettings(bit_depth=16, blend="poisson"),
        skip_faces=((1, 2),),
    ),
    CorrectJob(PROJECT, Footage(Path("clip.mov")), (MoveFace(1, 4, 2.5), SplitTrack(1, 9)), undo=2),
    CorrectJob(PROJECT, Footage(Path("clip.mov")), clear=True),
    PeopleJob(
        PROJECT,
        (
            KnownPerformer("anna", (TrackName("clip-ä-12ab", 1), TrackName("b", 4)), (TrackName("b", 2),)),
            KnownPerformer("berta", references=(Path("ihr Bild.png"),), rejects=(Path("er.png"), Path("sie.png"))),
        ),
        ("clip-ä-12ab", "b"),
        PeopleSettings(threshold=0.45, look_alike_margin=0.2),
    ),
    BuildFacesetJob(
        PROJECT,
        "anna",
        (FacesetPart(PROJECT / "facesets" / "a", (1,), ("000001_t01.png",)),),
        (NeededShot("clip-0123", (2,), (FrameRange(3, 9),)), NeededShot("other")),
        BuildSettings(maximum_faces=100),
    ),
    ImportModelJob(
        Path("Netz é.onnx"),
        PROJECT / "models" / "swapper",
        "one-shot",
        (ShownPerformer("anna", (Path("ihr Bild.png"), Path("her.npy"))), ShownPerformer("berta", (Path("b.png"),))),
        PROJECT,
        LicenceAnswer("Erika Muster", "this film", "2026-11-27"),
        recognizer=Path("arcface.onnx"),
    ),
    ImportModelJob(Path("anna.dfm"), Path("m"), "dfm", (ShownPerformer("anna"),), face_type="half_face", morph=0.5),
    CheckJob(),
    DummyJob(0.5, "crash"),
]


def rewritten(path, **changes):
    content = json.loads(path.read_text(encoding="utf-8"))
    content.update(changes)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.kind)
def test_round_trip_through_a_file(job, tmp_path):
    path = tmp_path / "Aufträge" / "job.json"
    save_job(path, job)
    assert load_job(path) == job


def test_every_kind_of_job_is_tried_above():
    assert {type(job) for job in JOBS} == set(get_args(Job))


def test_a_job_of_an_older_version_without_the_newer_fields_is_read(tmp_path):
    save_job(tmp_path / "job.json", JOBS[3])
    content = json.loads((tmp_path / "job.json").read_text())
    for newer in ("skip_frames", "skip_faces", "settings"):
        del content["job"][newer]
    job = load_job(rewritten(tmp_path / "job.json", version=VERSION, job=content["job"]))
    assert isinstance(job, SwapJob)
    assert job.skip_frames == () and job.settings == SwapSettings()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"version": VERSION + 1}, "newer version"),
        ({"schema": "understudy.swap"}, "not a document of the kind"),
        ({"kind": "bake"}, "no job of the kind 'bake'"),
        ({"job": {}}, "'project' is missing"),
    ],
)
def test_other_documents_are_refused_with_the_file_named(change, says, tmp_path):
    save_job(tmp_path / "job.json", JOBS[0])
    with pytest.raises(EngineError) as caught:
        load_job(rewritten(tmp_path / "job.json", **change))
    assert caught.value.code == ErrorCode.JOB_INVALID
    assert "job.json" in caught.value.message and says in caught.value.message


def test_an_unknown_setting_is_refused_by_name(tmp_path):
    save_job(tmp_path / "job.json", JOBS[0])
    content = json.loads((tmp_path / "job.json").read_text(encoding="utf-8"))
    content["job"]["settings"]["sharpnes"] = 1
    with pytest.raises(EngineError) as caught:
        load_job(rewritten(tmp_path / "job.json", job=content["job"]))
    assert caught.value.code == ErrorCode.SETTINGS_INVALID
    assert "sharpnes" in caught.value.message


@pytest.mark.parametrize(
    "performers",
    [
        (TrainingPerformer("anna", FACES),),
        (TrainingPerformer("anna", FACES), TrainingPerformer("anna", FACES)),
        (TrainingPerformer("anna", FACES), TrainingPerformer("berta", ())),
    ],
    ids=["one performer", "the same twice", "no faces"],
)
def test_a_training_that_can_not_work_is_refused(performers):
    with pytest.raises(EngineError) as caught:
        TrainJob(Path("m"), performers)
    assert caught.value.code == ErrorCode.JOB_INVALID


@pytest.mark.parametrize(
    ("network", "performers", "says"),
    [
        ("gan", (ShownPerformer("anna"),), "no kind of network 'gan'"),
        ("dfm", (), "whom the network shows"),
        ("one-shot", (ShownPerformer("anna"), ShownPerformer("anna")), "one performer twice"),
    ],
)
def test_an_import_that_does_not_say_what_of_whom_is_refused(network, performers, says):
    with pytest.raises(EngineError) as caught:
        ImportModelJob(Path("a.onnx"), Path("m"), network, performers)
    assert caught.value.code == ErrorCode.JOB_INVALID and says in caught.value.message


def test_a_swap_without_assignments_is_refused():
    with pytest.raises(EngineError) as caught:
        SwapJob(PROJECT, Footage(Path("a")), (FrameRange(0, 1),), Path("m"), (), Path("o"))
    assert caught.value.hint


@pytest.mark.parametrize(
    ("performers", "says"),
    [
        ((KnownPerformer("anna"), KnownPerformer("anna")), "“anna” is listed 2 times"),
        ((KnownPerformer(""),), "has no id"),
        (
            (KnownPerformer("anna", (TrackName("a", 1),)), KnownPerformer("ben", (TrackName("a", 1),))),
            "a:1 is assigned to anna and to ben",
        ),
        ((KnownPerformer("anna", (TrackName("a", 1),), (TrackName("a", 1),)),), "a:1 is said to be anna and not to be"),
    ],
)
def test_a_search_for_people_that_contradicts_itself_is_refused(performers, says):
    with pytest.raises(EngineError) as caught:
        PeopleJob(PROJECT, performers)
    assert caught.value.code == ErrorCode.JOB_INVALID and says in caught.value.message


def test_performers_of_a_search_for_people_may_leave_most_of_it_out(tmp_path):
    save_job(tmp_path / "job.json", PeopleJob(PROJECT))
    content = {"project": "p", "performers": [{"performer": "anna", "tracks": [["a", 1]]}]}
    assert load_job(rewritten(tmp_path / "job.json", job=content)) == PeopleJob(
        Path("p"), (KnownPerformer("anna", (TrackName("a", 1),)),)
    )
    content["performers"][0]["tracks"] = [["a"]]
    with pytest.raises(EngineError) as caught:
        load_job(rewritten(tmp_path / "job.json", job=content))
    assert caught.value.code == ErrorCode.JOB_INVALID


def test_a_training_of_an_older_version_takes_all_files(tmp_path):
    training = next(job for job in JOBS if isinstance(job, TrainJob))
    save_job(tmp_path / "job.json", training)
    content = json.loads((tmp_path / "job.json").read_text(encoding="utf-8"))
    for item in content["job"]["performers"]:
        for part in item["faces"]:
            del part["files"]
    assert load_job(rewritten(tmp_path / "job.json", job=content["job"])) == training


@pytest.mark.parametrize("change", [{"faces": ()}, {"shots": ()}])
def test_a_training_set_of_nothing_or_for_nothing_is_refused(change):
    job = next(job for job in JOBS if isinstance(job, BuildFacesetJob))
    with pytest.raises(EngineError) as caught:
        dataclasses.replace(job, **change)
    assert caught.value.code == ErrorCode.JOB_INVALID and caught.value.hint
