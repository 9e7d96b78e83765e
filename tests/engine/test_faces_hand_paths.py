# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands from frame to frame: nothing flickers when one is missed, nothing appears for one frame, no part differs."""

import numpy as np
import pytest
from drawn_hands import hand_points, with_hand
from extract_material import frames
from understudy.engine.faces.hand_paths import REACH, HandPaths
from understudy.engine.faces.hands import Hand, HandFinder
from understudy.engine.faces.landmarks import make_landmark_fitter
from understudy.engine.faces.surroundings import Surroundings

IMAGE = np.zeros((240, 320, 3), np.uint8)
LANDMARKS = np.stack([np.linspace(130, 190, 68), np.linspace(80, 150, 68)], axis=1)
BREADTH, WAY = 40.0, 12.0


def hand_at(number, certainty=0.9):
    return Hand(hand_points((60.0 + WAY * number, 200.0), BREADTH), certainty)


class Told:
    """Finds in each frame what it was told, and follows into the frames that it was told to."""

    def __init__(self, found, followed=()):
        self.found, self.followed, self.frame, self.asked = found, set(followed), None, []

    def see(self, paths, numbers, marked=()):
        for number in numbers:
            self.frame = number
            part = Surroundings.around(IMAGE, LANDMARKS + 0.001 * number)
            paths.see(number, part, number in marked)
        return paths

    def find_in(self, part, is_thorough=True):
        return self.found.get(self.frame, [])

    def follow(self, part, hand):
        number = round(float(part.landmarks[0, 0] - LANDMARKS[0, 0]) / 0.001)
        self.asked.append(number)
        return hand_at(number, 0.7) if number in self.followed else None


def path_of(found, followed=(), numbers=range(30), marked=()):
    told = Told({number: [hand_at(number)] for number in found}, followed)
    return told, told.see(HandPaths(told), numbers, marked)


def shown(paths, numbers=range(30)):
    return [number for number in numbers if paths.hands(number)]


def is_where(paths, number):
    (one,) = paths.hands(number)
    return np.abs(one.hand.points - hand_at(number).points).max() < 1e-6


@pytest.mark.parametrize("gap", [1, 2, 4])
def test_a_hand_that_is_missed_between_two_sightings_is_drawn_on_its_way(gap):
    missed = set(range(12, 12 + gap))
    _, paths = path_of(set(range(8, 22)) - missed)
    assert shown(paths) == list(range(8, 22))
    assert all(is_where(paths, number) for number in missed)


def test_a_longer_gap_is_one():
    _, paths = path_of(set(range(8, 25)) - set(range(12, 17)))
    assert shown(paths) == [*range(8, 12), *range(17, 25)]


def test_a_hand_is_followed_for_four_frames_to_either_side_and_no_further():
    told, paths = path_of(range(12, 18), followed=range(30))
    assert shown(paths) == list(range(8, 22))
    assert all(is_where(paths, number) for number in (8, 11, 18, 21))
    assert set(told.asked) == {8, 9, 10, 11, 18, 19, 20, 21}, "where a hand is found nobody follows it"


def test_a_hand_that_leaves_is_asked_for_once_only():
    told, paths = path_of(range(12, 18))
    assert shown(paths) == list(range(12, 18)) and sorted(set(told.asked)) == [11, 18]
    assert len(told.asked) == 2


def test_a_lone_hand_is_doubted_where_the_search_saw_nothing():
    assert shown(path_of([12], followed=range(30))[1]) == []
    assert shown(path_of([12], marked=[12])[1]) == [12]
    assert shown(path_of([12, 14])[1]) == [12, 13, 14]
    assert shown(path_of([12], numbers=[12])[1], [12]) == [12], "a single picture has no neighbors to doubt it"


def test_hands_near_marked_frames_are_known_as_such():
    _, paths = path_of(range(5, 25), marked=[12])
    assert [number for number in shown(paths) if paths.hands(number)[0].is_marked] == list(range(8, 17))


def test_two_hands_stay_two_and_far_ones_are_not_joined():
    far = {number: [Hand(hand_points((250.0, 200.0), BREADTH), 0.9)] for number in range(14, 20)}
    near = {number: [Hand(hand_points((60.0, 200.0), BREADTH), 0.9)] for number in range(6, 12)}
    told = Told(near | far)
    assert shown(told.see(HandPaths(told), range(30))) == [*range(6, 12), *range(14, 20)]
    both = Told({number: [hand_at(0), Hand(hand_points((250.0, 200.0), BREADTH), 0.9)] for number in range(10)})
    assert all(len(both.see(HandPaths(both), range(10)).hands(number)) == 2 for number in range(3, 7))


