# SPDX-License-Identifier: GPL-3.0-or-later
"""Heads turned further than the demo's performers turn theirs: up to profile, with landmarks known in space.

A head is a surface over the picture of the frame in which it is turned most. Its depth swells from the outline like an
ellipsoid and is bent through the 68 landmarks, which the renderer knew in space. Points of this surface, denser than
the pixels, are turned about the neck's axis and drawn from back to front. The back of the head mirrors the depth of its
front and is painted with hair; the body stays as it is.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from performers import PERSONS, Performer, cut_out, frame, truth
from scipy.interpolate import RBFInterpolator

# The frames in which the heads are turned most; where they look, on screen.
SHOTS = {"A right": ("train_A", 0), "A left": ("train_A", 1), "B left": ("train_B", 1)}
# Points of the surface for each pixel, along a side.
_DENSITY = 2
# A head is deeper than the outline of one half turned is wide.
_DEPTH = 1.05
# Width of the strip of hair behind the ear that the back of the head is painted with, in points of the surface.
_STRIP = 14
# How loosely the surface is bent through the landmarks, or small errors of the outline become spikes.
_SMOOTHING = 2.0
# Landmarks that lie on the far side when the face looks to the right or left of the screen.
_HIDDEN_RIGHT = (*range(10, 17), 25, 26, 34, 35, 45, 44, 46, 54, 53, 64)
_HIDDEN_LEFT = (*range(7), 17, 18, 31, 32, 36, 37, 41, 48, 49, 60)


@dataclass(frozen=True, eq=False)
class _Surface:
    """A head as a surface: its picture, where it is, and the distance of its front and back from the camera."""

    image: np.ndarray
    alpha: np.ndarray
    is_head: np.ndarray
    front: np.ndarray
    back: np.ndarray
    points: np.ndarray
    camera: np.ndarray
    yaw: float


@cache
def turned_head(shot: str, yaw_deg: float) -> Performer:
    """Return a performer whose head is turned by `yaw_deg` (35…80), to the side that the shot of `SHOTS` says."""
    head = _surface(shot)
    further = np.sign(head.yaw) * np.radians(yaw_deg) - head.yaw
    ears = head.points[[0, 16]]
    axis = np.array([ears[:, 0].mean(), 0, ears[:, 2].mean()])
    drawn, front = _draw(head, axis, further)
    # The collar stays in front of the turned neck.
    body = head.alpha * (1 - head.is_head)
    image = drawn * (1 - body[..., None]) + head.image * body[..., None]
    landmarks = _projected(_turn(head.points, axis, further), head.camera)
    return Performer(image, np.maximum(front, body), landmarks, PERSONS[SHOTS[shot][0]])


@cache
def _surface(shot: str) -> _Surface:
    clip, index = SHOTS[shot]
    known = truth()
    points = known[f"{clip}_turned_points"][index].astype(float)
    camera = known[f"{clip}_camera"].astype(float)
    image, marks = frame(clip, int(known[f"{clip}_turned"][index])), _projected(points, camera)
    alpha = cut_out(image, marks)
    is_head = _head(alpha, marks)
    forward = known[f"{clip}_turned_axes"][index][:, 2]
    yaw = float(np.arctan2(forward[0], -forward[2]))
    front, back = _depth(alpha, is_head, points, marks, camera, np.sign(yaw))
    return _Surface(image, alpha, is_head, front, back, points, camera, yaw)


def _projected(points: np.ndarray, camera: np.ndarray) -> np.ndarray:
    flat = points @ camera.T
    return flat[..., :2] / flat[..., 2:] - 0.5


def _turn(points: np.ndarray, axis: np.ndarray, angle: float) -> np.ndarray:
    # Looking to the right of the screen (x up) from the camera (z down): positive turns towards +x.
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])
    return (points - axis) @ turn.T + axis


def _head(alpha: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """Return 1 where the head is, hair and neck with it, down to the collar."""
    chin, top = marks[8, 1], marks[27, 1]
    rows = np.arange(len(alpha), dtype=np.float32)[:, None]
    return np.clip((chin + 0.45 * (chin - top) - rows) / 4, 0, 1) * np.ones_like(alpha)


def _swell(inside: np.ndarray) -> np.ndarray:
    """Return how far an ellipsoid with this outline stands out of the picture's plane, in pixels."""
    columns = np.arange(inside.shape[1])
    swell = np.zeros(inside.shape)
    for row in np.flatnonzero(inside.any(axis=1)):
        hit = np.flatnonzero(inside[row])
        half, middle = (hit[-1] - hit[0] + 1) / 2, (hit[-1] + hit[0]) / 2
        swell[row] = np.sqrt(np.clip(half**2 - (columns - middle) ** 2, 0, None))
    # Rounded off upwards too: the crown is no cylinder.
    first = int(np.flatnonzero(inside.any(axis=1))[0])
    height = np.clip((np.arange(inside.shape[0]) - first) / 90.0, 0, 1)
    return cv2.GaussianBlur(swell * np.sqrt(height * (2 - height))[:, None], (0, 0), 4) * _DEPTH


