# SPDX-License-Identifier: GPL-3.0-or-later
"""Made-up face tracks for the tests of people: persons far apart, pictures of one near each other."""

import numpy as np
from understudy.engine.contract.people import TrackName
from understudy.engine.faces.people import TrackFace


def at(*values: float) -> np.ndarray:
    """Return an identity vector with the first numbers given; never zeros, which mean "not measured"."""
    vector = np.zeros(128)
    vector[: len(values)] = values
    vector[127] = 1.0
    return vector


def face(key: str, track: int, identity: np.ndarray, frames: range = range(50), size_px: float = 100.0) -> TrackFace:
    """Return a track of footage `key`."""
    return TrackFace(TrackName(key, track), identity, np.array(frames, dtype=np.int32), size_px)


def crowd(count: int, persons: int, seed: int = 1, spread: float = 0.15) -> list[TrackFace]:
    """Return tracks of some persons, each in a footage of its own; track `i` shows person `i % persons`.

    Persons are about 1.0 apart, tracks of one about `spread` times 1.4.
    """
    random = np.random.default_rng(seed)
    centers = random.normal(size=(persons, 128))
    centers *= 0.75 / np.linalg.norm(centers, axis=1, keepdims=True)
    noise = random.normal(size=(count, 128))
    noise *= spread / np.linalg.norm(noise, axis=1, keepdims=True)
    return [face(f"clip {i:04d}", 1, centers[i % persons] + noise[i]) for i in range(count)]
