# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture of a footage that is converted to RGB only where somebody looks.

Converting a whole 1080p picture costs as much as half its decoding, and following a face needs a tenth of it. So the
decoded planes are kept, and a region of them becomes RGB when it is asked for, with the values that the whole picture
would have there: exactly, but for pictures whose own width is no multiple of 16.
"""

from __future__ import annotations

from typing import Any, Protocol, cast

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from .averaging import average_squares, average_to
from .color import PictureConverter, turn_upright

# Regions start and end at multiples of this: chroma samples cover up to 4 luma samples, and FFmpeg converts widths that
# aren't multiples of 16 by another code, which rounds to other values (by up to 3 of 255).
_STEP = 16


class FootagePicture(Protocol):
    """A picture, upright, in the encoding of the footage.

    Attributes:
        width: Pixels.
        height: Pixels.
        shares_pixels: Whether regions that aren't averaged are views of one array, which they keep alive.
    """

    width: int
    height: int

    @property
    def shares_pixels(self) -> bool: ...  # noqa: D102 - described with the class

    def whole(self) -> NDArray[np.uint8]:
        """Return all of it, RGB (height, width, 3)."""
        ...

    def region(self, left: int, top: int, right: int, bottom: int, factor: int = 1) -> NDArray[np.uint8]:
        """Return the part [left, right) × [top, bottom), which must lie inside, RGB.

        Args:
            left: First column.
            top: First row.
            right: Column behind the last one.
            bottom: Row behind the last one.
            factor: Average squares of this side into one pixel; width and height are multiples of it.
        """
        ...

    def glance(self, side: int) -> NDArray[np.uint8]:
        """Return a small RGB picture of about `side` pixels on the long side, for measures that bear coarse colors."""
        ...


class ArrayPicture:
    """A picture that is RGB already.

    Args:
        image: uint8 (h, w, 3).
    """

    def __init__(self, image: NDArray[np.uint8]) -> None:
        self._image = image
        self.height, self.width = image.shape[:2]
        self.shares_pixels = True

    def whole(self) -> NDArray[np.uint8]:
        """Return all of it; don't change it."""
        return self._image

    def region(self, left: int, top: int, right: int, bottom: int, factor: int = 1) -> NDArray[np.uint8]:
        """Return a part; don't change it."""
        return average_squares(self._image[top:bottom, left:right], factor)

    def glance(self, side: int) -> NDArray[np.uint8]:
        """Return every n-th pixel."""
        step = max(1, round(max(self.width, self.height) / side))
        return np.ascontiguousarray(self._image[::step, ::step])


