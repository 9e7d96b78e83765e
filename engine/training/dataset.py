# SPDX-License-Identifier: GPL-3.0-or-later
"""The performers' faces in memory: read once, unreadable ones named, too few refused."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path

import cv2
import numpy as np

from ..contract.errors import EngineError, ErrorCode
from ..contract.jobs import FacesetPart, TrainingPerformer
from ..faceset.store import load_faceset
from ..runtime.reporter import Reporter
from .augmentation import View
from .face_points import FacePoints
from .mask_target import MaskTargets
from .performer_faces import PerformerFaces, Picture
from .view_units import Points

MINIMUM_FACES = 8
# Smaller pictures show nobody's features.
_SMALLEST_PX = 16
# What foreign programs round differently along the two axes.
_SQUARE_TOLERANCE_PX = 2
_FEW_FACES = 60
_HELD_OUT = 8


class _Collector:
    """Gathers faces at the size that is worth keeping.

    Args:
        px_per_square: Pixels of a face square that are kept at most.
        with_masks: Whether masks are made, for networks that learn them.
        with_points: Whether landmarks are kept, for networks that look at sketches.
    """

    def __init__(self, px_per_square: float, with_masks: bool = False, with_points: bool = False) -> None:
        self._px_per_square = px_per_square
        self.with_masks = with_masks
        self.with_points = with_points
        self.pictures: list[Picture] = []
        self.coverages: list[float] = []
        self.yaws: list[float] = []
        self.masks: list[Picture] = []
        self.points: list[Points] = []
        self.hash = hashlib.sha256()

    def add(self, image: Picture, coverage: float, yaw: float) -> None:
        side = min(image.shape[0], max(1, round(self._px_per_square * coverage)))
        is_kept = image.shape[:2] == (side, side)
        resized = image if is_kept else cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
        picture = np.ascontiguousarray(resized, dtype=np.uint8)
        self.hash.update(picture.tobytes())
        self.pictures.append(picture)
        self.coverages.append(coverage)
        self.yaws.append(yaw)


def _read_part(part: FacesetPart, collector: _Collector, reporter: Reporter, performer: str) -> None:
    faceset = load_faceset(part.folder)
    files = set(part.files)
    chosen = [
        record
        for record in faceset.records
        if (not part.tracks or record.track in part.tracks) and (not files or record.file in files)
    ]
    if not chosen:
        there = {record.track for record in faceset.records}
        reporter.warning(f"No faces of {performer} are in {_described(part, there)}.")
    others = []
    masks = MaskTargets(chosen) if collector.with_masks else None
    points = FacePoints(reporter) if collector.with_points else None
    for record in chosen:
        reporter.progress(len(collector.pictures), None, f"faces of {performer}")
        reporter.leave_if_stopped()
        try:
            image = faceset.image(record)
        except EngineError as error:
            reporter.warning(f"Left out a face of {performer}: {error.message}")
            continue
        if not _is_face(image):
            others.append(record.file)
            continue
        collector.add(image, record.coverage, float("nan") if record.is_plain else record.yaw)
        if masks is not None:
            collector.masks.append(masks.make(record, image))
        if points is not None:
            collector.points.append(points.of(record, image))
    if others:
        count = f"{len(others)} pictures" if len(others) > 1 else "a picture"
        reporter.warning(
            f"Left out {count} of {performer} in {part.folder}, such as {others[0]}: an aligned face is square and has "
            f"{_SMALLEST_PX} pixels at least. Extract the faces of other pictures first."
        )


def _is_face(image: Picture) -> bool:
    height, width = image.shape[:2]
    return abs(height - width) <= _SQUARE_TOLERANCE_PX and min(height, width) >= _SMALLEST_PX


def _described(part: FacesetPart, there: Collection[int]) -> str:
    """Return where faces were looked for: the folder, and its tracks where others were asked for."""
    if part.tracks and there:
        asked, found = (", ".join(map(str, sorted(tracks))) for tracks in (part.tracks, there))
        return f"track {asked} of {part.folder}, which has track {found}"
    return str(part.folder)


def read_faces(
    performer: TrainingPerformer,
    view: View,
    oversampling: float,
    reporter: Reporter,
    with_masks: bool = False,
    with_points: bool = False,
) -> PerformerFaces:
    """Read the faces of a performer.

    Pictures that can't be read or are no aligned faces are named in a warning and left out.

    Args:
        performer: Whose faces, and where they are.
        view: What the network sees.
        oversampling: How much finer than that the faces are kept in memory.
        reporter: Is told how far it is and what was left out, and says when to stop.
        with_masks: Whether to make masks too, for networks that learn them.
        with_points: Whether to keep landmarks too, for networks that look at sketches.

    Raises:
        EngineError: `too_few_faces`, naming performer and count; whatever reading the folder raises.
        Stopped: A stop was asked for.
    """
    name = performer.performer
    collector = _Collector(view.size / view.coverage * oversampling, with_masks, with_points)
    for part in performer.faces:
        _read_part(part, collector, reporter, name)
    count = len(collector.pictures)
    if count < MINIMUM_FACES:
        raise EngineError(
            ErrorCode.TOO_FEW_FACES,
            f"The performer {name} has {_counted(count)}; training needs at least {MINIMUM_FACES}.",
            f"Extract faces of {name} from more footage, or assign more of their tracks; 150 and more serve well.",
        )
    if count < _FEW_FACES:
        reporter.warning(f"The performer {name} has only {count} faces; the likeness will be weak below {_FEW_FACES}.")
    return _split(name, collector, tuple(part.folder for part in performer.faces))


def _counted(faces: int) -> str:
    return "no usable faces" if not faces else f"{faces} usable face{'' if faces == 1 else 's'}"


def _split(name: str, collector: _Collector, folders: tuple[Path, ...]) -> PerformerFaces:
    count = len(collector.pictures)
    coverages = np.array(collector.coverages)
    spread = np.linspace(0, count - 1, min(_HELD_OUT, count)).round().astype(int)
    held_out = set(spread.tolist()) if count >= _FEW_FACES else set()
    learned = [i for i in range(count) if i not in held_out]
    return PerformerFaces(
        performer=name,
        learned=tuple(collector.pictures[i] for i in learned),
        held_out=tuple(collector.pictures[i] for i in spread),
        learned_coverage=coverages[learned],
        held_out_coverage=coverages[spread],
        digest=collector.hash.hexdigest(),
        folders=folders,
        learned_yaw=np.array(collector.yaws)[learned],
        learned_masks=tuple(collector.masks[i] for i in learned) if collector.masks else (),
        learned_points=tuple(collector.points[i] for i in learned) if collector.points else (),
        held_out_points=tuple(collector.points[i] for i in spread) if collector.points else (),
    )
