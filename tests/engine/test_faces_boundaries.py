# SPDX-License-Identifier: GPL-3.0-or-later
"""Boundaries of scenes in clips that are composed here from those of the fictional performers."""

import functools

import cv2
import numpy as np
import pytest
from understudy.engine.contract.timing import Footage
from understudy.engine.faces.boundaries import BoundaryFinder, BoundaryKind
from understudy.engine.media.reader import FootageReader

SIZE = 256
LEAD = 40


@functools.cache
def _clip(path) -> list[np.ndarray]:
    with FootageReader(Footage(path)) as reader:
        return [cv2.resize(image, (SIZE, SIZE), interpolation=cv2.INTER_AREA) for _, image in reader.frames()]


@pytest.fixture
def scene(clips):
    return lambda name, start=0, count=None: _clip(clips / f"{name}.mp4")[start:][:count]


def _find(images, first_frame=0):
    finder, found = BoundaryFinder(), []
    for frame, image in enumerate(images, start=first_frame):
        for boundary in finder.watch(frame, image):
            assert frame <= boundary.frame + finder.DELAY
            found.append(boundary)
    return found + finder.finish()


def _mix(old, new, share_of_new):
    return np.rint(old * (1 - share_of_new) + new * share_of_new).astype(np.uint8)


def _lit(image, factor):
    return np.clip(image * factor, 0, 255).astype(np.uint8)


def _dissolve(old, new, length, lead):
    mixed = [_mix(old[lead + i], new[i], (i + 1) / (length + 1)) for i in range(length)]
    return old[:lead] + mixed + new[length : length + LEAD]


PAIRS = [("train_A", "train_B"), ("train_B", "target_A"), ("target_A", "train_A"), ("train_B", "train_A")]


@pytest.mark.parametrize(("old", "new"), PAIRS)
@pytest.mark.parametrize("lead", [1, 2, 5, LEAD])
def test_a_cut_is_found_to_the_frame(scene, old, new, lead):
    found = _find(scene(old, 0, lead) + scene(new, 0, 30), first_frame=100)
    assert [(b.kind, b.frame, b.first, b.last) for b in found] == [(BoundaryKind.CUT, *[100 + lead] * 3)]


def test_cuts_next_to_each_other_and_to_the_end_are_found(scene):
    shown = scene("train_A", 0, 20) + scene("train_B", 0, 5) + scene("target_A", 0, 20) + scene("train_B", 40, 1)
    assert [boundary.frame for boundary in _find(shown)] == [20, 25, 45]


def test_a_picture_mixed_at_a_cut_belongs_to_the_scene_that_prevails(scene):
    old, new = scene("train_A", 0, 31), scene("train_B", 0, 30)
    assert [b.frame for b in _find([*old[:30], _mix(old[30], new[0], 0.65), *new])] == [30]
    assert [b.frame for b in _find([*old[:30], _mix(old[30], new[0], 0.35), *new])] == [31]


