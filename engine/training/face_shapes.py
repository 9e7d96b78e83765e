# SPDX-License-Identifier: GPL-3.0-or-later
"""What shape each performer's face has, apart from pose and expression, so that a sketch can be drawn in another's.

Landmarks of aligned faces depend on the pose, in nearly the same way for everybody, and on the person. Least squares
tell both apart: one answer to the pose for all performers, one mean face for each. What is left is expression.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..faces.pose import head_poses
from .performer_faces import PerformerFaces
from .view_units import LANDMARKS, POINTS, Points

# Degrees that count as one, and the weight that keeps the answer to a pose nobody took from growing.
_POSE_UNIT, _CALM = 30.0, 0.01
_LEAST_FACES = 8

SHAPES = "shapes/"
"""How the names of shapes in a checkpoint begin."""


def face_shapes(faces: Sequence[PerformerFaces]) -> dict[str, Points]:
    """Return performer -> mean landmarks in units, as if everybody had shown the same poses.

    Performers with fewer than eight faces whose landmarks are known are left out.
    """
    known = {item.performer: _known(item.learned_points) for item in faces}
    known = {name: points for name, points in known.items() if len(points) >= _LEAST_FACES}
    if not known:
        return {}
    who = np.repeat(np.arange(len(known)), [len(points) for points in known.values()])
    points = np.concatenate(list(known.values()))
    causes = np.concatenate([np.eye(len(known))[who], _pose_terms(points)], axis=1)
    calm = np.diag([0.0] * len(known) + [_CALM * len(points)] * (causes.shape[1] - len(known)))
    answers = np.linalg.solve(causes.T @ causes + calm, causes.T @ points)
    return dict(zip(known, answers[: len(known)], strict=True))


def _known(points: Sequence[Points]) -> NDArray[np.complex128]:
    stacked = np.reshape(points, (-1, POINTS))[:, :LANDMARKS]
    return stacked[np.isfinite(stacked).all(axis=1)]


def _pose_terms(points: NDArray[np.complex128]) -> NDArray[np.float64]:
    """Return what of the pose landmarks answer to, (n, 5): turn, nod, and their products."""
    pose = head_poses(np.stack([points.real, points.imag], axis=-1)).astype(np.float64) / _POSE_UNIT
    yaw, pitch = pose[:, 0], pose[:, 1]
    return np.stack([yaw, pitch, yaw * yaw, pitch * pitch, yaw * pitch], axis=1)


def shapes_to_json(shapes: Mapping[str, Points]) -> dict[str, list[list[float]]]:
    """Return shapes as a model's document holds them: x and y of each landmark, in units."""
    return {name: [[round(z.real, 3), round(z.imag, 3)] for z in shape.tolist()] for name, shape in shapes.items()}


def shapes_to_arrays(content: Mapping[str, Any]) -> dict[str, NDArray[np.float64]]:
    """Return what `shapes_to_json` wrote as arrays of a checkpoint: shapes belong to the weights trained with them."""
    return {f"{SHAPES}{name}": np.asarray(pairs, np.float64) for name, pairs in content.items()}


def shapes_from_json(content: Mapping[str, Any]) -> dict[str, Points]:
    """Return what `shapes_to_json` wrote.

    Raises:
        ValueError: A shape doesn't have 68 pairs of numbers.
    """
    found = {}
    for name, pairs in content.items():
        values = np.array(pairs, np.float64)
        if values.shape != (LANDMARKS, 2) or not np.isfinite(values).all():
            raise ValueError(f"the face shape of {name} is no list of 68 points")
        found[name] = values[:, 0] + 1j * values[:, 1]
    return found
