# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole search against decoding alone and against searching every frame: speed, and what speed costs.

Decoding alone is FFmpeg's decoder with all its threads and no conversion. Brute force runs the detector on every frame
and fits every face from its box. Rounds are interleaved, medians count; the search includes loading its models, cutting
the aligned faces and writing them.
"""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from machine import describe

import av  # isort: skip - machine.py binds the engine first
import numpy as np
from footage import LOOP, repeat, write_loop
from understudy.engine.contract.jobs import ExtractJob
from understudy.engine.contract.settings import ExtractSettings
from understudy.engine.contract.timing import Footage, FrameRange, ranges_of
from understudy.engine.faces.detection import make_detector
from understudy.engine.faces.following import LEAST_PRESENCE
from understudy.engine.faces.geometry import SAME_FACE, box_of, box_overlap, eye_distance
from understudy.engine.faces.landmarks import make_landmark_fitter
from understudy.engine.faces.smoothing import steady_landmarks
from understudy.engine.faces.tracks import FaceTrack, TrackSet, load_tracks
from understudy.engine.media.reader import FootageReader
from understudy.engine.pipelines.extract import extract
from understudy.engine.runtime.reporter import Reporter

ROUNDS = int(os.environ.get("UNDERSTUDY_ROUNDS", "3"))
BRUTE_FRAMES = 150

Cost = tuple[float, float]


def decode(path: Path) -> int:
    """Decode a movie and throw the pictures away; return how many there were."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = os.cpu_count() or 1
        return sum(1 for _ in container.decode(stream))


def search(path: Path, folder: Path, ranges: tuple[FrameRange, ...] = ()) -> TrackSet:
    """Extract a movie into a new project and return its tracks."""
    done = extract(ExtractJob(folder, Footage(path), ranges), Reporter())
    return load_tracks(Path(done.result["footage_folder"]))


def brute_force(path: Path, frames: int) -> list[list[np.ndarray]]:
    """Detect and fit on every frame alone; return the landmarks of each frame's faces."""
    settings = ExtractSettings()
    detector = make_detector(settings.detector, settings.confidence, settings.minimum_size)
    fitter = make_landmark_fitter(settings.landmarks)
    found = []
    with FootageReader(Footage(path)) as reader:
        for _, image in reader.frames([FrameRange(0, frames)]):
            fits = [fitter.fit(image, item.box, item.roll_deg) for item in detector.detect(image)]
            found.append([landmarks for landmarks, presence in fits if presence >= LEAST_PRESENCE])
    return found


def timed(work: Callable[[], object]) -> tuple[object, Cost]:
    """Return what work returns, and the CPU seconds, those of its processes included, and wall seconds it took."""
    cpu, wall = cpu_seconds(), time.perf_counter()
    result = work()
    return result, (cpu_seconds() - cpu, time.perf_counter() - wall)


def cpu_seconds() -> float:
    """Return the CPU time of this process and of those it started that have ended."""
    now = os.times()
    return now.user + now.system + now.children_user + now.children_system


def measure_clip(name: str, path: Path, frames: int) -> None:
    """Print decoding, brute force and the search of a clip, interleaved, and what the search found."""
    decoded: list[Cost] = []
    searched: list[Cost] = []
    with tempfile.TemporaryDirectory() as folder:
        search(path, Path(folder) / "warm.understudy", (FrameRange(0, 24),))
        for number in range(ROUNDS):
            decoded.append(timed(lambda: decode(path))[1])
            project = Path(folder) / f"{number}.understudy"
            tracks, cost = timed(lambda project=project: search(path, project))
            searched.append(cost)
        brute, cost = timed(lambda: brute_force(path, BRUTE_FRAMES))
    rows = {
        "decoding alone": per_frame(decoded, frames),
        "the search": per_frame(searched, frames),
        "brute force": per_frame([cost], BRUTE_FRAMES),
    }
    print(
        f"\n## {name}: {frames} frames\n\n| | CPU ms a frame | wall ms a frame | frames a second | of decoding's rate |"
    )
    print("|---|---|---|---|---|")
    for what, (cpu, wall) in rows.items():
        share = rows["decoding alone"][1] / wall
        print(f"| {what} | {cpu:.1f} | {wall:.1f} | {1000 / wall:.0f} | {share:.2f} |")
    print(
        f"\nBy CPU time the search costs {rows['the search'][0] / rows['decoding alone'][0]:.2f} times decoding alone."
    )
    print(compare(tracks, brute))


def per_frame(costs: list[Cost], frames: int) -> Cost:
    """Return the medians in milliseconds a frame."""
    return tuple(1000 * median(cost[index] for cost in costs) / frames for index in (0, 1))


