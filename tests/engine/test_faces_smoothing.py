# SPDX-License-Identifier: GPL-3.0-or-later
"""Steadying takes jitter away, adds no lag, and leaves fast movement alone."""

import numpy as np
import pytest
from understudy.engine.faces.geometry import CANONICAL_INNER
from understudy.engine.faces.smoothing import REACH, jitter, steady_landmarks

NOISE_PX = 0.5


def _still(count: int) -> np.ndarray:
    landmarks = np.zeros((68, 2))
    landmarks[17:] = CANONICAL_INNER * 140 + 200
    landmarks[:17, 0] = np.linspace(120, 280, 17)
    landmarks[:17, 1] = 260
    return np.repeat(landmarks[None], count, axis=0)


def _noise(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(7).normal(size=shape) * NOISE_PX


def _error(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.sqrt(np.mean((found - truth)[REACH:-REACH] ** 2)))


def test_jitter_of_a_still_face_falls_by_at_least_70_percent():
    truth = _still(60)
    raw = truth + _noise(truth.shape)
    steadied = steady_landmarks(raw)
    assert _error(steadied, truth) < 0.3 * NOISE_PX
    assert jitter(steadied) < 0.3 * jitter(raw)


def test_jitter_of_a_still_face_falls_whatever_the_noise():
    truth = _still(48)
    ratios = []
    for seed in range(16):
        raw = truth + np.random.default_rng(seed).normal(size=truth.shape) * NOISE_PX
        ratios.append(jitter(steady_landmarks(raw)) / jitter(raw))
    assert max(ratios) <= 0.3


def test_a_little_more_movement_never_changes_a_frame_by_much():
    raw = _still(40) + _noise((40, 68, 2))
    step, found = 0.02, []
    for size in np.arange(0, 5, step):
        moved = raw.copy()
        moved[20, 36:48, 1] += size
        found.append(steady_landmarks(moved, 1.0, 20, 21)[0])
    # Between still and moving the result changes faster than the fit, because noise comes back too, but never jumps.
    assert np.abs(np.diff(found, axis=0)).max() < 10 * step
    assert np.abs(found[0] - raw[20])[36:48].mean() > 0.2, "the still face is steadied"
    assert np.abs(found[-1] - moved[20])[36:48].max() < 1e-3, "the movement is kept"


def test_even_movement_is_followed_without_lag():
    truth = _still(80)
    truth[:, :, 0] += 3.0 * np.arange(80)[:, None]
    steadied = steady_landmarks(truth + _noise(truth.shape))
    shift = (steadied - truth)[REACH:-REACH, :, 0].mean()
    assert abs(shift) < 0.02, "a lag of one frame would be 3 px"


def test_a_fast_turn_is_not_smeared():
    truth = _still(80)
    truth[:, :, 0] += 15.0 * np.clip(np.arange(80) - 40, 0, 5)[:, None]
    raw = truth + _noise(truth.shape)
    steadied = steady_landmarks(raw)
    turn = slice(36, 50)
    raw_error = np.sqrt(np.mean((raw - truth)[turn] ** 2))
    assert np.sqrt(np.mean((steadied - truth)[turn] ** 2)) <= 1.05 * raw_error
    assert _error(steadied, truth) < _error(raw, truth)


def test_a_blink_in_a_still_face_stays_while_the_rest_is_steadied():
    truth = _still(60)
    truth[30:33, 36:48, 1] += np.array([4.0, 8.0, 4.0])[:, None]
    steadied = steady_landmarks(truth + _noise(truth.shape))
    blink = (steadied - _still(60))[31, 36:48, 1].mean()
    assert blink > 6.5
    assert np.sqrt(np.mean((steadied - truth)[31, 48:] ** 2)) < 0.4 * NOISE_PX


def test_steadying_behind_the_action_gives_the_same_as_the_whole_track():
    truth = _still(90)
    truth[:, :, 1] += (20 * np.sin(np.arange(90) / 9))[:, None]
    raw = truth + _noise(truth.shape)
    whole = steady_landmarks(raw)
    for start in range(0, 90, 7):
        end = min(start + 7, 90)
        first, last = max(0, start - REACH), min(90, end + REACH)
        part = steady_landmarks(raw[first:last], 1.0, start - first, end - first)
        assert np.array_equal(part, whole[start:end])


def test_held_pictures_do_not_hide_the_noise():
    truth = _still(60)
    raw = np.repeat((truth + _noise(truth.shape))[:30], 2, axis=0)
    assert _error(steady_landmarks(raw), truth) < 0.5 * NOISE_PX


@pytest.mark.parametrize("count", [1, 2, 3])
def test_short_tracks_and_strength_zero(count):
    raw = _still(count) + _noise((count, 68, 2))
    assert steady_landmarks(raw).shape == (count, 68, 2)
    assert np.array_equal(steady_landmarks(raw, 0.0), raw.astype(np.float32))


def test_jitter_is_the_noise_of_a_still_face_and_ignores_even_movement():
    truth = _still(200)
    truth[:, :, 0] += 4.0 * np.arange(200)[:, None]
    assert jitter(truth) == pytest.approx(0, abs=1e-9)
    raw = truth + _noise(truth.shape)
    eyes = np.linalg.norm(truth[0, 42:48].mean(axis=0) - truth[0, 36:42].mean(axis=0))
    assert jitter(raw) == pytest.approx(NOISE_PX / eyes, rel=0.05)
