# SPDX-License-Identifier: GPL-3.0-or-later
"""The training-set builder: from all faces of a performer those that cover some shots best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..contract.settings import BuildSettings
from ..contract.training_set import AspectCoverage, FacesetPart
from ..runtime.reporter import Reporter
from .coverage import measure_coverage
from .duplicates import find_duplicates
from .gaps import gap_sentences, verdict
from .looks import Looks, look_at
from .record import FaceRecord
from .selection import select_faces
from .store import load_faceset
from .traits import Traits, traits_of_looks, with_relative_eyes

# With fewer different faces than this, near-duplicates are better than nothing.
_LEAST_FACES = 60
_GOOD_SHARPNESS = 20.0
_GOOD_SIZE_PX = 128.0


@dataclass(frozen=True)
class Choice:
    """The faces chosen.

    Attributes:
        parts: The faces' folders with the names of the chosen files, in the order they were given.
        available: Faces that could be looked at.
        duplicates: Of them left out as near-duplicates.
        hidden: Of them left out because something hides them.
        coverage: Need and supply in each respect.
        sentences: The verdict and the worst gaps.
    """

    parts: tuple[FacesetPart, ...]
    available: int
    duplicates: int
    hidden: int
    coverage: tuple[AspectCoverage, ...]
    sentences: tuple[str, ...]


def choose_faces(
    parts: Sequence[FacesetPart],
    need: Traits,
    needed_s: float,
    name: str,
    settings: BuildSettings,
    reporter: Reporter,
) -> Choice:
    """Choose from the faces of a performer those that cover a need.

    Args:
        parts: All faces of the performer.
        need: The faces in the shots.
        needed_s: How long the shots are together, in seconds.
        name: Name of the performer, for sentences.
        settings: How many, and which not.
        reporter: Receives progress; unreadable pictures are named in a warning and left out.

    Returns:
        The chosen faces; when a stop is asked for, those chosen so far.

    Raises:
        EngineError: `faceset_unreadable`, when a folder can't be read.
    """
    pool = _pool(parts, reporter)
    usable = pool.looks_occlusion <= settings.maximum_occlusion
    kept = _distinct(pool, usable, reporter) if settings.drop_duplicates else np.flatnonzero(usable)
    reporter.stage("choose", "Choosing the faces")
    taken = kept[
        select_faces(
            need,
            pool.traits.of(kept),
            _quality(pool.traits.of(kept), pool.looks_occlusion[kept]),
            settings.maximum_faces,
            lambda done, total: reporter.progress(done, total, "faces"),
        )
    ]
    coverage = measure_coverage(need, pool.traits, pool.traits.of(taken))
    sentences = (
        verdict(name, len(taken), len(pool.traits), coverage),
        *gap_sentences(name, need, pool.traits.of(usable), needed_s),
    )
    return Choice(
        parts=tuple(replace(part, files=pool.files(index, taken)) for index, part in enumerate(parts)),
        available=len(pool.traits),
        duplicates=int(usable.sum()) - len(kept),
        hidden=int((~usable).sum()),
        coverage=coverage,
        sentences=sentences,
    )


@dataclass(frozen=True, eq=False)
class _Pool:
    """All faces to choose from, part after part."""

    looks: Looks
    traits: Traits
    part_of: NDArray[np.int64]

    @property
    def looks_occlusion(self) -> NDArray[np.float64]:
        return np.array([record.occlusion for record in self.looks.records], np.float64)

    def files(self, part: int, taken: NDArray[np.int64]) -> tuple[str, ...]:
        mine = sorted(int(i) for i in taken if self.part_of[i] == part)
        return tuple(self.looks.records[i].file for i in mine)


def _pool(parts: Sequence[FacesetPart], reporter: Reporter) -> _Pool:
    found = []
    for part in parts:
        faceset = load_faceset(part.folder)
        found.append(look_at(faceset, [r for r in faceset.records if _is_in(part, r)], reporter))
    looks = Looks(
        tuple(record for item in found for record in item.records),
        np.concatenate([item.figures for item in found]),
        np.concatenate([item.histograms for item in found]),
        np.concatenate([item.small for item in found]),
    )
    part_of = np.repeat(np.arange(len(found)), [len(item.records) for item in found])
    return _Pool(looks, with_relative_eyes(traits_of_looks(looks)), part_of)


def _is_in(part: FacesetPart, record: FaceRecord) -> bool:
    return not part.tracks or record.track in part.tracks


def _distinct(pool: _Pool, usable: NDArray[np.bool_], reporter: Reporter) -> NDArray[np.int64]:
    """Return the usable faces without near-duplicates, but enough of them to train on."""
    places = np.flatnonzero(usable)
    looks = Looks(
        tuple(pool.looks.records[i] for i in places),
        pool.looks.figures[places],
        pool.looks.histograms[places],
        pool.looks.small[places],
    )
    found = find_duplicates(looks, reporter)
    is_kept = found.is_leader
    missing = max(0, _LEAST_FACES - int(is_kept.sum()))
    # Those furthest from their leader add most.
    spare = sorted(np.flatnonzero(~is_kept).tolist(), key=lambda i: (-found.distances[i], i))
    is_kept[spare[:missing]] = True
    return places[is_kept]


def _quality(traits: Traits, occlusion: NDArray[np.float64]) -> NDArray[np.float64]:
    sharp = np.clip(traits.sharpness / _GOOD_SHARPNESS, 0.05, 1)
    large = np.clip(np.nan_to_num(traits.size, nan=_GOOD_SIZE_PX) / _GOOD_SIZE_PX, 0.05, 1)
    return sharp * large * (1 - np.clip(occlusion, 0, 0.95))
