# SPDX-License-Identifier: GPL-3.0-or-later
"""The fixed facesets that training is judged on: the demo's two performers, with frames held out in two ways.

A is the performer in the shot, B stands in. A's own clip and the first second of the shot are learned, the rest of the
shot is held out as a span; of B the last second is. Five frames on the border belong to neither, so that no frame of
such a span is the neighbor of a learned one. Of what is left every twelfth frame is held out as well, between learned
ones, as training itself measures its models.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from understudy.engine.contract.jobs import ExtractJob
from understudy.engine.contract.timing import Footage
from understudy.engine.faces.eyes import EyeFitter
from understudy.engine.faces.geometry import transform_points
from understudy.engine.faceset.store import load_faceset
from understudy.engine.pipelines.extract import extract
from understudy.engine.runtime.reporter import Reporter
from understudy.engine.training.augmentation import View
from understudy.engine.training.performer_faces import PerformerFaces
from understudy.engine.training.view_units import Points, in_units

_EVERY = 12

CLIPS = Path(__file__).resolve().parent.parent / "demo" / "clips"


@dataclass(frozen=True)
class Span:
    """Frames of a clip: from `first` up to and without `end`; of the face track `track`, or of all."""

    clip: Path
    first: int
    end: int
    track: int | None = None


@dataclass(frozen=True)
class Cast:
    """A performer's name, the spans that are learned but for every n-th frame, and those that are held out."""

    name: str
    learned: tuple[Span, ...]
    held_out: tuple[Span, ...]


@dataclass(frozen=True, eq=False)
class CastFaces:
    """A performer's faces.

    Attributes:
        learned: Those that are trained on.
        between: Held out, with learned ones before and after.
        spans: Held out, no neighbor of a learned one.
    """

    learned: list[StoredFace]
    between: list[StoredFace]
    spans: list[StoredFace]


DEMO = (
    Cast(
        "A",
        (Span(CLIPS / "train_A.mp4", 0, 150), Span(CLIPS / "target_A.mp4", 0, 24)),
        (Span(CLIPS / "target_A.mp4", 29, 72),),
    ),
    Cast("B", (Span(CLIPS / "train_B.mp4", 0, 120),), (Span(CLIPS / "train_B.mp4", 125, 150),)),
)


@dataclass(frozen=True, eq=False)
class StoredFace:
    """One aligned face at full size.

    Attributes:
        picture: uint8 (h, h, 3) RGB.
        coverage: Side in canonical face squares.
        landmarks: (68, 2) pixels of the picture, float64.
        yaw: Turn of the head in degrees.
    """

    picture: np.ndarray
    coverage: float
    landmarks: np.ndarray
    yaw: float

    @functools.cached_property
    def points(self) -> Points:
        """The landmarks and eyes in units of views."""
        points = np.concatenate([self.landmarks, EyeFitter().fit(self.picture, self.landmarks)])
        return in_units(points, self.picture.shape[0], self.coverage)


def extract_clips(casts: Iterable[Cast], project: Path) -> dict[Path, Path]:
    """Find and cut the faces of every clip that is needed; return the faceset folder of each."""
    spans = (span for cast in casts for span in (*cast.learned, *cast.held_out))
    clips = dict.fromkeys(span.clip for span in spans)
    return {
        clip: Path(extract(ExtractJob(project, Footage(clip)), Reporter()).result["faceset_folder"]) for clip in clips
    }


def read_cast(cast: Cast, folders: dict[Path, Path]) -> CastFaces:
    """Return a performer's faces, learned and held out."""
    faces = read_spans(cast.learned, folders)
    between = range(_EVERY // 2, len(faces), _EVERY)
    learned = [face for number, face in enumerate(faces) if number not in between]
    return CastFaces(learned, [faces[number] for number in between], read_spans(cast.held_out, folders))


def read_spans(spans: Sequence[Span], folders: dict[Path, Path]) -> list[StoredFace]:
    """Return the faces of some spans, in their order."""
    found = []
    for span in spans:
        faceset = load_faceset(folders[span.clip])
        for record in faceset.records:
            if span.first <= record.media_frame < span.end and span.track in (None, record.track):
                landmarks = transform_points(record.image_to_face, record.landmarks)
                found.append(StoredFace(faceset.image(record), record.coverage, landmarks, record.yaw))
    return found


def as_performer(
    name: str,
    learned: list[StoredFace],
    held_out: list[StoredFace],
    view: View,
    oversampling: float,
    with_points: bool,
) -> PerformerFaces:
    """Return the faces as the trainer takes them, at the size that a family keeps in memory."""
    px_per_square = view.size / view.coverage * oversampling
    return PerformerFaces(
        performer=name,
        learned=tuple(_kept(face, px_per_square) for face in learned),
        held_out=tuple(_kept(face, px_per_square) for face in held_out),
        learned_coverage=np.array([face.coverage for face in learned]),
        held_out_coverage=np.array([face.coverage for face in held_out]),
        digest="",
        folders=(),
        learned_yaw=np.array([face.yaw for face in learned]),
        learned_points=tuple(face.points for face in learned if with_points),
        held_out_points=tuple(face.points for face in held_out if with_points),
    )


def _kept(face: StoredFace, px_per_square: float) -> np.ndarray:
    side = min(face.picture.shape[0], round(px_per_square * face.coverage))
    return cv2.resize(face.picture, (side, side), interpolation=cv2.INTER_AREA)
