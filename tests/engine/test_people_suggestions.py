# SPDX-License-Identifier: GPL-3.0-or-later
"""A performer's other tracks are suggested, never assigned; whatever could be somebody else is asked about."""

import numpy as np
import pytest
from people_material import at, face
from understudy.engine.contract.people import TrackName
from understudy.engine.contract.settings import PeopleSettings
from understudy.engine.faces.suggestions import Wanted, suggest_tracks

SETTINGS = PeopleSettings(threshold=0.5, look_alike_margin=0.1)
ANNA = face("a", 1, at(0))
BEN = face("b", 1, at(1))


def name(text: str) -> TrackName:
    key, _, track = text.partition(":")
    return TrackName(key, int(track))


def wanted(performer: str, *tracks: str, others: tuple[str, ...] = (), **pictures: np.ndarray) -> Wanted:
    return Wanted(performer, tuple(map(name, tracks)), tuple(map(name, others)), **pictures)


def suggested(faces, *performers, settings=SETTINGS):
    found = suggest_tracks(faces, performers, settings)
    return {(item.performer, str(item.name)): "sure" if item.is_sure else "perhaps" for item in found.suggestions}


def test_near_is_sure_a_little_farther_is_perhaps_and_far_is_nobody():
    faces = [ANNA, face("c", 1, at(0.2)), face("c", 2, at(0.55), range(50, 99)), face("d", 1, at(0.61))]
    found = suggest_tracks(faces, [wanted("anna", "a:1")], SETTINGS)
    assert [(str(item.name), item.is_sure, item.reason) for item in found.suggestions] == [
        ("c:1", True, ""),
        ("c:2", False, ""),
    ]
    assert [item.distance for item in found.suggestions] == [pytest.approx(0.2), pytest.approx(0.55)]
    assert not found.contested and not found.left_out


def test_the_threshold_decides():
    faces = [ANNA, face("c", 1, at(0.3)), face("d", 1, at(0.45))]
    for threshold, expected in ((0.2, ["perhaps"]), (0.3, ["sure"]), (0.4, ["sure", "perhaps"]), (0.5, ["sure"] * 2)):
        settings = PeopleSettings(threshold=threshold, look_alike_margin=0.1)
        assert list(suggested(faces, wanted("anna", "a:1"), settings=settings).values()) == expected


def test_the_mean_distance_to_all_that_is_known_counts():
    faces = [ANNA, face("e", 1, at(0.8)), face("c", 1, at(0.2))]
    (found,) = suggest_tracks(faces, [wanted("anna", "a:1", "e:1")], SETTINGS).suggestions
    assert found.distance == pytest.approx((0.2 + 0.6) / 2)


def test_a_face_between_two_performers_goes_to_neither_and_says_so():
    found = suggest_tracks([ANNA, BEN, face("c", 1, at(0.48))], [wanted("anna", "a:1"), wanted("ben", "b:1")], SETTINGS)
    assert not found.suggestions
    (item,) = found.contested
    assert item.name == name("c:1")
    assert item.candidates == (("anna", pytest.approx(0.48)), ("ben", pytest.approx(0.52)))


def test_exactly_between_is_contested_without_a_margin_too():
    settings = PeopleSettings(threshold=0.5, look_alike_margin=0.0)
    found = suggest_tracks([ANNA, BEN, face("c", 1, at(0.5))], [wanted("anna", "a:1"), wanted("ben", "b:1")], settings)
    assert not found.suggestions and len(found.contested) == 1


def test_a_face_clearly_nearer_to_one_performer_is_theirs_and_the_other_hears_why():
    faces = [ANNA, face("b", 1, at(0.7)), face("c", 1, at(0.2))]
    found = suggest_tracks(faces, [wanted("anna", "a:1"), wanted("ben", "b:1")], SETTINGS)
    assert [(item.performer, str(item.name)) for item in found.suggestions] == [("anna", "c:1")]
    assert [(item.performer, item.reason) for item in found.left_out] == [("ben", "it is nearer to anna")]


