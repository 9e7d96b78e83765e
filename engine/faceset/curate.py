# SPDX-License-Identifier: GPL-3.0-or-later
"""Facesets in another order: by likeness, sharpness, size or frame. Orders are lists; no file is ever renamed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from ..contract.errors import EngineError, ErrorCode
from ..contract.files import writing_error
from ..media.images import natural_key
from ..runtime.reporter import Reporter
from .record import FaceRecord
from .store import Faceset

_BINS = 64
_T = TypeVar("_T")


@dataclass(frozen=True)
class RankedFace:
    """A face and the figure it was sorted by.

    Attributes:
        record: The face.
        value: Sharpness, size in pixels or frame number; for likeness the distance to the face before it, 0 to 1.
    """

    record: FaceRecord
    value: float


def sort_faces(faceset: Faceset, by: str, reporter: Reporter | None = None) -> list[RankedFace]:
    """Return the faces of a faceset in another order.

    Args:
        faceset: What to sort.
        by: A key of `ORDERS`.
        reporter: Receives progress; unreadable pictures are named in a warning and left out.
    """
    return ORDERS[by](faceset, reporter or Reporter())


def laplacian_sharpness(image: np.ndarray) -> float:
    """Return the variance of the Laplacian of an RGB picture's luma; larger is sharper (Pech-Pacheco et al. 2000)."""
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(gray, cv2.CV_64F).var())


def color_histogram(image: np.ndarray) -> np.ndarray:
    """Return the square roots of a picture's normalized channel histograms, float32 (3 · 64,) of length 1.

    The dot product of two of them is their Bhattacharyya coefficient: 1 for equal histograms, 0 for disjoint ones.
    """
    counts = [np.bincount(image[..., c].ravel() >> 2, minlength=_BINS) for c in range(3)]
    return np.sqrt(np.concatenate(counts) / (3 * image.shape[0] * image.shape[1])).astype(np.float32)


def _by_sharpness(faceset: Faceset, reporter: Reporter) -> list[RankedFace]:
    found = _measure(faceset, laplacian_sharpness, reporter)
    return sorted((RankedFace(record, value) for record, value in found), key=lambda face: -face.value)


def _by_size(faceset: Faceset, reporter: Reporter) -> list[RankedFace]:
    ranked = [RankedFace(r, round(r.size_in_picture_px or r.size, 1)) for r in faceset.records]
    return sorted(ranked, key=lambda face: -face.value)


def _by_frame(faceset: Faceset, reporter: Reporter) -> list[RankedFace]:
    def key(record: FaceRecord) -> tuple[object, ...]:
        return (record.media_frame, natural_key(record.picture or record.file), record.track, record.file)

    return [RankedFace(record, record.media_frame) for record in sorted(faceset.records, key=key)]


def _by_similarity(faceset: Faceset, reporter: Reporter) -> list[RankedFace]:
    """Chain each face to the most alike one that is left, starting with the first."""
    found = _measure(faceset, color_histogram, reporter)
    if not found:
        return []
    roots = np.array([histogram for _record, histogram in found])
    order, distances = [0], [0.0]
    is_left = np.ones(len(found), bool)
    is_left[0] = False
    for _ in range(len(found) - 1):
        likeness = np.where(is_left, roots @ roots[order[-1]], -1.0)
        best = int(np.argmax(likeness))
        # Hellinger's form of the Bhattacharyya distance; rounding may lift the coefficient above 1.
        distances.append(float(np.sqrt(max(0.0, 1.0 - float(likeness[best])))))
        order.append(best)
        is_left[best] = False
    return [RankedFace(found[i][0], value) for i, value in zip(order, distances, strict=True)]


def _measure(faceset: Faceset, measure: Callable[[np.ndarray], _T], reporter: Reporter) -> list[tuple[FaceRecord, _T]]:
    found: list[tuple[FaceRecord, _T]] = []
    reporter.stage("faces", "Looking at the faces")
    for number, record in enumerate(faceset.records, start=1):
        try:
            found.append((record, measure(faceset.image(record))))
        except EngineError as error:
            reporter.warning(f"Left out: {error.message}")
        if reporter.progress(number, len(faceset.records), "faces"):
            break
    return found


ORDERS: dict[str, Callable[[Faceset, Reporter], list[RankedFace]]] = {
    "similarity": _by_similarity,
    "sharpness": _by_sharpness,
    "size": _by_size,
    "frame": _by_frame,
}


def write_view(folder: Path, faceset: Faceset, faces: Sequence[RankedFace]) -> None:
    """Fill a new folder with the faces in their order, numbered, for looking through in an image viewer.

    The pictures are hard links where the file system allows it, otherwise copies; the faceset stays as it is.

    Raises:
        EngineError: `not_writable` or `disk_full`; also when the folder holds something already.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise EngineError(ErrorCode.NOT_WRITABLE, f"The folder {folder} isn't empty.", "Choose a new folder.")
        digits = len(str(len(faces)))
        for number, face in enumerate(faces, start=1):
            _link(faceset.folder / face.record.file, folder / f"{number:0{digits}d}_{face.record.file}")
    except OSError as error:
        raise writing_error(folder, error) from error


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