def test_trembling_is_taken_out_and_motion_is_kept():
    rng = np.random.default_rng(3)
    noise = rng.normal(0, 0.01 * BREADTH, (30, 21, 2))
    told = Told({number: [Hand(hand_at(number).points + noise[number], 0.9)] for number in range(30)})
    paths = told.see(HandPaths(told), range(30))
    left = np.array([paths.hands(number)[0].hand.points - hand_at(number).points for number in range(1, 29)])
    assert left.std() < 0.75 * noise.std()
    # A hand that stops at once is no trembling.
    stops = Told({number: [hand_at(min(number, 10))] for number in range(20)})
    points = stops.see(HandPaths(stops), range(20)).hands(10)[0].hand.points
    assert np.abs(points - hand_at(10).points).max() < 0.05 * BREADTH


def test_a_part_comes_out_as_in_the_whole_when_its_surroundings_are_seen():
    rng = np.random.default_rng(0)
    # Rare sightings that are followed far are what reaches farthest.
    for seldom in [0.45] * 10 + [0.15] * 40:
        found = {number for number in range(60) if rng.random() < seldom}
        followed = {number for number in range(60) if rng.random() < 1.1 - seldom}
        marked = {number for number in range(60) if rng.random() < 0.05}
        whole = path_of(found, followed, range(60), marked)[1]
        for number in (15, 24, 33, 42):
            part = path_of(found, followed, range(number - REACH, number + REACH + 1), marked)[1]
            expected, got = whole.hands(number), part.hands(number)
            assert len(expected) == len(got)
            for one, other in zip(expected, got, strict=True):
                assert np.array_equal(one.hand.points, other.hand.points) and one.is_marked == other.is_marked


def test_forgetting_what_is_past_changes_nothing():
    found = set(range(5, 28)) - {9, 10, 15, 20, 21, 22}
    whole = path_of(found)[1]
    told = Told({number: [hand_at(number)] for number in found})
    paths, got = HandPaths(told), {}
    for number in range(30):
        told.see(paths, [number])
        if number >= REACH:
            got[number - REACH] = paths.hands(number - REACH)
            paths.forget_before(number - REACH + 1)
    for number, hands in got.items():
        assert [item.hand.points.tolist() for item in hands] == [
            item.hand.points.tolist() for item in whole.hands(number)
        ]


def test_the_models_follow_a_drawn_hand_and_see_when_it_is_gone():
    image = next(iter(frames("target_A", 0, 1)))
    landmarks = make_landmark_fitter("mesh").fit(image, np.array([150.0, 100.0, 350.0, 330.0]))[0]
    x, y = landmarks.mean(axis=0)
    points = hand_points((x - 40, y + 130), 70.0)
    finder = HandFinder()
    (hand,) = finder.find(with_hand(image, points)[0], landmarks)
    moved, _ = with_hand(image, points + (14.0, -8.0))
    followed = finder.follow(Surroundings.around(moved, landmarks), hand)
    assert np.linalg.norm(followed.points - points - (14.0, -8.0), axis=1).mean() < 0.15 * 70.0
    assert finder.follow(Surroundings.around(image, landmarks), hand) is None


def test_surroundings_show_what_the_picture_shows_at_any_size():
    image = next(iter(frames("target_A", 0, 1)))
    landmarks = make_landmark_fitter("mesh").fit(image, np.array([150.0, 100.0, 350.0, 330.0]))[0]
    points = hand_points(tuple(landmarks.mean(axis=0) + (-40, 130)), 70.0)
    picture, _ = with_hand(image, points)
    large = np.repeat(np.repeat(picture, 5, axis=0), 5, axis=1)
    part = Surroundings.around(large, 5 * landmarks + 2)
    assert part.pyramid.width < large.shape[1] and part.factor > 1
    (small,), (found,) = HandFinder().find(picture, landmarks), HandFinder().find_in(part)
    assert np.linalg.norm(found.points - 5 * small.points - 2, axis=1).mean() < 0.05 * 5 * 70.0
