# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies in front of a face, cut out of its matte, and taken out of what the network sees.

Two sights tell it. Hands are found and drawn. Anything else is where the face differs from what
the model makes of its own performer there: the decoder of the replaced performer paints the face as it would be without
the thing, because it has never seen one. That fails where most of the face is hidden, and is asked only where no hand
was found.

The network's own picture suffers as well: it takes fingers for features. So the thing is painted over before the swap,
with skin from around it and then with the model's own idea of what it hides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np

from ..contract.settings import SwapSettings
from ..faces.geometry import transform_points
from ..faces.hand_paths import PlacedHand
from ..faces.hand_shape import draw_hands
from .crop import FaceCrop, Watch, own_performer
from .matte import build_mask
from .place import resized_matrix

FRONT_SIZE = 256

# A face and a performer -> the face with that performer's identity, float32 (S, S, 3) 0…1.
Decode = Callable[[FaceCrop, str], np.ndarray]

# What covers less of the matte is nothing to see, and what covers more is no thing but a network that failed.
_LEAST_SHARE, _LEAST_THING, _LARGEST_THING = 0.002, 0.01, 0.5
# A hand that isn't there in any frame that the search marked doesn't cover more than this: it would be a cheek.
_LARGEST_UNNOTICED = 0.25
# A pixel differs when it does by more than the first (of 1) and by more than so many times the face's usual difference,
# or at any rate by more than the third; a little further it differs for sure.
_LEAST_DIFFERENCE, _TIMES_USUAL, _LARGEST_DIFFERENCE, _FURTHER = 0.1, 3.0, 0.25, 0.1
# Things are at least this thick, as a share of the crop; outlines and lashes, which networks paint softly, are thinner.
_THICKNESS, _LARGEST_HOLE = 0.07, 0.02
_LARGEST_FILLED = 128
# Radius of the neighborhood that the filling is taken from, and how far it reaches beyond the thing.
_FILL_RADIUS, _FILL_MARGIN = 0.05, 0.02


def with_hands(crop: FaceCrop, hands: Sequence[PlacedHand], settings: SwapSettings) -> FaceCrop:
    """Return the crop with the hands that are in front of its face.

    Args:
        crop: A face that is watched.
        hands: Hands in its frame.
        settings: `mask`, `erode`, `feather` and `margin` tell where the swap would show.
    """
    matrix = resized_matrix(crop.image_to_face, FRONT_SIZE / crop.size)
    drawn = []
    for item in hands:
        one = draw_hands([item.hand], matrix, FRONT_SIZE)
        if item.is_marked or _share(one, crop, settings) <= _LARGEST_UNNOTICED:
            drawn.append(one)
    if not drawn:
        return crop
    front = np.maximum.reduce(drawn)
    return replace(crop, front=front) if _share(front, crop, settings) >= _LEAST_SHARE else crop


def uncovered(
    crops: Sequence[FaceCrop], decode: Decode, performers: Sequence[str], settings: SwapSettings
) -> list[FaceCrop]:
    """Return crops with everything that is in front of their faces, and their plates as if nothing were.

    Args:
        crops: Faces of one source. Those that aren't watched come back as they are.
        decode: The network.
        performers: Whom it knows.
        settings: Tell where the swap would show.
    """
    return [crop if crop.watch is Watch.NOTHING else _uncovered(crop, decode, performers, settings) for crop in crops]


def _uncovered(crop: FaceCrop, decode: Decode, performers: Sequence[str], settings: SwapSettings) -> FaceCrop:
    own, front = own_performer(crop, performers), crop.front
    is_thing = front is None and crop.watch is Watch.ANYTHING and own != ""
    if is_thing:
        front = _thing(crop, decode(crop, own), settings)
    if front is None:
        return crop
    free = _filled(crop.plate, covered(front, crop.size))
    if not own:
        return replace(crop, plate=free, front=front)
    expected = decode(replace(crop, plate=free), own)
    if is_thing:
        # Now the network wasn't misled by the thing, so what differs is told better.
        front = _thing(crop, expected, settings)
        if front is None:
            return crop
    return replace(crop, plate=_mixed(crop.plate, expected, covered(front, crop.size)), front=front)


def covered(front: np.ndarray, size: int) -> np.ndarray:
    """Return what shall not be taken for the face: a little more than what is in front, shape (size, size)."""
    small = cv2.resize(front, (size, size), interpolation=cv2.INTER_AREA)
    width = 2 * max(1, round(_FILL_MARGIN * size)) + 1
    return cv2.blur(cv2.dilate(small, _disk(width)), (width, width))


