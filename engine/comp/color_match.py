# SPDX-License-Identifier: GPL-3.0-or-later
"""Color transfer in aligned space: the swapped face takes on the plate's colors, steadily over the frames.

A solution says how the face's statistics must move to become the plate's. It is measured for each frame inside the
mask, averaged over the neighboring frames of the face track (both ways, so nothing lags behind the light), and then
applied around the face's own statistics of that frame.
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
# Fewer pixels than this say nothing about the colors of a face.
_FEWEST_PIXELS = 16
# Neighbors that weigh less than this are left out.
_LEAST_WEIGHT = 0.25
_LARGEST_REACH = 12


@dataclass(frozen=True)
class ColorSolution:
    """How one frame's face should change.

    Attributes:
        pivot: The face's own statistics in this frame.
        change: What must be added to them; this is averaged over time.
    """

    pivot: np.ndarray
    change: np.ndarray


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
    """Average the change over the neighbors of a frame, the nearer the more.

    The weights `steadiness ** distance` are symmetric: the average has no lag, doesn't depend on where a run began,
    and gives the same picture when a stopped run goes on.

    Args:
        solutions: Solutions by media frame, of one face track within one take.
        frame: Which one is wanted.
        steadiness: 0 takes the frame alone.

    Returns:
        The frame's own pivot with the averaged change, or None when the frame has no solution.
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
    changes = np.stack([own.change] + [solution.change for _, solution in near])
    return ColorSolution(own.pivot, np.tensordot(weights / weights.sum(), changes, axes=1))


def _solve_mean(face: np.ndarray, plate: np.ndarray) -> ColorSolution:
    pivot = face.mean(axis=0)
    return ColorSolution(pivot, plate.mean(axis=0) - pivot)


def _apply_mean(face: np.ndarray, solution: ColorSolution) -> np.ndarray:
    return face + solution.change.astype(np.float32)


def _solve_histogram(face: np.ndarray, plate: np.ndarray) -> ColorSolution:
    pivot = np.quantile(face, _QUANTILES, axis=0)
    return ColorSolution(pivot, np.quantile(plate, _QUANTILES, axis=0) - pivot)


def _apply_histogram(face: np.ndarray, solution: ColorSolution) -> np.ndarray:
    result = np.empty_like(face)
    for channel in range(3):
        levels = solution.pivot[:, channel]
        wanted = np.maximum.accumulate(levels + solution.change[:, channel])
        # Outside of the measured levels the ends' changes go on, so that highlights keep their drawing.
        levels = np.concatenate([[levels[0] - 1.0], levels, [levels[-1] + 1.0]])
        wanted = np.concatenate([[wanted[0] - 1.0], wanted, [wanted[-1] + 1.0]])
        result[..., channel] = np.interp(face[..., channel], levels, wanted)
    return result


def _lab(colors: np.ndarray) -> np.ndarray:
    """Return CIE L*a*b* (L 0…100) of RGB 0…1 that is read as sRGB; shape (n, 3) or (h, w, 3) float32."""
    picture = np.ascontiguousarray(colors, np.float32)
    return cv2.cvtColor(picture.reshape(-1, 1, 3), cv2.COLOR_RGB2Lab).reshape(colors.shape)


def _rgb(lab: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(lab, cv2.COLOR_Lab2RGB)


def _solve_lab(face: np.ndarray, plate: np.ndarray) -> ColorSolution:
    """Reinhard, Ashikhmin, Gooch, Shirley: Color Transfer between Images (2001), in CIE L*a*b*."""
    of_face, of_plate = _lab(face), _lab(plate)
    pivot = of_face.mean(axis=0)
    spreads = np.maximum([of_face.std(axis=0), of_plate.std(axis=0)], 0.25)
    ratio = np.clip(np.log(spreads[1] / spreads[0]), -_LARGEST_LOG_RATIO, _LARGEST_LOG_RATIO)
    return ColorSolution(pivot, np.concatenate([of_plate.mean(axis=0) - pivot, ratio]))


def _apply_lab(face: np.ndarray, solution: ColorSolution) -> np.ndarray:
    shift, gain = solution.change[:3], np.exp(solution.change[3:])
    lab = _lab(face)
    changed = ((lab - solution.pivot) * gain + solution.pivot + shift).astype(np.float32)
    # OpenCV's L*a*b* is a table, good to half a percent: only the difference is taken from it.
    return face + _rgb(changed) - _rgb(lab)


_SOLVERS = {"mean": _solve_mean, "histogram": _solve_histogram, "lab": _solve_lab}
_APPLIERS = {"mean": _apply_mean, "histogram": _apply_histogram, "lab": _apply_lab}
