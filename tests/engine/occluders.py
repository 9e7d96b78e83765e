# SPDX-License-Identifier: GPL-3.0-or-later
"""Aligned faces of the demo's clips, frame after frame, and things drawn in front of them: a hand and a microphone."""

from functools import cache

import cv2
import numpy as np
from extract_material import frames
from understudy.engine.faces.alignment import align_face, face_matrix
from understudy.engine.faces.detection import make_detector
from understudy.engine.faces.head_grid import COVERAGE, SIDE
from understudy.engine.faces.landmarks import make_landmark_fitter
from understudy.engine.faces.quality import head_pose

# Drawn this much larger and averaged down, for smooth edges.
_FINE = 4


@cache
def aligned_faces(clip: str, count: int) -> tuple[tuple[np.ndarray, float, float], ...]:
    """Return (aligned face, yaw, pitch) of the first frames of a clip with one face."""
    fitter, landmarks, found = make_landmark_fitter("mesh"), None, []
    for image in frames(clip, 0, count):
        if landmarks is None:
            landmarks, _ = fitter.fit(image, make_detector("blazeface", 0.5, 24).detect(image)[0].box)
        else:
            landmarks, _ = fitter.follow(image, landmarks)
        yaw, pitch, _ = head_pose(landmarks)
        found.append((align_face(image, face_matrix(landmarks, SIDE, COVERAGE), SIDE), yaw, pitch))
    return tuple(found)


def covered(face: np.ndarray, thing: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return a face with a thing in front of it."""
    return np.clip(face * (1 - alpha[..., None]) + thing * alpha[..., None], 0, 255).astype(np.uint8)


def hand(x: float, y: float, skin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a hand of a skin color with its wrist below (x, y): picture (96, 96, 3) and alpha (96, 96)."""
    picture, alpha = _canvas()
    bones = [((0, 30), (0, 45), 40.0), ((0, 45), (0, 120), 30.0), ((-18, 40), (-40, 10), 10.0)]
    bones += [((-15 + 10 * i, 25), (-24 + 16 * i, -22 + 4 * abs(i - 1.5)), 9.5) for i in range(4)]
    for start, end, width in bones:
        # Round in the light: dark at the edges, bright in the middle.
        for part, shade in ((1.0, 0.55), (0.8, 0.85), (0.5, 1.05)):
            _line(picture, np.add(start, (x, y)), np.add(end, (x, y)), (skin * shade).tolist(), width * part)
        _line(alpha, np.add(start, (x, y)), np.add(end, (x, y)), 1.0, width)
    return _reduced(picture), _reduced(alpha)


def microphone(x: float, y: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a dark microphone with its head at (x, y): picture (96, 96, 3) and alpha (96, 96)."""
    picture, alpha = _canvas()
    for radius, gray in ((18, 30), (12, 50), (5, 80)):
        cv2.circle(picture, _fine((x, y)), radius * _FINE, (gray, gray, gray), -1)
    cv2.circle(alpha, _fine((x, y)), 18 * _FINE, 1.0, -1)
    _line(picture, (x, y + 12), (x + 10, y + 120), (20, 20, 20), 13)
    _line(alpha, (x, y + 12), (x + 10, y + 120), 1.0, 13)
    return _reduced(picture), _reduced(alpha)


def _canvas() -> tuple[np.ndarray, np.ndarray]:
    side = SIDE * _FINE
    return np.zeros((side, side, 3), np.float32), np.zeros((side, side), np.float32)


def _fine(point: tuple[float, float] | np.ndarray) -> tuple[int, int]:
    return round(float(point[0]) * _FINE), round(float(point[1]) * _FINE)


def _line(canvas: np.ndarray, start: np.ndarray, end: np.ndarray, color: object, width: float) -> None:
    cv2.line(canvas, _fine(start), _fine(end), color, max(1, round(width * _FINE)))


def _reduced(canvas: np.ndarray) -> np.ndarray:
    return cv2.resize(canvas, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