def test_assigned_tracks_are_never_suggested():
    faces = [ANNA, face("b", 1, at(0.1)), face("c", 1, at(0.25, 0.1))]
    assert suggested(faces, wanted("anna", "a:1"), wanted("ben", "b:1", "c:1")) == {}
    assert suggested(faces, wanted("anna", "a:1", "b:1")) == {("anna", "c:1"): "sure"}


def test_a_track_that_is_not_them_is_not_offered_again_nor_are_faces_nearer_to_it():
    faces = [ANNA, face("c", 1, at(0.4)), face("d", 1, at(0.41)), face("e", 1, at(0.05))]
    found = suggest_tracks(faces, [wanted("anna", "a:1", others=("c:1",))], SETTINGS)
    assert [str(item.name) for item in found.suggestions] == ["e:1"]
    assert [(str(item.name), item.reason) for item in found.left_out] == [
        ("d:1", "the picture closest to it shows a person to leave out")
    ]


def test_whoever_is_seen_beside_a_performer_is_not_the_performer():
    faces = [ANNA, face("a", 2, at(0.01)), face("a", 3, at(0.01), range(100, 150))]
    found = suggest_tracks(faces, [wanted("anna", "a:1")], SETTINGS)
    assert [str(item.name) for item in found.suggestions] == ["a:3"]
    assert "seen beside a:1, which is assigned to anna" in found.left_out[0].reason


def test_of_two_faces_in_one_frame_the_nearer_one_is_sure_only_when_it_is_clear():
    clear = [ANNA, face("c", 1, at(0.1)), face("c", 2, at(0.4))]
    assert suggested(clear, wanted("anna", "a:1")) == {("anna", "c:1"): "sure", ("anna", "c:2"): "perhaps"}
    twins = [ANNA, face("c", 1, at(0.1)), face("c", 2, at(0.15))]
    found = suggest_tracks(twins, [wanted("anna", "a:1")], SETTINGS).suggestions
    assert [item.is_sure for item in found] == [False, False]
    assert found[0].reason == "it is seen beside c:2; only one can be them"


def test_pictures_of_a_performer_need_no_assigned_track():
    faces = [face("c", 1, at(0.2)), face("d", 1, at(0.9))]
    references = np.stack([at(0), at(0.1)])
    assert suggested(faces, wanted("anna", references=references)) == {("anna", "c:1"): "sure"}
    rejects = at(0.21)[None]
    assert suggested(faces, wanted("anna", references=references, rejects=rejects)) == {}


def test_pictures_of_others_alone_leave_them_out_and_only_ask_about_the_rest():
    faces = [face("c", 1, at(0.2)), face("d", 1, at(0.9)), face("e", 1, at(0, 0.9))]
    found = suggest_tracks(faces, [wanted("anna", rejects=at(0)[None])], SETTINGS)
    assert [(str(item.name), item.distance, item.is_sure) for item in found.suggestions] == [
        ("d:1", None, False),
        ("e:1", None, False),
    ]
    assert "at 0.20 from a person to leave out" in found.left_out[0].reason
    # Somebody known by their face goes before somebody known by who they aren't.
    both = suggest_tracks(
        faces, [wanted("anna", rejects=at(0)[None]), wanted("ben", references=at(0.9)[None])], SETTINGS
    )
    assert {(item.performer, str(item.name)) for item in both.suggestions} == {("ben", "d:1"), ("anna", "e:1")}


def test_nothing_known_finds_nobody():
    assert suggested([ANNA, face("c", 1, at(0))], wanted("anna"), wanted("ben", "gone:1")) == {}
    assert suggested([], wanted("anna", "a:1")) == {}
    assert suggested([ANNA, face("c", 1, np.zeros(128))], wanted("anna", "a:1")) == {}


def test_sure_ones_come_first_then_the_nearer_whatever_the_order():
    faces = [ANNA, face("c", 1, at(0.4)), face("d", 1, at(0.3)), face("e", 1, at(0.52)), face("f", 1, at(0.1))]
    found = [suggest_tracks(order, [wanted("anna", "a:1")], SETTINGS) for order in (faces, faces[::-1])]
    assert found[0] == found[1]
    assert [str(item.name) for item in found[0].suggestions] == ["f:1", "d:1", "c:1", "e:1"]
