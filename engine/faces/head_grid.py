# SPDX-License-Identifier: GPL-3.0-or-later
"""A coarse grid that lies on the head: where each of its cells is seen in the aligned face, however the head is turned.

The face is taken for a bent sheet through the landmarks of the canonical head. An aligned face is a similarity of the
picture, so the pose alone says where a point of the sheet lies in it.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .alignment import canonical_landmarks
from .geometry import CANONICAL_HEAD

# The aligned face that the grid is laid on.
SIDE = 96
COVERAGE = 1.25
# Cells in a row, and samples: a cell has 4 x 4.
CELLS = 12
SAMPLES = 4 * CELLS
# The grid in centimeters of the canonical head, x right and y down: cheek to cheek, forehead to chin.
_LEFT, _RIGHT, _TOP, _BOTTOM = -6.0, 6.0, -6.8, 6.2
# Pose is rounded to this many degrees, so that the maps of a clip are computed once.
_POSE_STEP = 2.0
# Cells whose skin is seen more slantwise than this (cosine to the line of sight) aren't looked at.
_SLANT = 0.35


@dataclass(frozen=True, eq=False)
class HeadGrid:
    """Where the grid lies in the aligned face at one pose.

    Attributes:
        x: Position of each sample in the aligned face in pixels, float32 (48, 48).
        y: Same.
        visible: Whether each cell can be seen, row by row, bool (144,).
    """

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    visible: NDArray[np.bool_]


@functools.cache
def _surface() -> NDArray[np.float64]:
    """Return the coefficients of z = a + b·x² + c·y + d·y², fitted to the canonical head; z points to the viewer."""
    x, y, z = CANONICAL_HEAD.T
    terms = np.stack([np.ones_like(x), x**2, y, y**2], axis=1)
    return np.linalg.lstsq(terms, z, rcond=None)[0]


@functools.cache
def cell_centers(count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x and y of the centers of `count` x `count` cells, in cm of the canonical head; don't change them."""
    across = _LEFT + (np.arange(count) + 0.5) * (_RIGHT - _LEFT) / count
    down = _TOP + (np.arange(count) + 0.5) * (_BOTTOM - _TOP) / count
    x, y = np.meshgrid(across, down)
    return x, y


def _face_cells() -> NDArray[np.bool_]:
    x, y = cell_centers(CELLS)
    return (x / 6.1) ** 2 + ((y + 0.2) / 7.4) ** 2 <= 1


def head_grid(yaw_deg: float, pitch_deg: float) -> HeadGrid:
    """Return the grid of a head that is turned like this; angles as in `quality.FaceQuality`, rounded to 2 degrees."""
    return _rounded_grid(round(yaw_deg / _POSE_STEP), round(pitch_deg / _POSE_STEP))


@functools.lru_cache(maxsize=512)
def _rounded_grid(yaw_step: int, pitch_step: int) -> HeadGrid:
    rotation = _rotation(yaw_step * _POSE_STEP, pitch_step * _POSE_STEP)
    seen = (CANONICAL_HEAD * [1, 1, -1]) @ rotation[:2].T
    wanted = canonical_landmarks(SIDE, COVERAGE)
    start, end = seen @ [1, 1j], wanted @ [1, 1j]
    spread = start - start.mean()
    turn = np.vdot(spread, end - end.mean()) / np.vdot(spread, spread)
    a, b, c, d = _surface()
    x, y = cell_centers(SAMPLES)
    points = np.stack([x, y, -(a + b * x**2 + c * y + d * y**2)], axis=-1) @ rotation[:2].T
    placed = turn * (points @ [1, 1j] - start.mean()) + end.mean()
    x, y = cell_centers(CELLS)
    normal = np.stack([-2 * b * x, -c - 2 * d * y, -np.ones_like(x)], axis=-1)
    slant = -(normal / np.linalg.norm(normal, axis=-1, keepdims=True)) @ rotation[2]
    inside = (placed.real > -0.5) & (placed.real < SIDE - 0.5) & (placed.imag > -0.5) & (placed.imag < SIDE - 0.5)
    inside = inside.reshape(CELLS, 4, CELLS, 4).mean(axis=(1, 3)) > 0.7
    visible = (_face_cells() & inside & (slant > _SLANT)).ravel()
    return HeadGrid(placed.real.astype(np.float32), placed.imag.astype(np.float32), visible)


def _rotation(yaw_deg: float, pitch_deg: float) -> NDArray[np.float64]:
    """Return the head's axes on screen (x right, y down, z away) in columns, without roll."""
    yaw, pitch = np.radians(yaw_deg), np.radians(pitch_deg)
    ahead = np.array([-np.cos(pitch) * np.sin(yaw), np.sin(pitch), np.cos(pitch) * np.cos(yaw)])
    across = np.array([np.cos(yaw), 0.0, np.sin(yaw)])
    return np.stack([across, np.cross(ahead, across), ahead], axis=1)
