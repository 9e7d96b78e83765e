# SPDX-License-Identifier: GPL-3.0-or-later
"""The search for people on extracted footage of the demo's fictional performers: A over all shots, B apart."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from extract_material import Recorder, frame, frames, job, two_people, write_sequence
from people_material import at
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.messages import Artifact
from understudy.engine.contract.people import TrackName, load_people
from understudy.engine.contract.people_job import KnownPerformer, PeopleJob
from understudy.engine.contract.project import TRACKS_FILE, Project, ProjectLock
from understudy.engine.contract.settings import PeopleSettings
from understudy.engine.faces.tracks import load_tracks, save_tracks
from understudy.engine.media.images import write_png
from understudy.engine.pipelines.extract import extract
from understudy.engine.pipelines.people import people


def smaller(image, side):
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    return cv2.copyMakeBorder(small, 0, 512 - side, 0, 512 - side, cv2.BORDER_CONSTANT)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project of seven footages: A near, in another clip, small and blurred; B near and small; both side by side."""
    root = tmp_path_factory.mktemp("people ä") / "Film.understudy"
    near, other, strangers = frames("train_A", 100, 108), frames("target_A", 10, 18), frames("train_B", 75, 83)
    footage = {
        "A near": near,
        "A other": other,
        "A small": [smaller(image, 160) for image in near],
        "A blurred": [cv2.GaussianBlur(image, (0, 0), 4) for image in other],
        "B near": strangers,
        "B small": [smaller(image, 256) for image in strangers],
        "both": [two_people()] * 4,
    }
    for name, images in footage.items():
        extract(job(root, write_sequence(root.parent / name, list(images))), Recorder())
    return Project(root)


def key(project, start):
    """Return the key of the footage whose name starts so."""
    return next(path.name for path in sorted((project.root / "footage").iterdir()) if path.name.startswith(start))


def search(project, *performers, reporter=None, **options):
    """Run the job; return its last message and the document."""
    done = people(PeopleJob(project.root, performers, **options), reporter or Recorder())
    return done, load_people(project.people)


def names(person):
    return {member.name.key.rpartition("-")[0] for member in person.members}


def test_one_person_over_clips_sizes_and_blur_and_the_other_apart(project):
    done, found = search(project)
    assert sorted(map(sorted, map(names, found.people))) == [
        ["A-blurred", "A-near", "A-other", "A-small", "both"],
        ["B-near", "B-small", "both"],
    ]
    for person in found.people:
        assert person.spread < found.settings.threshold
        assert all(member.distance < found.settings.threshold < member.other_distance for member in person.members)
    assert (done.result["people"], done.result["tracks"], done.result["footage"]) == (2, 8, 7)
    assert done.result["file"] == str(project.people) and "2 people in 8 face tracks" in done.summary


def test_an_assigned_performer_finds_the_other_tracks(project):
    done, found = search(project, KnownPerformer("anna", (TrackName(key(project, "A-near"), 1),)))
    sure = {item.name.key.rpartition("-")[0] for item in found.suggestions if item.is_sure}
    assert sure == {"A-other", "A-small", "A-blurred", "both"}
    assert done.result["sure"] == 4 and not found.contested
    assert [person.performer for person in found.people if "A-near" in names(person)] == ["anna"]
    distances = [item.distance for item in found.suggestions]
    assert distances == sorted(distances)


def test_reference_pictures_speak_for_a_performer(project, tmp_path):
    pictures = [tmp_path / "anna ä.png", tmp_path / "ben.png"]
    write_png(pictures[0], frame("train_A", 100))
    write_png(pictures[1], frame("train_B", 75))
    _, found = search(project, KnownPerformer("anna", references=(pictures[0],), rejects=(pictures[1],)))
    assert {item.name.key[0] for item in found.suggestions if item.is_sure} == {"A", "b"}
    assert all(item.distance is not None for item in found.suggestions)
    _, found = search(project, KnownPerformer("anna", rejects=(pictures[1],)))
    assert {item.name.key.rpartition("-")[0] for item in found.suggestions} >= {"A-near", "A-other"}
    assert not any(item.name.key.startswith("B-near") or item.is_sure for item in found.suggestions)
    with pytest.raises(EngineError) as caught:
        write_png(tmp_path / "empty.png", np.zeros((64, 64, 3), np.uint8))
        search(project, KnownPerformer("anna", references=(tmp_path / "empty.png",)))
    assert caught.value.code == ErrorCode.NO_FACES and "empty.png" in caught.value.message


def test_a_picture_that_can_not_be_used_is_left_out_and_named(project, tmp_path):
    good, dark, broken = tmp_path / "anna ä.png", tmp_path / "dark.png", tmp_path / "brøken.png"
    write_png(good, frame("train_A", 100))
    write_png(dark, np.zeros((64, 64, 3), np.uint8))
    broken.write_bytes(b"no picture")
    _, expected = search(project, KnownPerformer("anna", references=(good,)))
    reporter = Recorder()
    both = (
        KnownPerformer("anna", references=(dark, good, broken)),
        KnownPerformer("ben", references=(dark,), rejects=(good,)),
    )
    _, found = search(project, *both, reporter=reporter)
    assert found.suggestions == expected.suggestions, "and nobody is ben for not being anna"
    assert [text for text in reporter.warnings if "brøken.png" in text and text.startswith("Left out: ")]
    assert "Nobody is looked for as ben: no picture of them can be used." in reporter.warnings


