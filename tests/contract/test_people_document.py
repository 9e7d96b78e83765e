# SPDX-License-Identifier: GPL-3.0-or-later
"""The document people.json passes through its file unchanged, and damage is said in a sentence."""

import json

import pytest
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.people import (
    VERSION,
    Contested,
    LeftOut,
    LookAlikes,
    Member,
    People,
    Person,
    Suggestion,
    TrackName,
    load_people,
    save_people,
)
from understudy.engine.contract.project import Project
from understudy.engine.contract.settings import IDENTITY_LIMIT, ExtractSettings, PeopleSettings

A, B, C = TrackName("clip-ä-12ab", 1), TrackName("clip-ä-12ab", 2), TrackName("other", 1)
PEOPLE = People(
    PeopleSettings(threshold=0.4, look_alike_margin=0.15),
    (
        Person(1, "anna", 0.2, (Member(A, 0.2, 3, 0.6125), Member(C, 0.2, 3, 0.5))),
        Person(3, "", 0.0, (Member(B, 0.0, 1, 0.55),)),
    ),
    (LookAlikes(1, 3, 0.55, True),),
    (Suggestion("anna", C, 0.2, True), Suggestion("ben", B, None, False, "it is seen beside …")),
    (Contested(C, (("anna", 0.5), ("ben", 0.52))),),
    (LeftOut("ben", A, "it is nearer to anna"),),
    (TrackName("dark", 7),),
    next_person=4,
)


@pytest.mark.parametrize("people", [PEOPLE, People()], ids=["full", "empty"])
def test_round_trip_through_the_project(people, tmp_path):
    path = Project(tmp_path / "Schöner Film.understudy").people
    save_people(path, people)
    assert load_people(path) == people


def test_people_and_tracks_are_found_by_their_names():
    assert PEOPLE.person(3) is PEOPLE.people[1] and PEOPLE.person(2) is None
    assert str(A) == "clip-ä-12ab:1" and A < B < C


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"version": VERSION + 1}, "newer version"),
        ({"people": [{"id": 1}]}, "damaged"),
        ({"suggestions": 5}, "damaged"),
        ({"look_alikes": [{"people": [1, 2, 3], "distance": 1, "apart": False}]}, "damaged"),
        ({"settings": {"threshold": "near"}}, "damaged"),
        ({"unmeasured": [["key only"]]}, "damaged"),
    ],
)
def test_damage_is_said_with_the_file_named(change, says, tmp_path):
    path = tmp_path / "people.json"
    save_people(path, PEOPLE)
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **change}), encoding="utf-8")
    with pytest.raises(EngineError) as caught:
        load_people(path)
    assert caught.value.code == ErrorCode.PROJECT_UNREADABLE
    assert "people.json" in caught.value.message and says in caught.value.message


def test_one_limit_of_identity_for_the_filter_and_for_people():
    assert ExtractSettings().identity_threshold == IDENTITY_LIMIT
    assert PeopleSettings().limit == pytest.approx(IDENTITY_LIMIT)
    assert PeopleSettings().threshold < IDENTITY_LIMIT
