# SPDX-License-Identifier: GPL-3.0-or-later
"""One face's way through the network: aligned plate face in, swapped face and matte out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ..contract.settings import SwapSettings
from ..faces.alignment import face_matrix
from ..faces.forehead import face_axes
from ..faces.geometry import invert_similarity, scale_of, transform_points
from .blend import poisson_face, sharpen_face
from .color_match import ColorSolution, apply_color, solve_color, without_gain
from .crop import FaceCrop, Swapper, swap_crops
from .front_light import light_strength, lit_like
from .in_front import FRONT_SIZE, covered, scaled_front, uncovered
from .matte import Mask, build_mask
from .place import place_face, resized_matrix, scaled_about_center

# Mattes are drawn at least this fine: a network of 64 pixels needs a smoother edge than its own raster gives.
_LEAST_MATTE_SIZE = 128
_LARGEST_MATTE_SIZE = 256
# A learned mask that leaves less than this share of the face to measure is no mask of what is in front of it.
_LEAST_SEEN = 0.25


@dataclass(frozen=True)
class SwappedFace:
    """What the network made of a crop.

    Attributes:
        crop: What it was made from; its plate is painted over where something is in front of the face.
        face: Shape (S, S, 3), float32 RGB 0…1, colors as the network made them.
        mask: The network's own mask, shape (S, S), float32 0…1, or None where it has none or it isn't wanted.
        color: This frame's own color solution, or None.
    """

    crop: FaceCrop
    face: np.ndarray
    mask: np.ndarray | None
    color: ColorSolution | None


def swap_faces(swapper: Swapper, crops: Sequence[FaceCrop], settings: SwapSettings) -> list[SwappedFace]:
    """Run the network on crops of one source and measure their colors.

    Args:
        swapper: The trained network.
        crops: Faces with the same `source`; not empty.
        settings: `color_transfer`, `mask`, `erode`, `feather`, `margin` and `learned_mask` are used.

    Raises:
        EngineError: `internal`, when the network returns faces that are no finite numbers.
    """
    crops = uncovered(crops, lambda crop, who: swap_crops(swapper, [crop], who)[0][0], swapper.performers, settings)
    faces, masks = swap_crops(swapper, crops, crops[0].source)
    swapped = []
    for index, crop in enumerate(crops):
        face = faces[index]
        weight = build_mask(crop.landmarks, crop.size, crop.coverage, settings).matte() * crop.visible
        mask = None
        if masks is not None and settings.learned_mask:
            mask = masks[index]
            weight = _seen(weight, mask)
        if crop.front is not None:
            weight = _seen(weight, 1.0 - cv2.resize(crop.front, (crop.size, crop.size), interpolation=cv2.INTER_AREA))
        color = solve_color(settings.color_transfer, face, crop.plate, weight)
        swapped.append(SwappedFace(crop, face, mask, color))
    return swapped


def _seen(weight: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return where to measure colors: not on what lies in front of the face, as far as the mask knows that."""
    seen = weight * mask
    is_enough = np.count_nonzero(seen > 0.5) >= _LEAST_SEEN * np.count_nonzero(weight > 0.5)
    return seen if is_enough else weight


def paint_face(picture: np.ndarray, swapped: SwappedFace, color: ColorSolution | None, settings: SwapSettings) -> None:
    """Finish a swapped face and draw it into its frame's RGBA picture.

    Args:
        picture: Shape (h, w, 4), uint8 or uint16, straight alpha; changed in place.
        swapped: The face.
        color: The steadied color solution.
        settings: How to comp.
    """
    crop = swapped.crop
    face = sharpen_face(_colored(swapped, color, settings), settings.sharpen)
    if settings.blend == "poisson":
        near = _margin_matte(crop, crop.size, settings)
        face = poisson_face(face, crop.plate, near * crop.visible)
    matte = _margin_matte(crop, _matte_size(crop), settings)
    if swapped.mask is not None:
        side = matte.shape[0]
        # The mask lies in the face's square as the matte does, so placing the product carries both along.
        matte = matte * cv2.resize(swapped.mask, (side, side), interpolation=cv2.INTER_LINEAR)
    if crop.front is not None:
        matte = matte * (1.0 - scaled_front(crop.front, matte.shape[0], settings.face_scale))
    placed = scaled_about_center(crop.image_to_face, crop.size, settings.face_scale)
    place_face(picture, face, matte * np.float32(settings.opacity), placed)


def _colored(swapped: SwappedFace, color: ColorSolution | None, settings: SwapSettings) -> np.ndarray:
    """Return a swapped face in the plate's colors, and in its light where something in front may shade it."""
    crop, method = swapped.crop, settings.color_transfer
    if crop.front is None or method == "none":
        return apply_color(method, swapped.face, color)
    matte = _margin_matte(crop, crop.size, settings) * crop.visible
    front = cv2.resize(crop.front, (crop.size, crop.size), interpolation=cv2.INTER_AREA)
    strength = light_strength(front, matte)
    face = apply_color(method, swapped.face, without_gain(method, color, strength))
    return lit_like(face, crop.plate, matte * (1.0 - covered(crop.front, crop.size)), crop.coverage, strength)


def _margin_matte(crop: FaceCrop, size: int, settings: SwapSettings) -> np.ndarray:
    mask = _mask_at(crop.landmarks, crop.size, size, crop.coverage, settings)
    return mask.matte(settings.margin * size / crop.coverage)


def _mask_at(landmarks: np.ndarray, size: int, fine: int, coverage: float, settings: SwapSettings) -> Mask:
    """Return the mask on a raster of side `fine`, from landmarks on one of side `size`."""
    identity = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    moved = transform_points(resized_matrix(identity, fine / size), landmarks)
    return build_mask(moved, fine, coverage, settings)


def _matte_size(crop: FaceCrop) -> int:
    return FRONT_SIZE if crop.front is not None else int(np.clip(crop.size, _LEAST_MATTE_SIZE, _LARGEST_MATTE_SIZE))


def face_outline(landmarks: np.ndarray, coverage: float, settings: SwapSettings) -> tuple[np.ndarray, float]:
    """Return the outline of a face's blend mask in the picture; it needs no network and no pixels.

    Args:
        landmarks: 68 points in pixels of the picture, shape (68, 2).
        coverage: Side of the network's faces in canonical face squares.
        settings: `mask`, `erode`, `feather` and `face_scale` are used.

    Returns:
        16 points in pixels of the picture, clockwise on the screen from the chin, shape (16, 2), float64, where the
        matte without margin is 0.9; and the distance in pixels from there to its end.
    """
    size = _LEAST_MATTE_SIZE
    image_to_face = face_matrix(landmarks, size, coverage)
    inside = transform_points(image_to_face, landmarks)
    mask = build_mask(inside, size, coverage, settings)
    eyes, down = face_axes(inside)
    placed = scaled_about_center(image_to_face, size, settings.face_scale)
    points = transform_points(invert_similarity(placed), mask.outline(eyes + 0.6 * down, down))
    return points, mask.outline_feather_px / scale_of(placed)
