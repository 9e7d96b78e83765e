# SPDX-License-Identifier: GPL-3.0-or-later
"""Face tracks become people: one person over all shots, never two of one frame, look-alikes asked about."""

import time

import numpy as np
import pytest
from extract_material import Recorder
from people_material import at, crowd, face
from understudy.engine.contract.people import People, TrackName
from understudy.engine.contract.settings import PeopleSettings
from understudy.engine.faces.linkage import average_linkage, group_distances
from understudy.engine.faces.people import Casting, group_people, seen_together

SETTINGS = PeopleSettings(threshold=0.5, look_alike_margin=0.1)


def groups_of(found: People) -> set[frozenset[str]]:
    return {frozenset(str(member.name) for member in person.members) for person in found.people}


def plain_average_linkage(distances, weights, apart, limit):
    """The same by its definition: all means anew for every merge."""
    groups = [[index] for index in range(len(weights))]
    while len(groups) > 1:
        options = []
        for i in range(len(groups)):
            for j in range(i):
                if not apart[np.ix_(groups[i], groups[j])].any():
                    share = np.outer(weights[groups[i]], weights[groups[j]])
                    options.append((float((distances[np.ix_(groups[i], groups[j])] * share).sum() / share.sum()), j, i))
        best = min(options, default=(np.inf, 0, 0))
        if best[0] > limit:
            break
        groups[best[1]] += groups.pop(best[2])
    return {frozenset(group) for group in groups}


@pytest.mark.parametrize("seed", range(6))
def test_linkage_is_what_its_definition_says(seed):
    random = np.random.default_rng(seed)
    points = random.normal(size=(40, 3))
    distances = np.linalg.norm(points[:, None] - points, axis=2)
    weights = random.uniform(0.1, 1, 40)
    apart = random.uniform(size=(40, 40)) < 0.1
    apart = np.triu(apart, 1) | np.triu(apart, 1).T
    labels = average_linkage(distances, weights, apart, 1.5)
    found = {frozenset(np.flatnonzero(labels == label).tolist()) for label in set(labels.tolist())}
    assert found == plain_average_linkage(distances, weights, apart, 1.5)
    assert 1 < len(found) < 40
    means, blocked, sizes = group_distances(distances, weights, apart, labels)
    for label in range(len(sizes)):
        assert not blocked[label, label]
        assert sizes[label] == pytest.approx(weights[labels == label].sum())
    assert means[0, 1] == pytest.approx(
        np.average(
            distances[np.ix_(labels == 0, labels == 1)], weights=np.outer(weights[labels == 0], weights[labels == 1])
        )
    )


def test_items_that_belong_together_stay_together_whatever_their_distance():
    distances = np.array([[0, 9, 1], [9, 0, 9], [1, 9, 0]], float)
    apart = np.zeros((3, 3), bool)
    assert average_linkage(distances, np.ones(3), apart, 2.0, [[0, 1]]).tolist() == [0, 0, 1]
    assert average_linkage(distances, np.ones(3), apart, 2.0).tolist() == [0, 1, 0]


def test_people_of_many_shots():
    found = group_people(crowd(60, 5), SETTINGS)
    assert groups_of(found) == {frozenset(f"clip {i:04d}:1" for i in range(60) if i % 5 == who) for who in range(5)}
    assert [person.id for person in found.people] == [1, 2, 3, 4, 5]
    assert not found.look_alikes and not found.unmeasured
    for person in found.people:
        assert person.spread < 0.3
        for member in person.members:
            assert member.distance < SETTINGS.threshold < member.other_distance
            assert member.other != person.id


def test_distances_are_those_of_the_vectors():
    found = group_people([face("a", 1, at(0)), face("b", 1, at(0.3)), face("c", 1, at(0, 2))], SETTINGS)
    both, single = found.people
    assert [(m.distance, m.other, m.other_distance) for m in both.members] == [
        (pytest.approx(0.3), 2, pytest.approx(2.0)),
        (pytest.approx(0.3), 2, pytest.approx(np.hypot(0.3, 2))),
    ]
    assert both.spread == pytest.approx(0.3)
    assert (single.spread, single.members[0].distance, single.members[0].other) == (0.0, 0.0, 1)
    assert single.members[0].other_distance == pytest.approx((2 + np.hypot(0.3, 2)) / 2)


def test_two_faces_of_one_frame_are_two_people_even_twins():
    twins = [face("both", 1, at(0)), face("both", 2, at(0.01))]
    found = group_people([*twins, face("solo", 1, at(0.0))], SETTINGS)
    assert groups_of(found) == {frozenset({"both:1", "solo:1"}), frozenset({"both:2"})}
    (pair,) = found.look_alikes
    assert pair.is_apart and pair.distance < 0.02


def test_tracks_of_one_footage_that_never_meet_may_be_one_person():
    tracks = [face("a", 1, at(0), range(10)), face("a", 2, at(0.1), range(10, 20)), face("b", 1, at(0), range(5))]
    assert len(group_people(tracks, SETTINGS).people) == 1
    # Tracks take turns: their spans overlap, their frames don't.
    turns = [face("a", 1, at(0), range(0, 20, 2)), face("a", 2, at(0.1), range(1, 20, 2))]
    assert not seen_together(turns).any()
    turns[1] = face("a", 2, at(0.1), range(0, 20, 3))
    assert seen_together(turns).tolist() == [[False, True], [True, False]]


