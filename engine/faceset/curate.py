# SPDX-License-Identifier: GPL-3.0-or-later
"""Facesets in another order. Orders are lists; no file is ever renamed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..contract.errors import EngineError, ErrorCode
from ..media.images import natural_key
from ..runtime.reporter import Reporter
from .appearance import laplacian_sharpness
from .duplicates import find_duplicates
from .likeness import chain
from .looks import identities_of, look_at
from .measures import measured
from .record import FaceRecord
from .store import Faceset
from .views import write_view

__all__ = ["ORDERS", "RankedFace", "laplacian_sharpness", "sort_faces", "write_view"]


@dataclass(frozen=True)
class RankedFace:
    """A face and the figure it was sorted by.

    Attributes:
        record: The face.
        value: What the order is about, for example sharpness, size in pixels or frame number; for similarity the
            distance to the face before it, 0 to 1; for near-duplicates the distance to the best of their kind.
    """

    record: FaceRecord
    value: float


@dataclass(frozen=True)
class Sorting:
    """What to sort and who listens.

    Attributes:
        faceset: The faces.
        reporter: Receives progress; unreadable pictures are named in a warning and left out.
        reference: File name of the face that identities are compared with; empty takes the mean of all.
    """

    faceset: Faceset
    reporter: Reporter
    reference: str = ""


def sort_faces(faceset: Faceset, by: str, reporter: Reporter | None = None, reference: str = "") -> list[RankedFace]:
    """Return the faces of a faceset in another order.

    Args:
        faceset: What to sort.
        by: A key of `contract.curation.ORDERS`.
        reporter: Receives progress; unreadable pictures are named in a warning and left out.
        reference: File name of the face that identities are compared with; empty takes the mean of all.

    Raises:
        EngineError: `faceset_unreadable`, when there is no such reference; `library_missing` or
            `detector_unavailable`, when identities must be measured and can't be.
    """
    return ORDERS[by](Sorting(faceset, reporter or Reporter(), reference))


def _ranked(records: list[FaceRecord], values: np.ndarray, is_falling: bool = False) -> list[RankedFace]:
    keys = -values if is_falling else values
    return [RankedFace(records[i], float(values[i])) for i in np.argsort(keys, kind="stable")]


def _rising(name: str) -> Callable[[Sorting], list[RankedFace]]:
    return lambda job: _ranked(*measured(job.faceset, name, job.faceset.records, job.reporter))


def _falling(name: str) -> Callable[[Sorting], list[RankedFace]]:
    return lambda job: _ranked(*measured(job.faceset, name, job.faceset.records, job.reporter), is_falling=True)


def _by_frame(job: Sorting) -> list[RankedFace]:
    def key(record: FaceRecord) -> tuple[object, ...]:
        return (record.media_frame, natural_key(record.picture or record.file), record.track, record.file)

    return [RankedFace(record, record.media_frame) for record in sorted(job.faceset.records, key=key)]


def _by_similarity(job: Sorting) -> list[RankedFace]:
    """Chain each face to the most alike one that is left, starting with the first."""
    looks = look_at(job.faceset, job.faceset.records, job.reporter)
    if not looks.records:
        return []
    job.reporter.stage("compare", "Comparing the faces")
    count = len(looks.records)
    order, distances = chain(looks.histograms, lambda done: job.reporter.progress(done, count, "faces"))
    # Hellinger's form of the Bhattacharyya distance is the Euclidean one of the roots over the square root of two.
    return [RankedFace(looks.records[i], d / np.sqrt(2)) for i, d in zip(order, distances, strict=True)]


def _by_difference(job: Sorting) -> list[RankedFace]:
    looks = look_at(job.faceset, job.faceset.records, job.reporter)
    if not looks.records:
        return []
    # The mean coefficient with all others is the coefficient with their mean.
    likeness = looks.histograms @ looks.histograms.mean(axis=0)
    return _ranked(list(looks.records), 1 - likeness.astype(np.float64), is_falling=True)


def _by_identity(job: Sorting) -> list[RankedFace]:
    known = {record.file for record in job.faceset.records}
    if job.reference and job.reference not in known:
        raise EngineError(
            ErrorCode.FACESET_UNREADABLE,
            f"There is no face {job.reference} in {job.faceset.folder}.",
            "`faceset sort --by frame` lists the names.",
        )
    records, vectors = identities_of(job.faceset, job.faceset.records, job.reporter)
    if not records:
        return []
    center = vectors.mean(axis=0)
    if job.reference:
        index = next((i for i, record in enumerate(records) if record.file == job.reference), None)
        if index is None:
            raise EngineError(
                ErrorCode.PICTURE_UNREADABLE,
                f"The face {job.reference} in {job.faceset.folder} can't be compared with: it wasn't readable.",
                "Choose another reference.",
            )
        center = vectors[index]
    return _ranked(list(records), np.linalg.norm(vectors - center, axis=1).astype(np.float64))


def _by_duplicates(job: Sorting) -> list[RankedFace]:
    looks = look_at(job.faceset, job.faceset.records, job.reporter)
    found = find_duplicates(looks, job.reporter)
    sizes = Counter(found.leaders.tolist())
    keys = [(-sizes[leader], leader, distance) for leader, distance in zip(found.leaders, found.distances, strict=True)]
    order = sorted(range(len(keys)), key=lambda i: keys[i])
    return [RankedFace(looks.records[i], float(found.distances[i])) for i in order]


ORDERS: dict[str, Callable[[Sorting], list[RankedFace]]] = {
    "similarity": _by_similarity,
    "dissimilar": _by_difference,
    "identity": _by_identity,
    "sharpness": _falling("sharpness"),
    "blur": _falling("blur"),
    "size": _falling("size"),
    "frame": _by_frame,
    "exposure": _rising("exposure"),
    "contrast": _rising("contrast"),
    "light": _rising("light"),
    "hue": _rising("hue"),
    "saturation": _rising("saturation"),
    "yaw": _rising("yaw"),
    "pitch": _rising("pitch"),
    "roll": _rising("roll"),
    "occlusion": _rising("occlusion"),
    "score": _rising("score"),
    "mouth": _rising("mouth"),
    "eyes": _rising("eyes"),
    "duplicates": _by_duplicates,
}
