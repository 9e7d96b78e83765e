# SPDX-License-Identifier: GPL-3.0-or-later
"""A movie whose pictures show their own number as black and white blocks, to ask Blender which picture it shows.

Uncompressed AVI, written by hand: every picture is a key frame and exact, and no encoder is needed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from ..engine.contract.files import write_bytes, written_whole

BITS = 24
BLOCK = 2
_COLUMNS = 8
_PICTURES_A_STEP = 100
# Three rows of eight blocks, and their negatives below, so that a wrong reading is noticed.
WIDTH, HEIGHT = _COLUMNS * BLOCK, 2 * BITS // _COLUMNS * BLOCK


def picture_of(number: int) -> np.ndarray:
    """Return the picture for a number, uint8 (HEIGHT, WIDTH), top row first."""
    bits = (number >> np.arange(BITS) & 1).astype(np.uint8).reshape(-1, _COLUMNS)
    return np.kron(np.concatenate([bits, 1 - bits]), np.full((BLOCK, BLOCK), 255, np.uint8))


def number_in(picture: np.ndarray) -> int | None:
    """Return the number a rendered picture, uint8 (HEIGHT, WIDTH), shows; None if it shows none clearly."""
    blocks = picture.reshape(2, BITS // _COLUMNS, BLOCK, _COLUMNS, BLOCK).astype(int)
    dark, light = blocks.max(axis=(2, 4)), blocks.min(axis=(2, 4))
    ones = light[0] > 192
    if not np.array_equal(ones, dark[1] < 64) or not np.array_equal(~ones, (light[1] > 192) & (dark[0] < 64)):
        return None
    return int((ones.reshape(-1).astype(np.int64) << np.arange(BITS)).sum())


def write_movie(path: Path, count: int, rate: Fraction) -> Iterator[None]:
    """Write a movie of `count` numbered pictures at `rate` pictures per second, yielding after some of them.

    Raises:
        EngineError: `disk_full` or `not_writable`.
    """
    frame_size = WIDTH * HEIGHT * 3
    header = _list(b"hdrl", _main_header(count, rate, frame_size), _stream(count, rate, frame_size))
    index = b"".join(
        struct.pack("<4sIII", b"00db", 0x10, 4 + number * (frame_size + 8), frame_size) for number in range(count)
    )
    movie_size = 4 + count * (frame_size + 8)
    with written_whole(path) as temporary, open(temporary, "wb") as file:
        file.write(struct.pack("<4sI4s", b"RIFF", 4 + len(header) + 8 + movie_size + 8 + len(index), b"AVI "))
        file.write(header + struct.pack("<4sI4s", b"LIST", movie_size, b"movi"))
        for number in range(count):
            rows = np.repeat(picture_of(number)[::-1, :, None], 3, axis=2)  # AVI stores the bottom row first
            file.write(_chunk(b"00db", rows.tobytes()))
            if number % _PICTURES_A_STEP == 0:
                yield
        file.write(_chunk(b"idx1", index))


def write_pictures(folder: Path, count: int) -> Iterator[None]:
    """Write `count` numbered pictures as files named by `picture_name`, yielding after some of them.

    Raises:
        EngineError: `disk_full` or `not_writable`.
    """
    for number in range(count):
        write_bytes(folder / picture_name(number), _bitmap(picture_of(number)))
        if number % _PICTURES_A_STEP == 0:
            yield


def picture_name(number: int) -> str:
    """Return the file name of a numbered picture."""
    return f"{number:08d}.bmp"


def _bitmap(picture: np.ndarray) -> bytes:
    pixels = np.repeat(picture[::-1, :, None], 3, axis=2).tobytes()
    header = struct.pack("<2sIHHI", b"BM", 54 + len(pixels), 0, 0, 54)
    return header + struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, 24, 0, len(pixels), 0, 0, 0, 0) + pixels


def read_bitmap(path: Path) -> np.ndarray:
    """Return the first channel of an uncompressed bitmap that Blender wrote, uint8 (h, w), top row first."""
    data = path.read_bytes()
    (start,) = struct.unpack_from("<I", data, 10)
    width, height, _, bits = struct.unpack_from("<iiHH", data, 18)
    stride = (width * bits // 8 + 3) // 4 * 4
    rows = np.frombuffer(data, np.uint8, stride * height, start).reshape(height, stride)
    return rows[::-1, : width * bits // 8 : bits // 8]


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack("<4sI", name, len(data)) + data


def _list(name: bytes, *chunks: bytes) -> bytes:
    return _chunk(b"LIST", name + b"".join(chunks))


def _main_header(count: int, rate: Fraction, frame_size: int) -> bytes:
    has_index = 0x10
    values = (round(1_000_000 / rate), 0, 0, has_index, count, 0, 1, frame_size, WIDTH, HEIGHT, 0, 0, 0, 0)
    return _chunk(b"avih", struct.pack("<14I", *values))


def _stream(count: int, rate: Fraction, frame_size: int) -> bytes:
    header = struct.pack(
        "<4s4sIHHIIIIIIII4H",
        *(b"vids", b"DIB ", 0, 0, 0, 0, rate.denominator, rate.numerator, 0, count, frame_size, 0, 0),
        *(0, 0, WIDTH, HEIGHT),
    )
    picture = struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, 24, 0, frame_size, 0, 0, 0, 0)
    return _list(b"strl", _chunk(b"strh", header), _chunk(b"strf", picture))
