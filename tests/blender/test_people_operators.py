# SPDX-License-Identifier: GPL-3.0-or-later
"""Performers in all shots: the search as a job, suggestions that become assignments, and what isn't them for good."""

from dataclasses import replace
from pathlib import Path

import bpy
import pytest
from test_panels import drawn
from understudy.blender_addon import casting, jobs, people_search, project_view, readiness
from understudy.blender_addon import suggestions as suggestions_module
from understudy.blender_addon.ids import Panel
from understudy.blender_addon.job_queue import Job, JobRequest, JobState
from understudy.blender_addon.project_view import view
from understudy.blender_addon.sequencer import set_timing
from understudy.engine.contract.errors import EngineError
from understudy.engine.contract.jobs import load_job
from understudy.engine.contract.people import (
    Contested,
    LookAlikes,
    Member,
    People,
    Person,
    Suggestion,
    TrackName,
    load_people,
    save_people,
)
from understudy.engine.contract.people_job import KnownPerformer
from understudy.engine.contract.project import Project
from understudy.engine.contract.settings import PeopleSettings

pytestmark = pytest.mark.usefixtures("addon_with_fake_engine")

OPS = bpy.ops.understudy
KEYS = {name: f"{name}-0123456789ab" for name in ("train_A", "train_B", "target_A")}


@pytest.fixture
def edit(scene, clips, tmp_path):
    """A saved edit: three shots whose faces were extracted, one that wasn't, and two performers."""
    for channel, name in enumerate(("train_A", "train_B", "target_A"), 1):
        strip = scene.sequence_editor.strips.new_movie(f"Shot {name}", str(clips / f"{name}.mp4"), channel, 1)
        set_timing(strip, "duration", 30)
        strip.select = False
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "Schnitt ä.blend"))
    for name in KEYS:
        OPS.extract(strip=f"Shot {name}")
    OPS.performer_add(name="Anna Ärmel")
    OPS.performer_add(name="Ben")
    return bpy.context.scene


def project():
    return Project.beside(Path(bpy.data.filepath))


def last_search():
    return load_job(sorted((project().root / "jobs").glob("*-people*"))[-1] / "job.json")


def search(edit):
    """Anna is on one face; the fake engine suggests the two others: target_A surely, train_B perhaps."""
    casting.assign(edit.understudy, KEYS["train_A"], 1, "anna-ärmel")
    OPS.people_find()


def open_suggestions(settings):
    return suggestions_module.open_questions(settings, people_search.found_people()).suggestions


def message_of(call, **options):
    with pytest.raises(RuntimeError) as caught:
        call(**options)
    return str(caught.value)


def test_the_search_gets_the_footage_of_the_edit_and_what_is_known(edit):
    edit.understudy.people.threshold = 0.45
    casting.reject(edit.understudy, KEYS["train_B"], 1, "anna-ärmel")
    casting.reject(edit.understudy, KEYS["train_B"], 1, "ben")
    search(edit)
    job = last_search()
    assert job.project == project().root and job.footage == tuple(sorted(KEYS.values()))
    assert job.settings == PeopleSettings(threshold=0.45)
    # Ben has no face yet: nothing is known to look for.
    anna = KnownPerformer("anna-ärmel", (TrackName(KEYS["train_A"], 1),), (TrackName(KEYS["train_B"], 1),))
    assert job.performers == (anna,)
    assert jobs.queue.jobs[-1].state is JobState.DONE


def test_footage_that_left_the_edit_is_not_looked_through_but_shots_in_meta_strips_are(edit):
    strips = edit.sequence_editor.strips
    strips.remove(strips["Shot train_B"])
    meta = strips.new_meta("Meta", 5, 1)
    strips["Shot target_A"].move_to_meta(meta)
    search(edit)
    assert last_search().footage == tuple(sorted((KEYS["train_A"], KEYS["target_A"])))


def test_accepted_suggestions_become_assignments(edit):
    search(edit)
    settings = edit.understudy
    OPS.people_accept(performer="Anna Ärmel")
    assert casting.tracks_by_footage(settings, "anna-ärmel") == {KEYS["train_A"]: (1,), KEYS["target_A"]: (1,)}
    OPS.people_accept(performer="Anna Ärmel", footage=KEYS["train_B"], track=1)
    assert len(casting.tracks_by_footage(settings, "anna-ärmel")) == 3
    assert not open_suggestions(settings)


def test_the_operator_does_what_the_function_does(edit):
    search(edit)
    settings, people = edit.understudy, people_search.found_people()
    name = TrackName(KEYS["train_B"], 1)
    OPS.people_accept(performer="Anna Ärmel", footage=name.key, track=name.track)
    by_operator = [(entry.key, entry.track, entry.performer_id) for entry in settings.assignments]
    casting.assign(settings, name.key, name.track, "")
    suggestions_module.accept(settings, people, "anna-ärmel", name)
    assert [(entry.key, entry.track, entry.performer_id) for entry in settings.assignments] == by_operator
    casting.assign(settings, name.key, name.track, "")
    OPS.people_reject(performer="Anna Ärmel", footage=name.key, track=name.track)
    by_operator = [(entry.key, entry.track, entry.performer_id) for entry in settings.rejections]
    settings.rejections.clear()
    suggestions_module.reject(settings, people, "anna-ärmel", name)
    assert [(entry.key, entry.track, entry.performer_id) for entry in settings.rejections] == by_operator


