# SPDX-License-Identifier: GPL-3.0-or-later
"""The guess of what hides a face: hands and microphones are noticed; turning, talking, blinking and light are not."""

import numpy as np
import pytest
from occluders import aligned_faces, covered, hand, microphone
from understudy.engine.faces.head_grid import SIDE, head_grid
from understudy.engine.faces.occlusion import OcclusionWatch

# The thing is in front of the face in these frames of 60; it comes and goes within six frames.
START, END, RISE = 26, 50, 6
NOTICED = 0.15


def _passing(clip, thing):
    """Return guesses and drawn shares while a thing passes in front of a clip's face."""
    faces = aligned_faces(clip, 60)
    skin = np.median(faces[0][0][40:60, 35:60].reshape(-1, 3), axis=0)
    watch, guesses, shares = OcclusionWatch(), [], []
    for number, (face, yaw, pitch) in enumerate(faces):
        share = 0.0
        if START <= number < END:
            there = min(1.0, (number - START + 1) / RISE, (END - number) / RISE)
            picture, alpha = thing(48 + 2 * np.sin(number / 2), 140 - 80 * there, skin)
            face, share = covered(face, picture, alpha), float(alpha[:, 12:84].mean())
        guesses.append(watch.look(face, yaw, pitch))
        shares.append(share)
    return np.array(guesses), np.array(shares)


@pytest.mark.parametrize("clip", ["train_A", "train_B", "target_A"])
@pytest.mark.parametrize("thing", [hand, lambda x, y, _: microphone(x, y)], ids=["hand", "microphone"])
def test_a_thing_in_front_of_the_face_is_noticed(clip, thing):
    guesses, shares = _passing(clip, thing)
    assert np.corrcoef(guesses, shares)[0, 1] > 0.75
    assert guesses[START + RISE : END - RISE].min() > NOTICED
    assert (guesses[shares == 0] > NOTICED).mean() < 0.25
    assert guesses.max() <= 1


@pytest.mark.parametrize("clip", ["train_A", "train_B", "target_A"])
def test_a_free_face_that_turns_and_talks_is_not_called_hidden(clip):
    watch = OcclusionWatch()
    guesses = np.array([watch.look(*item) for item in aligned_faces(clip, 72)])
    assert guesses.min() >= 0
    assert guesses.mean() < 0.12
    assert guesses.max() < 0.4


def test_a_change_of_light_hides_nothing():
    watch = OcclusionWatch()
    slope = np.linspace(-1, 1, SIDE)[None, :, None]
    guesses = []
    for number, (face, yaw, pitch) in enumerate(aligned_faces("target_A", 60)):
        # The light goes down to a half and wanders from one side to the other.
        light = 1 - 0.5 * min(number / 40, 1) + 0.3 * slope * np.sin(number / 10)
        guesses.append(watch.look(np.clip(face * light, 0, 255).astype(np.uint8), yaw, pitch))
    assert np.mean(guesses) < 0.08
    assert max(guesses) < 0.25


def test_a_face_hidden_from_the_start_is_learned_once_it_is_seen():
    faces = aligned_faces("train_B", 72)
    skin = np.median(faces[40][0][40:60, 35:60].reshape(-1, 3), axis=0)
    picture, alpha = hand(48, 60, skin)
    watch = OcclusionWatch()
    assert watch.look(covered(faces[0][0], picture, alpha), *faces[0][1:]) == 0.0
    for face, yaw, pitch in faces[1:8]:
        watch.look(covered(face, picture, alpha), yaw, pitch)
    seen = [watch.look(*item) for _ in range(4) for item in faces[8:]]
    assert np.mean(seen[-20:]) < 0.5 * np.mean(seen[:20])


@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (45, 0), (-45, 10), (85, -40), (-170, 80)])
def test_the_grid_shows_the_side_that_faces_the_camera(yaw, pitch):
    grid = head_grid(yaw, pitch)
    cells = grid.visible.reshape(12, 12)
    assert grid.x.shape == grid.y.shape == (48, 48)
    assert np.isfinite(grid.x).all()
    assert np.isfinite(grid.y).all()
    near, far = (cells[:, :6], cells[:, 6:]) if yaw > 0 else (cells[:, 6:], cells[:, :6])
    # Turned to the right on screen, the face shows more of its left half there.
    assert near.sum() >= far.sum() if yaw else near.sum() == far.sum() > 40


def test_black_and_white_pictures_are_taken():
    watch = OcclusionWatch()
    for value in (0, 255, 0):
        assert 0 <= watch.look(np.full((SIDE, SIDE, 3), value, np.uint8), 0.0, 0.0) <= 1
