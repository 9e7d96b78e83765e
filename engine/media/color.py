# SPDX-License-Identifier: GPL-3.0-or-later
"""From a decoded picture's own encoding to RGB: matrix, range, depth and display rotation, as Blender shows it."""

from __future__ import annotations

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

# Blender takes the nearest chroma sample instead of interpolating. With the same choice our pixels differ from a
# render by at most 3/255 (8 bit) or 4/255 (10 bit); bilinear chroma differs by more than 60 at saturated edges.
_CHROMA = Interpolation.POINT


class PictureConverter:
    """Turns decoded pictures into RGB arrays.

    The picture's tagged matrix (BT.601, BT.709, BT.2020 …) and range (limited or full) are honored. Untagged pictures
    count as BT.601 with limited range, whatever their size, because Blender reads them so.

    Args:
        deep: Give 16 bits for each channel instead of 8.
    """

    def __init__(self, deep: bool = False) -> None:
        self._format = "rgb48le" if deep else "rgb24"
        # One object for the whole stream: it keeps the conversion's set-up between pictures.
        self._reformatter = VideoReformatter()

    def convert(self, av_frame: av.VideoFrame) -> np.ndarray:
        """Return the picture upright, as uint8 or uint16 (h, w, 3) RGB in the encoding of the footage."""
        rgb = self._reformatter.reformat(av_frame, format=self._format, interpolation=_CHROMA, threads=1)
        return turn_upright(rgb.to_ndarray(), av_frame.rotation)


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
        # Rounded division by 257, which maps 65535 to 255 and every n·257 back to n.
        return ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return np.rint(np.clip(image, 0.0, 1.0) * 255.0).astype(np.uint8)


def sixteen_bit(image: np.ndarray) -> np.ndarray:
    """Return the image as uint16 with full range 0–65535; the counterpart of `eight_bit`."""
    if image.dtype == np.uint16:
        return image
    if image.dtype == np.uint8:
        return image.astype(np.uint16) * np.uint16(257)
    return np.rint(np.clip(image, 0.0, 1.0) * 65535.0).astype(np.uint16)