def test_look_alikes_are_offered_and_not_merged():
    found = group_people([face("a", 1, at(0)), face("b", 1, at(0.55)), face("c", 1, at(0, 0.7))], SETTINGS)
    assert len(found.people) == 3
    (pair,) = found.look_alikes
    assert (pair.first, pair.second, pair.is_apart) == (1, 2, False)
    assert pair.distance == pytest.approx(0.55)
    wider = PeopleSettings(threshold=0.56, look_alike_margin=0.1)
    assert groups_of(group_people([face("a", 1, at(0)), face("b", 1, at(0.55))], wider)) == {frozenset({"a:1", "b:1"})}


def test_a_chain_of_look_alikes_does_not_become_one_person():
    found = group_people([face(f"{i}", 1, at(0.3 * i)) for i in range(10)], SETTINGS)
    assert len(found.people) > 2
    assert max(person.spread for person in found.people) < SETTINGS.threshold


@pytest.mark.parametrize("count", [0, 1])
def test_nobody_and_a_single_track(count):
    found = group_people(crowd(count, 1), SETTINGS)
    assert len(found.people) == count and not found.look_alikes
    for person in found.people:
        assert person.spread == 0.0
        assert (person.members[0].other, person.members[0].other_distance) == (0, None)


def test_a_track_without_an_identity_is_named_and_belongs_to_nobody():
    unknown = face("a", 2, np.zeros(128))
    broken = face("a", 3, np.full(128, np.nan))
    found = group_people([face("a", 1, at(0)), unknown, broken], SETTINGS)
    assert found.unmeasured == (TrackName("a", 2), TrackName("a", 3))
    assert len(found.people) == 1


def test_what_people_said_counts_more_than_distances():
    tracks = [face("a", 1, at(0)), face("b", 1, at(1.5)), face("c", 1, at(0.1)), face("d", 1, at(0.1, 0.1))]
    names = [track.name for track in tracks]
    casting = Casting({names[0]: "anna", names[1]: "anna", names[2]: "ben"}, frozenset({("ben", names[3])}))
    found = group_people(tracks, SETTINGS, casting)
    # Anna's two tracks are one person, Ben's isn't hers, and the last is said not to be Ben.
    assert groups_of(found) == {frozenset({"a:1", "b:1"}), frozenset({"c:1"}), frozenset({"d:1"})}
    assert [person.performer for person in found.people] == ["anna", "ben", ""]
    assert all(pair.is_apart for pair in found.look_alikes if {pair.first, pair.second} == {2, 3})


def test_the_order_of_the_tracks_does_not_matter():
    tracks = crowd(40, 7, spread=0.3)
    results = {str(group_people(order, SETTINGS)) for order in (tracks, tracks[::-1], tracks[20:] + tracks[:20])}
    assert len(results) == 1


def test_people_keep_their_ids_when_tracks_are_added():
    tracks = crowd(60, 6)
    first = group_people(tracks[30:], SETTINGS)
    ids = {member.name: person.id for person in first.people for member in person.members}
    # New footage comes first in order and shows everybody more often, and two strangers.
    more = [*tracks, face("0 new", 1, at(9), range(900)), face("0 new", 2, at(0, 9), range(5))]
    second = group_people(more, SETTINGS, known=first)
    for person in second.people:
        assert {ids.get(member.name, person.id) for member in person.members} == {person.id}
    assert [person.id for person in second.people] == list(range(1, 9))
    assert second.people[6].members[0].name == TrackName("0 new", 1)


def test_the_id_of_a_person_who_is_gone_is_never_given_again():
    first = group_people([face("a", 1, at(0)), face("b", 1, at(5))], SETTINGS)
    second = group_people([face("a", 1, at(0))], SETTINGS, known=first)
    third = group_people([face("a", 1, at(0)), face("c", 1, at(7))], SETTINGS, known=second)
    assert [person.id for person in second.people] == [1]
    assert [person.id for person in third.people] == [1, 3]


def test_a_person_who_falls_apart_keeps_the_id_for_the_larger_part():
    tracks = [face("a", 1, at(0), range(100)), face("b", 1, at(0.4), range(300))]
    first = group_people(tracks, SETTINGS)
    second = group_people(tracks, PeopleSettings(threshold=0.2), known=first)
    assert len(first.people) == 1
    assert [(person.id, str(person.members[0].name)) for person in second.people] == [(1, "b:1"), (2, "a:1")]


def test_small_and_short_tracks_count_less_but_are_grouped():
    # Two good tracks of A; a poor one between A and a stranger can't pull them together.
    tracks = [face("a", 1, at(0)), face("b", 1, at(0.1)), face("c", 1, at(0.45), range(2), 20.0), face("d", 1, at(0.9))]
    found = group_people(tracks, SETTINGS)
    assert groups_of(found) == {frozenset({"a:1", "b:1", "c:1"}), frozenset({"d:1"})}
    assert tracks[2].weight < 0.1 < tracks[0].weight == 1.0


def test_two_thousand_tracks_take_seconds():
    tracks = crowd(2000, 150)
    began = time.process_time()
    found = group_people(tracks, SETTINGS)
    # About 2 s of one core; a cubic method takes minutes.
    assert time.process_time() - began < 30
    assert len(found.people) == 150


def test_two_thousand_tracks_of_one_footage_take_seconds():
    random = np.random.default_rng(3)
    tracks = [
        face("long film", i, item.identity, range(start, start + 50))
        for i, (item, start) in enumerate(zip(crowd(2000, 100), random.integers(0, 100_000, 2000), strict=True))
    ]
    began = time.process_time()
    together = seen_together(tracks)
    assert time.process_time() - began < 30
    assert together.any() and (together == together.T).all() and not together.diagonal().any()


def test_a_stop_ends_the_grouping():
    reporter = Recorder(stop_after=3)
    found = group_people(crowd(60, 5), SETTINGS, reporter=reporter)
    assert reporter.is_stopped and len(found.people) > 40
