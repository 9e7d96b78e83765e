# SPDX-License-Identifier: GPL-3.0-or-later
"""Still pictures in which faces are hard to find, each kind by name, with what is known of their faces."""

from collections.abc import Callable
from functools import cache

import numpy as np
from face_scenes import KnownFace, Stage, place
from performers import Performer, performer
from scene_looks import camera_noise, clutter, dimmed, hand, plain, veiled
from turned_heads import SHOTS, turned_head

Scene = tuple[np.ndarray, list[KnownFace]]

# Frames that show different looks, open and closed mouths, and both persons.
LOOKS = (("train_A", 20), ("train_B", 75), ("target_A", 10), ("train_B", 20), ("train_A", 120), ("train_B", 110))


def look(number: int) -> Performer:
    """Return one of a few looks of the performers."""
    return performer(*LOOKS[number % len(LOOKS)])


def _single(background: np.ndarray, who: Performer, matrix: np.ndarray) -> Scene:
    stage = Stage(background)
    stage.put(who, matrix)
    return stage.picture(), stage.faces


def rolled() -> list[Scene]:
    """Faces leaning by every multiple of 15 degrees."""
    scenes = []
    for number in range(24):
        who = look(number)
        background = clutter(640, 480, number % 3) if number % 2 else plain(640, 480)
        scenes.append(_single(background, who, place(who, (320, 240), 150, 15 * number)))
    return scenes


def turned() -> list[Scene]:
    """Heads turned by 45 to 75 degrees to both sides."""
    heads = [turned_head(shot, yaw) for shot in SHOTS for yaw in (45, 55, 65, 75)]
    return [_single(plain(640, 480), head, place(head, (320, 230), 170)) for head in heads]


def sized() -> list[Scene]:
    """Faces of 40 px to almost the height of a picture of 1920 x 1080, in clutter."""
    scenes = []
    for number, size in enumerate((40, 48, 56, 64, 80, 110, 160, 320, 640, 900)):
        who = look(number)
        center = (960, 540) if size > 300 else (300 + 137 * number, 250 + 61 * number)
        scenes.append(_single(clutter(1920, 1080, number % 3), who, place(who, center, size)))
    return scenes


def filling() -> list[Scene]:
    """Faces as large as the picture and a little larger."""
    scenes = []
    for number, share in enumerate((0.9, 1.0, 1.15, 1.3)):
        who = look(number)
        scenes.append(_single(plain(1280, 720), who, place(who, (640, 380), 720 * share)))
    return scenes


def dark() -> list[Scene]:
    """Faces in little light, with the grain of a sensor at high gain."""
    scenes = []
    for number, gain in enumerate((0.08, 0.05, 0.03, 0.02, 0.015, 0.01)):
        who = look(number)
        stage = Stage(clutter(1280, 720, number % 3))
        stage.put(who, place(who, (400 + 80 * number, 330), 120 + 20 * number))
        picture = stage.picture(lambda image, g=gain, n=number: camera_noise(dimmed(image, g), n))
        scenes.append((picture, stage.faces))
    return scenes


def back_lit() -> list[Scene]:
    """Faces in their own shadow before a bright window."""
    scenes = []
    for number, gain in enumerate((0.3, 0.15, 0.08, 0.05, 0.03, 0.02)):
        who = look(number)
        stage = Stage(plain(1280, 720, (252, 250, 245)))
        stage.put(who, place(who, (440 + 60 * number, 330), 130 + 20 * number), lambda i, g=gain: dimmed(i, g))
        picture = stage.picture(lambda image, n=number: camera_noise(veiled(image), n, 2.0))
        scenes.append((picture, stage.faces))
    return scenes


def cut_off() -> list[Scene]:
    """Faces of which 15 to 50 % are outside of the picture, at each of its edges."""
    scenes = []
    for number, share in enumerate((0.15, 0.3, 0.4, 0.5)):
        reach = 180 * (0.5 - share)
        for center in ((reach, 230), (640 - reach, 230), (320, reach), (320, 480 - reach)):
            who = look(number)
            scenes.append(_single(plain(640, 480), who, place(who, center, 180)))
    return scenes


def behind_a_hand() -> list[Scene]:
    """Faces behind a hand that covers mouth, cheek, nose or an eye."""
    scenes = []
    image, alpha = hand()
    for number, (x, y) in enumerate(((-60, 40), (0, 70), (60, 30), (-70, -10), (10, 20), (70, -40))):
        who = look(number)
        stage = Stage(plain(640, 480))
        stage.put(who, place(who, (320, 220), 190))
        matrix = np.array([[0.5, 0, 320 + x - 75], [0, 0.5, 220 + y - 90.0]])
        stage.cover(image, alpha, matrix)
        scenes.append((stage.picture(), stage.faces))
    return scenes


def crowd() -> list[Scene]:
    """Twenty faces in a picture of 1920 x 1080: 40 to 110 px, then all of 40 px, then leaning ones."""
    scenes = []
    for seed, (low, high, lean) in enumerate(((40, 110, 8), (40, 40, 8), (44, 100, 45))):
        random = np.random.default_rng(seed)
        stage = Stage(clutter(1920, 1080, seed))
        for number in range(20):
            who = look(number + seed)
            center = np.array([190 + 385 * (number % 5), 150 + 245 * (number // 5)]) + random.uniform(-60, 60, 2)
            size, roll = random.uniform(low, high), random.uniform(-lean, lean)
            stage.put(who, place(who, center, size, roll))
        scenes.append((stage.picture(), stage.faces))
    return scenes


def empty() -> list[Scene]:
    """Pictures without a face."""
    return [(clutter(1920, 1080, seed), []) for seed in (5, 6, 7, 8)] + [(plain(1280, 720), [])]


KINDS: dict[str, Callable[[], list[Scene]]] = {
    "rolled by any angle": rolled,
    "yaw 45-75": turned,
    "40-900 px in 1080p": sized,
    "filling the picture": filling,
    "dark": dark,
    "back-lit": back_lit,
    "partly outside": cut_off,
    "behind a hand": behind_a_hand,
    "twenty faces": crowd,
    "no face": empty,
}


@cache
def hard_scenes(kind: str) -> tuple[Scene, ...]:
    """Return the pictures of a kind, made once."""
    return tuple(KINDS[kind]())
