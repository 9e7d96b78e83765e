# SPDX-License-Identifier: GPL-3.0-or-later
"""Facesets in groups: what belongs together, as lists; no file is ever moved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..contract.curation import DEFAULT_SHARES
from ..media.images import natural_key
from ..runtime.reporter import Reporter
from .bins import EYES, MOUTH, PITCH, YAW, Bins
from .duplicates import find_duplicates
from .expression import relative_opening
from .likeness import clusters, lead
from .looks import identities_of, look_at
from .measures import measured
from .record import FaceRecord
from .store import Faceset

# dlib's vectors of one person lie within 0.6 of each other; the means of two persons' faces lie further apart than
# single faces, so what is left apart by a bad leader joins at less.
_SAME_PERSON = 0.6
_SAME_MEAN = 0.4


@dataclass(frozen=True)
class FaceGroup:
    """Faces that belong together.

    Attributes:
        name: What they share, for the user and for folder names.
        records: The faces.
    """

    name: str
    records: tuple[FaceRecord, ...]


@dataclass(frozen=True)
class Grouping:
    """What to group and who listens.

    Attributes:
        faceset: The faces.
        reporter: Receives progress; faces that can't be judged are named in a warning and left out.
        shares: Groups at most, where the grouping itself has no number.
    """

    faceset: Faceset
    reporter: Reporter
    shares: int


def group_faces(
    faceset: Faceset, by: str, reporter: Reporter | None = None, shares: int = DEFAULT_SHARES
) -> list[FaceGroup]:
    """Return the faces of a faceset in groups; empty groups are left out.

    Args:
        faceset: What to group.
        by: A key of `contract.curation.GROUPS`.
        reporter: Receives progress; faces that can't be judged are named in a warning and left out.
        shares: Groups for sizes, sharpness, exposure and histograms.

    Raises:
        EngineError: `library_missing` or `detector_unavailable`, when identities must be measured and can't be.
    """
    return [group for group in GROUPS[by](Grouping(faceset, reporter or Reporter(), shares)) if group.records]


def _by_label(records: Sequence[FaceRecord], labels: NDArray[np.int64], names: Sequence[str]) -> list[FaceGroup]:
    members: list[list[FaceRecord]] = [[] for _ in names]
    for record, label in zip(records, labels.tolist(), strict=True):
        members[label].append(record)
    return [FaceGroup(name, tuple(found)) for name, found in zip(names, members, strict=True)]


def _by_track(job: Grouping) -> list[FaceGroup]:
    groups: dict[str, list[FaceRecord]] = {}
    for record in job.faceset.records:
        name = "plain pictures" if record.is_plain else record.picture or f"track {record.track}"
        groups.setdefault(name, []).append(record)
    return [FaceGroup(name, tuple(groups[name])) for name in sorted(groups, key=natural_key)]


def _in_bins(measure: str, bins: Bins) -> Callable[[Grouping], list[FaceGroup]]:
    def group(job: Grouping) -> list[FaceGroup]:
        records, values = measured(job.faceset, measure, job.faceset.records, job.reporter)
        return _by_label(records, bins.of(values), bins.names)

    return group


def _by_eyes(job: Grouping) -> list[FaceGroup]:
    records, values = measured(job.faceset, "eyes", job.faceset.records, job.reporter)
    return _by_label(records, EYES.of(relative_opening(values)), EYES.names)


def _in_shares(measure: str, unit: str = "") -> Callable[[Grouping], list[FaceGroup]]:
    def group(job: Grouping) -> list[FaceGroup]:
        records, values = measured(job.faceset, measure, job.faceset.records, job.reporter)
        if not records:
            return []
        edges = np.unique(np.quantile(values, np.linspace(0, 1, job.shares + 1)[1:-1]))
        labels = np.searchsorted(edges, values, side="left")
        spans = [values[labels == k] for k in range(len(edges) + 1)]
        names = [f"{s.min():.3g} to {s.max():.3g}{unit}" if len(s) else "none" for s in spans]
        return _by_label(records, labels, names)

    return group


def _by_histogram(job: Grouping) -> list[FaceGroup]:
    looks = look_at(job.faceset, job.faceset.records, job.reporter)
    if not looks.records:
        return []
    labels = clusters(looks.histograms, job.shares)
    return _by_label(looks.records, labels, [f"cluster {k + 1}" for k in range(int(labels.max()) + 1)])


def _by_identity(job: Grouping) -> list[FaceGroup]:
    records, vectors = identities_of(job.faceset, job.faceset.records, job.reporter)
    if not records:
        return []
    # Frontal faces lead: what a profile tells of a person is vague.
    order = np.argsort([abs(record.yaw) + abs(record.pitch) for record in records], kind="stable")
    leaders, _ = lead(vectors[order], _SAME_PERSON, lambda done: job.reporter.progress(done, len(records), "faces"))
    first = np.unique(leaders)
    means = np.stack([vectors[order][leaders == leader].mean(axis=0) for leader in first])
    joined, _ = lead(means, _SAME_MEAN, lambda done: False)
    label = dict(zip(first.tolist(), joined.tolist(), strict=True))
    persons = np.empty(len(records), np.int64)
    persons[order] = [label[leader] for leader in leaders.tolist()]
    return _by_label(records, *_largest_first(persons, "person"))


def _by_duplicates(job: Grouping) -> list[FaceGroup]:
    looks = look_at(job.faceset, job.faceset.records, job.reporter)
    if not looks.records:
        return []
    found = find_duplicates(looks, job.reporter).leaders
    counts = np.bincount(found, minlength=len(found))
    # Those without a double share the last group.
    alone = len(found)
    labels, names = _largest_first(np.where(counts[found] > 1, found, alone), "duplicates", last=alone)
    return _by_label(looks.records, labels, names)


def _largest_first(labels: NDArray[np.int64], noun: str, last: int = -1) -> tuple[NDArray[np.int64], list[str]]:
    kinds, sizes = np.unique(labels, return_counts=True)
    order = sorted(range(len(kinds)), key=lambda k: (kinds[k] == last, -sizes[k], kinds[k]))
    rank = np.empty(len(kinds), np.int64)
    rank[order] = np.arange(len(kinds))
    names = ["no duplicate" if kinds[k] == last else f"{noun} {place + 1}" for place, k in enumerate(order)]
    return rank[np.searchsorted(kinds, labels)], names


GROUPS: dict[str, Callable[[Grouping], list[FaceGroup]]] = {
    "track": _by_track,
    "identity": _by_identity,
    "yaw": _in_bins("yaw", YAW),
    "pitch": _in_bins("pitch", PITCH),
    "size": _in_shares("size", " px"),
    "sharpness": _in_shares("sharpness"),
    "exposure": _in_shares("exposure"),
    "mouth": _in_bins("mouth", MOUTH),
    "eyes": _by_eyes,
    "histogram": _by_histogram,
    "duplicates": _by_duplicates,
}
