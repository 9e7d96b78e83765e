# SPDX-License-Identifier: GPL-3.0-or-later
"""Footage to measure the search on: the demo's performers in large pictures with a moving, grainy background.

A loop of twelve seconds ends as it begins, so it can be repeated to any length without a cut.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from understudy.engine.contract.timing import Footage
from understudy.engine.media.reader import FootageReader
from understudy.engine.media.writer import MovieWriter

CLIPS = Path(__file__).resolve().parents[1] / "demo" / "clips"
PERFORMERS = ("train_A", "train_B", "target_A")
RATE = Fraction(25)
LOOP = 300
# Side of a performer's picture in a picture 1080 high; the face fills about half of it.
_SIDES = {1: 700, 2: 600, 3: 500}
_EDGE = 0.08
_GRAIN = 1.5


def write_loop(path: Path, faces: int, width: int = 1920, height: int = 1080, frames: int = LOOP) -> None:
    """Write a loop as H.264.

    Args:
        path: File to write.
        faces: How many performers, 0 to 3.
        width: Pixels.
        height: Pixels.
        frames: Frames of the loop.
    """
    random = np.random.default_rng(faces)
    shown = [_performer(name) for name in PERFORMERS[:faces]]
    scale = height / 1080
    side = round(_SIDES.get(faces, 0) * scale)
    background = _background(width + round(64 * scale), height + round(64 * scale), random)
    grain = [random.normal(0, _GRAIN, (height, width, 1)).astype(np.float32) for _ in range(4)]
    mask = _soft_square(side) if faces else None
    with MovieWriter(path, width, height, RATE, quality=21, preset="fast") as writer:
        for number in range(frames):
            turn = 2 * np.pi * number / frames
            left, top = round((32 + 30 * np.sin(turn)) * scale), round((32 + 30 * np.cos(turn)) * scale)
            picture = background[top : top + height, left : left + width].copy()
            for index, pictures in enumerate(shown):
                face = cv2.resize(_at(pictures, number / frames), (side, side), interpolation=cv2.INTER_CUBIC)
                gap = (width - faces * side) / (faces + 1)
                x = round(gap + index * (side + gap) + 20 * scale * np.sin(3 * turn + index))
                y = round((height - side) / 2 + 20 * scale * np.cos(2 * turn + index))
                place = picture[y : y + side, x : x + side]
                place += mask * (face.astype(np.float32) - place)
            picture += grain[number % len(grain)]
            writer.write(np.clip(picture, 0, 255).astype(np.uint8))


def repeat(loop: Path, path: Path, times: int) -> None:
    """Write a loop several times behind itself, without decoding it."""
    with av.open(str(path), "w") as target:
        stream = None
        for number in range(times):
            with av.open(str(loop)) as source:
                video = source.streams.video[0]
                stream = stream or target.add_stream_from_template(video)
                length = (
                    int(LOOP / RATE / video.time_base)
                    if video.frames == LOOP
                    else int(video.frames / RATE / video.time_base)
                )
                for packet in source.demux(video):
                    if packet.dts is None:
                        continue
                    packet.pts += number * length
                    packet.dts += number * length
                    packet.stream = stream
                    target.mux(packet)


def _performer(name: str) -> list[np.ndarray]:
    with FootageReader(Footage(CLIPS / f"{name}.mp4")) as reader:
        return [image for _, image in reader.frames()]


def _at(pictures: list[np.ndarray], moment: float) -> np.ndarray:
    """Return the picture at a moment 0…1 of a loop that plays them forwards and backwards, as often as fits."""
    rounds = max(1, round(LOOP / (2 * len(pictures))))
    return pictures[round((len(pictures) - 1) * (1 - abs(2 * (moment * rounds % 1) - 1)))]


def _background(width: int, height: int, random: np.random.Generator) -> np.ndarray:
    total = np.zeros((height, width, 3), np.float32)
    for cell in (4, 16, 64, 256):
        coarse = random.random((max(2, height // cell), max(2, width // cell), 3)).astype(np.float32)
        total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) * cell**0.5
    return 30 + 170 * (total - total.min()) / np.ptp(total)


def _soft_square(side: int) -> np.ndarray:
    ramp = np.minimum(np.arange(side), np.arange(side)[::-1]) / (_EDGE * side)
    return np.clip(np.minimum(ramp[:, None], ramp[None]), 0, 1).astype(np.float32)[..., None]
