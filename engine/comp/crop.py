# SPDX-License-Identifier: GPL-3.0-or-later
"""A face of the plate, cut out as a network sees it, and what a network must be able to do with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np

from ..faces.alignment import align_face, face_matrix
from ..faces.geometry import transform_points
from .face_steps import in_steps, of_steps
from .over import full_scale
from .region import picture_region


class Watch(StrEnum):
    """What may be in front of a face in a frame, and so is looked for: decided from the search's guesses.

    The value goes into the pictures' digests.
    """

    NOTHING = ""
    HANDS = "hands"
    ANYTHING = "anything"


class Swapper(Protocol):
    """A trained network that turns aligned faces into another performer's.

    Attributes:
        face_size: Side of the faces in pixels.
        coverage: Side of the faces in canonical face squares.
        performers: Ids of the performers it knows.
        family: Name of the network's family.
        step: Training steps it has seen.
        fingerprint: Changes with the weights.
    """

    @property
    def face_size(self) -> int:
        """Side of the faces in pixels."""
        ...

    @property
    def coverage(self) -> float:
        """Side of the faces in canonical face squares."""
        ...

    @property
    def performers(self) -> tuple[str, ...]:
        """Ids of the performers it knows."""
        ...

    @property
    def family(self) -> str:
        """Name of the network's family."""
        ...

    @property
    def step(self) -> int:
        """Training steps it has seen."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes with the weights."""
        ...

    def image_to_face(self, landmarks: np.ndarray) -> np.ndarray:
        """Return the similarity (2, 3) from the picture to the face it takes, of landmarks (68, 2) in the picture."""
        ...

    def inputs(self, plates: np.ndarray, landmarks: np.ndarray, source: str, targets: Sequence[str]) -> np.ndarray:
        """Return what the network is given of the targets' faces (n, S, S, 3), landmarks (n, 68, 2) in their pixels."""
        ...

    def swap(self, faces: np.ndarray, source: str) -> tuple[np.ndarray, np.ndarray | None]:
        """Return faces (n, S, S, 3) of `source` for what `inputs` returned, and masks (n, S, S) or None; 0…1."""
        ...

    def precision_of(self, source: str) -> str:
        """Return in words how exactly faces of a performer are computed now: other words, slightly other faces."""
        ...


class NoNetworkError(Exception):
    """There is no network to ask, for any face; the reason is the cause."""


def swap_crops(swapper: Swapper, crops: Sequence[FaceCrop], source: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the faces of `source` in the pose of some crops, (n, S, S, 3), and the network's masks or None.

    Raises:
        EngineError: `internal`, when the network returns values that are no finite numbers.
    """
    plates, landmarks = np.stack([crop.plate for crop in crops]), np.stack([crop.landmarks for crop in crops])
    targets = [own_performer(crop, swapper.performers) for crop in crops]
    faces, masks = swapper.swap(swapper.inputs(plates, landmarks, source, targets), source)
    return of_steps(in_steps(faces)), None if masks is None else of_steps(in_steps(masks))


def own_performer(crop: FaceCrop, performers: Sequence[str]) -> str:
    """Return which of a network's performers the face in the plate is; empty when it knows no such one."""
    if crop.target in performers:
        return crop.target if crop.target != crop.source else ""
    others = [name for name in performers if name != crop.source]
    return others[0] if len(others) == 1 and crop.source in performers and not crop.target else ""


@dataclass(frozen=True)
class FaceCrop:
    """A face of the plate as the network sees it.

    Attributes:
        media_frame: Where in the footage.
        track: Id of its face track.
        source: Performer that shall appear.
        image_to_face: Similarity from the picture to `plate`, shape (2, 3), float64.
        landmarks: 68 points in pixels of `plate`, shape (68, 2), float64.
        coverage: Side of `plate` in canonical face squares.
        plate: The aligned face, shape (S, S, 3), float32 RGB 0…1.
        visible: Where `plate` shows the picture rather than what lies beyond its frame, shape (S, S), bool.
        watch: Whether something may be in front of the face.
        target: Performer whose face it is; may be empty.
        front: How much of each pixel something in front of the face takes, shape (256, 256) over the same square,
            float32 0…1; None where nothing is known to be in front.
    """

    media_frame: int
    track: int
    source: str
    image_to_face: np.ndarray
    landmarks: np.ndarray
    coverage: float
    plate: np.ndarray
    visible: np.ndarray
    watch: Watch = Watch.NOTHING
    target: str = ""
    front: np.ndarray | None = None

    @property
    def size(self) -> int:
        """Side of the face in pixels."""
        return self.plate.shape[0]


def cut_face(
    image: np.ndarray,
    landmarks: np.ndarray,
    media_frame: int,
    track: int,
    source: str,
    size: int,
    coverage: float,
    image_to_face: np.ndarray | None = None,
) -> FaceCrop:
    """Cut one face out of a frame: one warp, at the network's size.

    Args:
        image: Frame, shape (h, w, 3), uint8 or uint16 RGB.
        landmarks: 68 points in pixels of the frame, shape (68, 2).
        media_frame: Number of the frame.
        track: Id of the face track.
        source: Performer that shall appear.
        size: Side of the network's faces in pixels.
        coverage: Side of the network's faces in canonical face squares.
        image_to_face: The network's own alignment, shape (2, 3); by default the canonical one at this coverage.
    """
    if image_to_face is None:
        image_to_face = face_matrix(landmarks, size, coverage)
    plate = np.asarray(align_face(image, image_to_face, size), np.float32) / full_scale(image.dtype)
    visible = picture_region(image.shape[1], image.shape[0], image_to_face).depth(size) > 0.0
    return FaceCrop(
        media_frame=media_frame,
        track=track,
        source=source,
        image_to_face=image_to_face,
        landmarks=transform_points(image_to_face, landmarks),
        coverage=coverage,
        plate=np.clip(plate, 0.0, 1.0),
        visible=visible,
    )
