# SPDX-License-Identifier: GPL-3.0-or-later
"""Faces keep their track through motion, crossings and lost frames, and lose it at cuts."""

from dataclasses import replace

import numpy as np
import pytest
from made_tracks import made_track, still_track
from understudy.engine.faces.geometry import CANONICAL_INNER
from understudy.engine.faces.joining import join_tracks, keep_ids
from understudy.engine.faces.quality import head_pose, measure_quality
from understudy.engine.faces.track_shelf import TrackShelf
from understudy.engine.faces.tracking import Observation, OpenTrack, Tracker

PERSON_A, PERSON_B = np.zeros(128, np.float32), np.full(128, 0.08, np.float32)


def _landmarks(x: float, y: float, size: float = 80.0) -> np.ndarray:
    landmarks = np.zeros((68, 2), np.float32)
    landmarks[17:] = CANONICAL_INNER * size + (x, y)
    angles = np.linspace(np.pi, 0, 17)
    landmarks[:17] = np.stack([np.cos(angles), np.sin(angles)], axis=1) * size * 0.55 + (x, y)
    return landmarks


def _face(x: float, y: float, size: float = 80.0) -> Observation:
    return Observation(_landmarks(x, y, size), 0.9)


def _ids(tracks: list) -> list[int]:
    return [track.id for track in tracks]


def test_a_moving_face_is_one_track_and_a_second_face_another():
    tracker = Tracker(maximum_gap=5)
    places: dict[int, Observation] = {}
    for frame in range(20):
        faces = [_face(100 + 12 * frame, 200), _face(500, 200 - frame)]
        linked = tracker.update(frame, faces if frame % 2 else faces[::-1])
        assert set(_ids(linked)) == {1, 2}
        for track, face in zip(linked, faces if frame % 2 else faces[::-1], strict=True):
            assert track.newest is face
            step = np.abs(face.landmarks.mean(axis=0) - places.get(track.id, face).landmarks.mean(axis=0))
            assert step.max() < 15, "a track jumped to the other face"
            places[track.id] = face
    tracker.finish()
    assert [track.seen for track in tracker.take_ended()] == [20, 20]


@pytest.mark.parametrize(("lost", "is_kept"), [(3, True), (5, True), (6, False)])
def test_a_lost_face_keeps_its_track_up_to_the_largest_gap(lost, is_kept):
    tracker = Tracker(maximum_gap=5)
    for frame in range(4):
        tracker.update(frame, [_face(100 + 4 * frame, 100)])
    for frame in range(4, 4 + lost):
        tracker.update(frame, [])
    back = 4 + lost
    linked = tracker.update(back, [_face(100 + 4 * back, 100)])
    assert (_ids(linked) == [1]) is is_kept


def test_faces_that_cross_are_told_apart_by_who_they_are():
    def run(with_identity: bool) -> list[list[int]]:
        tracker = Tracker(maximum_gap=8)
        history = []
        for frame in range(24):
            # They walk towards each other, are both hidden while they meet, then turn back.
            if 10 <= frame < 14:
                history.append(_ids(tracker.update(frame, [])))
                continue
            step = 10 * min(frame, 23 - frame)
            people = [(PERSON_A, _face(100 + step, 200)), (PERSON_B, _face(320 - step, 200))]
            vectors = [person for person, _ in people]
            known = {1: PERSON_A, 2: PERSON_B}
            identify = (lambda index, v=vectors: v[index]) if with_identity else None
            linked = tracker.update(frame, [face for _, face in people], identify, known.get)
            history.append(_ids(linked))
        return history

    with_identity = run(True)
    assert with_identity[0] == [1, 2]
    assert with_identity[-1] == [1, 2]
    # Motion alone takes them for having passed each other: the identity is what decides.
    assert run(False)[-1] == [2, 1]


def test_another_person_at_the_same_place_after_a_gap_is_a_new_track():
    tracker = Tracker(maximum_gap=10)
    for frame in range(5):
        tracker.update(frame, [_face(100, 100)])
    for frame in range(5, 10):
        tracker.update(frame, [])
    linked = tracker.update(10, [_face(100, 100)], lambda _: PERSON_B, lambda _: PERSON_A)
    assert _ids(linked) == [2]


