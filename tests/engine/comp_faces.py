# SPDX-License-Identifier: GPL-3.0-or-later
"""Faces made of numbers for the tests of comp and swap: landmarks, painted pictures, and networks that only pretend."""

from __future__ import annotations

import numpy as np
from understudy.engine.faces.alignment import face_matrix
from understudy.engine.faces.geometry import CANONICAL_INNER


def landmarks_at(center: tuple[float, float], size: float, angle: float = 0.0) -> np.ndarray:
    """68 landmarks of a frontal face: the canonical inner points and a half ellipse as jaw; `size` is its square."""
    sweep = np.linspace(np.pi, 0.0, 17)
    jaw = np.stack([0.66 * np.cos(sweep), -0.12 + 0.86 * np.sin(sweep)], axis=1)
    points = np.concatenate([jaw, CANONICAL_INNER]) * size
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return points @ turn.T + np.asarray(center, float)


def painted_picture(width: int, height: int, seed: int = 0) -> np.ndarray:
    """A smooth colorful picture, uint8 RGB, without any two equal regions."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    channels = []
    for _ in range(3):
        a, b, c, d = rng.uniform(0.02, 0.09, 4)
        channels.append(128 + 50 * np.sin(a * x + b * y) + 45 * np.cos(c * x - d * y + 1.0))
    return np.clip(np.stack(channels, axis=2), 0, 255).astype(np.uint8)


class FakeSwapper:
    """Stands in for a trained network; does `change` to the faces."""

    family, step, fingerprint = "fake", 7, "0123456789abcdef"

    def __init__(self, change=None, size=64, coverage=1.7, performers=("A", "B")):
        self.face_size, self.coverage, self.performers = size, coverage, performers
        self.change = change or (lambda faces: faces)
        self.calls: list[tuple[int, str]] = []

    def image_to_face(self, landmarks):
        return face_matrix(landmarks, self.face_size, self.coverage)

    def inputs(self, plates, landmarks, source, targets):
        assert landmarks.shape == (len(plates), 68, 2) and len(targets) == len(plates)
        return plates

    def precision_of(self, source):
        return "pretended"

    def swap(self, faces, source):
        assert faces.dtype == np.float32 and faces.shape[1:] == (self.face_size, self.face_size, 3)
        self.calls.append((len(faces), source))
        return self.change(faces), None
