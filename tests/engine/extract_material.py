# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures and footage for the extraction tests, cut from the demo's clips of fictional people."""

from functools import cache
from pathlib import Path

import numpy as np
from understudy.engine.contract.jobs import ExtractJob
from understudy.engine.contract.messages import Message
from understudy.engine.contract.settings import ExtractSettings
from understudy.engine.contract.timing import Footage, FrameRange
from understudy.engine.media.images import write_png
from understudy.engine.media.reader import FootageReader
from understudy.engine.runtime.reporter import CallbackReporter

CLIPS = Path(__file__).resolve().parents[2] / "demo" / "clips"


@cache
def frames(clip: str, start: int, end: int) -> tuple[np.ndarray, ...]:
    """Return some frames of a demo clip ("train_A", "train_B", "target_A")."""
    with FootageReader(Footage(CLIPS / f"{clip}.mp4")) as reader:
        return tuple(image for _, image in reader.frames([FrameRange(start, end)]))


def frame(clip: str, number: int) -> np.ndarray:
    """Return one frame of a demo clip."""
    return frames(clip, number, number + 1)[0]


def two_people() -> np.ndarray:
    """Return a picture of performer A (left) beside performer B."""
    return np.concatenate([frame("train_A", 100), frame("train_B", 75)], axis=1)


def write_sequence(folder: Path, images: list[np.ndarray]) -> Footage:
    """Write pictures `0000.png` … and return them as footage."""
    names = []
    for number, image in enumerate(images):
        names.append(f"{number:04d}.png")
        write_png(folder / names[-1], image)
    return Footage(folder, tuple(names))


def job(project: Path, footage: Footage, ranges: list[tuple[int, int]] | None = None, **settings: object) -> ExtractJob:
    """Return an extraction job."""
    wanted = tuple(FrameRange(start, end) for start, end in ranges or [])
    return ExtractJob(project, footage, wanted, settings=ExtractSettings(**settings))


class Recorder(CallbackReporter):
    """Keeps all messages; asks to stop when so many frames are done."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.messages: list[Message] = []
        self._stop_after = stop_after
        super().__init__(self.messages.append)

    def progress(self, done: float, total: float | None, unit: str, remaining_s: float | None = None) -> bool:
        if self._stop_after is not None and done >= self._stop_after:
            self.stop.set()
        return super().progress(done, total, unit, remaining_s)

    @property
    def warnings(self) -> list[str]:
        return [item.text for item in self.messages if getattr(item, "level", "") == "warning"]
