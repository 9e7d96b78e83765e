# SPDX-License-Identifier: GPL-3.0-or-later
"""What surrounds the faces of made scenes: backgrounds, light, a hand, and a camera's noise."""

from functools import cache

import cv2
import numpy as np

_GAMMA = 2.2


@cache
def clutter(width: int, height: int, seed: int = 1) -> np.ndarray:
    """Return a background full of shapes, edges, round things and texture, and without a face."""
    random = np.random.default_rng(seed)
    image = np.full((height, width, 3), random.integers(60, 160, 3), np.uint8)
    for _ in range(260):
        color = tuple(map(int, random.integers(10, 245, 3)))
        x, y = int(random.integers(0, width)), int(random.integers(0, height))
        a, b = (int(value) for value in random.integers(6, 130, 2))
        kind = random.integers(0, 4)
        if kind == 0:
            cv2.rectangle(image, (x, y), (x + a, y + b), color, -1)
        elif kind == 1:
            cv2.ellipse(image, ((x, y), (a, b), float(random.uniform(0, 180))), color, -1, cv2.LINE_AA)
        elif kind == 2:
            cv2.line(
                image, (x, y), (x + 3 * (a - 60), y + 3 * (b - 60)), color, int(random.integers(1, 9)), cv2.LINE_AA
            )
        else:
            cv2.circle(image, (x, y), a // 2, color, int(random.integers(2, 8)), cv2.LINE_AA)
    blurred = cv2.GaussianBlur(image, (0, 0), 1.2).astype(np.float32)
    for step in (1, 4, 16):
        grain = random.normal(0, 5, (height // step + 1, width // step + 1, 1)).astype(np.float32)
        blurred += cv2.resize(grain, (width, height), interpolation=cv2.INTER_CUBIC)[..., None]
    return np.clip(blurred, 0, 255).astype(np.uint8)


@cache
def plain(width: int, height: int, color: tuple[int, int, int] = (120, 128, 140)) -> np.ndarray:
    """Return a background of one color that gets a little darker downwards."""
    fade = np.linspace(1.1, 0.8, height, dtype=np.float32)[:, None, None]
    return np.clip(np.full((height, width, 3), color, np.float32) * fade, 0, 255).astype(np.uint8)


def dimmed(image: np.ndarray, gain: float) -> np.ndarray:
    """Return a float32 0…255 picture with its light multiplied by `gain`."""
    return 255 * (np.clip(image / 255, 0, 1) ** _GAMMA * gain) ** (1 / _GAMMA)


def camera_noise(image: np.ndarray, seed: int, deviation: float = 4.0) -> np.ndarray:
    """Return a float32 0…255 picture with the grain of a sensor at high gain: fine, and coarser in the color."""
    random = np.random.default_rng(seed)
    height, width = image.shape[:2]
    luma = random.normal(0, deviation, (height, width, 1)).astype(np.float32)
    color = random.normal(0, deviation, (height // 2 + 1, width // 2 + 1, 3)).astype(np.float32)
    return image + luma + cv2.resize(color, (width, height), interpolation=cv2.INTER_LINEAR)


def veiled(image: np.ndarray) -> np.ndarray:
    """Return a float32 0…255 picture whose bright parts bleed over their borders, as light from behind does."""
    small = cv2.resize(image, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    bloom = cv2.GaussianBlur(np.maximum(small - 200, 0), (0, 0), 8)
    return image + 0.7 * cv2.resize(bloom, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)


@cache
def hand() -> tuple[np.ndarray, np.ndarray]:
    """Return a hand, RGB float32 (420, 300, 3), and its alpha: palm, four fingers upwards, a thumb to the left."""
    shape = np.zeros((420, 300), np.uint8)
    cv2.ellipse(shape, ((160, 280), (170, 190), 0), 255, -1, cv2.LINE_AA)
    cv2.rectangle(shape, (105, 330), (215, 420), 255, -1)
    creases = []
    for root, tip, width in (
        ((95, 230), (70, 80), 38),
        ((140, 205), (130, 35), 42),
        ((185, 205), (192, 45), 40),
        ((228, 235), (250, 95), 34),
        ((90, 320), (25, 215), 46),
    ):
        cv2.line(shape, root, tip, 255, width, cv2.LINE_AA)
        creases.append((root, tip, width))
    alpha = cv2.GaussianBlur(shape, (0, 0), 1.5).astype(np.float32) / 255
    # Rounded forms: brighter where the shape is thick, darker towards its rims and between the fingers.
    depth = np.minimum(cv2.distanceTransform((shape > 127).astype(np.uint8), cv2.DIST_L2, 5), 22) / 22
    shade = 0.55 + 0.45 * np.sqrt(cv2.GaussianBlur(depth, (0, 0), 2))
    for root, tip, width in creases:
        for share in (0.35, 0.7):
            x, y = np.array(root) * (1 - share) + np.array(tip) * share
            cv2.line(shade, (round(x - width / 3), round(y)), (round(x + width / 3), round(y)), 0.72, 2, cv2.LINE_AA)
        cv2.circle(shade, tip, width // 4, 1.12, -1, cv2.LINE_AA)
    skin = np.array([205, 150, 122], np.float32) * cv2.GaussianBlur(shade, (0, 0), 1.2)[..., None]
    return skin + np.random.default_rng(3).normal(0, 3, skin.shape).astype(np.float32), alpha
