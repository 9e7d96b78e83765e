# SPDX-License-Identifier: GPL-3.0-or-later
"""Offsets between found and corrected faces: there and back, straight between keys, unchanged by cutting."""

import numpy as np
import pytest
from made_tracks import face
from understudy.engine.contract.corrections import MoveFace, SetBox
from understudy.engine.faces.face_offsets import (
    NO_OFFSET,
    Key,
    Keys,
    apply_offset,
    corrected_landmarks,
    offset_between,
)
from understudy.engine.faces.geometry import box_of

# Float32 landmarks around 200 pixels are exact to 2e-5.
ROUNDING_PX = 1e-4


def shift(x: float) -> np.ndarray:
    offset = NO_OFFSET.copy()
    offset[0] = x
    return offset


def values(keys, frames):
    return [float(keys.offset(frame)[0]) for frame in frames]


def test_an_offset_brings_any_face_to_any_other():
    found = face(200, 150, 90, 12)
    corrected = face(230, 140, 60, -25) + np.random.default_rng(1).normal(scale=3, size=(68, 2)).astype(np.float32)
    assert np.abs(apply_offset(found, offset_between(found, corrected)) - corrected).max() < ROUNDING_PX


def test_an_offset_goes_with_the_face_when_it_grows_and_leans():
    offset = offset_between(face(200, 200, 80), face(208, 200, 80))
    moved = apply_offset(face(300, 100, 160, 90), offset)
    # A tenth of the face square to the face's own right: twice the pixels, and downwards when it lies on its side.
    assert np.abs(moved - face(300, 116, 160, 90)).max() < ROUNDING_PX


def test_a_move_turns_and_scales_about_the_center_of_the_box():
    shown = face(200, 200, 80, 10)
    box = box_of(shown)
    moved = corrected_landmarks(shown, MoveFace(1, 0, 4, -3, 2.0, 90))
    center = (box[:2] + box[2:]) / 2
    assert np.allclose(moved[30], center + (4, -3) + 2 * np.array([-1, 1]) * (shown[30] - center)[::-1], atol=1e-3)


def test_a_box_that_is_set_is_the_box_of_the_landmarks():
    box = (100.5, 120.25, 220.0, 300.75)
    assert np.abs(box_of(corrected_landmarks(face(300, 300), SetBox(1, 0, box))) - box).max() < ROUNDING_PX


def test_between_keys_an_offset_runs_straight_and_beyond_them_it_fades_out():
    keys = Keys({10: Key(shift(8.0), 4), 20: Key(shift(4.0), 2)})
    assert values(keys, [10, 15, 20]) == [8.0, 6.0, 4.0]
    assert values(keys, [9, 8, 7, 6, 5]) == [6.0, 4.0, 2.0, 0.0, 0.0]
    assert values(keys, [21, 22, 23]) == [2.0, 0.0, 0.0]


def test_without_a_reach_an_offset_holds_and_with_none_it_is_for_one_frame():
    keys = Keys({10: Key(shift(8.0)), 30: Key(shift(1.0))}).added(20, Key(shift(100.0), 0))
    assert values(keys, [0, 19, 20, 21, 99]) == pytest.approx([8.0, 8 - 7 * 9 / 20, 100.0, 8 - 7 * 11 / 20, 1.0])


def test_a_turn_takes_the_short_way():
    nearly = NO_OFFSET.copy()
    nearly[3] = np.radians(170)
    beyond = NO_OFFSET.copy()
    beyond[3] = np.radians(-170)
    keys = Keys({10: Key(nearly)}).added(20, Key(beyond))
    assert np.degrees(keys.offset(15)[3]) == pytest.approx(180)


KEYS = Keys({10: Key(shift(8.0), 6), 20: Key(shift(4.0), 10)}).added(12, Key(shift(50.0), 0))


@pytest.mark.parametrize("at", range(1, 40))
def test_cutting_anywhere_changes_no_offset(at):
    parts = [(KEYS.cut(0, at - 1), range(at)), (KEYS.cut(at, 40), range(at, 41))]
    for keys, frames in parts:
        assert values(keys, frames) == pytest.approx(values(KEYS, frames), abs=1e-12)


def test_closed_keys_change_nothing_inside_whatever_comes_behind():
    closed = KEYS.closed(0, 40).added(60, Key(shift(-90.0)))
    assert values(closed, range(41)) == pytest.approx(values(KEYS, range(41)), abs=1e-12)
    held = Keys({5: Key(shift(3.0))}).closed(0, 40).added(60, Key(shift(-90.0)))
    assert values(held, [0, 40, 50]) == pytest.approx([3.0, 3.0, -43.5])