def _share(front: np.ndarray, crop: FaceCrop, settings: SwapSettings) -> float:
    """Return which share of the matte lies behind something."""
    matte = _matte(crop, front.shape[0], settings)
    return float((front * matte).sum() / max(float(matte.sum()), 1.0))


def _matte(crop: FaceCrop, size: int, settings: SwapSettings) -> np.ndarray:
    identity = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    landmarks = transform_points(resized_matrix(identity, size / crop.size), crop.landmarks)
    return build_mask(landmarks, size, crop.coverage, settings).matte(settings.margin * size / crop.coverage)


def _thing(crop: FaceCrop, expected: np.ndarray, settings: SwapSettings) -> np.ndarray | None:
    """Return where a face differs from what it should look like, (256, 256), or None when that is no thing."""
    matte = _matte(crop, crop.size, settings) * crop.visible
    inside = matte > 0.5
    if not inside.any():
        return None
    fine = crop.size / 96
    difference = np.abs(cv2.GaussianBlur(crop.plate, (0, 0), fine) - expected).max(axis=2)
    difference = cv2.GaussianBlur(difference.astype(np.float32), (0, 0), 1.2 * fine)
    usual = float(np.median(difference[inside]))
    limit = min(max(_LEAST_DIFFERENCE, _TIMES_USUAL * usual), _LARGEST_DIFFERENCE)
    likely = np.clip((difference - limit) / _FURTHER, 0.0, 1.0) * crop.visible
    front = _thick_parts(likely.astype(np.float32))
    share = float((front * matte).sum() / matte.sum())
    if not _LEAST_THING <= share <= _LARGEST_THING:
        return None
    return np.asarray(cv2.resize(front, (FRONT_SIZE, FRONT_SIZE), interpolation=cv2.INTER_LINEAR), np.float32)


def _thick_parts(likely: np.ndarray) -> np.ndarray:
    """Return the connected parts that are thick somewhere, their small holes closed."""
    width = max(3, round(_THICKNESS * likely.shape[0])) | 1
    disk = _disk(width)
    closed = cv2.morphologyEx(likely, cv2.MORPH_CLOSE, disk, borderType=cv2.BORDER_REPLICATE)
    sure = (closed > 0.5).astype(np.uint8)
    holes = _holes(sure)
    sure, closed = sure | holes, np.maximum(closed, holes)
    thick = cv2.morphologyEx(sure, cv2.MORPH_OPEN, disk, borderType=cv2.BORDER_REPLICATE)
    kept = cv2.dilate(thick, _disk(width // 2 | 1))
    return closed * cv2.GaussianBlur(kept.astype(np.float32), (0, 0), likely.shape[0] / 96)


def _holes(sure: np.ndarray) -> np.ndarray:
    """Return the small holes of a mask: a thing has no windows, but the background around a face has one, the face."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(1 - sure, connectivity=4)
    small = [n for n in range(1, count) if stats[n, cv2.CC_STAT_AREA] < _LARGEST_HOLE * sure.size]
    return np.isin(labels, small).astype(np.uint8)


def _disk(width: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))


def _filled(plate: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Return the plate with what is hidden painted from its surroundings (Telea 2004)."""
    side = min(plate.shape[0], _LARGEST_FILLED)
    small = cv2.resize(plate, (side, side), interpolation=cv2.INTER_AREA)
    hole = (cv2.resize(hidden, (side, side), interpolation=cv2.INTER_AREA) > 0.05).astype(np.uint8)
    painted = cv2.inpaint(np.rint(255 * small).astype(np.uint8), hole, _FILL_RADIUS * side, cv2.INPAINT_TELEA)
    large = cv2.resize(painted.astype(np.float32) / 255, plate.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return _mixed(plate, large, hidden)


def _mixed(plate: np.ndarray, other: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    return plate + (other - plate) * hidden[..., None]


def scaled_front(front: np.ndarray, size: int, scale: float) -> np.ndarray:
    """Return `front` for a face that is shown `scale` times as large: what is in front stays where it is.

    Args:
        front: Shape (256, 256), float32.
        size: Side of the result.
        scale: `face_scale` of the comp.
    """
    wanted = cv2.resize(front, (size, size), interpolation=cv2.INTER_AREA) if size != front.shape[0] else front
    if scale == 1.0:
        return wanted
    center = (size - 1) / 2
    smaller = np.array([[1 / scale, 0.0, center - center / scale], [0.0, 1 / scale, center - center / scale]])
    return cv2.warpAffine(wanted, smaller, (size, size), flags=cv2.INTER_LINEAR)