def _depth(
    alpha: np.ndarray, is_head: np.ndarray, points: np.ndarray, marks: np.ndarray, camera: np.ndarray, side: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the distance of the head's front and back from the camera for every pixel."""
    swell = _swell((is_head > 0.5) & (alpha > 0.5)).astype(np.float32)
    per_pixel = points[:, 2].mean() / camera[0, 0]
    at = marks.astype(np.float32)
    swells = cv2.remap(swell, at[:, 0], at[:, 1], cv2.INTER_LINEAR).ravel() * per_pixel
    core = float(np.median(points[:, 2] + swells))
    # Bent through the landmarks one sees, and back to the plain swell away from them. Those behind the nose's ridge
    # would bend the surface in front of them.
    seen = [i for i in range(68) if i not in (_HIDDEN_RIGHT if side > 0 else _HIDDEN_LEFT)]
    low, high = marks.min(axis=0), marks.max(axis=0)
    middle, reach = (low + high) / 2, 0.95 * (high - low).max()
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    ring = middle + reach * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    error = np.concatenate([(points[:, 2] - core + swells)[seen], np.zeros(len(ring))])
    bend = RBFInterpolator(np.concatenate([marks[seen], ring]), error, kernel="linear", smoothing=_SMOOTHING)
    grid = np.stack(np.meshgrid(np.arange(0, is_head.shape[1], 4.0), np.arange(0, is_head.shape[0], 4.0)), axis=-1)
    bent = bend(grid.reshape(-1, 2)) * (np.linalg.norm(grid.reshape(-1, 2) - middle, axis=1) < reach)
    bent = cv2.resize(bent.reshape(grid.shape[:2]), is_head.shape[::-1], interpolation=cv2.INTER_LINEAR)
    front = core - swell * per_pixel + bent
    return front, core + swell * per_pixel


def _hair(colors: np.ndarray, alpha: np.ndarray, yaw: float) -> np.ndarray:
    """Return what the back of the head is painted with: each row as it is at the edge behind the ear."""
    painted = colors.copy()
    for row in np.flatnonzero((alpha > 0.8).any(axis=1)):
        hit = np.flatnonzero(alpha[row] > 0.8)
        # Back and forth over a narrow strip, so that the hair keeps its texture.
        swing = np.abs((hit - hit[0]) % (2 * _STRIP) - _STRIP) + 4
        source = hit[0] + swing if yaw > 0 else hit[-1] - swing
        painted[row, hit] = colors[row, np.clip(source, hit[0], hit[-1])]
    return cv2.blur(painted, (1, 9))


def _draw(head: _Surface, axis: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the turned head's picture and alpha, both as large as the image."""
    height, width = head.alpha.shape
    big = (width * _DENSITY, height * _DENSITY)
    alpha, front, back = (
        cv2.resize(item.astype(np.float32), big, interpolation=cv2.INTER_LINEAR)
        for item in (head.alpha * (head.is_head > 0), head.front, head.back)
    )
    colors = cv2.resize(head.image, big, interpolation=cv2.INTER_CUBIC)
    rows, cols = np.nonzero(alpha > 0.8)
    pixels = np.stack([(cols + 0.5) / _DENSITY, (rows + 0.5) / _DENSITY, np.ones(len(rows))], axis=1)
    rays = pixels @ np.linalg.inv(head.camera).T
    drawn = np.zeros((height, width, 3), np.uint8)
    covered = np.zeros((height, width), np.uint8)
    for distance, paint in ((back, _hair(colors, alpha, head.yaw)), (front, colors)):
        space = _turn(rays * distance[rows, cols][:, None], axis, angle)
        at = np.round(_projected(space, head.camera)).astype(int)
        order = np.argsort(-space[:, 2])
        order = order[((at >= 0) & (at < (width, height))).all(axis=1)[order]]
        drawn[at[order, 1], at[order, 0]] = paint[rows[order], cols[order]]
        covered[at[order, 1], at[order, 0]] = 1
    whole = cv2.morphologyEx(covered, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (13, 13)))
    holes = ((whole > 0) & (covered == 0)).astype(np.uint8)
    filled = cv2.inpaint(drawn, holes, 3, cv2.INPAINT_TELEA)
    soft = np.clip(cv2.GaussianBlur(whole.astype(np.float32), (0, 0), 1.5) * 2 - 1, 0, 1)
    return filled.astype(np.float32), soft
