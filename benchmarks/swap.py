# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the whole swap of a clip without the network: decode, align, color, matte, place, write.

Run it from the checkout with the engine's Python: `python benchmarks/swap.py [--clip CLIP] [--network-ms 0]`. The face
tracks are made up, because only the time is of interest; `--network-ms` adds a pause for each face in place of a
network. `benchmarks/training.py` measures real networks. It prints a Markdown table.
"""

from __future__ import annotations

import argparse
import os
import platform
import runpy
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.argv[0] = str(ROOT / "training_cli" / "launch.py")
runpy.run_path(sys.argv[0], run_name="understudy_launch")

import cv2  # noqa: E402 - the package has its name only after launch.py ran
from understudy.engine.contract.jobs import FaceAssignment, SwapJob  # noqa: E402
from understudy.engine.contract.project import Project  # noqa: E402
from understudy.engine.contract.settings import ExtractSettings, SwapSettings  # noqa: E402
from understudy.engine.contract.timing import Footage, FrameRange  # noqa: E402
from understudy.engine.faces.alignment import face_matrix  # noqa: E402
from understudy.engine.faces.geometry import CANONICAL_INNER  # noqa: E402
from understudy.engine.faces.tracks import FaceTrack, TrackSet, save_tracks  # noqa: E402
from understudy.engine.media.fingerprint import footage_key  # noqa: E402
from understudy.engine.media.reader import FootageInfo, FootageReader  # noqa: E402
from understudy.engine.pipelines.swap import swap  # noqa: E402
from understudy.engine.runtime.reporter import Reporter  # noqa: E402


class PretendedNetwork:
    """Blurs the face; its cost is the pause."""

    face_size, coverage, performers, family, step, fingerprint = 96, 1.7, ("B",), "pretended", 0, "none"

    def __init__(self, pause_s: float) -> None:
        self._pause_s = pause_s

    def image_to_face(self, landmarks: np.ndarray) -> np.ndarray:
        """Return the alignment."""
        return face_matrix(landmarks, self.face_size, self.coverage)

    def inputs(self, plates: np.ndarray, landmarks: np.ndarray, source: str, targets: Sequence[str]) -> np.ndarray:
        """Return the faces themselves."""
        return plates

    def precision_of(self, source: str) -> str:
        """Return a word."""
        return "pretended"

    def swap(self, faces: np.ndarray, source: str) -> tuple[np.ndarray, None]:
        """Return the faces blurred."""
        time.sleep(self._pause_s * len(faces))
        return np.stack([cv2.GaussianBlur(face, (0, 0), 1.0) for face in faces]), None


def made_up_track(info: FootageInfo, count: int) -> FaceTrack:
    """Return a face a fifth of the picture's height that wanders through the middle."""
    size = info.height / 5
    sweep = np.linspace(np.pi, 0.0, 17)
    jaw = np.stack([0.66 * np.cos(sweep), -0.12 + 0.86 * np.sin(sweep)], axis=1)
    face = np.concatenate([jaw, CANONICAL_INNER]) * size
    path = np.stack([np.sin(np.arange(count) / 9.0), np.cos(np.arange(count) / 13.0)], axis=1) * size / 4
    landmarks = (face + path[:, None] + [info.width / 2, info.height / 2]).astype(np.float32)
    boxes = np.concatenate([landmarks.min(axis=1), landmarks.max(axis=1)], axis=1)
    zeros = np.zeros(count, np.float32)
    return FaceTrack(
        id=1, frames=np.arange(count, dtype=np.int32), landmarks=landmarks, raw_landmarks=landmarks, boxes=boxes,
        scores=zeros + 1, bridged=np.zeros(count, bool), identity=np.zeros(128, np.float32), yaw=zeros, pitch=zeros,
        roll=zeros, size=zeros + size, sharpness=zeros, exposure=zeros, occlusion=zeros,
    )  # fmt: skip


def measure(clip: Path, frames: int, settings: SwapSettings, pause_s: float) -> tuple[int, float, float, float]:
    """Return frames, wall and CPU seconds, and megabytes written."""
    footage = Footage(clip)
    with FootageReader(footage) as reader:
        info = reader.info
    count = min(frames, info.frame_count)
    with tempfile.TemporaryDirectory() as folder:
        project, key = Path(folder) / "benchmark.understudy", footage_key(footage)
        tracks = TrackSet(
            footage=footage, key=key, width=info.width, height=info.height, rate=info.rate,
            frame_count=info.frame_count, ranges=(FrameRange(0, count),), settings=ExtractSettings(),
            tracks=(made_up_track(info, count),),
        )  # fmt: skip
        save_tracks(Project(project).footage(key), tracks)
        output = Path(folder) / "swap"
        job = SwapJob(
            project=project, footage=footage, ranges=(FrameRange(0, count),), model=Path("pretended"),
            assignments=(FaceAssignment(1, "B"),), output=output, settings=settings,
        )  # fmt: skip
        wall, cpu = time.perf_counter(), time.process_time()
        swap(job, Reporter(), PretendedNetwork(pause_s))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        return count, wall, cpu, sum(path.stat().st_size for path in output.glob("*.png")) / 1e6


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip", type=Path, default=ROOT / "demo" / "clips" / "target_A.mp4")
    parser.add_argument("--frames", type=int, default=72)
    parser.add_argument("--network-ms", type=float, default=0.0)
    arguments = parser.parse_args()
    print(
        f"{arguments.clip.name}; {platform.processor() or platform.machine()}, {os.cpu_count()} cores; "
        f"Python {platform.python_version()}, OpenCV {cv2.__version__}\n"
    )
    print("| settings | frames | wall ms a frame | CPU ms a frame | kB a frame |\n|---|---|---|---|---|")
    measure(arguments.clip, 4, SwapSettings(), 0.0)  # libraries load on first use
    for name, settings in (
        ("default", SwapSettings()),
        ("no color transfer", SwapSettings(color_transfer="none")),
        ("Poisson", SwapSettings(blend="poisson")),
        ("16 bit", SwapSettings(bit_depth=16)),
    ):
        count, wall, cpu, written = measure(arguments.clip, arguments.frames, settings, arguments.network_ms / 1e3)
        print(
            f"| {name} | {count} | {wall / count * 1e3:.1f} | {cpu / count * 1e3:.1f} | {written / count * 1e3:.0f} |"
        )


if __name__ == "__main__":
    main()
