# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stored face becomes before the network sees it: turned, shifted, mirrored, bent, recolored, degraded.

Positions are complex numbers x + iy around the center of the face, in units of 1/160 face square: the ancestor's pixel,
because its 256-pixel faces hold the face square in their middle 160. One position map per view is composed of all
changes, so that the stored picture is resampled once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from ..faces.geometry import fit_similarities
from .degradation import blur, compress, hide_parts, relight
from .other_heads import UNITS_PER_SQUARE, OtherHeads

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


def _between_lines(size: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return between which of the grid's five lines `size` pixel lines lie: the line before, and how far behind it.

    The ancestor enlarges the grid to 80 for 64 pixels and keeps the middle 64: pixel i lies at (i + ½)·4/size between
    the grid's lines, whatever the size.
    """
    position = (np.arange(size) + 0.5) * (_GRID - 1) / size
    line = position.astype(np.int64)
    return line, position - line


def _plane(lines: NDArray[np.float64]) -> NDArray[np.complex128]:
    return lines[None, :] + 1j * lines[:, None]


@dataclass(frozen=True, eq=False)
class _Warps:
    """How each view of a batch is bent: the jittered grid, and the similarity a·z + b that best undoes the jitter.

    Attributes:
        grids: complex (n, 5, 5).
        a: complex (n,).
        b: complex (n,).
    """

    grids: NDArray[np.complex128]
    a: NDArray[np.complex128]
    b: NDArray[np.complex128]


def _warps(count: int, view: View, jitter: float, random: np.random.Generator) -> _Warps:
    regular = _plane(np.linspace(-view.side / 2, view.side / 2, _GRID))
    noise = random.normal(0.0, 1.0, (count, _GRID, _GRID, 2))
    grids = regular + jitter * (noise[..., 0] + 1j * noise[..., 1])
    return _Warps(grids, *fit_similarities(grids.reshape(count, -1), regular.reshape(-1)))


def _placement(
    count: int, preset: Augmentation, flips: float | NDArray[np.float64], random: np.random.Generator
) -> tuple[NDArray[np.complex128], NDArray[np.complex128], NDArray[np.bool_]]:
    """Draw factor (turn and zoom), shift and mirroring of each view."""
    turn = np.deg2rad(random.uniform(-preset.rotation_deg, preset.rotation_deg, count))
    zoom = random.uniform(1.0 - preset.zoom, 1.0 + preset.zoom, count)
    shift = random.uniform(-preset.shift, preset.shift, (count, 2)) * _SHIFT_BASE
    factor = (zoom * np.exp(1j * turn)).astype(np.complex128)
    return factor, shift[:, 0] + 1j * shift[:, 1], random.random(count) < flips


def _placed(
    positions: NDArray[np.complex128], factor: complex, shift: complex, is_mirrored: bool
) -> NDArray[np.complex128]:
    """Return where in the stored face a view's positions lie, by what `_placement` drew."""
    return ((-np.conj(positions) if is_mirrored else positions) - shift) / factor


def _enlarged(grid: NDArray[np.complex128], size: int) -> NDArray[np.complex128]:
    """Return the positions of all pixels, (size, size), between the points of a grid (5, 5)."""
    line, share = _between_lines(size)
    # Not by `@`: so small a product isn't worth waking its library's threads, which then turn idly for a while.
    rows = grid[line] * (1.0 - share)[:, None] + grid[line + 1] * share[:, None]
    return rows[:, line] * (1.0 - share) + rows[:, line + 1] * share


def _pixels(view: View) -> NDArray[np.complex128]:
    """Return the positions of a view's pixels, (size, size)."""
    return _plane(((np.arange(view.size) + 0.5) / view.size - 0.5) * view.side)


def _scale(image: NDArray[np.uint8], coverage: float) -> tuple[float, float]:
    """Return a stored face's pixels in a unit, and the pixel at its center."""
    width = image.shape[1]
    return width / (coverage * UNITS_PER_SQUARE), (width - 1) / 2


def _sample(image: NDArray[np.uint8], coverage: float, positions: NDArray[np.complex128]) -> NDArray[np.uint8]:
    """Return a stored face at any positions, (size, size)."""
    scale, middle = _scale(image, coverage)
    x, y = ((part * scale + middle).astype(np.float32) for part in (positions.real, positions.imag))
    return np.asarray(cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _sample_evenly(
    image: NDArray[np.uint8], coverage: float, corners: NDArray[np.complex128], size: int
) -> NDArray[np.uint8]:
    """Return a stored face where the first pixel, its right neighbor and the one below lie at three positions, (3,)."""
    scale, middle = _scale(image, coverage)
    first, right, below = corners
    across, down = (right - first) * scale, (below - first) * scale
    start = first * scale + middle * (1 + 1j)
    matrix = np.array([[across.real, down.real, start.real], [across.imag, down.imag, start.imag]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    found = cv2.warpAffine(image, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.uint8)


def _put(picked: NDArray[np.uint8], result: NDArray[np.float32]) -> None:
    """Write a picture of 0…255 into one of 0…1."""
    np.multiply(picked if picked.ndim == result.ndim else picked[..., None], np.float32(1 / 255), out=result)


def _recolor(faces: NDArray[np.float32], strength: float, random: np.random.Generator) -> NDArray[np.float32]:
    """Give faces, in place, the mean and spread of others in the batch, then random gains, contrast and brightness."""
    count = len(faces)
    # Face by face, because what fits into the processor's cache is changed many times faster.
    mean, spread = np.stack([np.stack(cv2.meanStdDev(face))[..., 0] for face in faces], axis=1)
    spread += 1e-3
    other = random.permutation(count)
    share = strength * random.random((count, 1)) * (random.random((count, 1)) < 0.5)
    new_mean = mean + share * (mean[other] - mean)
    new_spread = spread * (spread[other] / spread) ** share
    contrast = np.exp(strength * random.normal(0.0, 0.15, (count, 1)))
    gain = np.exp(strength * random.normal(0.0, 0.08, (count, 3)))
    light = np.exp(strength * random.normal(0.0, 0.2, (count, 1)))
    factor = new_spread / spread * contrast * gain * light
    offset = new_mean * gain * light - mean * factor
    for face, times, plus in zip(faces, factor.astype(np.float32), offset.astype(np.float32), strict=True):
        np.multiply(face, times, out=face)
        np.add(face, plus, out=face)
        np.clip(face, 0.0, 1.0, out=face)
    return faces


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
    warps = _warps(count, view, preset.jitter, random)
    factor, shift, mirrored = _placement(count, preset, preset.flip if flips is None else flips, random)
    heads = OtherHeads(count, preset.head_turn_deg, random)
    inputs = np.empty((count, view.size, view.size, 3), np.float32)
    targets = np.empty((count, view.size, view.size, 4 if masks else 3), np.float32)
    pixels = _pixels(view)
    corners = pixels[[0, 0, 1], [0, 1, 0]]
    for i, image in enumerate(images):
        placed = partial(_placed, factor=factor[i], shift=shift[i], is_mirrored=bool(mirrored[i]))
        # Turning, shifting and mirroring the grid's points does it to all pixels between.
        bent = heads.look(i, _enlarged(placed(warps.grids[i]), view.size))
        _put(_sample(image, coverages[i], bent), inputs[i])
        stored = [(image, slice(0, 3))] + ([(masks[i], slice(3, 4))] if masks else [])
        if heads.are_turned:
            straight = heads.look(i, placed((pixels - warps.b[i]) / warps.a[i]))
            for picture, channels in stored:
                _put(_sample(picture, coverages[i], straight), targets[i, ..., channels])
        else:
            even = placed((corners - warps.b[i]) / warps.a[i])
            for picture, channels in stored:
                _put(_sample_evenly(picture, coverages[i], even, view.size), targets[i, ..., channels])
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
    corners = _pixels(view)[[0, 0, 1], [0, 1, 0]]
    result = np.empty((len(images), view.size, view.size, 3), np.float32)
    for image, coverage, face in zip(images, coverages, result, strict=True):
        _put(_sample_evenly(image, coverage, corners, view.size), face)
    return result
