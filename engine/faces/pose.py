# SPDX-License-Identifier: GPL-3.0-or-later
"""Where heads point, how large faces are and where they lie, for all frames of a track at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .geometry import CANONICAL_HEAD, CANONICAL_INNER, INNER

# z of the canonical head points to the viewer; with x right and y down a rotation needs it to point away.
_HEAD = (CANONICAL_HEAD * [1, 1, -1]) - (CANONICAL_HEAD * [1, 1, -1]).mean(axis=0)
_HEAD_INVERSE = np.linalg.pinv(_HEAD)
_CANONICAL = (CANONICAL_INNER - CANONICAL_INNER.mean(axis=0)) @ (1, 1j)


def head_poses(landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return yaw, pitch and roll in degrees of faces, float32 (n, 3).

    The rotation is that of the canonical head seen in scaled orthographic projection: the least-squares 2 x 3 map from
    its 51 points to the landmarks, brought to the nearest scaled rotation.

    Args:
        landmarks: Shape (n, 68, 2), pixels.

    Returns:
        Yaw is positive to the subject's left (right on screen), pitch upwards, roll clockwise on screen.
    """
    points = np.asarray(landmarks, np.float64)[:, INNER]
    points = points - points.mean(axis=1, keepdims=True)
    projection = points.transpose(0, 2, 1) @ _HEAD_INVERSE.T
    # The nearest scaled rotation is the polar factor (M M^T)^(-1/2) M; for 2 x 2 the root of S has the closed form
    # (S + sqrt(det S) 1) / sqrt(trace S + 2 sqrt(det S)).
    (xx, xy), yy = (projection[:, 0] * projection.transpose(1, 0, 2)).sum(axis=2), (projection[:, 1] ** 2).sum(axis=1)
    root = np.sqrt(np.maximum(xx * yy - xy**2, 1e-30))
    scale = root * np.sqrt(xx + yy + 2 * root)
    across = ((yy + root) / scale)[:, None] * projection[:, 0] - (xy / scale)[:, None] * projection[:, 1]
    down = ((xx + root) / scale)[:, None] * projection[:, 1] - (xy / scale)[:, None] * projection[:, 0]
    # The head looks along its own -z axis: minus the third column of the rotation, whose last row is the cross product.
    depth = across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0]
    yaw = np.arctan2(-across[:, 2], depth)
    pitch = np.arcsin(np.clip(down[:, 2], -1, 1))
    roll = np.arctan2(down[:, 0], across[:, 0])
    return np.degrees(np.stack([yaw, pitch, roll], axis=1)).astype(np.float32)


def head_pose(landmarks: NDArray[np.floating]) -> tuple[float, float, float]:
    """Return yaw, pitch and roll in degrees of one face's landmarks (68, 2), as `head_poses`."""
    yaw, pitch, roll = head_poses(np.asarray(landmarks)[None])[0].tolist()
    return yaw, pitch, roll


def face_sizes(landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the sides of the face squares of faces (n, 68, 2) in their pixels, float32 (n,)."""
    points = np.asarray(landmarks, np.float64)[:, INNER] @ (1, 1j)
    points = points - points.mean(axis=1, keepdims=True)
    turn = points.conj() @ _CANONICAL / (np.abs(points) ** 2).sum(axis=1)
    return (1 / np.abs(turn)).astype(np.float32)


def face_boxes(landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the boxes x0, y0, x1, y1 around faces (n, 68, 2), float32 (n, 4)."""
    points = np.asarray(landmarks, np.float32)
    return np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)