def test_some_footage_only_but_performers_are_known_from_everywhere(project):
    performer = KnownPerformer("anna", (TrackName(key(project, "A-near"), 1),))
    reporter = Recorder()
    chosen = (key(project, "A-other"), key(project, "B-near"), "typo")
    _, found = search(project, performer, footage=chosen, reporter=reporter)
    assert reporter.warnings == ["The footage typo isn't in the project."]
    assert [item.name.key for item in found.suggestions] == [key(project, "A-other")]
    with pytest.raises(EngineError) as caught:
        search(project, footage=("nowhere",))
    assert caught.value.code == ErrorCode.TRACKS_MISSING


def test_another_threshold_gives_another_answer_and_is_kept_with_it(project):
    _, strict = search(project, settings=PeopleSettings(threshold=0.05, look_alike_margin=0.4))
    assert strict.settings.threshold == 0.05
    assert len(strict.people) > 2 and strict.look_alikes
    _, usual = search(project)
    assert len(usual.people) == 2


def test_people_keep_their_ids_from_search_to_search(project):
    _, first = search(project)
    ids = {names_of: person.id for person in first.people for names_of in [frozenset(names(person))]}
    _, second = search(project, KnownPerformer("ben", (TrackName(key(project, "B-near"), 1),)))
    assert {frozenset(names(person)): person.id for person in second.people} == ids


def test_odd_assignments_are_said(project):
    both = key(project, "both")
    reporter = Recorder()
    search(
        project,
        KnownPerformer("anna", (TrackName(both, 1), TrackName(both, 2), TrackName("gone", 3))),
        reporter=reporter,
    )
    assert any("gone:3" in text and "isn't in the project" in text for text in reporter.warnings)
    assert any("seen in one frame" in text and "anna" in text for text in reporter.warnings)


def copied(project, tmp_path, *starts):
    """Return a project with copies of some footage's tracks."""
    there = Project(tmp_path / "copy.understudy")
    for start in starts:
        found = load_tracks(project.footage(key(project, start)))
        save_tracks(there.footage(found.key), found)
    return there


def test_damaged_footage_is_named_and_the_rest_is_searched(project, tmp_path):
    there = copied(project, tmp_path, "A-near", "B-near")
    (there.footage(key(there, "B-near")) / TRACKS_FILE).write_bytes(b"no tracks")
    reporter = Recorder()
    _, found = search(there, reporter=reporter)
    assert len(found.people) == 1
    assert any("B-near" in text for text in reporter.warnings)
    (there.footage(key(there, "A-near")) / TRACKS_FILE).unlink()
    with pytest.raises(EngineError) as caught:
        search(there)
    assert caught.value.code == ErrorCode.TRACKS_MISSING


def test_a_damaged_earlier_result_is_replaced_and_said(project, tmp_path):
    there = copied(project, tmp_path, "A-near")
    there.people.write_text("{", encoding="utf-8")
    reporter = Recorder()
    _, found = search(there, reporter=reporter)
    assert len(found.people) == 1
    assert any("numbered anew" in text for text in reporter.warnings)


def test_tracks_that_were_never_described_are_named(project, tmp_path):
    there = copied(project, tmp_path, "A-near", "B-near")
    folder = there.footage(key(there, "B-near"))
    found = load_tracks(folder)
    blank = replace(found.tracks[0], identity=np.zeros(128, np.float32))
    save_tracks(folder, replace(found, tracks=(blank,)))
    _, result = search(there)
    assert [name.key for name in result.unmeasured] == [key(there, "B-near")]


def test_a_project_without_footage_says_what_to_do(tmp_path):
    with pytest.raises(EngineError) as caught:
        search(Project(tmp_path / "none.understudy"))
    assert caught.value.code == ErrorCode.TRACKS_MISSING and "Extract" in caught.value.hint


def test_two_jobs_do_not_meet(project):
    with ProjectLock(project, "extract"), pytest.raises(EngineError) as caught:
        search(project)
    assert caught.value.code == ErrorCode.PROJECT_BUSY


def test_a_stop_writes_nothing_and_keeps_what_was_there(project, tmp_path):
    there = copied(project, tmp_path, "A-near", "A-other", "B-near")
    reporter = Recorder(stop_after=1)
    done = people(PeopleJob(there.root), reporter)
    assert done.stopped and not there.people.exists()
    search(there)
    before = there.people.read_bytes()
    assert people(PeopleJob(there.root, settings=PeopleSettings(threshold=0.1)), Recorder(stop_after=1)).stopped
    assert there.people.read_bytes() == before


def test_the_same_footage_gives_the_same_file_and_the_reporter_hears_of_it(project, tmp_path):
    there = copied(project, tmp_path, "A-near", "B-near", "both")
    reporter = Recorder()
    search(there, reporter=reporter)
    first = there.people.read_bytes()
    search(there)
    assert there.people.read_bytes() == first
    assert Artifact("people", str(there.people)) in reporter.messages


def test_twins_in_one_footage_are_asked_about(project, tmp_path):
    there = copied(project, tmp_path, "both", "A-near")
    folder = there.footage(key(there, "both"))
    found = load_tracks(folder)
    twins = [replace(found.tracks[0], identity=(at(0.01 * i) * 0.1).astype(np.float32)) for i in (0, 1)]
    save_tracks(folder, replace(found, tracks=(twins[0], replace(twins[1], id=2))))
    _, result = search(there)
    assert len(result.people) == 3
    assert [pair.is_apart for pair in result.look_alikes] == [True]
