# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's sound track, made by code: a slow melody that hums like a voice."""

from __future__ import annotations

import array
import math
import sys
import wave
from pathlib import Path

RATE = 48000

# Semitones above A3 and lengths in beats; a beat is 0.55 seconds.
_MELODY = ((0, 1), (3, 1), (7, 2), (5, 1), (3, 1), (2, 2), (0, 1), (5, 1), (7, 1), (8, 1), (7, 3))
_BEAT_S = 0.55

# Strength of each overtone: two broad humps, as the mouth gives to an "oo".
_OVERTONES = (1.0, 0.55, 0.3, 0.12, 0.05, 0.03, 0.06, 0.04)


def write_melody(path: Path, seconds: float) -> None:
    """Write a mono 16-bit WAV file of the given length; the melody repeats until it is full."""
    samples = array.array("h")
    count = round(seconds * RATE)
    while len(samples) < count:
        for semitones, beats in _MELODY:
            samples.extend(_note(220 * 2 ** (semitones / 12), beats * _BEAT_S))
    samples = samples[:count]
    if sys.byteorder == "big":
        samples.byteswap()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())


def _note(frequency: float, seconds: float) -> array.array[int]:
    # One period of the tone is computed and repeated, which is quick enough for plain Python.
    period = round(RATE / frequency)
    cycle = [
        sum(s * math.sin(2 * math.pi * (n + 1) * i / period) for n, s in enumerate(_OVERTONES)) / sum(_OVERTONES)
        for i in range(period)
    ]
    count = round(seconds * RATE)
    fade = round(0.06 * RATE)
    note = array.array("h")
    for i in range(count):
        level = min(1.0, i / fade, (count - i) / fade) * (1 + 0.15 * math.sin(2 * math.pi * 5 * i / RATE))
        note.append(round(9000 * level * cycle[i % period]))
    return note