@pytest.mark.parametrize(("old", "new"), PAIRS)
@pytest.mark.parametrize("length", [6, 12, 25, 50])
def test_dissolves_are_found(scene, old, new, length):
    before, after = scene(old), scene(new)
    lead = min(LEAD, len(before) - length)
    (found,) = _find(_dissolve(before, after, length, lead))
    assert found.kind is BoundaryKind.DISSOLVE
    assert abs(found.frame - (lead + length // 2)) <= 4
    assert abs(found.first - lead) <= 4
    assert found.first <= found.frame <= found.last < lead + length + 4


@pytest.mark.parametrize(("old", "new"), PAIRS)
@pytest.mark.parametrize(("length", "hold"), [(6, 0), (12, 0), (25, 0), (12, 20)])
def test_fades_through_black_are_found(scene, old, new, length, hold):
    before, after = scene(old, 0, LEAD), scene(new, 0, LEAD)
    ramp = [(i + 1) / (length + 1) for i in range(length)]
    shown = before[:-length] + [_lit(image, 1 - dark) for image, dark in zip(before[-length:], ramp, strict=True)]
    shown += [np.zeros_like(before[0])] * (hold + 1)
    shown += [_lit(image, light) for image, light in zip(after, ramp, strict=False)] + after[length:]
    (found,) = _find(shown)
    assert found.kind is BoundaryKind.FADE
    assert abs(found.frame - (LEAD + hold // 2)) <= 4
    assert found.first <= LEAD <= LEAD + hold <= found.last


def test_a_long_black_is_told_in_time_and_from_its_first_frame(scene):
    shown = scene("train_A", 0, 20) + [np.zeros((SIZE, SIZE, 3), np.uint8)] * 200 + scene("train_B", 0, 20)
    assert [(b.kind, b.frame) for b in _find(shown)] == [(BoundaryKind.CUT, 20), (BoundaryKind.CUT, 220)]
    dark = [_lit(image, 0.9 - 0.1 * i) for i, image in enumerate(scene("train_A", 20, 9))]
    light = [_lit(image, 0.1 + 0.1 * i) for i, image in enumerate(scene("train_B", 20, 9))]
    (found,) = _find(shown[:20] + dark + shown[20:220] + light + shown[220:])
    assert found.kind is BoundaryKind.FADE
    assert 26 <= found.first <= 29
    assert 200 <= found.frame <= found.last <= 231


def test_black_at_the_ends_of_a_clip_is_no_boundary(scene):
    images, black = scene("train_A", 0, 30), [np.zeros((SIZE, SIZE, 3), np.uint8)] * 10
    light = [_lit(image, 0.1 * (i + 1)) for i, image in enumerate(images[:9])]
    dark = [_lit(image, 0.9 - 0.1 * i) for i, image in enumerate(images[-9:])]
    assert _find(black + light + images[9:-9] + dark + black) == []


@pytest.mark.parametrize("length", [1, 2, 3])
@pytest.mark.parametrize("kind", ["white", "black", "other"])
def test_a_flash_is_no_boundary(scene, length, kind):
    images = scene("train_A", 0, 45)
    flash = scene("target_A", 0, length) if kind == "other" else [np.full_like(images[0], 250 * (kind == "white"))]
    assert _find(images[:20] + (flash * length)[:length] + images[20 + length :]) == []


def _ramp(images, start, end, length):
    return [_lit(image, start + (end - start) * np.clip((i - 15) / length, 0, 1)) for i, image in enumerate(images)]


def _pan(image, speed):
    wide = cv2.resize(image, None, fx=4, fy=4)
    room = wide.shape[1] - SIZE
    lefts = [min(room, max(0, (i - 15) * speed)) for i in range(90)]
    return [np.ascontiguousarray(wide[SIZE : 2 * SIZE, left : left + SIZE]) for left in lefts]


def _noisy(images, deviation):
    random = np.random.default_rng(1)
    return [np.clip(image + random.normal(0, deviation, image.shape), 0, 255).astype(np.uint8) for image in images]


def _passed_by(images):
    passed = [image.copy() for image in images]
    for i, image in enumerate(passed):
        cv2.ellipse(image, (12 * (i - 10), SIZE // 2), (SIZE // 4, SIZE // 2), 0, 0, 360, (190, 140, 110), -1)
    return passed


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(list, id="as it is"),
        pytest.param(lambda images: images[::3], id="three times as fast"),
        pytest.param(lambda images: images[:1], id="one frame"),
        pytest.param(lambda images: images[:1] * 60, id="still"),
        pytest.param(lambda images: [image for image in images[:40] for _ in range(3)], id="repeated pictures"),
        pytest.param(lambda images: _ramp(images, 1.0, 0.4, 10), id="darker"),
        pytest.param(lambda images: _ramp(images, 0.4, 1.0, 25), id="lighter"),
        pytest.param(lambda images: _ramp(images, 1.0, 0.5, 2), id="a lamp goes out"),
        pytest.param(lambda images: _pan(images[0], 6), id="pan"),
        pytest.param(lambda images: _pan(images[0], 25), id="fast pan"),
        pytest.param(lambda images: _noisy(images[:50], 20), id="noise"),
        pytest.param(lambda images: _passed_by(images[:60]), id="a passer-by"),
    ],
)
@pytest.mark.parametrize("name", ["train_A", "train_B", "target_A"])
def test_what_happens_within_a_scene_is_no_boundary(scene, name, change):
    assert _find(change(scene(name))) == []


def test_media_frames_may_be_left_out(scene):
    finder, found = BoundaryFinder(), []
    for position, image in enumerate(scene("train_A", 0, 20) + scene("train_B", 0, 20)):
        found += finder.watch(1000 + 4 * position, image)
    assert [boundary.frame for boundary in found] == [1080]


def test_nothing_and_pictures_of_changing_size_are_no_trouble(scene):
    assert BoundaryFinder().finish() == []
    images = scene("target_A", 0, 20)
    assert _find(images[:10] + [image[::2, ::2] for image in images[10:]]) == []
    assert _find([np.full((1, 1, 3), value, np.uint8) for value in (0, 255, 0, 7)]) is not None
