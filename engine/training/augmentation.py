# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stored face becomes before the network sees it: turned, shifted, mirrored, bent, recolored, degraded.

Positions are in units (`view_units`). One position map per view is composed of all changes, so that the stored picture
is resampled once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..contract.sketch import SKETCH_CHANNELS
from ..faces.geometry import fit_similarities
from .bent_grid import GRID, BentGrids
from .degradation import blur, compress, hide_parts, relight
from .other_heads import OtherHeads
from .placement import Placement
from .view_sketches import draw_view_sketches
from .view_units import UNITS_PER_SQUARE, Points

# The ancestor's shift is a share of its 256-pixel picture.
_SHIFT_BASE = 256.0


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
    regular = _plane(np.linspace(-view.side / 2, view.side / 2, GRID))
    noise = random.normal(0.0, 1.0, (count, GRID, GRID, 2))
    grids = regular + jitter * (noise[..., 0] + 1j * noise[..., 1])
    return _Warps(grids, *fit_similarities(grids.reshape(count, -1), regular.reshape(-1)))


def _placement(
    count: int, preset: Augmentation, flips: float | NDArray[np.float64], random: np.random.Generator
) -> Placement:
    """Draw turn and zoom, shift and mirroring of each view."""
    turn = np.deg2rad(random.uniform(-preset.rotation_deg, preset.rotation_deg, count))
    zoom = random.uniform(1.0 - preset.zoom, 1.0 + preset.zoom, count)
    shift = random.uniform(-preset.shift, preset.shift, (count, 2)) * _SHIFT_BASE
    factor = (zoom * np.exp(1j * turn)).astype(np.complex128)
    return Placement(factor, shift[:, 0] + 1j * shift[:, 1], random.random(count) < flips)


def _pixels(view: View) -> NDArray[np.complex128]:
    """Return the positions of a view's pixels, (size, size)."""
    return _plane(((np.arange(view.size) + 0.5) / view.size - 0.5) * view.side)


def _scale(image: NDArray[np.uint8], coverage: float) -> tuple[float, float]:
    """Return a stored face's pixels in a unit, and the pixel at its center."""
    width = image.shape[1]
    return width / (coverage * UNITS_PER_SQUARE), (width - 1) / 2


def _sample(image: NDArray[np.uint8], coverage: float, positions: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return a stored face at any positions, (2, size, size)."""
    scale, middle = _scale(image, coverage)
    places = positions * scale
    places += middle
    x, y = places.astype(np.float32)
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
    np.multiply(picked, np.float32(1 / 255), out=result)


def _recolor(faces: NDArray[np.float32], strength: float, random: np.random.Generator) -> None:
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
    # Row by row, because NumPy goes through three channels at a time otherwise.
    size = faces.shape[1]
    rows = faces.reshape(count, size, -1)
    all_times, all_plus = (np.tile(part.astype(np.float32), size) for part in (factor, offset))
    for face, times, plus in zip(rows, all_times, all_plus, strict=True):
        np.multiply(face, times, out=face)
        np.add(face, plus, out=face)
        np.clip(face, 0.0, 1.0, out=face)


def make_views(
    images: Sequence[NDArray[np.uint8]],
    coverages: Sequence[float] | NDArray[np.float64],
    view: View,
    preset: Augmentation,
    random: np.random.Generator,
    flips: NDArray[np.float64] | None = None,
    masks: Sequence[NDArray[np.uint8]] = (),
    points: Sequence[Points] = (),
    room: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None,
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
        points: Landmarks of each face in units; empty for networks without sketches.
        room: Arrays to make the result in; new ones by default.

    Returns:
        Input and target, each float32 (n, S, S, 3) RGB in 0…1. The target is turned, shifted and mirrored like the
        input, but neither bent nor recolored nor degraded. With masks the target has a fourth channel, the mask, from
        which is taken what the made-up things hide in the input. With points the input has the target's sketch beside
        the picture, four channels more.
    """
    count = len(images)
    warps = _warps(count, view, preset.jitter, random)
    placement = _placement(count, preset, preset.flip if flips is None else flips, random)
    heads = OtherHeads(count, preset.head_turn_deg, random)
    if room is None:
        shape = (count, view.size, view.size)
        channels = 3 + (SKETCH_CHANNELS if points else 0)
        room = np.empty((*shape, channels), np.float32), np.empty((*shape, 4 if masks else 3), np.float32)
    given, targets = room
    # Pictures lie in one piece, because rows of them are changed at once.
    inputs = np.empty((*given.shape[:-1], 3), np.float32) if points else given
    pixels = _pixels(view)
    corners = pixels[[0, 0, 1], [0, 1, 0]]
    # Turning, shifting and mirroring the grid's points does it to all pixels between.
    bent = BentGrids(placement.stored(warps.grids), view.size)
    even = placement.stored((corners - warps.b[:, None]) / warps.a[:, None])
    for i, image in enumerate(images):
        _put(_sample(image, coverages[i], heads.look(i, bent.enlarged(i))), inputs[i])
        stored = (image, masks[i]) if masks else (image,)
        if heads.are_turned:
            straight = placement.only(i).stored(((pixels - warps.b[i]) / warps.a[i])[None])
            looked = heads.look(i, np.concatenate([straight.real, straight.imag]))
            seen = [_sample(picture, coverages[i], looked) for picture in stored]
        else:
            seen = [_sample_evenly(picture, coverages[i], even[i], view.size) for picture in stored]
        _put(np.asarray(cv2.merge(seen), np.uint8) if masks else seen[0], targets[i])
    hidden = _change(inputs, preset, random)
    if masks:
        for i, matte in hidden.items():
            targets[i, ..., 3] *= 1.0 - matte
    if points:
        placed = placement.shown(_seen_turned(heads, np.stack(points))) * warps.a[:, None] + warps.b[:, None]
        given[..., :3], given[..., 3:] = inputs, draw_view_sketches(placed, view.size, view.coverage, random)
    return given, targets


def _seen_turned(heads: OtherHeads, points: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Return where turned heads show points of the stored ones, (n, points)."""
    if not heads.are_turned:
        return points
    shown = np.stack([heads.shown(i, np.stack([item.real, item.imag])) for i, item in enumerate(points)])
    return shown[:, 0] + 1j * shown[:, 1]


def _change(
    inputs: NDArray[np.float32], preset: Augmentation, random: np.random.Generator
) -> dict[int, NDArray[np.float32]]:
    """Do to the inputs, in place, what scene, camera and codec do to footage, in this order; return what is hidden.

    Nothing is drawn for what is off.
    """
    if preset.light:
        relight(inputs, preset.light, random)
    hidden = hide_parts(inputs, preset.occluders, random) if preset.occluders else {}
    for strength, change in ((preset.color, _recolor), (preset.blur, blur), (preset.jpeg, compress)):
        if strength:
            change(inputs, strength, random)
    return hidden


def make_plain_views(
    images: Sequence[NDArray[np.uint8]], coverages: Sequence[float] | NDArray[np.float64], view: View
) -> NDArray[np.float32]:
    """Return the faces as the swap sees them: float32 (n, S, S, 3) RGB in 0…1, unchanged but for crop and size."""
    corners = _pixels(view)[[0, 0, 1], [0, 1, 0]]
    result = np.empty((len(images), view.size, view.size, 3), np.float32)
    for image, coverage, face in zip(images, coverages, result, strict=True):
        _put(_sample_evenly(image, coverage, corners, view.size), face)
    return result
