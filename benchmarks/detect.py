# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding faces: detectors, landmarks, identity vectors, steadying, and the whole search, on a demo clip."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from machine import describe, measure, table

import cv2  # isort: skip - machine.py binds the engine first
import numpy as np
from understudy.engine.contract.settings import ExtractSettings
from understudy.engine.contract.timing import Footage, FrameRange
from understudy.engine.faces.detection import DETECTORS, make_detector
from understudy.engine.faces.identity import IdentityFilter, IdentityModel
from understudy.engine.faces.landmarks import LANDMARK_FITTERS, LandmarkFitter, make_landmark_fitter
from understudy.engine.faces.smoothing import steady_landmarks
from understudy.engine.media.reader import FootageReader
from understudy.engine.pipelines.face_search import FootageSearch, load_models

CLIP = Path(__file__).resolve().parents[1] / "demo" / "clips" / "target_A.mp4"
FRAMES = 48
# The slow detectors are measured on a few frames only.
FEW = {"dlib-hog": 6, "dlib-cnn": 1}


def load_frames() -> list[np.ndarray]:
    """Decode the frames that everything is measured on."""
    with FootageReader(Footage(CLIP)) as reader:
        return [image for _, image in reader.frames([FrameRange(0, FRAMES)])]


def measure_detectors(images: list[np.ndarray], what: str) -> list[tuple[str, tuple[float, float]]]:
    """Return a row for each detector; the first picture warms it up."""
    rows = []
    for name in DETECTORS:
        detector = make_detector(name, 0.5, 24)
        detector.detect(images[0])
        some = images[: FEW.get(name, len(images))]
        rows.append((f"{name}, {what}", measure(lambda d=detector, s=some: len([d.detect(image) for image in s]))))
    return rows


def follow(fitter: LandmarkFitter, images: list[np.ndarray], track: list[np.ndarray]) -> int:
    """Follow a face from its last landmarks, append the new ones, and return in how many frames."""
    for image in images:
        track.append(fitter.follow(image, track[-1])[0])
    return len(images)


def measure_faces(images: list[np.ndarray]) -> list[tuple[str, tuple[float, float]]]:
    """Return rows for what is done with one face that was found."""
    first = make_detector("blazeface", 0.5, 24).detect(images[0])[0]
    rows: list[tuple[str, tuple[float, float]]] = []
    track: list[np.ndarray] = []
    for name in LANDMARK_FITTERS:
        fitter = make_landmark_fitter(name)
        landmarks, _ = fitter.fit(images[0], first.box, first.roll_deg)

        track = [landmarks]
        rows.append((f"landmarks {name}, following", measure(partial(follow, fitter, images[1:], track))))
    raw = np.stack(track)
    rows.append(("steadying a track", measure(lambda: len(steady_landmarks(raw)))))
    model = IdentityModel()
    model.embed(images[0], raw[0])
    rows.append(("identity vector", measure(lambda: len([model.embed(image, raw[0]) for image in images[:4]]))))
    return rows


def measure_search(images: list[np.ndarray], **settings: int) -> tuple[float, float]:
    """Return the cost of the whole search for a frame: detect, fit, link, figures, steady, cut the aligned face."""
    chosen = ExtractSettings(**settings)
    models = load_models(chosen)
    search = FootageSearch(models, chosen, IdentityFilter(np.zeros((0, 128)), np.zeros((0, 128))), lambda face: None)

    def run() -> int:
        for number, image in enumerate(images):
            search.look(number, image)
        return len(images)

    return measure(run)


def main() -> None:
    """Print the machine and the table."""
    images = load_frames()
    large = [cv2.resize(image, (1920, 1920), interpolation=cv2.INTER_CUBIC)[400:1480] for image in images[:12]]
    print(describe())
    rows = measure_detectors(images, "512 × 512")
    rows += [row for row in measure_detectors(large, "1920 × 1080") if "cnn" not in row[0]]
    rows += measure_faces(images)
    rows.append(("whole search, 512 × 512", measure_search(images)))
    rows.append(("whole search, detecting on every 5th frame", measure_search(images, detect_every=5)))
    print(table(rows, "frame"))


if __name__ == "__main__":
    main()
