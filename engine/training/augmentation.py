# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stored face becomes before the network sees it: turned, shifted, mirrored, bent, recolored, degraded.

Positions are complex numbers x + iy around the center of the face, in units of 1/160 face square: the ancestor's pixel,
because its 256-pixel faces hold the face square in their middle 160. One position map per view is composed of all
changes, so that the stored picture is resampled once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .degradation import blur, compress, hide_parts, relight
from .other_heads import OtherHeads

UNITS_PER_SQUARE = 160.0
# The ancestor's shift is a share of its 256-pixel picture.
_SHIFT_BASE = 256.0
_GRID = 5


@dataclass(frozen=True)
class Augmentation:
    """How far a view may differ from the stored face.

    Attributes:
        rotation_deg: Largest turn either way.
        zoom: Largest relative change of size.
        shift: Largest shift along each axis, as a share of 256 units.
        flip: Probability of a mirrored view.
        jitter: Standard deviation of the warp grid's points in units.
        head_turn_deg: Largest turn and nod of the head that input and target are bent to.
        color: Strength of the recoloring of the network's input, 0 … 1; the target keeps its colors.
        light: Strength of the light from a side on the input; as the following ones, the target stays clean.
        blur: How often and how far the input is blurred.
        jpeg: How often and how far the input is compressed.
        occluders: How often and how far things hide the input's face.
    """

    rotation_deg: float
    zoom: float
    shift: float
    flip: float
    jitter: float
    color: float = 0.0
    light: float = 0.0
    blur: float = 0.0
    jpeg: float = 0.0
    occluders: float = 0.0
    head_turn_deg: float = 0.0


@dataclass(frozen=True)
class View:
    """Geometry of the pictures the network gets.

    Attributes:
        size: Side in pixels.
        coverage: Side in canonical face squares.
    """

    size: int
    coverage: float

    @property
    def side(self) -> float:
        """Side in units of 1/160 face square."""
        return self.coverage * UNITS_PER_SQUARE


def _enlargement(size: int) -> NDArray[np.float64]:
    """Return the (size, 5) matrix that turns the grid's five lines into `size` pixel lines.

    The ancestor enlarges the grid to 80 for 64 pixels and keeps the middle 64: pixel i lies at (i + ½)·4/size between
    the grid's lines, whatever the size.
    """
    position = (np.arange(size) + 0.5) * (_GRID - 1) / size
    return np.maximum(0.0, 1.0 - np.abs(position[:, None] - np.arange(_GRID)))


def _plane(lines: NDArray[np.float64]) -> NDArray[np.complex128]:
    return lines[None, :] + 1j * lines[:, None]


def fit_similarity(
    source: NDArray[np.complex128], target: NDArray[np.complex128]
) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """Fit target ≈ a·source + b by least squares, which in the plane is Umeyama's similarity (1991, eqs. 40–42).

    Args:
        source: (n, k) points.
        target: (k,) points.

    Returns:
        a and b, each (n,).
    """
    center = source.mean(axis=1)
    middle = target.mean()
    centered = source - center[:, None]
    a = np.sum(np.conj(centered) * (target - middle), axis=1) / np.sum(np.abs(centered) ** 2, axis=1)
    return a, middle - a * center


def _warp_positions(
    count: int, view: View, jitter: float, random: np.random.Generator
) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """Return where the bent input and the unbent target look, each (count, size, size)."""
    regular = _plane(np.linspace(-view.side / 2, view.side / 2, _GRID))
    noise = random.normal(0.0, 1.0, (count, _GRID, _GRID, 2))
    grid = regular + jitter * (noise[..., 0] + 1j * noise[..., 1])
    enlarge = _enlargement(view.size)
    bent = enlarge @ grid @ enlarge.T
    a, b = fit_similarity(grid.reshape(count, -1), regular.reshape(-1))
    pixels = _plane(((np.arange(view.size) + 0.5) / view.size - 0.5) * view.side)
    return bent, (pixels - b[:, None, None]) / a[:, None, None]


def _placement(
    count: int, preset: Augmentation, flips: float | NDArray[np.float64], random: np.random.Generator
) -> tuple[NDArray[np.complex128], NDArray[np.complex128], NDArray[np.bool_]]:
    """Draw factor (turn and zoom), shift and mirroring of each view."""
    turn = np.deg2rad(random.uniform(-preset.rotation_deg, preset.rotation_deg, count))
    zoom = random.uniform(1.0 - preset.zoom, 1.0 + preset.zoom, count)
    shift = random.uniform(-preset.shift, preset.shift, (count, 2)) * _SHIFT_BASE
    factor = (zoom * np.exp(1j * turn)).astype(np.complex128)
    return factor, shift[:, 0] + 1j * shift[:, 1], random.random(count) < flips