def compare(tracks: TrackSet, brute: list[list[np.ndarray]]) -> str:
    """Return how the search's faces compare with those that brute force found."""
    total = missed = 0
    differences: dict[str, list[float]] = {"steadied": [], "raw": []}
    matched: dict[int, dict[int, np.ndarray]] = {track.id: {} for track in tracks.tracks}
    for frame, faces in enumerate(brute):
        places = [(track, track.index(frame)) for track in tracks.tracks]
        here = [(track, index) for track, index in places if index is not None]
        for landmarks in faces:
            total += 1
            overlaps = [box_overlap(box_of(landmarks), track.boxes[index])[0, 0] for track, index in here]
            if not overlaps or max(overlaps) < SAME_FACE:
                missed += 1
                continue
            track, index = here[int(np.argmax(overlaps))]
            matched[track.id][frame] = landmarks
            for kind, others in (("steadied", track.landmarks), ("raw", track.raw_landmarks)):
                differences[kind].append(_difference(others[index], landmarks))
    differences["alike"] = [value for track in tracks.tracks for value in _steadied_alike(track, matched[track.id])]
    looked_at = [track for track in tracks.tracks if track.first < len(brute)]
    false = [track for track in looked_at if len(track.frames) > 3 and not matched[track.id]]
    gaps = {kind: 100 * float(np.median(values)) for kind, values in differences.items()}
    return (
        f"Against brute force on the first {len(brute)} frames: recall {1 - missed / max(total, 1):.4f} of {total} "
        f"faces, {len(false)} false tracks of more than 3 frames, median landmark difference {gaps['raw']:.2f} % "
        f"of the eye distance as fitted, {gaps['steadied']:.2f} % steadied (brute force isn't), and "
        f"{gaps['alike']:.2f} % when brute force's fits are steadied as the search's are. Steadiness: "
        f"{100 * tracks.steadiness['raw_jitter']:.2f} % → {100 * tracks.steadiness['jitter']:.2f} %."
    )


def _difference(landmarks: np.ndarray, others: np.ndarray) -> float:
    """Return the mean distance of inner landmarks in eye distances of the others."""
    return float(np.linalg.norm(landmarks[17:] - others[17:], axis=1).mean() / eye_distance(others))


def _steadied_alike(track: FaceTrack, fits: dict[int, np.ndarray]) -> list[float]:
    """Return how a track's steadied landmarks differ from brute force's fits of its face when they are steadied too.

    Args:
        track: The track.
        fits: Brute force's landmarks of its face, by frame; where some are missing, steadying starts anew.
    """
    differences = []
    for run in ranges_of(fits):
        steadied = steady_landmarks(np.stack([fits[frame] for frame in run]), ExtractSettings().smoothing)
        for frame, landmarks in zip(run, steadied, strict=True):
            index = track.index(frame)
            assert index is not None, "only frames of the track are matched"
            differences.append(_difference(track.landmarks[index], landmarks))
    return differences


def measure_size(small: Path, large: Path, frames: int) -> None:
    """Print what a frame of 4K costs against one of 1080p."""
    costs: dict[Path, list[Cost]] = {small: [], large: []}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(ROUNDS):
            for path, found in costs.items():
                project = Path(folder) / f"{path.stem}{number}.understudy"
                found.append(timed(lambda p=path, f=project: search(p, f, (FrameRange(0, frames),)))[1])
    cpu, wall = (per_frame(costs[large], 1)[i] / per_frame(costs[small], 1)[i] for i in (0, 1))
    print(f"\n3840 × 2160 costs {cpu:.2f} times as much CPU as 1920 × 1080, and {wall:.2f} times as long.")


def measure_length(loop: Path, folder: Path) -> None:
    """Print the cost of a frame and the memory of a minute and of ten."""
    print("\n| length | CPU ms a frame | wall ms a frame | most memory so far, MiB |\n|---|---|---|---|")
    for minutes in (1, 10):
        path = folder / f"{minutes}.mp4"
        repeat(loop, path, minutes * 60 * 25 // LOOP)
        _, cost = timed(lambda p=path, m=minutes: search(p, folder / f"{m}.understudy"))
        cpu, wall = per_frame([cost], minutes * 60 * 25)
        # Of this process, and of the largest that it started.
        most = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        memory = sum(most) / 1024
        print(f"| {minutes} min, 640 × 360 | {cpu:.2f} | {wall:.2f} | {memory:.0f} |")


def main() -> None:
    """Print the machine and the tables."""
    print(describe())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for faces in (1, 3):
            loop, path = folder / f"loop{faces}.mp4", folder / f"{faces}.mp4"
            write_loop(loop, faces)
            repeat(loop, path, 3)
            measure_clip(f"1920 × 1080, {faces} {'face' if faces == 1 else 'faces'}", path, 3 * LOOP)
        write_loop(folder / "large.mp4", 1, 3840, 2160, LOOP // 2)
        measure_size(folder / "loop1.mp4", folder / "large.mp4", LOOP // 2)
        write_loop(folder / "small.mp4", 1, 640, 360)
        measure_length(folder / "small.mp4", folder)


if __name__ == "__main__":
    main()
