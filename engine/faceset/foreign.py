# SPDX-License-Identifier: GPL-3.0-or-later
"""Faces as other programs describe them, in one form, before they become a faceset and after."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..faces.geometry import INNER, LANDMARK_COUNT

# Far beyond every picture; numbers above it are damage and would overflow later arithmetic.
_FARTHEST = 1e6
_LARGEST = 1e300


@dataclass(frozen=True, eq=False)
class ForeignFace:
    """One face of another program.

    Attributes:
        frame: File name of the picture it was cut from.
        landmarks: (68, 2) float64, pixels of that picture after `rotation`, pixel centers at integers.
        box: x0, y0, x1, y1 in the same pixels.
        rotation: Turn of the picture before detection, degrees counterclockwise: 0, 90, 180 or 270.
        picture: The face picture; None where there is none.
        image_to_picture: (2, 3) float64 from picture to face picture; None where there is none.
    """

    frame: str
    landmarks: NDArray[np.float64]
    box: tuple[float, float, float, float]
    rotation: int = 0
    picture: Path | None = None
    image_to_picture: NDArray[np.float64] | None = None


@dataclass
class ForeignFaces:
    """What a file or folder of another program holds.

    Attributes:
        source: The file or folder.
        frames: File name of each picture it names -> its faces, possibly none.
        lost: What it holds besides that a faceset can't carry, in words.
        skipped: Sentences about parts that were left out.
    """

    source: Path
    frames: dict[str, list[ForeignFace]] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    skipped: list[str] = field(default_factory=list)

    def add(self, face: ForeignFace) -> None:
        """Add a face to those of its picture."""
        self.frames.setdefault(face.frame, []).append(face)


@dataclass(frozen=True, eq=False)
class ExportedFace:
    """One face of a faceset on its way out.

    Attributes:
        frame: File name of its picture.
        index: Number of the face in its picture, from 0.
        stem: Name for its face picture, without suffix and unlike all others of the export.
        landmarks: (68, 2) float64 picture pixels.
        box: x0, y0, x1, y1 in picture pixels.
        image_to_face: (2, 3) matrix from picture to `picture`.
        coverage: Side of our aligned face in face squares.
        picture: Our aligned face, or its whole frame, uint8 (h, w, 3) RGB; None for formats without pictures.
        frame_size: Height and width of the frame; None when it isn't known.
    """

    frame: str
    index: int
    stem: str
    landmarks: NDArray[np.float64]
    box: tuple[float, float, float, float]
    image_to_face: NDArray[np.float64]
    coverage: float
    picture: NDArray[np.uint8] | None = None
    frame_size: tuple[int, int] | None = None

    @property
    def aligned_picture(self) -> NDArray[np.uint8]:
        """The picture, for formats that need one."""
        if self.picture is None:
            raise ValueError(f"the face of {self.frame} was exported without its picture")
        return self.picture


def checked_points(value: Any, what: str) -> NDArray[np.float64]:
    """Return 68 landmarks from nested lists or an array.

    Raises:
        ValueError: They are not 68 pairs of finite numbers, or all lie in one point.
    """
    points = _numbers(value, (LANDMARK_COUNT, 2), what)
    inner = points[INNER]
    if np.ptp(inner, axis=0).max() < 1e-3:
        raise ValueError(f"{what} all lie in one point")
    return points


def checked_matrix(value: Any, what: str) -> NDArray[np.float64]:
    """Return a (2, 3) matrix that can be inverted.

    Raises:
        ValueError: It is no such matrix.
    """
    matrix = _numbers(value, (2, 3), what)
    if abs(np.linalg.det(matrix[:, :2])) < 1e-9:
        raise ValueError(f"{what} flattens the picture")
    return matrix


def checked_box(value: Any, what: str) -> tuple[float, float, float, float]:
    """Return four finite numbers.

    Raises:
        ValueError: They are not.
    """
    x0, y0, x1, y1 = _numbers(value, (4,), what).tolist()
    return x0, y0, x1, y1


def checked_name(value: Any, what: str) -> str:
    """Return a file name without folders, of either system.

    Raises:
        ValueError: It is no text or empty.
    """
    name = value.replace("\\", "/").rsplit("/", 1)[-1] if isinstance(value, str) else ""
    if not name or "\0" in name:
        raise ValueError(f"{what} is no file name")
    return name


def _numbers(value: Any, shape: tuple[int, ...], what: str) -> NDArray[np.float64]:
    # The shape is compared before NumPy unrolls anything: shared lists may stand for terabytes.
    if not _has_shape(value, shape):
        raise ValueError(f"{what} must be {' x '.join(map(str, shape))} numbers")
    numbers = np.array(value, np.float64)
    if not np.isfinite(numbers).all() or np.abs(numbers).max() > _FARTHEST:
        raise ValueError(f"{what} has numbers that are no pixels")
    return numbers


def _has_shape(value: Any, shape: tuple[int, ...]) -> bool:
    if isinstance(value, np.ndarray):
        return value.shape == shape and value.dtype.kind in "iuf"
    if not shape:
        # Comparing keeps out whole numbers that no float holds; NaN is left to the check of finiteness.
        return isinstance(value, int | float) and not isinstance(value, bool) and not abs(value) > _LARGEST
    is_list = isinstance(value, list | tuple) and len(value) == shape[0]
    return is_list and all(_has_shape(item, shape[1:]) for item in value)
