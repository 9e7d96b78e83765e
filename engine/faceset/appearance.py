# SPDX-License-Identifier: GPL-3.0-or-later
"""What the picture of one aligned face tells: figures of light and focus, a histogram, a small copy."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..faces.alignment import align_face, face_square_matrix
from ..faces.geometry import compose, invert_similarity

FIGURES = ("sharpness", "blur", "exposure", "contrast", "light", "hue", "saturation")
HISTOGRAM_BINS = 64
SMALL_SIDE = 16

# As `faces.quality` measures sharpness: on an aligned face of this size and coverage.
_SIDE, _COVERAGE = 96, 1.25
_BLUR_REACH = 9


@dataclass(frozen=True, eq=False)
class Look:
    """What the picture of a face tells.

    Attributes:
        figures: float32 (len(FIGURES),), see `picture_figures`.
        histogram: See `color_histogram`.
        small: Luma of the face square, uint8 (256,): 16 rows of 16 pixels.
    """

    figures: NDArray[np.float32]
    histogram: NDArray[np.float32]
    small: NDArray[np.uint8]


def look(image: NDArray[np.uint8], coverage: float) -> Look:
    """Return what the picture of a face tells.

    Args:
        image: Aligned face, RGB (h, h, 3).
        coverage: Its side in face squares.
    """
    square = _face_square(image, coverage)
    figures = _figures(square)
    luma = _luma(square)
    small = cv2.resize(luma, (SMALL_SIDE, SMALL_SIDE), interpolation=cv2.INTER_AREA)
    return Look(
        np.array([figures[name] for name in FIGURES], np.float32),
        color_histogram(image),
        small.ravel().astype(np.uint8),
    )


def picture_figures(image: NDArray[np.uint8], coverage: float) -> dict[str, float]:
    """Return the figures of an aligned face, all measured on its face square at one size.

    Args:
        image: RGB (h, h, 3).
        coverage: Side of the picture in face squares.

    Returns:
        `sharpness` and `exposure` as in `faces.quality`; `blur` 0 (crisp) to 1 after Crete, Dolmiere, Ladret and
        Nicolas, The blur effect, 2007, of the more blurred direction; `contrast`, the standard deviation of luma, 0…1;
        `light`, brightness of the right half against the left one, -1…1; `hue` of the mean color in degrees,
        -180…180 around red; `saturation` 0…1.
    """
    return _figures(_face_square(image, coverage))


def laplacian_sharpness(image: NDArray[np.uint8], coverage: float = _COVERAGE) -> float:
    """Return the sharpness of an aligned face as `faces.quality` measures it."""
    return _sharpness(_luma(_face_square(image, coverage)))


def color_histogram(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the square roots of a picture's normalized channel histograms, float32 (3 · 64,) of length 1.

    The dot product of two of them is their Bhattacharyya coefficient: 1 for equal histograms, 0 for disjoint ones.
    """
    counts = [np.bincount(image[..., c].ravel() >> 2, minlength=HISTOGRAM_BINS) for c in range(3)]
    return np.sqrt(np.concatenate(counts) / (3 * image.shape[0] * image.shape[1])).astype(np.float32)


def _face_square(image: NDArray[np.uint8], coverage: float) -> NDArray[np.uint8]:
    from_face = invert_similarity(face_square_matrix(image.shape[0], coverage))
    return align_face(image, compose(face_square_matrix(_SIDE, _COVERAGE), from_face), _SIDE)


def _luma(square: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return cv2.cvtColor(square, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)


def _figures(square: NDArray[np.uint8]) -> dict[str, float]:
    luma = _luma(square)
    half = _SIDE // 2
    left, right = float(luma[:, :half].mean()), float(luma[:, half:].mean())
    red, green, blue = square.reshape(-1, 3).astype(np.float64).mean(axis=0)
    brightest = max(red, green, blue)
    # The mean color's hue in the plane across the gray axis; the mean of many hues would depend on where they wrap.
    hue = np.degrees(np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue))
    return {
        "sharpness": _sharpness(luma),
        "blur": _blur(luma),
        "exposure": float(luma.mean()) / 255,
        "contrast": float(luma.std()) / 255,
        "light": (right - left) / max(right + left, 1.0),
        "hue": float(hue),
        "saturation": float((brightest - min(red, green, blue)) / max(brightest, 1.0)),
    }


def _sharpness(luma: NDArray[np.uint8]) -> float:
    return float(cv2.Laplacian(luma, cv2.CV_32F)[1:-1, 1:-1].std())


def _blur(luma: NDArray[np.uint8]) -> float:
    # Steps of whole luma levels in a soft picture would pass for detail.
    plain = cv2.GaussianBlur(luma.astype(np.float32), (0, 0), 1.0)
    left = []
    for axis, kernel in ((0, (1, _BLUR_REACH)), (1, (_BLUR_REACH, 1))):
        before = np.abs(np.diff(plain, axis=axis))
        after = np.abs(np.diff(cv2.blur(plain, kernel), axis=axis))
        total = float(before.sum())
        # What blurring again can't take away was blurred before.
        left.append(1 - float(np.maximum(0, before - after).sum()) / total if total > 0 else 1.0)
    return max(left)