def test_a_scene_s_end_ends_its_tracks():
    tracker = Tracker(maximum_gap=5)
    tracker.update(0, [_face(100, 100)])
    tracker.finish()
    assert _ids(tracker.update(1, [_face(100, 100)])) == [2]
    assert _ids(tracker.take_ended()) == [1]


def test_a_face_is_followed_backwards_as_well():
    track = OpenTrack(1, 20, _face(100, 100))
    for frame in (19, 18, 17):
        track.add(frame, _face(100 - 6 * (20 - frame), 100))
    expected = track.expected_landmarks(16)
    assert np.abs(expected - _face(100 - 6 * 4, 100).landmarks).max() < 1e-3


def _track(track: int, frames: range, x: float, identity: np.ndarray = PERSON_A):
    raw = np.stack([_landmarks(x + frame, 100) for frame in frames])
    return replace(made_track(track, frames[0], list(raw)), identity=identity)


def test_tracks_of_neighboring_searches_are_joined():
    old = [_track(1, range(10, 20), 50), _track(2, range(10, 20), 300)]
    new = [_track(3, range(20, 30), 50), _track(4, range(20, 30), 300, PERSON_B), _track(5, range(10), 300)]
    tracks, names = join_tracks(old, new, strength=1.0)
    assert names == {3: 1, 5: 2}
    assert [(track.id, track.first, track.last) for track in tracks] == [(1, 10, 29), (2, 0, 19), (4, 20, 29)]
    assert (np.diff(tracks[0].frames) == 1).all()


def test_a_repeated_search_keeps_the_ids():
    old = [_track(1, range(10), 50), _track(2, range(10), 300)]
    new = [_track(3, range(12), 301), _track(4, range(2, 12), 51), _track(5, range(10), 600)]
    tracks, names = keep_ids(old, new)
    assert names == {3: 2, 4: 1}
    assert [track.id for track in tracks] == [1, 2, 5]


@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (30, 0), (-40, 10), (15, -20)])
def test_head_pose_is_read_from_landmarks(yaw, pitch):
    from understudy.engine.faces.geometry import CANONICAL_HEAD

    a, b = np.radians(yaw), np.radians(pitch)
    turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    nod = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    landmarks = np.zeros((68, 2))
    landmarks[17:] = (CANONICAL_HEAD @ turn.T @ nod.T)[:, :2] * 10 + 200
    found = head_pose(landmarks)
    # Where the nose points: turned first, then nodded.
    forward = nod @ turn @ (0, 0, 1)
    assert found[0] == pytest.approx(np.degrees(np.arctan2(forward[0], forward[2])), abs=0.1)
    assert found[1] == pytest.approx(np.degrees(np.arcsin(-forward[1])), abs=0.1)
    assert np.sign(round(found[0])) == np.sign(yaw)
    assert np.sign(round(found[1])) == np.sign(pitch)


def test_quality_tells_size_and_sharpness():
    import cv2

    random = np.random.default_rng(0)
    sharp = random.integers(0, 255, (300, 300, 3)).astype(np.uint8)
    landmarks = _landmarks(150, 150, 120)
    figures = measure_quality(sharp, landmarks)
    assert figures.size_px == pytest.approx(120, rel=0.01)
    assert figures.sharpness > 2 * measure_quality(cv2.GaussianBlur(sharp, (0, 0), 3), landmarks).sharpness


def test_tracks_come_back_from_their_shelf_equal_and_can_be_changed():
    shelf = TrackShelf()
    assert shelf.all() == []
    tracks = [still_track(number, 3 * number, 5 + number) for number in (4, 2, 7)]
    for track in tracks[:2]:
        shelf.put(track)
    assert [track.id for track in shelf.all()] == [4, 2]
    shelf.put(tracks[2])
    found = shelf.all()
    assert all(track.is_same_as(other) for track, other in zip(found, tracks, strict=True))
    found[0].landmarks[:] = 0
    assert shelf.all()[0].is_same_as(tracks[0])