class DecodedPicture:
    """A picture as the decoder left it.

    Not for several threads at a time: the converter isn't.

    Args:
        av_frame: The decoder's picture.
        converter: Turns pictures of this footage into RGB.
    """

    def __init__(self, av_frame: av.VideoFrame, converter: PictureConverter) -> None:
        self._av_frame = av_frame
        self._converter = converter
        self._quarters = round(av_frame.rotation / 90) % 4
        self._is_planar = _is_planar(av_frame)
        self._whole: NDArray[np.uint8] | None = None
        stored = av_frame.width, av_frame.height
        self.width, self.height = stored if self._quarters % 2 == 0 else stored[::-1]

    def whole(self) -> NDArray[np.uint8]:
        """Return all of it, converted once; don't change it."""
        if self._whole is None:
            self._whole = self._converter.convert(self._av_frame)
        return self._whole

    @property
    def shares_pixels(self) -> bool:
        """Whether regions are parts of the whole picture, because that was converted before or has to be."""
        return self._whole is not None or not self._is_planar

    def region(self, left: int, top: int, right: int, bottom: int, factor: int = 1) -> NDArray[np.uint8]:
        """Return a part, converted for this call unless all of the picture was before."""
        if self.shares_pixels:
            return average_squares(self.whole()[top:bottom, left:right], factor)
        x0, y0, x1, y1 = self._stored(left, top, right, bottom)
        if factor > 1:
            # Averaging before the conversion: it is left with a fraction of the pixels.
            planes = _averaged_planes(self._av_frame, x0, y0, x1, y1, factor)
            return turn_upright(self._converter.mix(planes, self._av_frame), 90 * self._quarters)
        x, y = x0 - x0 % _STEP, y0 - y0 % _STEP
        right, bottom = (min(end + -end % _STEP, size) for end, size in
                         ((x1, self._av_frame.width), (y1, self._av_frame.height)))  # fmt: skip
        with self._converter.room(right - x, bottom - y, self._av_frame.format.name) as room:
            _copy_planes(self._av_frame, x, y, room)
            part = self._converter.convert(room, is_upright=True)
        return turn_upright(part[y0 - y : y1 - y, x0 - x : x1 - x], 90 * self._quarters)

    def glance(self, side: int) -> NDArray[np.uint8]:
        """Return every n-th sample; the footage's own matrix and range are left aside."""
        if not self._is_planar:
            return ArrayPicture(self.whole()).glance(side)
        step = max(1, round(max(self.width, self.height) / side))
        planes = [_samples(self._av_frame, index, step) for index in range(3)]
        height, width = planes[0].shape
        planes[1:] = [
            np.asarray(cv2.resize(item, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)
            for item in planes[1:]
        ]
        rgb = cv2.cvtColor(cv2.merge([planes[0], planes[2], planes[1]]), cv2.COLOR_YCrCb2RGB)
        return turn_upright(np.asarray(rgb, np.uint8), 90 * self._quarters)

    def _stored(self, left: int, top: int, right: int, bottom: int) -> tuple[int, int, int, int]:
        """Return an upright region in the pixels of the picture as it is stored."""
        return {
            0: (left, top, right, bottom),
            1: (self.height - bottom, left, self.height - top, right),
            2: (self.width - right, self.height - bottom, self.width - left, self.height - top),
            3: (top, self.width - right, bottom, self.width - left),
        }[self._quarters]


def _is_planar(av_frame: av.VideoFrame) -> bool:
    parts = av_frame.format.components
    is_color = len(parts) >= 3 and not av_frame.format.is_rgb
    return is_color and [item.plane for item in parts[:3]] == [0, 1, 2] and len(av_frame.planes) == len(parts)


def _plane(av_frame: av.VideoFrame, index: int) -> NDArray[Any]:
    """Return the samples of a plane, uint8 or uint16 (h, w); writing to them changes the picture."""
    plane = av_frame.planes[index]
    deep = av_frame.format.components[index].bits > 8
    kind = np.dtype("<u2" if deep else np.uint8)
    # PyAV's planes are buffers, which its type declarations don't say.
    rows = np.frombuffer(cast(bytes, plane), kind).reshape(-1, plane.line_size // kind.itemsize)
    return rows[: plane.height, : plane.width]


def _samples(av_frame: av.VideoFrame, index: int, step: int) -> NDArray[np.uint8]:
    """Return every n-th sample of a plane, counted in samples of the first plane, with 8 bits."""
    part, first = av_frame.planes[index], av_frame.planes[0]
    across = max(1, step * part.width // first.width)
    down = max(1, step * part.height // first.height)
    samples = _plane(av_frame, index)[::down, ::across]
    surplus = av_frame.format.components[index].bits - 8
    return np.ascontiguousarray(samples >> surplus if surplus > 0 else samples, dtype=np.uint8)


def _averaged_planes(
    av_frame: av.VideoFrame, left: int, top: int, right: int, bottom: int, factor: int
) -> list[NDArray[Any]]:
    """Return a region averaged by a whole factor, with as much chroma as luma, which starts at its nearest sample."""
    width, height = (right - left) // factor, (bottom - top) // factor
    planes = []
    for index, source in enumerate(av_frame.planes[:3]):
        across, down = source.width / av_frame.width, source.height / av_frame.height
        x, y = round(left * across), round(top * down)
        x1, y1 = max(round(right * across), x + 1), max(round(bottom * down), y + 1)
        planes.append(average_to(_plane(av_frame, index)[y:y1, x:x1], width, height))
    return planes


def _copy_planes(av_frame: av.VideoFrame, left: int, top: int, part: av.VideoFrame) -> None:
    """Fill a smaller picture with a region whose left and top are multiples of the chroma step."""
    for index, plane in enumerate(part.planes):
        source = _plane(av_frame, index)
        x = left * av_frame.planes[index].width // av_frame.width
        y = top * av_frame.planes[index].height // av_frame.height
        target = _plane(part, index)
        wanted = source[y : y + plane.height, x : x + plane.width]
        target[: wanted.shape[0], : wanted.shape[1]] = wanted
    part.colorspace, part.color_range = av_frame.colorspace, av_frame.color_range
