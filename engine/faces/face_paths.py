# SPDX-License-Identifier: GPL-3.0-or-later
"""Faces that were followed for a correction, and the file that keeps them so that nobody has to decode again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..contract.corrections import Box
from ..contract.errors import EngineError, ErrorCode
from ..contract.files import WRONG_ARRAYS, damage, written_whole
from ..contract.project import CORRECTION_RESULTS_FILE
from .identity import IDENTITY_LENGTH

_SHAPES: dict[str, tuple[tuple[int, ...], Any]] = {
    "frames": ((), np.int32),
    "landmarks": ((68, 2), np.float32),
    "scores": ((), np.float32),
    "bridged": ((), np.bool_),
    "sharpness": ((), np.float32),
    "exposure": ((), np.float32),
}


@dataclass(frozen=True, eq=False)
class FacePath:
    """A face followed from one frame.

    Attributes:
        start: Frame it was followed from.
        searched: First frame and frame behind the last one that could have been looked at.
        fitter: Name of the landmark fitter.
        frames: Media frames, ascending and without holes, int32 (n,).
        landmarks: As fitted, in bridged frames interpolated, float32 (n, 68, 2).
        scores: Confidence 0…1, float32 (n,).
        bridged: Where the face was lost for a moment, bool (n,).
        sharpness: As `engine.faces.quality`, float32 (n,).
        exposure: As `engine.faces.quality`, float32 (n,).
        identity: Identity vector of its best frames; zeros where nobody needs it, float32 (128,).
    """

    start: int
    searched: tuple[int, int]
    fitter: str
    frames: NDArray[np.int32]
    landmarks: NDArray[np.float32]
    scores: NDArray[np.float32]
    bridged: NDArray[np.bool_]
    sharpness: NDArray[np.float32]
    exposure: NDArray[np.float32]
    identity: NDArray[np.float32] = field(default_factory=lambda: np.zeros(IDENTITY_LENGTH, np.float32))

    @property
    def start_landmarks(self) -> NDArray[np.float32]:
        """Landmarks in the frame it was followed from."""
        return self.landmarks[self.start - int(self.frames[0])]

    def part(self, first: int, end: int) -> FacePath:
        """Return frames `first` to `end` (not included) of the path."""
        low, high = max(0, first - int(self.frames[0])), max(0, end - int(self.frames[0]))
        parts = {name: getattr(self, name)[low:high] for name in _SHAPES}
        return FacePath(self.start, self.searched, self.fitter, **parts, identity=self.identity)


class FaceFinder(Protocol):
    """What corrections need of the footage's pictures."""

    def fit(self, frame: int, box: Box) -> NDArray[np.float32]:
        """Return the landmarks (68, 2) of the face in a box.

        Raises:
            EngineError: `correction_invalid`, when there is none.
        """
        ...

    def follow(self, frame: int, landmarks: NDArray[np.floating], backwards: bool) -> FacePath:
        """Return the path of a face from a frame on, and before it too if asked."""
        ...

    def is_valid(self, path: FacePath) -> bool:
        """Whether following again would look at the same frames with the same fitter."""
        ...


@dataclass(frozen=True)
class CorrectionResults:
    """What applying corrections gave once and gives again, by the corrections' keys.

    Attributes:
        targets: Landmarks that key frames show (68, 2), so that they stay where they were put after a new search.
        paths: Faces that were followed.
    """

    targets: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    paths: Mapping[str, FacePath] = field(default_factory=dict)


def save_results(folder: Path, results: CorrectionResults) -> None:
    """Write the results of a footage's corrections; without any the file goes.

    Raises:
        EngineError: `not_writable` or `disk_full`.
    """
    path = Path(folder) / CORRECTION_RESULTS_FILE
    arrays: dict[str, NDArray[Any]] = {f"target/{key}": value for key, value in results.targets.items()}
    for key, item in results.paths.items():
        for part in fields(FacePath):
            arrays[f"path/{key}/{part.name}"] = np.asarray(getattr(item, part.name))
    if not arrays:
        path.unlink(missing_ok=True)
        return
    with written_whole(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def load_results(folder: Path) -> CorrectionResults:
    """Read the results of a footage's corrections; none where there is no file.

    Raises:
        EngineError: `correction_invalid`, naming the file, when it is damaged.
    """
    path = Path(folder) / CORRECTION_RESULTS_FILE
    if not path.exists():
        return CorrectionResults()
    try:
        with np.load(path, allow_pickle=False) as arrays:
            names = list(arrays)
            targets = {name.split("/")[1]: arrays[name] for name in names if name.startswith("target/")}
            keys = {name.split("/")[1] for name in names if name.startswith("path/")}
            paths = {key: _path(arrays, key) for key in sorted(keys)}
        if any(item.shape != (68, 2) or item.dtype != np.float32 for item in targets.values()):
            raise ValueError("landmarks of a wrong shape")
    except WRONG_ARRAYS as error:
        raise EngineError(
            ErrorCode.CORRECTION_INVALID,
            f"{path} is damaged: {damage(error)}.",
            "Delete it; the corrections are worked out anew.",
        ) from error
    return CorrectionResults(targets, paths)


def _path(arrays: Any, key: str) -> FacePath:
    values = {part.name: arrays[f"path/{key}/{part.name}"] for part in fields(FacePath)}
    count = len(values["frames"])
    for name, (shape, dtype) in _SHAPES.items():
        if values[name].shape != (count, *shape) or values[name].dtype != dtype:
            raise ValueError(f"{name} has the shape {values[name].shape}")
    start, end = (int(item) for item in values.pop("searched"))
    return FacePath(start=int(values.pop("start")), searched=(start, end), fitter=str(values.pop("fitter")), **values)
