# SPDX-License-Identifier: GPL-3.0-or-later
"""Decoding footage to RGB: every frame, a short range far inside, and deep pictures."""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path

from machine import describe, measure, table

import numpy as np  # isort: skip - machine.py binds the engine first
from understudy.engine.contract.timing import Footage, FrameRange
from understudy.engine.media.reader import FootageReader
from understudy.engine.media.writer import MovieWriter

FRAMES = 120
CLIP = Path(__file__).resolve().parents[1] / "demo" / "clips" / "train_A.mp4"


def write_clip(path: Path, width: int, height: int) -> None:
    """Write a clip of moving gradients and grain, about as hard to decode as real footage."""
    random = np.random.default_rng(0)
    grain = random.integers(0, 12, (height, width, 3), dtype=np.uint8)
    y, x = np.mgrid[0:height, 0:width]
    with MovieWriter(path, width, height, Fraction(25)) as writer:
        for number in range(FRAMES):
            base = ((x + 3 * number) // 8 + (y - 2 * number) // 12) % 200
            picture = np.stack([base, (base + 40) % 200, (base + 90) % 200], axis=2).astype(np.uint8)
            writer.write(picture + np.roll(grain, 17 * number, axis=1))


def read(path: Path, ranges: tuple[FrameRange, ...] = (), deep: bool = False) -> int:
    """Decode and return how many frames that were."""
    with FootageReader(Footage(path)) as reader:
        return sum(1 for _ in reader.frames(ranges, deep))


def main() -> None:
    """Print the machine and the table."""
    print(describe())
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "1080p.mp4"
        write_clip(clip, 1920, 1080)
        rows = [
            ("512 × 512, every frame", measure(lambda: read(CLIP))),
            ("1920 × 1080, every frame", measure(lambda: read(clip))),
            ("1920 × 1080, frames 100 to 109 only", measure(lambda: read(clip, (FrameRange(100, 110),)))),
            ("1920 × 1080, every frame with 16 bits", measure(lambda: read(clip, (), deep=True))),
        ]
    print(table(rows, "frame"))


if __name__ == "__main__":
    main()
