# SPDX-License-Identifier: GPL-3.0-or-later
"""Steadying landmarks over time without lag: long averages where a face is still, short ones where it moves.

Every frame is averaged with as many neighbors before it as after it, so nothing is delayed. How many is chosen for each
frame and each part of the face by the rule of intersecting confidence intervals (Goldenshluger & Nemirovski 1997):
the window grows as long as the longer average still agrees with all shorter ones within the noise. Agreement is a
matter of degree: a longer average that hardly agrees counts in part, so a little more noise never changes a frame by
much. On a still face that takes the jitter away; in a fast turn the raw fit is kept. The noise of a frame is measured
on the track itself, from second differences of its neighborhood.

A result depends on at most `REACH` frames before and after it. So a track can be steadied while it is still being
followed, `REACH` frames behind, with exactly the result that the whole track gives.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from .geometry import LEFT_EYE, RIGHT_EYE

# Widths of the averages in frames (standard deviation of the Gaussian weights), from the raw fit upwards.
_WIDTHS = (0.0, 0.8, 1.3, 2.0, 3.0, 4.5)
_RADIUS = 11
_NOISE_RADIUS = 12
REACH = _NOISE_RADIUS + 1
"""How many frames before and after it a steadied frame depends on."""

# How many frames are computed together: enough to be quick, few enough to be small.
_TOGETHER = 64
# And how many when a whole track is measured.
_MEASURED_TOGETHER = 4096
# Two averages agree when they differ by less than the first of these times the noise expected of their difference, and
# disagree beyond the second; in between they agree in part.
_AGREEMENT = (2.5, 3.3)
# Noise is never taken for more than this share of the eye distance: what exceeds it is movement.
_LARGEST_NOISE = 0.015
# Nor for less than this: following a face makes its noise creep, which second differences hardly show.
_LEAST_NOISE = 0.003
# Parts of a face that move on their own: jaw, brows, nose, each eye, mouth.
PARTS = (slice(0, 17), slice(17, 27), slice(27, 36), slice(36, 42), slice(42, 48), slice(48, 68))


def steady_landmarks(
    landmarks: NDArray[np.floating], strength: float = 1.0, start: int = 0, end: int | None = None
) -> NDArray[np.float32]:
    """Return a track's landmarks steadied over time.

    Args:
        landmarks: Raw landmarks of consecutive frames, shape (n, 68, 2), pixels.
        strength: 0 returns the raw fits; 1 is usual; larger values take more movement for noise.
        start: First frame to return.
        end: Frame behind the last one to return; None means n.

    Returns:
        Shape (end - start, 68, 2), float32.
    """
    track = np.asarray(landmarks, dtype=np.float64)
    end = len(track) if end is None else end
    if strength <= 0 or len(track) < 3:
        return track[start:end].astype(np.float32)
    steadied = np.empty((end - start, *track.shape[1:]), np.float32)
    # Near the ends of a track averages get short rather than lopsided; in between all frames have the full reach and
    # are computed together.
    first, last = max(start, REACH), min(end, len(track) - REACH)
    for frame in (*range(start, min(first, end)), *range(max(last, first), end)):
        steadied[frame - start] = _steady(
            track, frame, frame + 1, min(_RADIUS, frame, len(track) - 1 - frame), strength
        )
    for begin in range(first, last, _TOGETHER):
        finish = min(begin + _TOGETHER, last)
        steadied[begin - start : finish - start] = _steady(track, begin, finish, _RADIUS, strength)
    return steadied


def _steady(track: NDArray[np.float64], start: int, end: int, reach: int, strength: float) -> NDArray[np.float64]:
    """Return frames [start, end), (end - start, 68, 2), averaged over up to `reach` frames on both sides."""
    if reach == 0:
        return track[start:end]
    weights = _weights(reach)
    averages = np.empty((len(weights), end - start, *track.shape[1:]))
    averages[:] = weights[:, reach, None, None, None] * track[start:end]
    for offset in range(1, reach + 1):
        both = track[start - offset : end - offset] + track[start + offset : end + offset]
        averages += weights[:, reach + offset, None, None, None] * both
    noise = _noises(track, start, end)
    result = np.empty((end - start, *track.shape[1:]))
    for part in PARTS:
        level = np.sqrt(np.mean(noise[:, part] ** 2, axis=1)) * strength
        result[:, part] = _blended(averages[:, :, part], weights, level)
    return result


def _blended(
    averages: NDArray[np.float64], weights: NDArray[np.float64], level: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the averages (widths, n, points, 2) blended: each as far as all up to it agree with narrower ones."""
    agree, disagree = _AGREEMENT
    blended = averages[0].copy()
    share = np.ones(averages.shape[1])
    for wider in range(1, len(weights)):
        spread = np.sqrt(np.mean((averages[:wider] - averages[wider]) ** 2, axis=(2, 3)))
        expected = np.linalg.norm(weights[:wider] - weights[wider], axis=1)[:, None] * level
        share *= np.clip((disagree - (spread / expected).max(axis=0)) / (disagree - agree), 0, 1)
        blended += share[:, None, None] * (averages[wider] - averages[wider - 1])
    return blended