def test_a_rejection_is_saved_and_never_offered_again(edit):
    search(edit)
    name = TrackName(KEYS["target_A"], 1)
    OPS.people_reject(performer="Anna Ärmel", footage=name.key, track=name.track)
    assert name not in [item.name for item in open_suggestions(edit.understudy)]
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    settings = bpy.context.scene.understudy
    assert casting.rejected_by_footage(settings, "anna-ärmel") == {name.key: (1,)}
    OPS.people_find()
    assert last_search().performers[0].others == (name,)
    found = load_people(project().people).suggestions
    assert [item.name for item in found] == [TrackName(KEYS["train_B"], 1)]


def test_accepting_is_one_undo_step(edit):
    search(edit)
    bpy.ops.ed.undo_push(message="before")
    # In background mode an operator called from Python makes no undo step of its own.
    assert "UNDO" in bpy.types.UNDERSTUDY_OT_people_accept.bl_options
    assert "UNDO" in bpy.types.UNDERSTUDY_OT_people_reject.bl_options
    OPS.people_accept(performer="Anna Ärmel")
    OPS.people_reject(performer="Anna Ärmel", footage=KEYS["train_B"], track=1)
    bpy.ops.ed.undo_push(message="Accept")
    bpy.ops.ed.undo()
    settings = bpy.context.scene.understudy
    assert casting.tracks_by_footage(settings, "anna-ärmel") == {KEYS["train_A"]: (1,)}
    assert not settings.rejections
    assert len(open_suggestions(settings)) == 2
    bpy.ops.ed.redo()
    settings = bpy.context.scene.understudy
    assert len(casting.tracks_by_footage(settings, "anna-ärmel")) == 2 and len(settings.rejections) == 1


def test_saying_who_it_is_takes_the_rejection_back_and_the_other_way_round(edit):
    settings = edit.understudy
    casting.reject(settings, "k", 1, "ben")
    casting.reject(settings, "k", 1, "ben")
    assert len(settings.rejections) == 1
    casting.assign(settings, "k", 1, "anna-ärmel")
    assert len(settings.rejections) == 1
    casting.assign(settings, "k", 1, "ben")
    assert not settings.rejections
    casting.reject(settings, "k", 1, "ben")
    assert not settings.assignments
    casting.reject(settings, "k", 2, "ben")
    OPS.performer_remove(performer="Ben")
    assert not settings.rejections


def test_what_cannot_be_done_is_refused_in_words(edit, monkeypatch):
    assert "Nobody has compared" in message_of(OPS.people_accept, performer="Ben")
    search(edit)
    assert "no performer “Carla”" in message_of(OPS.people_accept, performer="Carla")
    wrong = {"footage": KEYS["target_A"], "track": 1}
    assert "is not suggested for ben" in message_of(OPS.people_accept, performer="Ben", **wrong)
    assert "is not suggested for ben" in message_of(OPS.people_reject, performer="Ben", **wrong)
    strips = edit.sequence_editor.strips
    for strip in list(strips):
        strips.remove(strip)
    assert "No footage of this edit was searched" in message_of(OPS.people_find)


def test_buttons_say_why_they_are_grey(edit, tmp_path):
    assert readiness.people_reason(bpy.context) == ""
    assert readiness.suggestions_reason(bpy.context) == "Find the performers in all shots first"
    search(edit)
    assert readiness.suggestions_reason(bpy.context) == ""
    jobs.queue.jobs.append(Job(JobRequest("people", "Find", (), tmp_path)))
    assert readiness.people_reason(bpy.context) == "The faces of all shots are being compared"
    jobs.queue.jobs.clear()
    save_people(project().people, People())
    assert readiness.suggestions_reason(bpy.context) == "The search suggested nobody"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "other.blend"))
    assert readiness.people_reason(bpy.context) == "Extract the faces of some shots first"


def test_the_panel_shows_suggestions_with_their_distance_and_buttons(edit):
    shown = drawn(Panel.PEOPLE)
    assert "Threshold: 0.5" in shown and "[Find Performers in All Shots]" in shown and "Accept" not in shown
    search(edit)
    shown = drawn(Panel.PEOPLE)
    assert "3 people in 3 face tracks" in shown
    assert "Anna Ärmel: 1 sure, 1 perhaps [Accept All Sure (1)]" in shown
    assert "target_A, face 1: sure 0.38 [Accept] [Not Them]" in shown
    assert "train_B, face 1: perhaps 0.57 [Accept] [Not Them]" in shown
    assert "find again" not in shown
    edit.understudy.people.threshold = 0.4
    assert "These were found with 0.50, asking up to 0.60; find again to use the new values." in drawn(Panel.PEOPLE)
    OPS.people_accept(performer="Anna Ärmel")
    shown = drawn(Panel.PEOPLE)
    assert "Anna Ärmel: 1 perhaps" in shown and "Accept All Sure" not in shown
    OPS.people_reject(performer="Anna Ärmel", footage=KEYS["train_B"], track=1)
    assert "Anna" not in drawn(Panel.PEOPLE)


