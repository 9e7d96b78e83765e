# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames, facesets and hostile pickles for the tests of other programs' formats, all made by code."""

from pathlib import Path

import cv2
import numpy as np
from understudy.engine.contract.messages import Log
from understudy.engine.faces.alignment import align_face, face_matrix
from understudy.engine.faces.geometry import CANONICAL_INNER
from understudy.engine.faceset.record import FaceRecord
from understudy.engine.faceset.store import Faceset, FacesetWriter, load_faceset
from understudy.engine.media.images import write_png
from understudy.engine.runtime.reporter import CallbackReporter

FRAME = (300, 400)


def landmarks(center=(200.0, 150.0), side=90.0, lean_deg=0.0) -> np.ndarray:
    """Return 68 landmarks, float32 values as a faceset keeps them; the jaw is an arc below the inner ones."""
    angles = np.linspace(np.pi, 0, 17)
    jaw = np.stack([np.cos(angles) * 0.65, np.sin(angles) * 0.85], axis=1)
    lean = np.radians(lean_deg)
    turn = np.array([[np.cos(lean), -np.sin(lean)], [np.sin(lean), np.cos(lean)]])
    points = np.concatenate([jaw, CANONICAL_INNER]) @ turn.T * side + center
    return points.astype(np.float32).astype(np.float64)


def frame(seed=0) -> np.ndarray:
    """Return a smooth colored picture, uint8 (300, 400, 3), that shows where each of its parts is."""
    noise = np.random.default_rng(seed).integers(0, 255, (12, 16, 3), np.uint8)
    return cv2.resize(noise, (FRAME[1], FRAME[0]), interpolation=cv2.INTER_CUBIC)


def write_frames(folder: Path, names) -> dict[str, np.ndarray]:
    frames = {name: frame(number) for number, name in enumerate(names)}
    for name, image in frames.items():
        write_png(folder / name, image)
    return frames


POSES = {
    "名 1.png": [((200.0, 150.0), 90.0, 0.0), ((120.5, 120.25), 60.0, 20.0)],
    "ö 2.png": [((220.0, 160.0), 80.0, -15.0)],
}


def make_faceset(folder: Path, frames: Path, size=128, coverage=2.0) -> Faceset:
    """Write a faceset of three faces in two frames with names that aren't ASCII."""
    images = write_frames(frames, POSES)
    with FacesetWriter(folder, size, coverage) as writer:
        for name, poses in POSES.items():
            for pose in poses:
                points = landmarks(*pose)
                matrix = face_matrix(points, size, coverage)
                low, high = points.min(axis=0), points.max(axis=0)
                record = FaceRecord(
                    "",
                    name,
                    box=(*low.tolist(), *high.tolist()),
                    landmarks=points.astype(np.float32),
                    image_to_face=matrix,
                )
                writer.add(align_face(images[name], matrix, size), record)
    return load_faceset(folder)


def by_place(faceset: Faceset) -> list[FaceRecord]:
    """Return the records in an order that no format changes."""
    return sorted(faceset.records, key=lambda record: (record.picture, float(record.landmarks[30, 0])))


def listener():
    """Return a reporter and the list into which its warnings go."""
    warnings: list[str] = []

    def listen(message):
        if isinstance(message, Log) and message.level == "warning":
            warnings.append(message.text)

    return CallbackReporter(listen), warnings


def peak_signal_to_noise(first: np.ndarray, second: np.ndarray) -> float:
    """Return the PSNR in dB of two 8-bit pictures."""
    error = np.mean((first.astype(float) - second.astype(float)) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-9)))
