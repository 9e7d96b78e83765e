# SPDX-License-Identifier: GPL-3.0-or-later
"""The pixels around a face: converted to RGB once, and kept so that the face can be cut when the picture is gone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..media.picture import FootagePicture
from .alignment import align_face, face_matrix
from .geometry import compose, eye_lean, invert_similarity, transform_points

# The kept part is this many times the aligned face: steadied landmarks lie a few percent of a face beside the fitted
# ones, and every pixel of margin is converted and handed on for nothing.
_PART_MARGIN = 1.15
_PART_BORDER_PX = 8
# A view may have a few percent fewer pixels than the aligned face, if it can be averaged for that.
_MISSING_SHARE = 0.12
# Fitters need at least this many pixels for each face square.
_FITTING_PX = 96
# Sides of views are multiples of this many of their pixels, except at the picture's edge.
_SIZE_STEP = 64
# Every fitter's square lies within this many times the landmarks' extent around their center, however it leans.
_FITTING_REACH = 2.2
# A detector's box is off by a tenth of the face and unsure about its extent.
_BOX_REACH = 4.5


@dataclass(frozen=True, eq=False)
class FaceView:
    """The pixels around a face in one picture: enough to fit, to measure, to cut and to recognize it.

    Attributes:
        picture: Where it is from.
        image: RGB pixels of the region, uint8 (h, w, 3); a large face's are averaged down by a whole factor.
        left: Its first column in the picture.
        top: Its first row in the picture.
        factor: Picture pixels in a pixel of the view, in each direction.
    """

    picture: FootagePicture
    image: NDArray[np.uint8]
    left: int
    top: int
    factor: int

    @classmethod
    def around(cls, picture: FootagePicture, landmarks: NDArray[np.floating], size: int, coverage: float) -> FaceView:
        """Return the view of a face expected or found at landmarks (68, 2).

        Args:
            picture: Where to look.
            landmarks: Picture pixels; they may lie beyond the picture's edge.
            size: Side in pixels of the aligned face that will be cut.
            coverage: Its side in face squares.
        """
        points = np.asarray(landmarks, float)
        low, high = points.min(axis=0), points.max(axis=0)
        lean = np.radians(eye_lean(points))
        spread = abs(np.cos(lean)) + abs(np.sin(lean))
        square = max(float(np.ptp(points[17:], axis=0).max()), 1.0)
        side = max(_FITTING_REACH * float((high - low).max()), 1.1 * _PART_MARGIN * coverage * square)
        half = side * spread / 2 + _PART_BORDER_PX
        factor = max(1, int(square / max(size / coverage, _FITTING_PX) + _MISSING_SHARE))
        center = (low + high) / 2
        return cls._of(picture, center - half, center + half, factor)

    @classmethod
    def around_box(cls, picture: FootagePicture, box: NDArray[np.floating]) -> FaceView:
        """Return the view of a face that a detector found in a box x0, y0, x1, y1, wide enough for every lean."""
        box = np.asarray(box, float)
        side = float(max(box[2] - box[0], box[3] - box[1]))
        half = _BOX_REACH * side / 2 + _PART_BORDER_PX
        center = (box[:2] + box[2:]) / 2
        return cls._of(picture, center - half, center + half, max(1, int(side / _FITTING_PX / 2)))

    @classmethod
    def _of(
        cls, picture: FootagePicture, low: NDArray[np.floating], high: NDArray[np.floating], factor: int
    ) -> FaceView:
        # Few different sizes, because setting a conversion up for a new one costs as much as converting.
        step = _SIZE_STEP * factor
        size = np.ceil((high - low) / step) * step
        low = np.floor((low + high - size) / 2)
        left, top, right, bottom = _inside(picture, low, low + size)
        # A side of whole view pixels; what is cut off at the picture's edge is less than one of them.
        factor = max(1, min(factor, right - left, bottom - top))
        right -= (right - left) % factor
        bottom -= (bottom - top) % factor
        return cls(picture, picture.region(left, top, right, bottom, factor), left, top, factor)

    @property
    def picture_to_view(self) -> NDArray[np.float64]:
        """Matrix (2, 3) from picture pixels to pixels of the view."""
        scale, middle = 1 / self.factor, 0.5 / self.factor - 0.5
        return np.array([[scale, 0, middle - self.left * scale], [0, scale, middle - self.top * scale]])

    def here(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return picture points (n, 2) in pixels of the view."""
        return (np.asarray(points, float) - (self.left, self.top) + 0.5) / self.factor - 0.5

    def there(self, points: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return points of the view in pixels of the picture."""
        points = (np.asarray(points, float) + 0.5) * self.factor - 0.5
        return (points + (self.left, self.top)).astype(np.float32)

    def holds(self, landmarks: NDArray[np.floating], size: int, coverage: float) -> bool:
        """Whether all that cutting the face at these landmarks needs is in the view, as far as it is in the picture."""
        low, high = _reach(landmarks, size, coverage)
        height, width = self.image.shape[:2]
        x0, y0, x1, y1 = _inside(self.picture, low, high)
        right, bottom = self.left + (width + 1) * self.factor, self.top + (height + 1) * self.factor
        return self.left <= x0 and self.top <= y0 and x1 < right and y1 < bottom


@dataclass(frozen=True, eq=False)
class PicturePart:
    """The part of a picture around a face, kept without the picture.

    Attributes:
        image: RGB pixels, uint8 (h, w, 3).
        picture_to_part: Matrix (2, 3) from picture pixels to pixels of the part.
    """

    image: NDArray[np.uint8]
    picture_to_part: NDArray[np.float64]

    @classmethod
    def around(cls, view: FaceView, landmarks: NDArray[np.floating], size: int, coverage: float) -> PicturePart:
        """Take the part that the aligned face needs, from a view that holds it."""
        low, high = _reach(landmarks, size, coverage)
        height, width = view.image.shape[:2]
        (x0, y0), (x1, y1) = np.floor(view.here(low[None]))[0], np.ceil(view.here(high[None]))[0] + 1
        left, top = int(min(max(x0, 0), width - 1)), int(min(max(y0, 0), height - 1))
        part = view.image[top : max(int(y1), top + 1), left : max(int(x1), left + 1)]
        shift = np.array([[1.0, 0, -left], [0, 1.0, -top]])
        if view.factor == 1 and view.picture.shares_pixels:
            # The view shows pixels of a whole picture, which must not be kept alive for a face.
            part = part.copy()
        return cls(part, compose(shift, view.picture_to_view))

    @property
    def factor(self) -> int:
        """Picture pixels in a pixel of the part, in each direction."""
        return round(1 / float(self.picture_to_part[0, 0]))

    def align(self, image_to_face: NDArray[np.floating], size: int) -> NDArray[np.uint8]:
        """Return the aligned face (size, size, 3) for a matrix from picture pixels."""
        return align_face(self.image, compose(image_to_face, invert_similarity(self.picture_to_part)), size)

    def landmarks(self, landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return landmarks in pixels of the part."""
        return transform_points(self.picture_to_part, landmarks)


def _reach(
    landmarks: NDArray[np.floating], size: int, coverage: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the corners of what is kept around a face, picture pixels."""
    inverse = invert_similarity(face_matrix(landmarks, size, coverage * _PART_MARGIN))
    last = size - 1
    corners = transform_points(inverse, np.array([[0.0, 0], [last, 0], [last, last], [0, last]]))
    return corners.min(axis=0) - _PART_BORDER_PX, corners.max(axis=0) + _PART_BORDER_PX


def _inside(
    picture: FootagePicture, low: NDArray[np.floating], high: NDArray[np.floating]
) -> tuple[int, int, int, int]:
    """Return x0, y0, x1, y1 of a region cut to the picture, at least a pixel wide and high."""
    left = int(min(max(low[0], 0), picture.width - 1))
    top = int(min(max(low[1], 0), picture.height - 1))
    return left, top, int(min(max(high[0], left + 1), picture.width)), int(min(max(high[1], top + 1), picture.height))