def test_faces_found_after_the_search_are_said_to_be_missing_in_it(edit):
    search(edit)
    edit.sequence_editor.strips["Shot train_B"].select = True
    assert "newer than this" not in drawn(Panel.PEOPLE)
    people = people_search.found_people()
    known = tuple(person for person in people.people if person.members[0].name.key == KEYS["target_A"])
    save_people(project().people, replace(people, people=known))
    assert "1 face track of the chosen shots is newer than this" in drawn(Panel.PEOPLE)
    for strip in edit.sequence_editor.strips:
        strip.select = True
    assert "2 face tracks of the chosen shots are newer than this; find again" in drawn(Panel.PEOPLE)


def people_in_question():
    """Four faces: the first is Anna's or Ben's, two look alike, one pair is known to be two people."""
    first, second, third = (TrackName(KEYS[name], 1) for name in ("train_A", "train_B", "target_A"))
    return People(
        people=tuple(Person(i, "", 0.0, (Member(name, 0.0),)) for i, name in enumerate((first, second, third), 1)),
        look_alikes=(LookAlikes(1, 2, 0.12, True), LookAlikes(2, 3, 0.55, False)),
        contested=(Contested(first, (("anna-ärmel", 0.41), ("ben", 0.44))),),
    )


def test_questions_are_asked_and_answered(edit):
    save_people(project().people, people_in_question())
    shown = drawn(Panel.PEOPLE)
    assert "Who is it? train_A, face 1 [Anna Ärmel 0.41] [Ben 0.44]" in shown
    assert "Perhaps the same? 0.55" in shown and "train_B, face 1" in shown and "0.12" not in shown
    OPS.people_reject(performer="Ben", footage=KEYS["train_A"], track=1)
    assert "[Anna Ärmel 0.41]" in drawn(Panel.PEOPLE) and "Ben" not in drawn(Panel.PEOPLE)
    OPS.people_accept(performer="Anna Ärmel", footage=KEYS["train_A"], track=1)
    assert "Who is it?" not in drawn(Panel.PEOPLE)
    for name in ("train_B", "target_A"):
        casting.assign(edit.understudy, KEYS[name], 1, "ben")
    assert "Perhaps the same?" not in drawn(Panel.PEOPLE)


def test_a_track_that_a_later_extraction_took_away_is_not_suggested(edit):
    gone = TrackName(KEYS["target_A"], 7)
    save_people(
        project().people,
        People(
            suggestions=(
                Suggestion("ben", gone, 0.1, True),
                Suggestion("ben", TrackName(KEYS["train_B"], 1), 0.2, True),
            ),
            contested=(Contested(gone, (("ben", 0.3),)),),
        ),
    )
    people = people_search.found_people()
    assert [item.name for item in people.suggestions] == [TrackName(KEYS["train_B"], 1)] and not people.contested


def test_damage_and_newer_files_are_nothing_found(edit):
    for text in ("{", '{"schema": "understudy.people", "version": 99}'):
        project().people.write_text(text, encoding="utf-8")
        assert view(project()).people() is None
        assert "[Find Performers in All Shots]" in drawn(Panel.PEOPLE)
    with pytest.raises(EngineError):
        people_search.found_people()


def test_the_document_is_read_once(edit, monkeypatch):
    search(edit)
    reads = []
    load = project_view.load_people
    monkeypatch.setattr(project_view, "load_people", lambda path: (reads.append(path), load(path))[1])
    project_view._views.clear()
    for _ in range(20):
        drawn(Panel.PEOPLE)
    assert len(reads) == 1


def test_pictures_of_a_performer_and_of_others_reach_the_search(edit, clips, tmp_path):
    picture = tmp_path / "Änna.png"
    picture.write_bytes(next(project().root.glob("footage/*/t01.png")).read_bytes())
    settings = edit.understudy
    OPS.picture_add(performer="Anna Ärmel", filepath="//Änna.png")
    OPS.picture_add(performer="Ben", filepath=str(picture), is_them=False)
    OPS.people_find()
    assert last_search().performers == (
        KnownPerformer("anna-ärmel", references=(picture,)),
        KnownPerformer("ben", rejects=(picture,)),
    )
    settings.active_performer = 0
    shown = drawn(Panel.PEOPLE_PICTURES)
    assert "Änna.png [X]" in shown and "[Picture of Anna Ärmel]" in shown
    OPS.picture_add(performer="Ben", filepath=str(picture))
    assert [(item.performer_id, item.is_them) for item in settings.pictures] == [("anna-ärmel", True), ("ben", True)]
    OPS.picture_remove(performer="Ben", filepath=str(picture))
    assert "is no reference picture" in message_of(OPS.picture_remove, performer="Ben", filepath=str(picture))
    assert "nowhere.png" in message_of(OPS.picture_add, performer="Ben", filepath=str(tmp_path / "nowhere.png"))
    OPS.performer_remove(performer="Anna Ärmel")
    assert not settings.pictures and not OPS.picture_remove.poll()
