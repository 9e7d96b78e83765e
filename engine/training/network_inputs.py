# SPDX-License-Identifier: GPL-3.0-or-later
"""What a network is given of a face: the picture, and beside it the sketch where its family looks at one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..faces.sketch import draw_sketches
from .augmentation import View, make_plain_views
from .view_units import Points, in_pixels

Faces = NDArray[np.float32]


def network_inputs(
    images: Sequence[NDArray[np.uint8]],
    coverages: Sequence[float] | NDArray[np.float64],
    view: View,
    points: Sequence[Points] = (),
) -> Faces:
    """Return faces as the swap gives them to a network.

    Args:
        images: n stored faces, uint8 (h, h, 3) RGB.
        coverages: Side of each stored face in canonical face squares.
        view: Size and coverage of the result.
        points: Landmarks of each face in units; empty for a network without sketches.

    Returns:
        float32 (n, S, S, 3) RGB in 0…1, or (n, S, S, 3 + 4) with the sketch.
    """
    plain = make_plain_views(images, coverages, view)
    return with_sketches(plain, [in_pixels(item, view.size, view.coverage) for item in points]) if points else plain


def with_sketches(faces: Faces, landmarks: Sequence[NDArray[np.floating]]) -> Faces:
    """Return faces with their sketches.

    Args:
        faces: float32 (n, S, S, 3).
        landmarks: Of each face, see `draw_sketch`, in its pixels.

    Returns:
        float32 (n, S, S, 3 + 4).
    """
    return np.concatenate([faces, draw_sketches(landmarks, faces.shape[1])], axis=-1)


def pictures_of(inputs: Faces) -> Faces:
    """Return the pictures (n, S, S, 3) of a network's inputs, without their sketches."""
    return inputs[..., :3]