@cache
def _weights(reach: int) -> NDArray[np.float64]:
    offsets = np.arange(-reach, reach + 1)
    rows = [np.exp(-0.5 * (offsets / width) ** 2) if width else (offsets == 0).astype(float) for width in _WIDTHS]
    return np.stack([row / row.sum() for row in rows])


def _noises(track: NDArray[np.float64], start: int, end: int) -> NDArray[np.float64]:
    """Return `_noise` of the frames [start, end), (end - start, 68)."""
    first, last = start - _NOISE_RADIUS - 1, end + _NOISE_RADIUS + 1
    if first < 0 or last > len(track) or (np.diff(track[first:last], axis=0) == 0).all(axis=(1, 2)).any():
        return np.stack([_noise(track, frame) for frame in range(start, end)])
    # All windows are whole and no picture is held: the windows of all frames are cut from one row of differences.
    second = np.abs(np.diff(track[first:last], n=2, axis=0))
    windows = sliding_window_view(second, 2 * _NOISE_RADIUS + 1, axis=0).reshape(end - start, track.shape[1], -1)
    return _bounded(_lower_quartile(windows), track[start:end])


def _lower_quartile(values: NDArray[np.float64]) -> NDArray[np.float64]:
    middle = values.shape[-1] // 4
    return np.partition(values, middle, axis=-1)[..., middle]


def _bounded(quartile: NDArray[np.float64], faces: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the noise that a quartile (…, 68) of absolute second differences means on faces (…, 68, 2)."""
    # For Gaussian noise the quartile of absolute values is 0.319 standard deviations, and a second difference has
    # sqrt(6) of them.
    across = faces[..., LEFT_EYE, :].mean(axis=-2) - faces[..., RIGHT_EYE, :].mean(axis=-2)
    eyes = np.maximum(np.linalg.norm(across, axis=-1), 1.0)[..., None]
    return np.clip(quartile / (0.319 * np.sqrt(6)), _LEAST_NOISE * eyes, _LARGEST_NOISE * eyes)


def _noise(track: NDArray[np.float64], frame: int) -> NDArray[np.float64]:
    """Return the noise of each landmark around a frame as a standard deviation per coordinate, (68,) pixels."""
    first, last = max(0, frame - _NOISE_RADIUS - 1), min(len(track), frame + _NOISE_RADIUS + 2)
    window = track[first:last]
    # Pictures that are held for several frames would look free of noise.
    is_new = np.append(True, (np.diff(window, axis=0) != 0).any(axis=(1, 2)))
    second = np.diff(window[is_new], n=2, axis=0)
    if not len(second):
        return _bounded(np.zeros(track.shape[1]), track[frame])
    # The lower quartile instead of the median: half of a neighborhood may be a fast movement.
    return _bounded(_lower_quartile(np.abs(second).transpose(1, 2, 0).reshape(track.shape[1], -1)), track[frame])


def jitter(landmarks: NDArray[np.floating]) -> float:
    """Return how much a track trembles, as a share of the eye distance.

    The root mean square of the second differences over time of the 51 inner landmarks, divided by sqrt(6): for a still
    face that is the standard deviation of the fit, and even movement doesn't count.

    Args:
        landmarks: Consecutive frames, shape (n, 68, 2); fewer than 3 have no jitter.
    """
    if len(landmarks) < 3:
        return 0.0
    total, count = 0.0, 0
    for start in range(0, len(landmarks) - 2, _MEASURED_TOGETHER):
        square = _trembling(np.asarray(landmarks[start : start + _MEASURED_TOGETHER + 2], np.float64))
        total, count = total + float(square.sum()), count + square.size
    return float(np.sqrt(total / count / 6))


def _trembling(track: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the squared second differences of the inner landmarks, in eye distances, (n - 2, 51, 2)."""
    eyes = np.linalg.norm(track[:, LEFT_EYE].mean(axis=1) - track[:, RIGHT_EYE].mean(axis=1), axis=1)
    second = np.diff(track[:, 17:], n=2, axis=0) / np.maximum(eyes[1:-1], 1e-6)[:, None, None]
    return second**2
