# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding faces: what detectors find of hard faces and what it costs; landmarks, identity, steadying, the search."""

from __future__ import annotations

import sys
import time
from functools import partial
from pathlib import Path

from machine import describe, measure, table

import numpy as np  # isort: skip - machine.py binds the engine first
from understudy.engine.contract.settings import ExtractSettings
from understudy.engine.contract.timing import Footage, FrameRange
from understudy.engine.faces.detection import DETECTORS, Detector, make_detector
from understudy.engine.faces.identity import IdentityFilter, IdentityModel
from understudy.engine.faces.landmarks import LANDMARK_FITTERS, LandmarkFitter, make_landmark_fitter
from understudy.engine.faces.rotations import TurningDetector
from understudy.engine.faces.smoothing import steady_landmarks
from understudy.engine.media.picture import ArrayPicture
from understudy.engine.media.reader import FootageReader
from understudy.engine.pipelines.face_desk import NearDesk
from understudy.engine.pipelines.face_search import FootageSearch, load_models

# The tests make the scenes whose faces are known; their modules are found by this path only.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "engine"))
from found_faces import Verdict, judge
from hard_scenes import KINDS, hard_scenes

CLIP = Path(__file__).resolve().parents[1] / "demo" / "clips" / "target_A.mp4"
FRAMES = 48
# The slow detectors look at every n-th picture only.
SLOW = {"dlib-cnn": 6}


def load_frames() -> list[np.ndarray]:
    """Decode the frames that everything is measured on."""
    with FootageReader(Footage(CLIP)) as reader:
        return [image for _, image in reader.frames([FrameRange(0, FRAMES)])]


def rate(detector: Detector, kind: str, every: int) -> tuple[Verdict, float, int]:
    """Return what a detector finds in every n-th picture of a kind, its CPU milliseconds, and how many pictures."""
    total, spent, pictures = Verdict(), 0.0, hard_scenes(kind)[::every]
    for image, faces in pictures:
        start = time.process_time()
        found = detector.detect(image)
        spent += time.process_time() - start
        total += judge([item.box for item in found], faces)
    return total, 1000 * spent, len(pictures)


def rate_detectors() -> str:
    """Return a Markdown table: recall, false and double findings of every detector, for each kind of hard picture."""
    lines = [
        "| detector | pictures | faces found | recall | false | double | CPU ms per picture |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in DETECTORS:
        detectors = {name: make_detector(name, 0.5, 24)}
        if not detectors[name].finds_any_lean and name not in SLOW:
            detectors[f"{name}, turned four ways"] = TurningDetector(detectors[name])
        for title, detector in detectors.items():
            detector.detect(hard_scenes("filling the picture")[0][0])
            total, spent, count = Verdict(), 0.0, 0
            for kind in KINDS:
                found, cost, pictures = rate(detector, kind, SLOW.get(name, 1))
                lines.append(_row(f"{title}: {kind}", found, cost, pictures))
                total, spent, count = total + found, spent + cost, count + pictures
            lines.append(_row(f"**{title}: all**", total, spent, count))
    return "\n".join(lines)


def _row(title: str, found: Verdict, spent: float, pictures: int) -> str:
    recall = f"{found.recall:.2f}" if found.known else "–"
    return (
        f"| {title} | {pictures} | {found.found} of {found.known} | {recall} | {found.false} | {found.doubles} "
        f"| {spent / pictures:.0f} |"
    )


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
    desk = NearDesk(chosen, lambda face: None)
    search = FootageSearch(models, chosen, IdentityFilter(np.zeros((0, 128)), np.zeros((0, 128))), lambda: desk)

    def run() -> int:
        pictures = ((number, ArrayPicture(image)) for number, image in enumerate(images))
        for number, picture in search.watched(pictures, [FrameRange(0, len(images))]):
            search.look(number, picture)
        return len(images)

    return measure(run)


def main() -> None:
    """Print the machine and the tables."""
    images = load_frames()
    print(describe())
    print(rate_detectors())
    rows = measure_faces(images)
    rows.append(("whole search, 512 × 512", measure_search(images)))
    rows.append(("whole search, detecting on every 5th frame", measure_search(images, detect_every=5)))
    print(table(rows, "frame"))


if __name__ == "__main__":
    main()
