# SPDX-License-Identifier: GPL-3.0-or-later
"""Views show the part of the picture that they name, at its size and turn, and tiles leave nothing out."""

import numpy as np
import pytest
from understudy.engine.faces.picture_views import Pyramid, View, mosaic, tiles


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1080, 1920), (3840, 2160), (512, 512), (16000, 1)])
def test_tiles_cover_the_picture_and_every_small_face_is_whole_in_one(width, height):
    views = tiles(width, height, 384, 15)
    assert 1 < len(views) <= 15
    face = 0.1 * views[0].side
    for x in np.linspace(0, width - 1, 60):
        for y in np.linspace(0, height - 1, 40):
            reach = [max(abs(view.x - x), abs(view.y - y)) <= (view.side - face) / 2 + 1 for view in views]
            # A face at the picture's edge is cut by it anyway.
            is_inside = face / 2 < x < width - face / 2 and face / 2 < y < height - face / 2
            assert any(reach) or not is_inside, (x, y)


def test_small_pictures_need_no_tiles():
    assert tiles(400, 300, 384, 15) == []
    assert tiles(1, 1, 384, 15) == []


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_turned_view_is_the_turned_picture(turn):
    image = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
    cut = Pyramid(image).cut(View(31.5, 31.5, 64, turn), 64)
    assert np.array_equal(cut, np.rot90(image, turn // 90))


def test_a_reduced_view_averages_instead_of_skipping_pixels():
    image = np.zeros((1080, 1920, 3), np.uint8)
    image[::2] = 200
    cut = Pyramid(image).cut(View(960, 540, 800), 100)
    assert np.abs(cut.astype(float) - 100).max() < 3


def test_a_mosaic_puts_each_view_into_its_cell():
    image = np.full((100, 100, 3), 50, np.uint8)
    image[:, 50:] = 220
    canvas, corners = mosaic(Pyramid(image), [View(24.5, 49.5, 40), View(74.5, 49.5, 40)], 192, 3)
    assert corners == [(0, 0), (64, 0)]
    assert canvas[:64, :64].min() == canvas[:64, :64].max() == 50
    assert canvas[:64, 64:128].min() == canvas[:64, 64:128].max() == 220
    assert canvas[64:].max() == 0
