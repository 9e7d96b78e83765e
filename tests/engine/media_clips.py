# SPDX-License-Identifier: GPL-3.0-or-later
"""Clips made by code whose every picture carries its own number, for tests of reading."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

BITS = 8


def coded_picture(number: int, width: int = 96, height: int = 64) -> np.ndarray:
    """Return an RGB picture whose upper half shows `number` as eight gray blocks; the lower half has an orange left."""
    image = np.full((height, width, 3), 128, np.uint8)
    block = width // BITS
    for bit in range(BITS):
        image[: height // 2, bit * block : (bit + 1) * block] = 220 if number >> bit & 1 else 30
    image[height // 2 :, : width // 2] = (200, 120, 40)
    return image


def number_of(image: np.ndarray) -> int:
    """Return the number a picture of `coded_picture` shows."""
    height, width = image.shape[:2]
    white = 65535 if image.dtype == np.uint16 else 255
    block = width // BITS
    means = [image[4 : height // 2 - 4, b * block + 3 : (b + 1) * block - 3].mean() / white for b in range(BITS)]
    return sum(1 << bit for bit, mean in enumerate(means) if mean > 0.5)


def write_clip(
    path: Path,
    numbers: Sequence[int] = range(40),
    stamps: Sequence[int] | None = None,
    rate: Fraction = Fraction(25),
    size: tuple[int, int] = (96, 64),
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    rotation: int = 0,
    full_range: bool = False,
    colorspace: int | None = None,
    shift: int = 0,
) -> Path:
    """Write one coded picture for each number; `stamps` are times in frames of `rate`, `shift` is added in packets."""
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=rate, options=options or {"crf": "12", "g": "10", "bf": "2"})
        stream.width, stream.height = size
        stream.pix_fmt = pixel_format
        stream.codec_context.time_base = 1 / rate
        if full_range:
            stream.codec_context.color_range = 2
        if colorspace is not None:
            stream.codec_context.colorspace = colorspace
        if rotation:
            stream.set_display_rotation(rotation)
        for index, number in enumerate(numbers):
            frame = av.VideoFrame.from_ndarray(coded_picture(number, *size), format="rgb24").reformat(
                format=pixel_format,
                dst_colorspace=colorspace,
                src_color_range=2,
                dst_color_range=2 if full_range else 1,
            )
            frame.pts, frame.time_base = index if stamps is None else stamps[index], 1 / rate
            _mux(container, stream.encode(frame), shift)
        _mux(container, stream.encode(None), shift)
    return path


def _mux(container: av.container.OutputContainer, packets: list, shift: int) -> None:
    for packet in packets:
        ticks = round(Fraction(shift) / (packet.stream.codec_context.rate * packet.time_base))
        packet.pts += ticks
        packet.dts += ticks
        container.mux(packet)


def damage_packet(source: Path, target: Path, picture: int) -> int:
    """Copy a clip with the packet of one picture overwritten by zeros; return the picture's media frame."""
    with av.open(str(source)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.pts is not None]
        stamps = sorted(packet.pts for packet in packets)
        found = next(packet for packet in packets if packet.pts == stamps[picture])
        place, length = found.pos, found.size
    data = bytearray(source.read_bytes())
    data[place : place + length] = bytes(length)
    target.write_bytes(data)
    return picture
