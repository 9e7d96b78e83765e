# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's performers as cut-outs with known landmarks: what the made scenes are put together from."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from extract_material import frame

TRUTH = Path(__file__).resolve().parent / "data" / "demo_truth.npz"
PERSONS = {"train_A": "A", "target_A": "A", "train_B": "B"}
# Side of the picture in which a performer is cut from the background.
_CUT_SIDE = 192


@dataclass(frozen=True, eq=False)
class Performer:
    """A performer cut out of a frame.

    Attributes:
        image: RGB, uint8 (h, w, 3).
        alpha: Where the performer is, float32 (h, w), 0…1.
        landmarks: The known 68 landmarks, float64 (68, 2).
        person: "A" or "B".
    """

    image: np.ndarray
    alpha: np.ndarray
    landmarks: np.ndarray
    person: str

    @property
    def size(self) -> float:
        """Longer side of the box around the landmarks."""
        return float(np.ptp(self.landmarks, axis=0).max())

    @property
    def center(self) -> np.ndarray:
        """Center of the box around the landmarks."""
        return (self.landmarks.min(axis=0) + self.landmarks.max(axis=0)) / 2


@cache
def truth() -> dict[str, np.ndarray]:
    """Return what is known of the demo's clips, see data/README.md."""
    with np.load(TRUTH) as stored:
        return dict(stored)


def known_landmarks(clip: str) -> np.ndarray:
    """Return the landmarks of every frame of a clip, float64 (frames, 68, 2)."""
    return truth()[f"{clip}_landmarks"] / 10.0


@cache
def performer(clip: str, number: int) -> Performer:
    """Return the performer of a frame of a demo clip."""
    image = frame(clip, number)
    landmarks = known_landmarks(clip)[number]
    return Performer(image, cut_out(image, landmarks), landmarks, PERSONS[clip])


def cut_out(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Return the alpha of the person with these landmarks: head and shoulders before a soft background."""
    scale = _CUT_SIDE / len(image)
    small = cv2.resize(image, (_CUT_SIDE, _CUT_SIDE), interpolation=cv2.INTER_AREA)
    points = landmarks * scale
    low, high = points.min(axis=0), points.max(axis=0)
    middle, extent = (low + high) / 2, high - low
    marks = np.full(small.shape[:2], cv2.GC_BGD, np.uint8)
    head = (middle - (0, 0.35 * extent[1]), 1.05 * extent.max(), 1.2 * extent[1])
    cv2.ellipse(marks, (_pair(head[0]), (2 * head[1], 2 * head[2]), 0), int(cv2.GC_PR_BGD), -1)
    cv2.rectangle(marks, (0, round(high[1] + 0.2 * extent[1])), (_CUT_SIDE, _CUT_SIDE), int(cv2.GC_PR_BGD), -1)
    cv2.ellipse(marks, (_pair(head[0]), (1.5 * head[1], 1.55 * head[2]), 0), int(cv2.GC_PR_FGD), -1)
    cv2.fillConvexPoly(marks, cv2.convexHull(points.astype(np.int32)), int(cv2.GC_FGD))
    chest = (round(middle[0] - extent[0] / 2), round(high[1] + 0.6 * extent[1]))
    cv2.rectangle(marks, chest, (round(middle[0] + extent[0] / 2), _CUT_SIDE), int(cv2.GC_FGD), -1)
    cv2.setRNGSeed(1)
    cv2.grabCut(small, marks, None, np.zeros((1, 65)), np.zeros((1, 65)), 4, cv2.GC_INIT_WITH_MASK)
    inside = np.isin(marks, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    count, labels, figures, _ = cv2.connectedComponentsWithStats(inside)
    if count > 2:
        inside = (labels == 1 + figures[1:, cv2.CC_STAT_AREA].argmax()).astype(np.uint8)
    inside = cv2.morphologyEx(inside, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    alpha = cv2.resize(inside.astype(np.float32), image.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    # Inwards by half the blur, or a rim of the old background would come along.
    return np.clip(cv2.GaussianBlur(alpha, (0, 0), 2.0) * 2 - 0.9, 0, 1).astype(np.float32)


def _pair(point: np.ndarray) -> tuple[float, float]:
    return float(point[0]), float(point[1])
