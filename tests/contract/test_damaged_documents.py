# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is wrong with a document, reading it ends in a sentence that names the file and a next step."""

import copy
import json
from fractions import Fraction
from pathlib import Path

import pytest
from understudy.engine.contract.build_faceset_job import BuildFacesetJob
from understudy.engine.contract.correction_list import load_corrections, save_corrections
from understudy.engine.contract.corrections import AddFace, Anchor, MergeTracks, MoveFace
from understudy.engine.contract.errors import EngineError
from understudy.engine.contract.files import write_document
from understudy.engine.contract.fitness import TrackFitness, Weakness, read_fitness, write_fitness
from understudy.engine.contract.imported_model import ImportedModel, load_imported, save_imported
from understudy.engine.contract.jobs import (
    CorrectJob,
    DummyJob,
    ExtractJob,
    FaceAssignment,
    SwapJob,
    TrainingPerformer,
    TrainJob,
    load_job,
    save_job,
)
from understudy.engine.contract.people import Member, People, Person, TrackName, load_people, save_people
from understudy.engine.contract.people_job import KnownPerformer, PeopleJob
from understudy.engine.contract.performers import Consent, Performer, load_performer, save_performer
from understudy.engine.contract.preview_shot import PreviewShot
from understudy.engine.contract.timing import Footage, FrameRange
from understudy.engine.contract.training_set import (
    AspectCoverage,
    FacesetPart,
    NeededShot,
    TrainingSet,
    load_training_set,
    save_training_set,
)

WRONG = ([], {}, "x", None, -1, 1.5, 10**30, [1], [{}])
FOOTAGE = Footage(Path("clip.mp4"), rate=Fraction(25))
RANGES = (FrameRange(0, 5),)
FACES = (FacesetPart(Path("faces"), (1,), ("a.png",)),)
JOBS = (
    ExtractJob(Path("p"), FOOTAGE, RANGES, (Path("a.png"),), (Path("b.png"),)),
    CorrectJob(Path("p"), FOOTAGE, (MoveFace(1, 2, anchor=Anchor(2, (0, 0, 9, 9))), AddFace(1, (0, 0, 5, 5)))),
    PeopleJob(Path("p"), (KnownPerformer("anna", (TrackName("clip", 1),)),), ("clip",)),
    BuildFacesetJob(Path("p"), "anna", FACES, (NeededShot("clip", (1,), RANGES),)),
    TrainJob(
        Path("m"),
        (TrainingPerformer("anna", FACES), TrainingPerformer("ben", FACES)),
        Path("p"),
        shots=(PreviewShot(FOOTAGE, (1,), ((-1, "anna"),), ((1, "anna"),)),),
    ),
    SwapJob(
        Path("p"), FOOTAGE, RANGES, Path("m"), (FaceAssignment(1, "anna", "ben"),), Path("o"), skip_faces=((1, 1),)
    ),
    DummyJob(),
)


def saved_job(job):
    def save(folder):
        save_job(folder / "job.json", job)
        return folder / "job.json"

    return save


def saved_performer(folder):
    return save_performer(folder, Performer("anna", "Anna", Consent("agreed", "paper", "2031-01-01")))


def saved_people(folder):
    member = Member(TrackName("clip", 1), 0.0, 2, 0.5)
    save_people(folder / "people.json", People(people=(Person(1, "anna", 0.0, (member,)),), next_person=2))
    return folder / "people.json"


def saved_corrections(folder):
    save_corrections(folder, (MoveFace(1, 2), MergeTracks(1, 2, second_anchor=Anchor(1, (0, 0, 5, 5)))))
    return folder / "corrections.json"


def saved_fitness(folder):
    write_fitness(folder / "fitness.json", "clip", [TrackFitness(1, 0, (1.0, 0.3), (None, Weakness.DARK))])
    return folder / "fitness.json"


def saved_training_set(folder):
    grid = ((1.0,),)
    coverage = (AspectCoverage("pose", ("level",), ("ahead",), grid, grid, grid, 1.0),)
    shots = (NeededShot("clip", (1,), RANGES),)
    return save_training_set(folder, TrainingSet("anna", FACES, 2, 0, 0, shots, coverage, ("Fine.",), ("stamp",)))


def saved_imported(folder):
    save_imported(folder, ImportedModel("dfm", ("anna",), 224, 2.0, "whole_face", "0f"))
    return folder / "model.json"


DOCUMENTS = {
    **{f"job {job.kind}": (saved_job(job), load_job) for job in JOBS},
    "performer": (saved_performer, load_performer),
    "people": (saved_people, load_people),
    "corrections": (saved_corrections, lambda path: load_corrections(path.parent)),
    "fitness": (saved_fitness, lambda path: [item.judge() for item in read_fitness(path).values()]),
    "training set": (saved_training_set, lambda path: load_training_set(path).chosen_parts()),
    "imported model": (saved_imported, lambda path: load_imported(path.parent)),
}


def places(value, place=()):
    """Yield the keys that lead to every value inside of a document."""
    if place:
        yield place
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*place, key))


def changed(document, place, change):
    """Return the document with something done to what holds the value of a place, and to its key there."""
    document = copy.deepcopy(document)
    holder = document
    for key in place[:-1]:
        holder = holder[key]
    change(holder, place[-1])
    return document


def put(value, holder, key):
    holder[key] = value


def read(load, path, document):
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    try:
        load(path)
    except EngineError as error:
        assert path.name in error.message and error.hint, (document, error)
        return True
    return False


@pytest.mark.parametrize("name", DOCUMENTS)
def test_wrong_and_missing_values_end_in_a_sentence(name, tmp_path):
    save, load = DOCUMENTS[name]
    path = save(tmp_path / "größe")
    document = json.loads(path.read_text(encoding="utf-8"))
    assert not read(load, path, document)
    refused = 0
    for place in places(document):
        for wrong in WRONG:
            refused += read(
                load, path, changed(document, place, lambda holder, key, wrong=wrong: holder.__setitem__(key, wrong))
            )
        refused += read(load, path, changed(document, place, lambda holder, key: holder.__delitem__(key)))
    assert refused > 10


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name != "imported model"])
@pytest.mark.parametrize("text", ["", "[", "\0", "nul", "[" * 100_000, '{"schema": 1}'])
def test_what_is_no_document_ends_in_a_sentence(name, text, tmp_path):
    save, load = DOCUMENTS[name]
    assert read(load, save(tmp_path), text)


def test_a_document_without_a_version_is_damaged_not_newer(tmp_path):
    path = saved_performer(tmp_path)
    write_document(path, "understudy.performer", 1, {})
    path.write_text(path.read_text().replace("1", '"one"'))
    with pytest.raises(EngineError, match="damaged"):
        load_performer(path)
