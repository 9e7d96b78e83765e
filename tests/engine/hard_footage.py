# SPDX-License-Identifier: GPL-3.0-or-later
"""Short footage in which faces are hard to follow, with what is known of every frame's faces."""

import numpy as np
from face_scenes import KnownFace, Stage, place
from performers import performer
from scene_looks import clutter, hand, plain

Footage = tuple[list[np.ndarray], list[list[KnownFace]]]

SIZE = (640, 360)


def crossing(count: int = 32) -> Footage:
    """Two people who walk across each other; the one in front hides the other for some frames."""
    pictures, known = [], []
    for number in range(count):
        share = number / (count - 1)
        behind, front = performer("train_B", 70 + number // 2), performer("train_A", 100 + number // 2)
        stage = Stage(plain(*SIZE))
        stage.put(behind, place(behind, (150 + 340 * share, 165), 92, 4))
        stage.put(front, place(front, (500 - 350 * share, 180), 104, -3))
        pictures.append(stage.picture())
        known.append(stage.faces)
    return pictures, known


def hand_passing(count: int = 30) -> Footage:
    """A hand that passes before a face and covers two thirds of it for some frames."""
    pictures, known = [], []
    image, alpha = hand()
    for number in range(count):
        who = performer("target_A", 4 + number)
        stage = Stage(plain(*SIZE))
        stage.put(who, place(who, (320, 160), 130))
        x = 60 + 520 * number / (count - 1)
        stage.cover(image, alpha, np.array([[0.42, 0, x - 63], [0, 0.42, 90.0]]))
        pictures.append(stage.picture())
        known.append(stage.faces)
    return pictures, known


def leaving(count: int = 30) -> Footage:
    """A face that walks half out of the picture and comes back."""
    pictures, known = [], []
    for number in range(count):
        who = performer("train_B", 60 + number)
        away = np.sin(np.pi * number / (count - 1))
        stage = Stage(clutter(*SIZE, 2))
        stage.put(who, place(who, (470 + 170 * away, 170), 120))
        pictures.append(stage.picture())
        known.append(stage.faces)
    return pictures, known


def somersault(count: int = 40) -> Footage:
    """A face that turns once around on screen."""
    pictures, known = [], []
    for number in range(count):
        who = performer("target_A", 10 + number // 2)
        stage = Stage(plain(*SIZE))
        stage.put(who, place(who, (320, 180), 120, 360 * number / count))
        pictures.append(stage.picture())
        known.append(stage.faces)
    return pictures, known
