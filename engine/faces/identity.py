# SPDX-License-Identifier: GPL-3.0-or-later
"""Who a face is: dlib's 128-number identity vectors, and the filter that keeps or rejects persons by them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..contract.errors import EngineError
from .alignment import align_face, face_matrix
from .dlib_weights import CHIP_SIDE
from .geometry import transform_points
from .identity_network import IdentityNetwork
from .models import damaged_model, import_library, model_path

IDENTITY_LENGTH = 128
DIFFERENT_PERSON = 0.75
"""Vectors farther apart than this are of two people, even where place and time speak for one; `IDENTITY_LIMIT` is the
limit where nothing does."""
# The face is enlarged before its landmarks are handed to dlib, which takes whole pixels only.
_SIDE = 400
_COVERAGE = 2.6
_NEIGHBORS = 5
# What dlib leaves around the face that it cuts out for its network, as a share of the face.
_CHIP_PADDING = 0.25

Network = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


class IdentityModel:
    """Describes faces by vectors; two of one person lie within about 0.6 of each other (Euclidean).

    Raises:
        EngineError: `detector_unavailable` or `library_missing`.
    """

    def __init__(self) -> None:
        self._dlib = import_library("dlib")
        self._path = model_path("dlib-identity")

    def embed(self, image: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the identity vector of a face, (128,) float32.

        Args:
            image: RGB picture (h, w, 3).
            landmarks: (68, 2) picture pixels.

        Raises:
            EngineError: `detector_unavailable`, when the model file is damaged.
        """
        matrix = face_matrix(landmarks, _SIDE, _COVERAGE)
        face = np.ascontiguousarray(align_face(image, matrix, _SIDE, cv2.INTER_LINEAR))
        points = [self._dlib.point(round(x), round(y)) for x, y in transform_points(matrix, landmarks)]
        shape = self._dlib.full_object_detection(self._dlib.rectangle(0, 0, _SIDE - 1, _SIDE - 1), points)
        chip = self._dlib.get_face_chip(face, shape, CHIP_SIDE, _CHIP_PADDING)
        return _load_model(self._path)(chip)


@functools.cache
def _load_model(path: Path) -> Network:
    """Return the network, made ready when the first face is described: a search may describe none.

    dlib computes it where OpenVINO doesn't work or can't take the file; the vectors are the same.
    """
    try:
        return IdentityNetwork(path)
    except EngineError:
        return _load_with_dlib(path)


def _load_with_dlib(path: Path) -> Network:
    try:
        model = import_library("dlib").face_recognition_model_v1(str(path))
    except RuntimeError as error:
        raise damaged_model(path, error) from error
    return lambda chip: np.array(model.compute_face_descriptor(chip), dtype=np.float32)


def identity_distance(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Return the Euclidean distance of two identity vectors."""
    return float(np.linalg.norm(np.asarray(first, float) - np.asarray(second, float)))


@dataclass(frozen=True)
class IdentityVerdict:
    """Whether a face passes the filter, and why not.

    Attributes:
        is_accepted: True to keep the face.
        reason: Why it was rejected, as a phrase for the user; empty when accepted.
    """

    is_accepted: bool
    reason: str = ""


class IdentityFilter:
    """Keeps the wanted person and leaves out unwanted ones.

    Args:
        references: Identity vectors of the person to keep, (n, 128); none keeps everybody who isn't rejected.
        rejects: Identity vectors of persons to leave out, (m, 128).
        threshold: Largest distance that counts as the same person.
    """

    def __init__(self, references: NDArray[np.floating], rejects: NDArray[np.floating], threshold: float = 0.6) -> None:
        self._references = np.asarray(references, float).reshape(-1, IDENTITY_LENGTH)
        self._rejects = np.asarray(rejects, float).reshape(-1, IDENTITY_LENGTH)
        self._threshold = threshold

    @property
    def is_active(self) -> bool:
        """Whether there is anybody to keep or to leave out."""
        return bool(len(self._references) or len(self._rejects))

    def judge(self, identity: NDArray[np.floating]) -> IdentityVerdict:
        """Return whether a face with this identity vector (128,) is kept."""
        wanted = np.linalg.norm(self._references - identity, axis=1)
        unwanted = np.linalg.norm(self._rejects - identity, axis=1)
        if len(wanted) and wanted.mean() > self._threshold:
            return _rejected(f"its mean distance to the person is {wanted.mean():.2f}, above {self._threshold:.2f}")
        if len(unwanted) and not len(wanted) and unwanted.min() <= self._threshold:
            return _rejected(f"it is at {unwanted.min():.2f} from a person to leave out, within {self._threshold:.2f}")
        if len(wanted) and len(unwanted):
            return _compare(wanted, unwanted)
        return IdentityVerdict(True)


def _compare(wanted: NDArray[np.float64], unwanted: NDArray[np.float64]) -> IdentityVerdict:
    if wanted.min() > unwanted.min():
        return _rejected("the picture closest to it shows a person to leave out")
    if wanted.mean() > unwanted.mean():
        return _rejected("it is closer to the persons to leave out on average")
    count = min(_NEIGHBORS, min(len(wanted), len(unwanted)) + 1)
    nearest = np.argsort(np.concatenate([wanted, unwanted]), kind="stable")[:count]
    share = float((nearest < len(wanted)).mean())
    if share < 0.5:
        return _rejected(f"only {share:.0%} of its {count} nearest pictures show the person")
    return IdentityVerdict(True)


def _rejected(reason: str) -> IdentityVerdict:
    return IdentityVerdict(False, reason)
