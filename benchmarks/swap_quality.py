# SPDX-License-Identifier: GPL-3.0-or-later
"""How good a swap is to a stranger: who dlib's identity model says it is, and whether its landmarks stayed in place.

Neither model is used in training. Both look at what an editor gets: the swapped face with the plate's colors, under the
default mask, over the plate's own head.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from demo_faces import StoredFace
from understudy.engine.comp.color_match import apply_color, solve_color
from understudy.engine.comp.matte import build_mask
from understudy.engine.contract.settings import SwapSettings
from understudy.engine.faces.identity import IdentityModel, identity_distance
from understudy.engine.faces.mesh import MeshFitter

_SETTINGS = SwapSettings()


@dataclass(frozen=True)
class SwapFigures:
    """Means over the held-out frames.

    Attributes:
        to_source: Identity distance to the performer who should appear.
        to_target: Identity distance to the performer in the shot.
        right: Share of the frames that are nearer to the source.
        landmarks: Distance of the swap's landmarks from the plate's, as a share of the eye distance.
    """

    to_source: float
    to_target: float
    right: float
    landmarks: float


def over_plate(swapped: np.ndarray, coverage: float, stored: StoredFace) -> np.ndarray:
    """Return a stored face with the swapped one over it, uint8 RGB of the stored face's size.

    Args:
        swapped: float32 (S, S, 3) in 0…1.
        coverage: Its side in canonical face squares.
        stored: The plate's face.
    """
    side = stored.picture.shape[0]
    scale = side / stored.coverage * coverage / swapped.shape[0]
    # Both squares have one center, and pixel centers are at integers.
    shift = (side - 1) / 2 - scale * (swapped.shape[0] - 1) / 2
    matrix = np.array([[scale, 0.0, shift], [0.0, scale, shift]])
    face = cv2.warpAffine(swapped, matrix, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    face = np.clip(face, 0.0, 1.0)
    small = build_mask((stored.landmarks - shift) / scale, swapped.shape[0], coverage, _SETTINGS).matte()
    matte = cv2.warpAffine(small, matrix, (side, side), flags=cv2.INTER_LINEAR)
    plate = stored.picture.astype(np.float32) / np.float32(255)
    method = _SETTINGS.color_transfer
    face = apply_color(method, face, solve_color(method, face, plate, matte))
    result = plate + (face - plate) * matte[..., None]
    return np.clip(np.rint(result * 255), 0, 255).astype(np.uint8)


class SwapJudge:
    """Judges swaps of held-out frames.

    Args:
        held_out: The plate's faces.
        source: Faces of the performer who should appear.
        target: Other faces of the performer in the shot.
        every: Take every n-th face of source and target for the mean identity.
    """

    def __init__(
        self, held_out: list[StoredFace], source: list[StoredFace], target: list[StoredFace], every: int = 6
    ) -> None:
        self._model, self._fitter = IdentityModel(), MeshFitter()
        self._held_out = held_out
        self._source, self._target = (self._mean(faces[::every]) for faces in (source, target))
        self._landmarks = [self._fitter.follow(face.picture, face.landmarks)[0] for face in held_out]

    def _mean(self, faces: list[StoredFace]) -> np.ndarray:
        return np.mean([self._model.embed(face.picture, face.landmarks) for face in faces], axis=0)

    def judge(self, swapped: np.ndarray, coverage: float) -> SwapFigures:
        """Return the figures of the swapped held-out frames, float32 (n, S, S, 3) in 0…1."""
        pictures = [over_plate(face, coverage, stored) for face, stored in zip(swapped, self._held_out, strict=True)]
        return self.judge_pictures(pictures)

    def judge_pictures(self, pictures: list[np.ndarray]) -> SwapFigures:
        """Return the figures of finished pictures, one for each held-out frame."""
        rows = []
        for picture, stored, before in zip(pictures, self._held_out, self._landmarks, strict=True):
            vector = self._model.embed(picture, stored.landmarks)
            after = self._fitter.follow(picture, stored.landmarks)[0]
            eyes = np.linalg.norm(before[36:42].mean(axis=0) - before[42:48].mean(axis=0))
            moved = np.linalg.norm(after[17:] - before[17:], axis=1).mean() / eyes
            rows.append((identity_distance(vector, self._source), identity_distance(vector, self._target), moved))
        to_source, to_target, moved = np.array(rows).T
        right = float(np.mean(to_source < to_target))
        return SwapFigures(float(to_source.mean()), float(to_target.mean()), right, float(moved.mean()))
