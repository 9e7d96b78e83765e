# SPDX-License-Identifier: GPL-3.0-or-later
"""The segments before a JPEG's picture data: found one by one, and one added.

Layout: ITU-T T.81, annex B. Every segment is FF, a marker byte, two bytes of length that count themselves, and a body;
SOS (FF DA) begins the picture data.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

JPEG_START = b"\xff\xd8"
APP0 = 0xE0
APP15 = 0xEF
_SOS = 0xDA
_END = 0xD9
# Markers without length or body: TEM and the restarts.
_ALONE = frozenset((0x01, *range(0xD0, 0xD8)))
MOST_BODY_BYTES = 0xFFFF - 2


def jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Yield (marker, body, position behind it) of the segments before the picture data.

    Yields nothing for other files than JPEG, and ends at a segment that claims more than there is.
    """
    if not data.startswith(JPEG_START):
        return
    position = len(JPEG_START)
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:
            # Any number of FF may fill the space before a marker.
            position += 1
            continue
        if marker in _ALONE:
            position += 2
            continue
        if marker in (_SOS, _END):
            return
        (length,) = struct.unpack_from(">H", data, position + 2)
        end = position + 2 + length
        if length < 2 or end > len(data):
            return
        yield marker, data[position + 4 : end], end
        position = end


def with_segment(data: bytes, marker: int, body: bytes) -> bytes:
    """Return a JPEG file with one more segment, behind its APP0 where there is one.

    Raises:
        ValueError: The body is longer than a segment can be.
    """
    if len(body) > MOST_BODY_BYTES:
        raise ValueError(f"a JPEG segment holds at most {MOST_BODY_BYTES} bytes, not {len(body)}")
    place = next((end for found, _, end in jpeg_segments(data) if found == APP0), len(JPEG_START))
    segment = struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body
    return data[:place] + segment + data[place:]
