# SPDX-License-Identifier: GPL-3.0-or-later
"""Reference pictures of persons to keep or to leave out, as an identity filter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import EngineError, ErrorCode
from ..contract.settings import ExtractSettings
from ..faces.identity import IDENTITY_LENGTH, IdentityFilter
from ..media.images import read_image
from .face_search import FaceModels


def load_persons(
    references: Sequence[Path], rejects: Sequence[Path], settings: ExtractSettings, models: FaceModels
) -> IdentityFilter:
    """Return the filter that pictures of persons describe; each picture's largest face counts.

    Raises:
        EngineError: `picture_unreadable`, or `no_faces` naming the picture that shows none.
    """
    return IdentityFilter(
        picture_identities(references, models), picture_identities(rejects, models), settings.identity_threshold
    )


def picture_identities(pictures: Sequence[Path], models: FaceModels) -> NDArray[np.float32]:
    """Return the identity vector of each picture's largest face, (n, 128).

    Raises:
        EngineError: `picture_unreadable`, or `no_faces` naming the picture that shows none.
    """
    vectors = [_identity(path, models) for path in pictures]
    return np.array(vectors, dtype=np.float32).reshape(-1, IDENTITY_LENGTH)


def _identity(path: Path, models: FaceModels) -> NDArray[np.float32]:
    image, landmarks = largest_face(read_image(path), path, models)
    return models.identity.embed(image, landmarks)


def largest_face(
    image: NDArray[np.uint8], path: Path, models: FaceModels
) -> tuple[NDArray[np.uint8], NDArray[np.floating]]:
    """Return a picture and the landmarks (68, 2) of its largest face.

    Raises:
        EngineError: `no_faces`, naming the picture that shows none.
    """
    found = models.detector.detect(image)
    if not found:
        raise EngineError(
            ErrorCode.NO_FACES,
            f"There is no face in the reference picture {path}.",
            "Choose a picture in which the person's face is large and looks at the camera.",
        )
    largest = max(found, key=lambda item: float(np.prod(item.box[2:] - item.box[:2])))
    landmarks, _ = models.fitter.fit(image, largest.box, largest.roll_deg)
    return image, landmarks
