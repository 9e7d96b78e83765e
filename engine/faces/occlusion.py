# SPDX-License-Identifier: GPL-3.0-or-later
"""A guess of how much of a face is hidden in a frame: by a hand, a microphone, anything that isn't the face.

What a face looks like is learned while its track is watched, on a coarse grid that lies on the head: the aligned face
is sampled where the pose puts each point of the grid, so a turning head shows the same skin in the same cell. A cell is
compared with what was learned by its brightness and color, its amount of edges, and by how alike the pattern of pixels
is; a hand has the color of a face, but not its pattern. A change of light is taken off first. How much a cell differs
while the face is free is learned too, so that eyes and mouth, which move by themselves, need a larger difference.

There is no guess without history: in the first frames of a track it is near 0, and what is hidden from the first frame
on is taken for the face until the track has seen it otherwise for a while.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .head_grid import CELLS, SAMPLES, SIDE, HeadGrid, cell_centers, head_grid

# What is compared in a cell: log brightness, two log ratios of colors, edges, and the unlikeness of the pattern.
_LIGHT, _COLORS, _EDGES, _PATTERN = 0, slice(1, 3), 3, 4
# Differences as large as this are noise in the best of pictures.
_NOISE = np.array([0.05, 0.02, 0.02, 0.03, 0.4], dtype=np.float32)
# Weights of the differences (in units of noise and usual swing, at most `_LARGEST`) in the evidence, a logit, that a
# cell is hidden: a logistic regression on 400 000 cells of eleven clips, with drawn hands and microphones passing by.
_WEIGHTS = np.array([0.6, 0.5, 0.25, 0.85, 5.4], dtype=np.float32)
_LARGEST = 3.0
_BIAS = 8.4
# What was seen in few frames is no proof: the evidence falls by this, divided by the number of frames.
_NEWNESS = 31.0
# Share of the newest frame in what is known, once a cell was seen often.
_LEARNING = 0.06
_SWING_LEARNING = 0.05
# Cells that are more likely hidden than this are hardly learned: only so much that glasses put on, or a face that was
# hidden from the start, are known after some seconds.
_DOUBT = 0.25
_GRUDGING = 0.03
_FEWEST_CELLS = 12
# Side of the window in which patterns are compared, in samples, and the noise of log brightness within.
_WINDOW = 11
_PATTERN_NOISE = 0.03
# The offset keeps the noise of dark pixels from being enlarged.
_LOGS = np.log(np.arange(256, dtype=np.float32) + 12.0)


def _plane_terms(count: int) -> NDArray[np.float32]:
    x, y = cell_centers(count)
    return np.stack([np.ones_like(x), x / 6, y / 6], axis=-1).astype(np.float32)


# A slope of brightness needs some proof, or half a face in the shade of a hand would pass for a change of light.
_SLOPE_PROOF = np.diag(np.array([0.01, 0.5, 0.5], dtype=np.float32))
_COARSE_PLANE = _plane_terms(CELLS).reshape(-1, 3)
_FINE_PLANE = _plane_terms(SAMPLES)


class OcclusionWatch:
    """Guesses the hidden share of one face, frame after frame; there is one for each face track."""

    def __init__(self) -> None:
        count = CELLS * CELLS
        self._cells = np.zeros((count, 4), dtype=np.float32)
        self._picture = np.zeros((SAMPLES, SAMPLES), dtype=np.float32)
        self._swing = np.zeros((count, 5), dtype=np.float32)
        self._seen = np.zeros(count, dtype=np.float32)

    def look(self, face: NDArray[np.uint8], yaw_deg: float, pitch_deg: float) -> float:
        """Return the guess for the track's next frame, and learn from it.

        Args:
            face: Aligned face, uint8 RGB (96, 96, 3) at coverage 1.25.
            yaw_deg: As `quality.FaceQuality`.
            pitch_deg: As `quality.FaceQuality`.

        Returns:
            Hidden share of the side of the face that can be seen, 0…1.
        """
        hidden, known = self._watch(face, head_grid(yaw_deg, pitch_deg))
        return float(hidden.sum() / known.sum()) if known.any() else 0.0

    def look_where(self, face: NDArray[np.uint8], yaw_deg: float, pitch_deg: float) -> NDArray[np.float32]:
        """Return where the track's next frame is hidden, and learn from it.

        Args:
            face: As `look`.
            yaw_deg: As `look`.
            pitch_deg: As `look`.

        Returns:
            float32 (96, 96) on the aligned face: how likely each pixel is hidden, 0…1; 0 beside the face.
        """
        pose = head_grid(yaw_deg, pitch_deg)
        hidden, known = self._watch(face, pose)
        return _spread_out(hidden, known, pose)

    def _watch(self, face: NDArray[np.uint8], pose: HeadGrid) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Learn from a frame; return how likely each cell is hidden, and which cells are known, none at first."""
        light, cells = _describe(face, pose)
        known = pose.visible & (self._seen > 0)
        if known.sum() < _FEWEST_CELLS:
            self._learn(light, cells, None, pose.visible.astype(np.float32))
            return np.zeros(len(known), np.float32), np.zeros_like(known)
        change = self._changes(light, cells, known)
        hidden = self._hidden(change, known)
        share = float(hidden.sum() / known.sum())
        openness = np.clip(1 - hidden / _DOUBT, _GRUDGING, 1) * pose.visible
        # What comes into sight while something hides the face may be that thing.
        openness[~known] *= share < _DOUBT / 2
        self._learn(light, cells, change, openness)
        return hidden, known

    def _changes(
        self, light: NDArray[np.float32], cells: NDArray[np.float32], known: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Take the change of light off `light` and `cells`; return how the cells differ from what is known, (n, 5)."""
        change = np.empty((len(cells), 5), dtype=np.float32)
        change[:, :4] = cells - self._cells
        plane = _light_plane(change[known, _LIGHT], _COARSE_PLANE[known])
        change[:, _LIGHT] -= _COARSE_PLANE @ plane
        change[:, _COLORS] -= _middle(change[known, _COLORS])
        cells[:, :3] = self._cells[:, :3] + change[:, :3]
        light -= _FINE_PLANE @ plane
        change[:, _PATTERN] = _pattern_unlikeness(light, self._picture)
        return np.abs(change)

    def _hidden(self, change: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return how likely each cell is hidden, 0…1; 0 where it isn't known."""
        unlike = np.minimum(change / (_NOISE + self._swing), _LARGEST)
        evidence = unlike @ _WEIGHTS - _BIAS - _NEWNESS / (1 + self._seen)
        # Things in front of a face are larger than a cell: neighbors decide together.
        weights = known.astype(np.float32)
        size = (CELLS, CELLS)
        total = cv2.blur((np.clip(evidence, -8, 8) * weights).reshape(size), (3, 3)).ravel()
        near = total / np.maximum(cv2.blur(weights.reshape(size), (3, 3)).ravel(), 1e-6)
        return np.asarray(weights / (1 + np.exp(-near)), dtype=np.float32)

    def _learn(
        self,
        light: NDArray[np.float32],
        cells: NDArray[np.float32],
        change: NDArray[np.float32] | None,
        openness: NDArray[np.float32],
    ) -> None:
        rate = np.maximum(1 / (self._seen + 1), _LEARNING) * openness
        if change is not None:
            slow = (np.minimum(rate, _SWING_LEARNING) * (self._seen > 0))[:, None]
            self._swing += slow * (change - self._swing)
        self._cells += rate[:, None] * (cells - self._cells)
        fine = cv2.resize(rate.reshape(CELLS, CELLS), (SAMPLES, SAMPLES), interpolation=cv2.INTER_NEAREST)
        self._picture += fine * (light - self._picture)
        self._seen += openness


def _spread_out(hidden: NDArray[np.float32], known: NDArray[np.bool_], pose: HeadGrid) -> NDArray[np.float32]:
    """Lay the cells' likelihood on the aligned face: each pixel takes what the samples near it say."""
    size = (CELLS, CELLS)
    values, weights = (
        cv2.resize(plane.astype(np.float32).reshape(size), (SAMPLES, SAMPLES), interpolation=cv2.INTER_NEAREST)
        for plane in (hidden * known, known)
    )
    columns, rows = (np.clip(np.rint(place).astype(int), 0, SIDE - 1) for place in (pose.x, pose.y))
    total, count = np.zeros((2, SIDE, SIDE), np.float32)
    np.add.at(total, (rows, columns), values)
    np.add.at(count, (rows, columns), weights)
    # Samples lie up to three pixels apart.
    total, count = (cv2.GaussianBlur(plane, (0, 0), 2.5) for plane in (total, count))
    return np.where(count > 1e-3, total / np.maximum(count, 1e-3), 0.0).astype(np.float32)


def _describe(face: NDArray[np.uint8], pose: HeadGrid) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return log brightness of the samples (48, 48), and of each cell brightness, two colors and edges (144, 4)."""
    red, green, blue = cv2.split(cv2.LUT(cv2.remap(face, pose.x, pose.y, cv2.INTER_LINEAR), _LOGS))
    light = (red + 2 * green + blue) / 4
    across, down = (cv2.Sobel(light, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1)))
    edges = np.abs(across) + np.abs(down)
    planes = cv2.merge([light, red - green, blue - green, edges])
    cells = cv2.resize(planes, (CELLS, CELLS), interpolation=cv2.INTER_AREA).reshape(-1, 4)
    return np.asarray(light, dtype=np.float32), np.asarray(cells, dtype=np.float32)


def _light_plane(change: NDArray[np.float32], terms: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the plane (3,) that most of the changes of brightness lie on: weighted least squares, twice."""
    plane = np.array([_middle(change), 0, 0], dtype=np.float32)
    for _ in range(2):
        rest = change - terms @ plane
        scale = max(3 * float(_middle(np.abs(rest))), 0.06)
        weighted = terms / (1 + (rest / scale) ** 2)[:, None] ** 2
        plane = plane + np.linalg.solve(terms.T @ weighted + _SLOPE_PROOF, weighted.T @ rest)
    return np.asarray(plane, dtype=np.float32)


def _middle(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the (upper) median over the first axis; `np.median` takes longer than all the rest here."""
    middle = len(values) // 2
    return np.partition(values, middle, axis=0)[middle]


def _pattern_unlikeness(now: NDArray[np.float32], before: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return 1 minus the structure term of SSIM (Wang et al. 2004) for each cell, 0…2: alike, unrelated, opposite."""
    window = (_WINDOW, _WINDOW)
    products = cv2.merge([now, before, now * now + before * before, now * before])
    mean_now, mean_before, squares, product = cv2.split(cv2.blur(products, window))
    spread = np.maximum(squares - mean_now**2 - mean_before**2, 0) + _PATTERN_NOISE**2
    alike = (2 * (product - mean_now * mean_before) + _PATTERN_NOISE**2) / spread
    cells = cv2.resize(alike, (CELLS, CELLS), interpolation=cv2.INTER_AREA).ravel()
    return np.asarray(1 - cells, dtype=np.float32)
