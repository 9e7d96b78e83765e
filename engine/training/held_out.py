# SPDX-License-Identifier: GPL-3.0-or-later
"""How well the network rebuilds faces it was not trained on: SSIM and L1 inside the face, the measure models go by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .augmentation import View
from .face_weight import face_area
from .network_inputs import pictures_of

Faces = NDArray[np.float32]

_C1 = 0.01**2
_C2 = 0.03**2
_SIGMA = 1.5


@dataclass(frozen=True)
class Measurement:
    """What one measurement found.

    Attributes:
        step: Training steps of the weights measured.
        similarity: Performer -> SSIM inside the face, 1 is perfect.
        absolute: Performer -> mean absolute error inside the face, 0…1.
    """

    step: int
    similarity: Mapping[str, float]
    absolute: Mapping[str, float]

    @property
    def ssim(self) -> float:
        """Mean SSIM of all performers."""
        return float(np.mean(list(self.similarity.values())))

    @property
    def l1(self) -> float:
        """Mean absolute error of all performers."""
        return float(np.mean(list(self.absolute.values())))

    def scalars(self) -> dict[str, float]:
        """Return the figures as the history names them."""
        return {
            "held_out/ssim": self.ssim,
            "held_out/l1": self.l1,
            **{f"held_out/ssim/{name}": value for name, value in self.similarity.items()},
            **{f"held_out/l1/{name}": value for name, value in self.absolute.items()},
        }


def measure(faces: Mapping[str, Faces], view: View, decode: Callable[[Faces, str], Faces], step: int) -> Measurement:
    """Measure the performers' own reconstruction.

    Args:
        faces: Performer -> held-out faces as the network is given them, see `network_inputs`.
        view: Size and coverage of the faces.
        decode: Faces and a performer -> the faces with that performer's identity.
        step: Training steps of the network.
    """
    area = face_area(view.size, view.coverage)
    area = (area / area.sum()).astype(np.float32)
    similarity, absolute = {}, {}
    for name, inputs in faces.items():
        own, rebuilt = pictures_of(inputs), np.asarray(decode(inputs, name), np.float32)
        pairs = list(zip(rebuilt, own, strict=True))
        similarity[name] = float(np.mean([np.sum(similarity_map(a, b) * area) for a, b in pairs]))
        absolute[name] = float(np.mean([np.sum(np.abs(a - b).mean(axis=2) * area) for a, b in pairs]))
    return Measurement(step, similarity, absolute)


def similarity_map(one: Faces, other: Faces) -> NDArray[np.float32]:
    """Return the structural similarity at each pixel (Wang et al. 2004, eq. 13), Gaussian window of σ 1.5.

    Args:
        one: float32 (S, S, 3) in 0…1.
        other: The same shape.

    Returns:
        float32 (S, S), the mean over the channels.
    """
    mean_a, mean_b = _blurred(one), _blurred(other)
    variance_a = _blurred(one * one) - mean_a * mean_a
    variance_b = _blurred(other * other) - mean_b * mean_b
    covariance = _blurred(one * other) - mean_a * mean_b
    found = (2.0 * mean_a * mean_b + _C1) * (2.0 * covariance + _C2)
    found /= (mean_a * mean_a + mean_b * mean_b + _C1) * (variance_a + variance_b + _C2)
    return found.mean(axis=2)


def _blurred(image: Faces) -> Faces:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), _SIGMA, borderType=cv2.BORDER_REFLECT_101), np.float32)