def _sample(image: NDArray[np.uint8], coverage: float, positions: NDArray[np.complex128]) -> NDArray[np.float32]:
    height, width = image.shape[:2]
    scale = width / (coverage * UNITS_PER_SQUARE)
    x = (positions.real * scale + (width - 1) / 2).astype(np.float32)
    y = (positions.imag * scale + (height - 1) / 2).astype(np.float32)
    picked = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return picked.astype(np.float32) / np.float32(255.0)


def _recolor(faces: NDArray[np.float32], strength: float, random: np.random.Generator) -> NDArray[np.float32]:
    """Give faces the mean and spread of others in the batch, then random gains, contrast and brightness."""
    count = len(faces)
    mean = faces.mean(axis=(1, 2), keepdims=True)
    spread = faces.std(axis=(1, 2), keepdims=True) + 1e-3
    other = random.permutation(count)
    share = strength * random.random((count, 1, 1, 1)) * (random.random((count, 1, 1, 1)) < 0.5)
    new_mean = mean + share * (mean[other] - mean)
    new_spread = spread * (spread[other] / spread) ** share
    contrast = np.exp(strength * random.normal(0.0, 0.15, (count, 1, 1, 1)))
    gain = np.exp(strength * random.normal(0.0, 0.08, (count, 1, 1, 3)))
    light = np.exp(strength * random.normal(0.0, 0.2, (count, 1, 1, 1)))
    factor = (new_spread / spread * contrast * gain * light).astype(np.float32)
    offset = (new_mean * gain * light).astype(np.float32)
    return np.clip((faces - mean) * factor + offset, 0.0, 1.0)


def make_views(
    images: Sequence[NDArray[np.uint8]],
    coverages: Sequence[float] | NDArray[np.float64],
    view: View,
    preset: Augmentation,
    random: np.random.Generator,
    flips: NDArray[np.float64] | None = None,
    masks: Sequence[NDArray[np.uint8]] = (),
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Make one training pair of each face.

    Args:
        images: n stored faces, uint8 (h, h, 3) RGB.
        coverages: Side of each stored face in canonical face squares.
        view: Size and coverage of the result.
        preset: How far to go.
        random: Source of all chance; the same state gives the same pairs.
        flips: Probability of a mirrored view of each face, (n,); the preset's for all by default.
        masks: Where each stored face is, uint8 (m, m, 1) over its square; empty for none.

    Returns:
        Input and target, each float32 (n, S, S, 3) RGB in 0…1. The target is turned, shifted and mirrored like the
        input, but neither bent nor recolored nor degraded. With masks the target has a fourth channel, the mask, from
        which is taken what the made-up things hide in the input.
    """
    count = len(images)
    bent, straight = _warp_positions(count, view, preset.jitter, random)
    factor, shift, mirrored = _placement(count, preset, preset.flip if flips is None else flips, random)
    heads = OtherHeads(count, preset.head_turn_deg, random)
    inputs = np.empty((count, view.size, view.size, 3), np.float32)
    targets = np.empty((count, view.size, view.size, 4 if masks else 3), np.float32)
    for i, image in enumerate(images):
        for positions, result in ((bent[i], inputs), (straight[i], targets)):
            seen = -np.conj(positions) if mirrored[i] else positions
            places = heads.look(i, (seen - shift[i]) / factor[i])
            result[i, ..., :3] = _sample(image, coverages[i], places)
            if masks and result is targets:
                result[i, ..., 3] = _sample(masks[i], coverages[i], places)
    if preset.light:
        inputs = relight(inputs, preset.light, random)
    if preset.occluders:
        inputs, hidden = hide_parts(inputs, preset.occluders, random)
        if masks:
            targets[..., 3] *= 1.0 - hidden
    return _changed(inputs, preset, random), targets


def _changed(inputs: NDArray[np.float32], preset: Augmentation, random: np.random.Generator) -> NDArray[np.float32]:
    """Do to the inputs what camera and codec do to footage, in this order; nothing is drawn for what is off."""
    for strength, change in (
        (preset.color, _recolor),
        (preset.blur, blur),
        (preset.jpeg, compress),
    ):
        if strength:
            inputs = change(inputs, strength, random)
    return inputs


def make_plain_views(
    images: Sequence[NDArray[np.uint8]], coverages: Sequence[float] | NDArray[np.float64], view: View
) -> NDArray[np.float32]:
    """Return the faces as the swap sees them: float32 (n, S, S, 3) RGB in 0…1, unchanged but for crop and size."""
    pixels = _plane(((np.arange(view.size) + 0.5) / view.size - 0.5) * view.side)
    return np.stack([_sample(image, coverages[i], pixels) for i, image in enumerate(images)])
