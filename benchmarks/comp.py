# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the comp at 1080p: milliseconds a frame for each step between the network and the file.

Run it from the checkout with the engine's Python: `python benchmarks/comp.py`. It prints a Markdown table; the face is
400 pixels wide, the network's faces have 96 and 256 pixels.
"""

from __future__ import annotations

import os
import platform
import runpy
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.argv[0] = str(ROOT / "training_cli" / "launch.py")
runpy.run_path(sys.argv[0], run_name="understudy_launch")

import cv2  # noqa: E402 - the package has its name only after launch.py ran
from understudy.engine.comp.blend import poisson_face  # noqa: E402
from understudy.engine.comp.color_match import apply_color, solve_color  # noqa: E402
from understudy.engine.comp.crop import cut_face  # noqa: E402
from understudy.engine.comp.matte import build_mask  # noqa: E402
from understudy.engine.comp.over import composite  # noqa: E402
from understudy.engine.comp.place import empty_picture, place_face  # noqa: E402
from understudy.engine.comp.swap import face_outline  # noqa: E402
from understudy.engine.contract.settings import SwapSettings  # noqa: E402
from understudy.engine.faces.geometry import CANONICAL_INNER  # noqa: E402
from understudy.engine.media.images import encode_png  # noqa: E402

WIDTH, HEIGHT, FACE_PX = 1920, 1080, 235.0
COVERAGE = 1.7


def milliseconds(call: Callable[[], object], repeats: int = 30) -> tuple[float, float]:
    """Return wall and CPU milliseconds of one call, after one to warm up."""
    call()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - wall) / repeats * 1e3, (time.process_time() - cpu) / repeats * 1e3


def face_landmarks() -> np.ndarray:
    """Return 68 landmarks of a frontal face in the middle of the frame."""
    sweep = np.linspace(np.pi, 0.0, 17)
    jaw = np.stack([0.66 * np.cos(sweep), -0.12 + 0.86 * np.sin(sweep)], axis=1)
    return np.concatenate([jaw, CANONICAL_INNER]) * FACE_PX + [WIDTH / 2, HEIGHT / 2]


def plate_picture() -> np.ndarray:
    """Return a smooth picture with light grain, uint8 RGB."""
    rng = np.random.default_rng(0)
    small = rng.integers(40, 200, (27, 48, 3), np.uint8)
    smooth = cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC).astype(np.int16)
    return np.clip(smooth + rng.integers(-3, 4, smooth.shape), 0, 255).astype(np.uint8)


def measure(size: int) -> list[tuple[str, tuple[float, float], str]]:
    """Return step, milliseconds and a note for a network of `size` pixels."""
    plate, landmarks, settings = plate_picture(), face_landmarks(), SwapSettings()
    crop = cut_face(plate, landmarks, 0, 1, "B", size, COVERAGE)
    face = cv2.GaussianBlur(crop.plate, (0, 0), 1.0)
    matte = build_mask(crop.landmarks, size, COVERAGE, settings).matte()
    rows = [
        ("warp in", milliseconds(lambda: cut_face(plate, landmarks, 0, 1, "B", size, COVERAGE)), ""),
        ("matte", milliseconds(lambda: build_mask(crop.landmarks, size, COVERAGE, settings).matte()), ""),
        ("outline", milliseconds(lambda: face_outline(landmarks, COVERAGE, settings)), "16 points"),
    ]
    for method in ("mean", "histogram", "lab"):
        rows.append(
            (
                f"color, {method}",
                milliseconds(
                    lambda method=method: apply_color(method, face, solve_color(method, face, crop.plate, matte))
                ),
                "",
            )
        )
    rows.append(("Poisson", milliseconds(lambda: poisson_face(face, crop.plate, matte)), ""))
    for depth in (8, 16):
        picture = empty_picture(WIDTH, HEIGHT, depth)

        def place(picture: np.ndarray = picture) -> None:
            picture[...] = 0
            place_face(picture, face, matte, crop.image_to_face)

        rows.append((f"warp out, {depth} bit", milliseconds(place), "inside the face's box"))
        rows.append((f"over the plate, {depth} bit", milliseconds(lambda p=picture: composite(plate, p)), "for movies"))
        length = len(encode_png(picture)) / 1000
        rows.append((f"PNG, {depth} bit", milliseconds(lambda p=picture: encode_png(p), 10), f"{length:.0f} kB"))
    empty = empty_picture(WIDTH, HEIGHT, 8)
    rows.append(("PNG, no face", milliseconds(lambda: encode_png(empty), 10), "encoded once a run"))
    return rows


def main() -> None:
    """Print the tables."""
    cv2.setNumThreads(1)
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores; Python {platform.python_version()}, "
        f"OpenCV {cv2.__version__}, NumPy {np.__version__}; one thread; 1920×1080, face {FACE_PX * COVERAGE:.0f} px"
    )
    for size in (96, 256):
        print(f"\n| step, network of {size} px | wall ms | CPU ms | |\n|---|---|---|---|")
        for step, (wall, cpu), note in measure(size):
            print(f"| {step} | {wall:.2f} | {cpu:.2f} | {note} |")


if __name__ == "__main__":
    main()
