# SPDX-License-Identifier: GPL-3.0-or-later
"""Still pictures on disk: reading as RGB, writing PNG with notes inside, and listing a folder in natural order."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ..contract.errors import EngineError, ErrorCode
from ..contract.files import write_bytes
from ..contract.linear_light import HEAD_BYTES, linear_kind, linear_reason
from ..contract.linear_light import HINT as LINEAR_HINT
from .color import eight_bit, sixteen_bit
from .png import SIGNATURE, XMP_KEYWORD, encode_png

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"})


# What OpenCV has to say about a damaged picture reaches the user as an EngineError.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


@dataclass(frozen=True)
class PictureKind:
    """How a picture file stores its pixels.

    Attributes:
        bit_depth: Bits of each channel.
        channels: 1 gray, 2 gray and alpha, 3 color, 4 color and alpha.
    """

    bit_depth: int
    channels: int

    @property
    def pixel_format(self) -> str:
        """FFmpeg-like name of the format: "gray", "rgb24", "rgba64" …"""
        if self.channels < 3:
            return "gray" if self.bit_depth == 8 else f"gray{self.bit_depth}"
        return ("rgb" if self.channels == 3 else "rgba") + str(self.bit_depth * self.channels)


def read_image(path: Path, deep: bool = False, upright: bool = True) -> np.ndarray:
    """Read a picture of any supported kind.

    Args:
        path: PNG, JPEG, TIFF, BMP or WebP file with 8 or 16 bits, or float TIFF.
        deep: Give uint16 (0–65535) instead of uint8 (0–255).
        upright: Turn the picture as the camera's orientation note (EXIF) says.

    Returns:
        (h, w, 3) RGB, uint8 or uint16, in the encoding of the file. Gray is spread over the channels, alpha left out.

    Raises:
        EngineError: `picture_unreadable`, naming the file.
    """
    # Not IMREAD_COLOR_RGB: OpenCV 5.0 leaves 16-bit TIFF in its own order then.
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
    image = _decode(path, flags if upright else flags | cv2.IMREAD_IGNORE_ORIENTATION)
    image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return sixteen_bit(image) if deep else eight_bit(image)


def read_rgba(path: Path, deep: bool = False) -> np.ndarray:
    """Read a picture with its alpha, as (h, w, 4) straight RGBA; opaque where the file has no alpha.

    Raises:
        EngineError: `picture_unreadable`, naming the file.
    """
    image = _decode(path, cv2.IMREAD_UNCHANGED)
    image = sixteen_bit(image) if deep else eight_bit(image)
    if image.ndim == 2:
        return cv2.cvtColor(image, cv2.COLOR_GRAY2RGBA)
    return cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA if image.shape[2] == 4 else cv2.COLOR_BGR2RGBA)


def picture_kind(path: Path) -> PictureKind:
    """Return how the file stores its pixels.

    Raises:
        EngineError: `picture_unreadable`, naming the file.
    """
    image = _decode(path, cv2.IMREAD_UNCHANGED)
    return PictureKind(bit_depth=image.dtype.itemsize * 8, channels=1 if image.ndim == 2 else image.shape[2])


def _decode(path: Path, flags: int) -> np.ndarray:
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise _unreadable(path, "it is missing") from error
    except OSError as error:
        raise _unreadable(path, (error.strerror or str(error)).lower()) from error
    if not data:
        raise _unreadable(path, "it is empty (0 bytes)")
    kind = linear_kind(path.name, data[:HEAD_BYTES])
    if kind:
        raise _unreadable(path, linear_reason(kind), LINEAR_HINT)
    try:
        # From memory, because OpenCV's own file access fails on some names on Windows.
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise _unreadable(path, "it is damaged or far too large") from error
    if image is None and path.suffix.lower() not in PICTURE_SUFFIXES:
        reason = f"it is damaged, or of a kind ({path.suffix or 'without a suffix'}) that Understudy doesn't read"
        raise _unreadable(path, reason, "Convert it to PNG or TIFF, with 16 bits where it has more than 8.")
    if image is None:
        raise _unreadable(path, "it is damaged, cut off or no picture")
    return image


def _unreadable(path: Path, reason: str, hint: str = "Replace the file or leave it out.") -> EngineError:
    return EngineError(ErrorCode.PICTURE_UNREADABLE, f"The picture {path} can't be read: {reason}.", hint)


def write_png(path: Path, image: np.ndarray, xmp: bytes | None = None, text: Mapping[str, str] | None = None) -> None:
    """Write a PNG, whole or not at all; the arguments are those of `png.encode_png`.

    Raises:
        EngineError: `disk_full` or `not_writable`, naming the file.
    """
    write_bytes(path, encode_png(image, xmp, text))


def read_png_xmp(path: Path) -> bytes | None:
    """Return the XMP packet of a PNG file, or None when it carries none.

    Raises:
        EngineError: `picture_unreadable`, when the file is missing or no PNG.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, (error.strerror or str(error)).lower()) from error
    if not data.startswith(SIGNATURE):
        raise _unreadable(path, "it is no PNG file")
    prefix = XMP_KEYWORD.encode("latin-1") + b"\0"
    position = len(SIGNATURE)
    while position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        body = data[position + 8 : position + 8 + length]
        if data[position + 4 : position + 8] == b"iTXt" and body.startswith(prefix):
            # Behind the keyword: compression flag, method, language, translated keyword.
            return body[len(prefix) + 2 :].split(b"\0", 2)[2]
        position += 12 + length
    return None


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key that orders numbers in names by value: frame2 before frame10, on every system alike."""
    parts = re.split(r"(\d+)", name.casefold())
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part)


def list_pictures(folder: Path) -> list[Path]:
    """Return the picture files directly in a folder, in natural order; hidden and unfinished files are left out.

    Raises:
        EngineError: `footage_missing`, when the folder isn't there or can't be read.
    """
    try:
        found = [
            path
            for path in folder.iterdir()
            if path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".") and path.is_file()
        ]
    except OSError as error:
        raise EngineError(
            ErrorCode.FOOTAGE_MISSING,
            f"The folder {folder} can't be read: {(error.strerror or str(error)).lower()}.",
            "Connect the drive or correct the path.",
        ) from error
    # Names that differ in case only or in leading zeros still get one fixed order.
    return sorted(found, key=lambda path: (natural_key(path.name), path.name))
