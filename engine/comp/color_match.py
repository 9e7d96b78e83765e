# SPDX-License-Identifier: GPL-3.0-or-later
"""Color transfer in aligned space: the swapped face takes on the plate's colors, steadily over the frames.

A solution holds the face's own statistics and the plate's, which it shall have. Both are measured for each frame inside
the mask. The plate's are averaged over the neighboring frames of the face track (both ways, so nothing lags behind the
light); the face's own stay those of the frame, so that a network's flicker is taken away in full.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

# Levels of the histogram between which the transfer is linear.
_QUANTILES = np.linspace(0.0, 1.0, 33)
# Reinhard's ratio of spreads is kept within e^±0.5 (0.61 … 1.65): beyond, it amplifies noise or flattens the face.
_LARGEST_LOG_RATIO = 0.5
# L*a*b* spreads below this are noise, not drawing.
_LEAST_SPREAD = 0.25
# Fewer pixels than this say nothing about the colors of a face.
_FEWEST_PIXELS = 16
# Neighbors that weigh less than this are left out.
_LEAST_WEIGHT = 0.25
_LARGEST_REACH = 12


@dataclass(frozen=True)
class ColorSolution:
    """How one frame's face should change.

    Attributes:
        own: The face's own statistics in this frame.
        wanted: What they shall become, in the same order; this is averaged over time.
    """

    own: np.ndarray
    wanted: np.ndarray


def solve_color(method: str, face: np.ndarray, plate: np.ndarray, weight: np.ndarray) -> ColorSolution | None:
    """Measure the color transfer of one frame.

    Args:
        method: "none", "mean", "histogram" or "lab".
        face: Swapped face, shape (s, s, 3), float32 RGB 0…1.
        plate: The plate's face in the same place, same shape.
        weight: Where to measure, shape (s, s), 0…1; pixels above one half count.

    Returns:
        The solution, or None for "none" and where the mask holds too few pixels.
    """
    if method == "none":
        return None
    inside = weight > 0.5
    if np.count_nonzero(inside) < _FEWEST_PIXELS:
        return None
    return _SOLVERS[method](face[inside], plate[inside])


def apply_color(method: str, face: np.ndarray, solution: ColorSolution | None) -> np.ndarray:
    """Return the face with a solution applied, float32 RGB, clipped to 0…1.

    Args:
        method: As given to `solve_color`.
        face: Shape (s, s, 3), float32 RGB 0…1.
        solution: This frame's solution; None returns the face unchanged.
    """
    if method == "none" or solution is None:
        return face
    changed = _APPLIERS[method](face, solution)
    return np.clip(changed, 0.0, 1.0).astype(np.float32)


def reach_of(steadiness: float) -> int:
    """Return how many frames before and after one share in its solution."""
    if steadiness <= 0.0:
        return 0
    return int(min(_LARGEST_REACH, np.floor(np.log(_LEAST_WEIGHT) / np.log(steadiness)) if steadiness < 1 else 12))


def steady_solution(solutions: Mapping[int, ColorSolution], frame: int, steadiness: float) -> ColorSolution | None:
    """Average what is wanted over the neighbors of a frame, the nearer the more.

    The weights `steadiness ** distance` are symmetric: the average has no lag, doesn't depend on where a run began,
    and gives the same picture when a stopped run goes on.

    Args:
        solutions: Solutions by media frame, of one face track within one take.
        frame: Which one is wanted.
        steadiness: 0 takes the frame alone.

    Returns:
        The frame's own statistics with the averaged wanted ones, or None when the frame has no solution.
    """
    own = solutions.get(frame)
    if own is None:
        return None
    reach = reach_of(steadiness)
    near = [
        (steadiness ** abs(other - frame), solution)
        for other, solution in solutions.items()
        if 0 < abs(other - frame) <= reach
    ]
    weights = np.array([1.0] + [weight for weight, _ in near])
    wanted = np.stack([own.wanted] + [solution.wanted for _, solution in near])
    return ColorSolution(own.own, np.tensordot(weights / weights.sum(), wanted, axes=1))


def without_gain(method: str, solution: ColorSolution | None, strength: float) -> ColorSolution | None:
    """Return a solution that stretches a face's colors less, by `strength` 0…1; at 1 it never stretches them."""
    if method != "lab" or solution is None:
        return solution
    wanted = solution.wanted.copy()
    wanted[3:] -= strength * np.maximum(wanted[3:] - solution.own[3:], 0.0)
    return ColorSolution(solution.own, wanted)


def _solve_mean(face: np.ndarray, plate: np.ndarray) -> ColorSolution:
    return ColorSolution(face.mean(axis=0), plate.mean(axis=0))


def _apply_mean(face: np.ndarray, solution: ColorSolution) -> np.ndarray:
    return face + (solution.wanted - solution.own).astype(np.float32)


def _solve_histogram(face: np.ndarray, plate: np.ndarray) -> ColorSolution:
    return ColorSolution(np.quantile(face, _QUANTILES, axis=0), np.quantile(plate, _QUANTILES, axis=0))


def _apply_histogram(face: np.ndarray, solution: ColorSolution) -> np.ndarray:
    result = np.empty_like(face)
    for channel in range(3):
        own, wanted = solution.own[:, channel], solution.wanted[:, channel]
        # Outside of the measured levels the ends' changes go on, so that highlights keep their drawing.
        own = np.concatenate([[own[0] - 1.0], own, [own[-1] + 1.0]])
        wanted = np.concatenate([[wanted[0] - 1.0], wanted, [wanted[-1] + 1.0]])
        result[..., channel] = np.interp(face[..., channel], own, wanted)
    return result


def _lab(colors: np.ndarray) -> np.ndarray:
    """Return CIE L*a*b* (L 0…100) of RGB 0…1 that is read as sRGB; shape (n, 3) or (h, w, 3) float32."""
    picture = np.ascontiguousarray(colors, np.float32)
    return cv2.cvtColor(picture.reshape(-1, 1, 3), cv2.COLOR_RGB2Lab).reshape(colors.shape)


def _rgb(lab: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(lab, cv2.COLOR_Lab2RGB)


def _solve_lab(face: np.ndarray, plate: np.ndarray) -> ColorSolution:
    """Reinhard, Ashikhmin, Gooch, Shirley: Color Transfer between Images (2001), in CIE L*a*b*."""
    return ColorSolution(_lab_statistics(face), _lab_statistics(plate))


def _lab_statistics(colors: np.ndarray) -> np.ndarray:
    """Return means and logarithms of the spreads of L*, a* and b*, shape (6,)."""
    lab = _lab(colors)
    return np.concatenate([lab.mean(axis=0), np.log(np.maximum(lab.std(axis=0), _LEAST_SPREAD))])


def _apply_lab(face: np.ndarray, solution: ColorSolution) -> np.ndarray:
    ratio = np.clip((solution.wanted - solution.own)[3:], -_LARGEST_LOG_RATIO, _LARGEST_LOG_RATIO)
    lab = _lab(face)
    changed = ((lab - solution.own[:3]) * np.exp(ratio) + solution.wanted[:3]).astype(np.float32)
    # OpenCV's L*a*b* is a table, good to half a percent: only the difference is taken from it.
    return face + _rgb(changed) - _rgb(lab)


_SOLVERS = {"mean": _solve_mean, "histogram": _solve_histogram, "lab": _solve_lab}
_APPLIERS = {"mean": _apply_mean, "histogram": _apply_histogram, "lab": _apply_lab}
