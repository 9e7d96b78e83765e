# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pictures of a faceset tell, kept beside them in `appearance.npz`, so that the second look is a fast one.

Reading and measuring a picture takes milliseconds, its identity many times that. What was measured holds for as long as
the file keeps its time and size. The file may be deleted at any time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import EngineError, ErrorCode
from ..contract.files import WRONG_ARRAYS, written_whole
from ..faces.alignment import canonical_landmarks
from ..faces.geometry import INNER, LANDMARK_COUNT, transform_points
from ..faces.identity import IDENTITY_LENGTH, IdentityModel
from ..runtime.reporter import Reporter
from .appearance import FIGURES, HISTOGRAM_BINS, SMALL_SIDE, Look, look
from .record import FaceRecord
from .store import Faceset

APPEARANCE_FILE = "appearance.npz"
VERSION = 1


@dataclass(frozen=True, eq=False)
class Looks:
    """What the pictures of some faces tell; all arrays have one row for each record.

    Attributes:
        records: The faces whose picture could be read.
        figures: float32 (n, len(FIGURES)).
        histograms: float32 (n, 192), rows of length 1.
        small: Luma of the face squares, uint8 (n, 256).
    """

    records: tuple[FaceRecord, ...]
    figures: NDArray[np.float32]
    histograms: NDArray[np.float32]
    small: NDArray[np.uint8]

    def figure(self, name: str) -> NDArray[np.float32]:
        """Return one of `FIGURES` of all faces, (n,)."""
        return self.figures[:, FIGURES.index(name)]


def look_at(faceset: Faceset, records: Sequence[FaceRecord], reporter: Reporter) -> Looks:
    """Return what the pictures of some faces of a faceset tell.

    Args:
        faceset: Where they are.
        records: Which ones.
        reporter: Receives progress; unreadable pictures are named in a warning and left out.
    """

    def measure(record: FaceRecord, entry: _Entry) -> _Entry:
        return replace(entry, look=look(faceset.image(record), record.coverage))

    reporter.stage("faces", "Looking at the faces")
    found = _with_entries(faceset, records, measure, lambda entry: entry.look is not None, reporter)
    looks = [entry.look for _, entry in found if entry.look is not None]
    return Looks(
        tuple(record for record, _ in found),
        np.array([item.figures for item in looks], np.float32).reshape(-1, len(FIGURES)),
        np.array([item.histogram for item in looks], np.float32).reshape(-1, 3 * HISTOGRAM_BINS),
        np.array([item.small for item in looks], np.uint8).reshape(-1, SMALL_SIDE**2),
    )


def identities_of(
    faceset: Faceset, records: Sequence[FaceRecord], reporter: Reporter
) -> tuple[tuple[FaceRecord, ...], NDArray[np.float32]]:
    """Return identity vectors of faces, (n, 128), measured on the aligned faces where the records have none.

    Unreadable pictures are named in a warning and left out, so fewer records than given may come back.

    Raises:
        EngineError: `detector_unavailable` or `library_missing`, when a vector must be measured.
    """
    models: list[IdentityModel] = []

    def measure(record: FaceRecord, entry: _Entry) -> _Entry:
        image = faceset.image(record)
        if not models:
            models.append(IdentityModel())
        return replace(entry, identity=models[0].embed(image, _landmarks_in_face(record, image.shape[0])))

    reporter.stage("identities", "Recognizing the faces")
    unknown = [record for record in records if record.identity is None]
    measured = _with_entries(faceset, unknown, measure, lambda entry: entry.identity is not None, reporter)
    vectors = {record.file: entry.identity for record, entry in measured}
    vectors |= {record.file: record.identity for record in records if record.identity is not None}
    found = [record for record in records if vectors.get(record.file) is not None]
    return tuple(found), np.array([vectors[r.file] for r in found], np.float32).reshape(-1, IDENTITY_LENGTH)


def _landmarks_in_face(record: FaceRecord, side: int) -> NDArray[np.float64]:
    if record.landmarks is not None and record.image_to_face is not None:
        return transform_points(record.image_to_face, record.landmarks)
    # Of a plain face the inner landmarks are where aligning put them; the jaw isn't used to recognize anybody.
    inner = canonical_landmarks(side, record.coverage)
    points = np.repeat(inner.mean(axis=0)[None], LANDMARK_COUNT, axis=0)
    points[INNER] = inner
    return points


