# SPDX-License-Identifier: GPL-3.0-or-later
"""Placing and compositing: nothing outside of the alpha changes, and an identity network gives the plate back."""

import numpy as np
import pytest
from comp_faces import FakeSwapper, landmarks_at, painted_picture
from understudy.engine.comp.crop import cut_face
from understudy.engine.comp.over import composite, stack_layers
from understudy.engine.comp.place import empty_picture, place_face
from understudy.engine.comp.swap import paint_face, swap_faces
from understudy.engine.contract.settings import SwapSettings
from understudy.engine.faces.alignment import face_matrix

WIDTH, HEIGHT = 320, 240
AS_IT_IS = SwapSettings(color_transfer="none")


def swapped_picture(image, landmarks, swapper, settings=AS_IT_IS):
    crop = cut_face(image, landmarks, 0, 1, "B", swapper.face_size, swapper.coverage)
    (face,) = swap_faces(swapper, [crop], settings)
    picture = empty_picture(image.shape[1], image.shape[0], settings.bit_depth)
    paint_face(picture, face, face.color, settings)
    return picture


@pytest.mark.parametrize("depth", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("bit_depth", [8, 16])
def test_pixels_without_alpha_are_bit_identical_in_the_whole_frame(depth, bit_depth):
    plate = painted_picture(WIDTH, HEIGHT)
    rng = np.random.default_rng(1)
    if depth == "uint16":
        plate = plate.astype(np.uint16) * 257 + rng.integers(0, 200, plate.shape).astype(np.uint16)
    elif depth == "float32":
        plate = (plate / 255.0 * 3.0 - 0.5 + rng.random(plate.shape) * 1e-3).astype(np.float32)
    image = plate if depth != "float32" else painted_picture(WIDTH, HEIGHT)
    swapper = FakeSwapper(lambda faces: 1.0 - faces)
    settings = SwapSettings(color_transfer="none", bit_depth=bit_depth)
    rgba = swapped_picture(image, landmarks_at((150, 120), 80), swapper, settings)
    result = composite(plate, rgba)
    untouched = rgba[..., 3] == 0
    assert result.dtype == plate.dtype and result.shape == plate.shape
    assert np.array_equal(result[untouched], plate[untouched])
    assert 0.05 < (~untouched).mean() < 0.4
    opaque = rgba[..., 3] == np.iinfo(rgba.dtype).max
    assert opaque.sum() > 1000
    assert np.abs(result[opaque].astype(float) - plate[opaque]).mean() > (0.1 if depth == "float32" else 10)


def test_opaque_pixels_are_the_swap_exactly():
    plate = painted_picture(WIDTH, HEIGHT)
    rgba = swapped_picture(plate, landmarks_at((150, 120), 80), FakeSwapper(lambda faces: 1.0 - faces))
    opaque = rgba[..., 3] == 255
    assert np.array_equal(composite(plate, rgba)[opaque], rgba[..., :3][opaque])


def test_an_empty_picture_changes_nothing_and_sizes_must_match():
    plate = painted_picture(WIDTH, HEIGHT)
    assert np.array_equal(composite(plate, empty_picture(WIDTH, HEIGHT, 8)), plate)
    with pytest.raises(ValueError, match="240"):
        composite(plate, empty_picture(WIDTH, HEIGHT - 2, 8))


@pytest.mark.parametrize("angle", [0.0, 0.6])
def test_an_identity_network_gives_the_plate_back(angle):
    plate = painted_picture(WIDTH, HEIGHT, seed=3)
    face_px = 96.0
    swapper = FakeSwapper(size=192, coverage=2.0)
    rgba = swapped_picture(plate, landmarks_at((160.3, 119.6), face_px, angle), swapper)
    result = composite(plate, rgba).astype(float)
    inside = rgba[..., 3] > 0
    error = np.mean((result[inside] - plate[inside]) ** 2)
    assert 10 * np.log10(255**2 / max(error, 1e-9)) > 50


@pytest.mark.parametrize("center", [(0, 0), (319, 120), (160, 239), (-40, 100), (-400, -400)])
@pytest.mark.parametrize("blend", ["alpha", "poisson"])
def test_faces_partly_or_wholly_out_of_frame(center, blend):
    plate = painted_picture(WIDTH, HEIGHT)
    settings = SwapSettings(blend=blend, color_transfer="lab")
    rgba = swapped_picture(plate, landmarks_at(center, 80), FakeSwapper(), settings)
    assert rgba.shape == (HEIGHT, WIDTH, 4)
    assert rgba[..., 3].any() == (center != (-400, -400))
    difference = np.abs(composite(plate, rgba).astype(int) - plate)
    assert difference.max() <= 25


def test_color_reaches_a_little_beyond_the_alpha_and_no_further():
    plate = np.full((HEIGHT, WIDTH, 3), 180, np.uint8)
    rgba = swapped_picture(plate, landmarks_at((150, 120), 60), FakeSwapper())
    alpha = rgba[..., 3] > 0
    import cv2

    rim = cv2.dilate(alpha.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert (rgba[rim][:, :3] >= 179).all(), "filters find skin beside the edge, not black"
    far = cv2.dilate(alpha.astype(np.uint8), np.ones((13, 13), np.uint8)) == 0
    assert not rgba[far].any()


def test_opacity_scales_the_alpha():
    plate = painted_picture(WIDTH, HEIGHT)
    landmarks = landmarks_at((150, 120), 80)
    half = swapped_picture(plate, landmarks, FakeSwapper(), SwapSettings(opacity=0.5))
    none = swapped_picture(plate, landmarks, FakeSwapper(), SwapSettings(opacity=0.0))
    assert half[..., 3].max() in (127, 128) and none[..., 3].max() == 0


def test_face_scale_enlarges_about_the_face():
    plate = painted_picture(WIDTH, HEIGHT)
    landmarks = landmarks_at((150, 120), 60)
    areas = [
        (swapped_picture(plate, landmarks, FakeSwapper(), SwapSettings(face_scale=scale))[..., 3] > 127)
        for scale in (1.0, 1.3)
    ]
    assert areas[1].sum() / areas[0].sum() == pytest.approx(1.69, rel=0.06)
    middles = [np.argwhere(area).mean(axis=0) for area in areas]
    assert np.allclose(middles[0], middles[1], atol=3.5)


def test_two_faces_share_a_picture():
    plate = painted_picture(WIDTH, HEIGHT)
    swapper = FakeSwapper(lambda faces: np.full_like(faces, 0.5))
    picture = empty_picture(WIDTH, HEIGHT, 8)
    alone = []
    for center in ((110, 120), (170, 120)):
        crop = cut_face(plate, landmarks_at(center, 70), 0, 1, "B", 64, 1.7)
        (face,) = swap_faces(swapper, [crop], AS_IT_IS)
        paint_face(picture, face, None, AS_IT_IS)
        single = empty_picture(WIDTH, HEIGHT, 8)
        paint_face(single, face, None, AS_IT_IS)
        alone.append(single)
    expected = composite(composite(plate, alone[0]), alone[1]).astype(int)
    assert np.abs(composite(plate, picture).astype(int) - expected).max() <= 2


def test_stacked_layers_equal_one_over_the_other():
    rng = np.random.default_rng(0)
    below, above = rng.random((2, 8, 8, 4)).astype(np.float32)
    below[0, :, 3] = 0
    above[0, :, 3] = 0
    plate = rng.random((8, 8, 3)).astype(np.float32)
    twice = composite(composite(plate, below), above)
    assert np.allclose(composite(plate, stack_layers(below, above)), twice, atol=1e-5)


def test_a_large_face_shown_small_is_averaged_not_picked():
    picture = empty_picture(64, 64, 8)
    checkers = np.indices((256, 256)).sum(axis=0) % 2
    face = np.repeat(checkers[..., None], 3, axis=2).astype(np.float32)
    matte = np.zeros((256, 256), np.float32)
    matte[8:-8, 8:-8] = 1.0
    place_face(picture, face, matte, face_matrix(landmarks_at((32, 32), 20), 256, 2.0))
    middle = picture[28:36, 28:36, :3].astype(int)
    assert np.abs(middle - 127).max() <= 8


def test_the_networks_own_mask_limits_the_alpha():
    plate = painted_picture(WIDTH, HEIGHT)

    class Masking(FakeSwapper):
        def swap(self, faces, source):
            masks = np.ones(faces.shape[:3], np.float32)
            masks[:, :, :32] = 0.0
            return faces, masks

    landmarks = landmarks_at((150, 120), 80)
    whole = swapped_picture(plate, landmarks, FakeSwapper())[..., 3]
    half = swapped_picture(plate, landmarks, Masking())[..., 3]
    assert not half[:, :147].any() and np.array_equal(half[:, 156:], whole[:, 156:])
