# SPDX-License-Identifier: GPL-3.0-or-later
"""What footage does to faces, done to the network's input: light from a side, things in front, blur, compression.

Targets stay clean, so the network learns to see through it. Each function changes some of the faces in place, drawn by
chance, and a strength of 0 … 1 says how many and how far.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Faces = NDArray[np.float32]
Random = np.random.Generator

# At full strength half of the faces are blurred, compressed and partly hidden; the others keep the network honest.
_SHARE = 0.5


def _line(size: int) -> NDArray[np.float32]:
    return (2.0 * (np.arange(size, dtype=np.float32) + 0.5) / size - 1.0).astype(np.float32)


def _chosen(count: int, strength: float, random: Random) -> NDArray[np.int64]:
    return np.flatnonzero(random.random(count) < _SHARE * strength)


def relight(faces: Faces, strength: float, random: Random) -> None:
    """Let light fall from one side onto every face, and on some a shadow with a soft edge.

    Args:
        faces: float32 (n, S, S, 3) in 0…1.
        strength: 0 … 1.
        random: Source of all chance.
    """
    count, line = len(faces), _line(faces.shape[1])
    angle = random.uniform(0.0, 2.0 * np.pi, count)
    slope = strength * random.normal(0.0, 0.3, count)
    depth = strength * random.uniform(0.2, 0.6, count) * (random.random(count) < 0.3)
    edge, width = random.uniform(-0.6, 0.6, count), random.uniform(0.05, 0.4, count)
    for i, face in enumerate(faces):
        along = line[None, :] * np.float32(np.cos(angle[i])) + line[:, None] * np.float32(np.sin(angle[i]))
        shadow = 1.0 / (1.0 + np.exp(-(along - edge[i]) / width[i] * 4.0))
        gain = (np.exp(slope[i] * along) * (1.0 - depth[i] * shadow)).astype(np.float32)
        np.clip(face * gain[..., None], 0.0, 1.0, out=face)


def hide_parts(faces: Faces, strength: float, random: Random) -> dict[int, NDArray[np.float32]]:
    """Put made-up things before some faces: ellipses and bars, plain or with another face's texture.

    Args:
        faces: float32 (n, S, S, 3) in 0…1.
        strength: 0 … 1.
        random: Source of all chance.

    Returns:
        How far each pixel of a face is hidden, float32 (S, S) in 0…1, by the number of each face that is.
    """
    hidden: dict[int, NDArray[np.float32]] = {}
    whole: dict[int, Faces] = {}
    for i in map(int, _chosen(len(faces), strength, random)):
        whole[i] = faces[i].copy()
        hidden[i] = _thing(faces.shape[1], strength, random)
        matte = hidden[i][..., None]
        shade = np.float32(random.uniform(0.3, 1.2))
        if random.random() < 0.5:
            # Turned upside down, skin stays skin and looks like a hand rather than like a second face.
            other = int(random.integers(len(faces)))
            texture = (whole[other] if other in whole else faces[other])[::-1] * shade
        else:
            texture = np.broadcast_to(random.random(3).astype(np.float32), faces.shape[1:])
        np.clip(faces[i] * (1.0 - matte) + texture * matte, 0.0, 1.0, out=faces[i])
    return hidden


def _thing(size: int, strength: float, random: Random) -> NDArray[np.float32]:
    """Return the matte of something that covers part of a face, float32 (S, S) in 0…1."""
    # Twice as fine, so that edges are smooth at any angle.
    fine = 2 * size
    center = tuple(int(value) for value in random.uniform(0.1, 0.9, 2) * fine)
    is_bar = random.random() < 0.4
    long = random.uniform(0.5, 1.0) if is_bar else random.uniform(0.1, 0.25 + 0.15 * strength)
    wide = random.uniform(0.03, 0.06 + 0.06 * strength) if is_bar else long * random.uniform(0.5, 1.0)
    axes = (max(1, round(long * fine)), max(1, round(wide * fine)))
    matte = np.zeros((fine, fine), np.float32)
    cv2.ellipse(matte, center, axes, float(random.uniform(0.0, 180.0)), 0.0, 360.0, 1.0, -1)
    soft = cv2.GaussianBlur(matte, (0, 0), fine * random.uniform(0.003, 0.02))
    return np.asarray(cv2.resize(soft, (size, size), interpolation=cv2.INTER_AREA), np.float32)


def blur(faces: Faces, strength: float, random: Random) -> None:
    """Blur some faces: out of focus, or along a line as by motion.

    Args:
        faces: float32 (n, S, S, 3) in 0…1.
        strength: 0 … 1.
        random: Source of all chance.
    """
    size = faces.shape[1]
    for i in _chosen(len(faces), strength, random):
        if random.random() < 0.5:
            sigma = size * strength * random.uniform(0.003, 0.025)
            faces[i] = cv2.GaussianBlur(faces[i], (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
        else:
            length = 1.0 + size * strength * random.uniform(0.02, 0.1)
            kernel = _motion_kernel(length, random.uniform(0.0, np.pi))
            faces[i] = cv2.filter2D(faces[i], -1, kernel, borderType=cv2.BORDER_REPLICATE)


def _motion_kernel(length: float, angle: float) -> NDArray[np.float32]:
    side = 2 * int(np.ceil(length / 2)) + 1
    middle = side // 2
    reach = np.array([np.cos(angle), np.sin(angle)]) * (length - 1.0) / 2.0
    kernel = np.zeros((side, side), np.float32)
    # OpenCV counts sixteenths of a pixel here.
    ends = [tuple(int(round(16 * value)) for value in middle + sign * reach) for sign in (-1.0, 1.0)]
    cv2.line(kernel, ends[0], ends[1], 1.0, 1, cv2.LINE_8, 4)
    return kernel / kernel.sum()


def compress(faces: Faces, strength: float, random: Random) -> None:
    """Compress some faces as JPEG and decode them again.

    Args:
        faces: float32 (n, S, S, 3) RGB in 0…1.
        strength: 0 … 1.
        random: Source of all chance.
    """
    for i in _chosen(len(faces), strength, random):
        quality = round(95.0 - 75.0 * strength * random.random())
        bgr = cv2.cvtColor((faces[i] * 255.0 + 0.5).astype(np.uint8), cv2.COLOR_RGB2BGR)
        _ok, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
        decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.float32)
        faces[i] = decoded[..., ::-1] / np.float32(255.0)
