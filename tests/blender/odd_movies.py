# SPDX-License-Identifier: GPL-3.0-or-later
"""Movies with a variable rate or rotation metadata: plain ones with a few numbers of their container rewritten."""

import struct

# 25 pictures per second, but every third picture lasts as long as three.
_LONG = 3


def picture_times(count):
    """When each picture of `with_variable_rate` starts, in seconds."""
    times, now = [], 0.0
    for number in range(count):
        times.append(now)
        now += _lasting(number) / 25
    return times


def _lasting(number):
    return _LONG if number % 3 == 2 else 1


def _boxes(data, start, end):
    while start < end:
        size, kind = struct.unpack_from(">I4s", data, start)
        yield kind, start, start + size
        start += size


def _find(data, *path):
    start, end = 0, len(data)
    for name in path:
        start, end = next((s + 8, e) for kind, s, e in _boxes(data, start, end) if kind == name)
    return start, end


_TRACK = (b"moov", b"trak")
_TABLE = (*_TRACK, b"mdia", b"minf", b"stbl", b"stts")


def with_rotation(source, target):
    """Copy an MP4 and let its track header say that players turn it by 90 degrees."""
    data = bytearray(source.read_bytes())
    start, _ = _find(data, *_TRACK, b"tkhd")
    one = 1 << 16
    struct.pack_into(">9i", data, start + 40, 0, one, 0, -one, 0, 0, 0, 0, 1 << 30)
    target.write_bytes(data)
    return target


def with_variable_rate(source, target):
    """Copy an MP4 whose index is at its end and stretch every third picture to three times its time."""
    data = bytearray(source.read_bytes())
    _, moov_end = _find(data, b"moov")
    assert moov_end == len(data), "offsets of pictures would change otherwise"
    start, end = _find(data, *_TABLE)
    _, entries, count, ticks = struct.unpack_from(">IIII", data, start)
    assert entries == 1, "the source has a constant rate"
    table = struct.pack(">II", 0, count) + b"".join(struct.pack(">II", 1, ticks * _lasting(i)) for i in range(count))
    total = sum(_lasting(i) for i in range(count))
    _stretch_durations(data, total / count)
    # From the inside out: every box around the table grows by as much as the table does.
    starts = [_find(data, *_TABLE[:depth])[0] - 8 for depth in range(len(_TABLE), 0, -1)]
    for box in starts:
        (size,) = struct.unpack_from(">I", data, box)
        struct.pack_into(">I", data, box, size + len(table) - (end - start))
    data[start:end] = table
    target.write_bytes(data)
    return target


def _stretch_durations(data, factor):
    for path, offset in (
        ((b"moov", b"mvhd"), 16),
        ((*_TRACK, b"tkhd"), 20),
        ((*_TRACK, b"mdia", b"mdhd"), 16),
        ((*_TRACK, b"edts", b"elst"), 8),
    ):
        start, _ = _find(data, *path)
        (duration,) = struct.unpack_from(">I", data, start + offset)
        struct.pack_into(">I", data, start + offset, round(duration * factor))
