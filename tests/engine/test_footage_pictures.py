# SPDX-License-Identifier: GPL-3.0-or-later
"""A region of a decoded picture has the values of the whole one, whatever the format and rotation."""

import cv2
import numpy as np
import pytest
from extract_material import CLIPS, frame
from media_clips import write_clip
from understudy.engine.contract.timing import Footage, FrameRange
from understudy.engine.media.ahead import read_ahead
from understudy.engine.media.averaging import average_squares, average_to
from understudy.engine.media.picture import ArrayPicture
from understudy.engine.media.reader import FootageReader

REGIONS = [(0, 0, 96, 96), (13, 7, 90, 61), (30, 22, 35, 27), (5, 0, 45, 40)]


def _first(path):
    with FootageReader(Footage(path)) as reader:
        ((_, picture),) = list(reader.pictures([FrameRange(2, 3)]))
        ((_, image),) = list(reader.frames([FrameRange(2, 3)]))
    return picture, image


@pytest.mark.parametrize(
    "options",
    [
        {"pixel_format": "yuv420p"},
        {"pixel_format": "yuv422p"},
        {"pixel_format": "yuv444p"},
        {"pixel_format": "yuv420p10le"},
        {"pixel_format": "yuv420p", "full_range": True},
        {"pixel_format": "yuv420p", "colorspace": 1},
        {"pixel_format": "yuv420p", "rotation": 90},
        {"pixel_format": "yuv420p", "rotation": -90},
        {"pixel_format": "yuv420p", "rotation": 180},
        {"pixel_format": "rgb24", "codec": "libx264rgb"},
    ],
    ids=lambda options: "-".join(map(str, options.values())),
)
def test_a_region_is_a_part_of_the_whole(tmp_path, options):
    path = write_clip(tmp_path / "ein Clip.mov" if "codec" not in options else tmp_path / "ein Clip.mkv", **options)
    for left, top, right, bottom in REGIONS:
        picture, image = _first(path)
        assert (picture.width, picture.height) == (image.shape[1], image.shape[0])
        right, bottom = min(right, picture.width), min(bottom, picture.height)
        region = picture.region(left, top, right, bottom)
        assert np.array_equal(region, image[top:bottom, left:right])
        averaged = picture.region(left, top, left + 4, top + 4, 2)
        assert averaged.shape == (2, 2, 3)
        assert max(picture.glance(48).shape) == 48
        assert np.array_equal(picture.whole(), image)


@pytest.mark.parametrize(
    ("options", "factor", "most"),
    [
        ({"pixel_format": "yuv420p"}, 2, 1.5),
        ({"pixel_format": "yuv420p", "colorspace": 1}, 3, 1.5),
        ({"pixel_format": "yuv420p", "full_range": True}, 4, 1.5),
        ({"pixel_format": "yuv422p"}, 5, 1.5),
        ({"pixel_format": "yuv444p"}, 6, 1.5),
        ({"pixel_format": "yuv420p10le", "colorspace": 1}, 3, 1.0),
        ({"pixel_format": "yuv420p10le", "full_range": True, "rotation": 90}, 2, 1.0),
    ],
    ids=lambda item: "-".join(map(str, item.values())) if isinstance(item, dict) else str(item),
)
def test_an_averaged_region_is_close_to_the_average_of_the_whole(tmp_path, options, factor, most):
    picture, image = _first(write_clip(tmp_path / "ein Clip.mov", range(3), size=(480, 320), **options))
    left, top, side = 6, 12, 48 * factor
    found = picture.region(left, top, left + side, top + side, factor)
    wanted = cv2.resize(image[top : top + side, left : left + side], (48, 48), interpolation=cv2.INTER_AREA)
    assert found.shape == (48, 48, 3)
    # Averaging before the conversion rounds elsewhere, and the conversion of the whole is off by a step or two.
    assert np.abs(found.astype(int) - wanted).mean() < most


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("factor", range(1, 9))
def test_averages_are_those_of_squares(kind, factor):
    samples = np.random.default_rng(factor).integers(0, 256, (10 * factor, 7 * factor, 3)).astype(kind)
    exact = samples.reshape(10, factor, 7, factor, 3).mean(axis=(1, 3))
    for found, wanted in (
        (average_squares(samples, factor), exact),
        (average_to(samples[..., 0], 7, 10), exact[..., 0]),
    ):
        # Odd factors round once; even ones at each halving, up.
        halvings = (factor & -factor).bit_length() - 1
        assert found.dtype == kind
        assert np.abs(found - wanted).max() <= (0.5 if factor % 2 else 0.5 * halvings + 0.5 * (factor > 2)) + 1e-9


def test_averaging_by_one_and_a_half_keeps_places():
    ramp = np.tile(np.arange(0, 240, 4, np.uint8), (60, 1))
    small = average_to(ramp, 40, 40)
    # A pixel's center lies at one and a half times its own, less what the centers of both kinds are apart.
    wanted = 4 * ((np.arange(40) + 0.5) * 1.5 - 0.5)
    assert np.abs(small[20, 1:-1] - wanted[1:-1]).max() <= 0.5


def test_a_glance_is_small_and_shows_the_same():
    picture, image = _first(CLIPS / "train_A.mp4")
    glance = picture.glance(128)
    assert max(glance.shape) == 128
    small = cv2.resize(image, (128, 128), interpolation=cv2.INTER_AREA)
    assert np.corrcoef(glance.ravel().astype(float), small.ravel().astype(float))[0, 1] > 0.97


def test_an_array_is_a_picture_too():
    image = frame("target_A", 3)
    picture = ArrayPicture(image)
    assert np.array_equal(picture.region(3, 4, 20, 30), image[4:30, 3:20])
    assert picture.region(0, 0, 20, 20, 2).shape == (10, 10, 3)
    assert picture.whole() is image


def test_reading_ahead_keeps_the_order_and_hands_errors_on_behind_what_was_read():
    def numbers():
        yield from range(50)
        raise ValueError("the end of the reel")

    seen = []
    with pytest.raises(ValueError, match="reel"):
        seen.extend(number for number in read_ahead(numbers(), 4))
    assert not seen or seen == list(range(50))
    collected = []
    ahead = read_ahead(numbers(), 4)
    for number in ahead:
        collected.append(number)
        if number == 20:
            break
    ahead.close()
    assert collected == list(range(21))


def test_closing_ends_the_thread_before_it_returns():
    state = {"running": 0}

    def endless():
        state["running"] += 1
        try:
            while True:
                yield 1
        finally:
            state["running"] -= 1

    source = endless()
    ahead = read_ahead(source, 2)
    assert [next(ahead) for _ in range(5)] == [1] * 5
    ahead.close()
    source.close()  # would raise "already executing" if the thread were still in it
    assert state["running"] == 0
