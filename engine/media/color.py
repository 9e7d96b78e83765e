# SPDX-License-Identifier: GPL-3.0-or-later
"""From a decoded picture's own encoding to RGB: matrix, range, depth and display rotation, as Blender shows it."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from .sample_colors import sample_matrix

# Blender takes the nearest chroma sample instead of interpolating. Against renders of Blender 5.2, 8-bit footage
# differs by at most 3/255 on the fast way (2.9 ms for 1080p), and by 1/255 on the exact one (7 ms), which deep
# pictures and footage with more than 8 bits take. Bilinear chroma would differ by more than 60 at saturated edges.
_FAST = Interpolation.POINT
_EXACT = Interpolation.POINT | Interpolation.ACCURATE_RND


# Sizes of pictures and regions whose set-up is kept.
_MOST_SIZES = 24


class PictureConverter:
    """Turns decoded pictures into RGB arrays.

    The picture's tagged matrix (BT.601, BT.709, BT.2020 …) and range (limited or full) are honored. Untagged pictures
    count as BT.601 with limited range, whatever their size, because Blender reads them so.

    Args:
        deep: Give 16 bits for each channel instead of 8.
    """

    def __init__(self, deep: bool = False) -> None:
        self._deep = deep
        # A picture may be converted in the thread that reads while another is in the one that searches.
        self._lock = threading.Lock()
        # Each keeps the set-up of a conversion between pictures of one size: setting up costs as much as converting.
        self._reformatters: OrderedDict[tuple[int, int], VideoReformatter] = OrderedDict()
        self._room: dict[tuple[int, int, str], av.VideoFrame] = {}
        self._matrices: dict[tuple[int, int, int], NDArray[np.float64]] = {}

    def convert(self, av_frame: av.VideoFrame, is_upright: bool = False) -> np.ndarray:
        """Return the picture as uint8 or uint16 (h, w, 3) RGB in the encoding of the footage.

        Args:
            av_frame: The picture.
            is_upright: Leave its display rotation aside.
        """
        is_exact = self._deep or av_frame.format.components[0].bits > 8
        pixel_format, flags = ("rgb48le", _EXACT) if is_exact else ("rgb24", _FAST)
        with self._lock:
            reformatter = self._reformatter(av_frame.width, av_frame.height)
            rgb = reformatter.reformat(av_frame, format=pixel_format, interpolation=flags, threads=1).to_ndarray()
        return turn_upright(rgb if self._deep else eight_bit(rgb), 0 if is_upright else av_frame.rotation)

    def mix(self, planes: Sequence[NDArray[np.unsignedinteger]], like: av.VideoFrame) -> NDArray[np.uint8]:
        """Return samples of a picture as uint8 (h, w, 3) RGB, more exactly than `convert` does.

        Args:
            planes: Y, U and V, each (h, w), of the picture's depth.
            like: The picture.
        """
        key = like.format.components[0].bits, int(like.colorspace), int(like.color_range)
        matrix = self._matrices.get(key)
        if matrix is None:
            matrix = self._matrices[key] = sample_matrix(like)
        rgb = cv2.transform(cv2.merge(planes), matrix)
        return np.asarray(rgb if rgb.dtype == np.uint8 else cv2.convertScaleAbs(rgb), np.uint8)

    @contextlib.contextmanager
    def room(self, width: int, height: int, pixel_format: str) -> Iterator[av.VideoFrame]:
        """Lend an empty picture, to be filled and converted; the next one of its size takes the same memory."""
        with self._lock:
            part = self._room.pop((width, height, pixel_format), None)
        part = part or av.VideoFrame(width, height, pixel_format)
        yield part
        with self._lock:
            if len(self._room) >= _MOST_SIZES:
                self._room.clear()
            self._room[width, height, pixel_format] = part

    def _reformatter(self, width: int, height: int) -> VideoReformatter:
        known = self._reformatters.pop((width, height), None) or VideoReformatter()
        self._reformatters[width, height] = known
        if len(self._reformatters) > _MOST_SIZES:
            self._reformatters.popitem(last=False)
        return known


def turn_upright(image: np.ndarray, rotation_deg: int) -> np.ndarray:
    """Return the image turned counterclockwise by the display matrix's angle, to the nearest right angle.

    Args:
        image: Array (h, w, …).
        rotation_deg: Angle of the display matrix; other angles than multiples of 90 are rounded, as Blender does.
    """
    quarters = round(rotation_deg / 90) % 4
    return image if quarters == 0 else np.ascontiguousarray(np.rot90(image, quarters))


def eight_bit(image: np.ndarray) -> np.ndarray:
    """Return the image as uint8 with full range 0–255.

    Args:
        image: uint8 (returned as it is), uint16 with full range 0–65535, or float with full range 0–1 (clipped).
    """
    if image.dtype == np.uint8:
        return image
    if image.dtype == np.uint16:
        # Rounds; 257 maps 65535 to 255 and every n·257 back to n.
        return cv2.convertScaleAbs(image, alpha=1 / 257)
    return np.rint(np.clip(image, 0.0, 1.0) * 255.0).astype(np.uint8)


def sixteen_bit(image: np.ndarray) -> np.ndarray:
    """Return the image as uint16 with full range 0–65535; the counterpart of `eight_bit`."""
    if image.dtype == np.uint16:
        return image
    if image.dtype == np.uint8:
        return image.astype(np.uint16) * np.uint16(257)
    return np.rint(np.clip(image, 0.0, 1.0) * 65535.0).astype(np.uint16)
