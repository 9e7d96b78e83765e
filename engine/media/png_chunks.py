# SPDX-License-Identifier: GPL-3.0-or-later
"""The chunks of a PNG file: found one by one, never beyond the file's end, with texts unpacked up to a limit.

Layout: PNG specification, third edition, 5.3 (chunks), 11.3.3 (tEXt, zTXt, iTXt).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Length and kind before a chunk's body, checksum behind it.
_AROUND = 12


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield (kind, body) of every whole chunk; a chunk that claims more than there is ends the walk.

    Yields nothing for other files than PNG.
    """
    if not data.startswith(PNG_SIGNATURE):
        return
    position = len(PNG_SIGNATURE)
    while position + _AROUND <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        end = position + _AROUND + length
        if end > len(data):
            return
        yield data[position + 4 : position + 8], data[position + 8 : end - 4]
        position = end


def png_text(kind: bytes, body: bytes, keyword: bytes, most_bytes: int) -> bytes | None:
    """Return the text of a tEXt, zTXt or iTXt chunk with this keyword, or None for any other chunk.

    Args:
        kind: Four letters of the chunk.
        body: Its content.
        keyword: Keyword wanted, Latin-1.
        most_bytes: Longest text to unpack.

    Raises:
        ValueError: The text is damaged or longer than `most_bytes`.
    """
    if kind not in (b"tEXt", b"zTXt", b"iTXt") or not body.startswith(keyword + b"\0"):
        return None
    rest = body[len(keyword) + 1 :]
    if kind == b"tEXt":
        text = rest
    elif kind == b"zTXt":
        text = _unpacked(rest[1:], most_bytes)
    else:
        is_packed = rest[:1] == b"\1"
        parts = rest[2:].split(b"\0", 2)
        if len(parts) != 3:
            raise ValueError("its iTXt chunk is cut off")
        text = _unpacked(parts[2], most_bytes) if is_packed else parts[2]
    if len(text) > most_bytes:
        raise ValueError(f"its text is longer than {most_bytes >> 20} MiB")
    return text


def png_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height that the header says, or None when there is none."""
    kind, body = next(png_chunks(data), (b"", b""))
    return struct.unpack_from(">II", body) if kind == b"IHDR" and len(body) >= 8 else None


def _unpacked(data: bytes, most_bytes: int) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(data, most_bytes)
    except zlib.error as error:
        raise ValueError(f"its packed text is damaged ({error})") from error
    if unpacker.unconsumed_tail:
        raise ValueError(f"its text is longer than {most_bytes >> 20} MiB")
    return text