@dataclass(frozen=True, eq=False)
class _Entry:
    """What is known about one picture: its time and size when it was measured, and the results."""

    stamp: tuple[int, int]
    look: Look | None = None
    identity: NDArray[np.float32] | None = None


def _with_entries(
    faceset: Faceset,
    records: Sequence[FaceRecord],
    measure: Callable[[FaceRecord, _Entry], _Entry],
    is_known: Callable[[_Entry], bool],
    reporter: Reporter,
) -> list[tuple[FaceRecord, _Entry]]:
    known = _load(faceset.folder)
    found: list[tuple[FaceRecord, _Entry]] = []
    is_new = False
    for number, record in enumerate(records, start=1):
        stamp = _stamp(faceset.folder / record.file)
        entry = known.get(record.file, _Entry(stamp))
        entry = entry if entry.stamp == stamp else _Entry(stamp)
        try:
            if not is_known(entry):
                entry, is_new = measure(record, entry), True
            known[record.file] = entry
            found.append((record, entry))
        except EngineError as error:
            if error.code is not ErrorCode.PICTURE_UNREADABLE:
                raise
            reporter.warning(f"Left out: {error.message}")
        if reporter.progress(number, len(records), "faces"):
            break
    if is_new:
        _save(faceset, known)
    return found


def _stamp(path: Path) -> tuple[int, int]:
    with contextlib.suppress(OSError):
        status = path.stat()
        return status.st_mtime_ns, status.st_size
    return 0, 0


def _load(folder: Path) -> dict[str, _Entry]:
    try:
        with np.load(folder / APPEARANCE_FILE, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
        if int(arrays["version"]) != VERSION:
            return {}
        return {name: _entry(arrays, index) for index, name in enumerate(arrays["files"].tolist())}
    except WRONG_ARRAYS:
        # It holds nothing that can't be measured again.
        return {}


def _entry(arrays: dict[str, NDArray[Any]], index: int) -> _Entry:
    figures, identity = arrays["figures"][index], arrays["identities"][index]
    histogram, small = arrays["histograms"][index], arrays["small"][index]
    if (figures.shape, histogram.shape, small.shape, identity.shape) != (
        (len(FIGURES),),
        (3 * HISTOGRAM_BINS,),
        (SMALL_SIDE**2,),
        (IDENTITY_LENGTH,),
    ):
        raise ValueError("the arrays have other shapes")
    modified, size = arrays["stamps"][index].tolist()
    return _Entry(
        (modified, size),
        None if np.isnan(figures[0]) else Look(figures, histogram, small),
        None if np.isnan(identity[0]) else identity,
    )


_UNSEEN = Look(
    np.full(len(FIGURES), np.nan, np.float32),
    np.zeros(3 * HISTOGRAM_BINS, np.float32),
    np.zeros(SMALL_SIDE**2, np.uint8),
)
_UNRECOGNIZED = np.full(IDENTITY_LENGTH, np.nan, np.float32)


def _save(faceset: Faceset, entries: dict[str, _Entry]) -> None:
    present = {record.file for record in (*faceset.records, *faceset.removed)}
    kept = {name: entry for name, entry in entries.items() if name in present}
    looks = [entry.look or _UNSEEN for entry in kept.values()]
    identities = [_UNRECOGNIZED if entry.identity is None else entry.identity for entry in kept.values()]
    # A folder that can't be written to can be looked through all the same, only slower the next time.
    with contextlib.suppress(EngineError), written_whole(faceset.folder / APPEARANCE_FILE) as temporary:
        np.savez(
            temporary,
            allow_pickle=False,
            version=VERSION,
            files=np.array(list(kept), np.str_),
            stamps=np.array([entry.stamp for entry in kept.values()], np.int64),
            figures=np.array([item.figures for item in looks], np.float32),
            histograms=np.array([item.histogram for item in looks], np.float32),
            small=np.array([item.small for item in looks], np.uint8),
            identities=np.array(identities, np.float32),
        )
