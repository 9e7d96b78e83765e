# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks of aligned faces: shapes, soft edges that end inside the crop, and outlines that follow the face."""

import numpy as np
import pytest
from comp_faces import landmarks_at
from understudy.engine.comp.matte import build_mask
from understudy.engine.comp.region import hull_region, picture_region, square_region
from understudy.engine.comp.swap import face_outline
from understudy.engine.contract.settings import SwapSettings
from understudy.engine.faces.forehead import face_axes, forehead_points

SIZE, COVERAGE = 128, 1.7
MASKS = ("rect", "hull", "hull-and-rect", "extended-hull")


def face_landmarks() -> np.ndarray:
    """A frontal face in the middle of an aligned crop."""
    return landmarks_at(center=(63.5, 63.5), size=SIZE / COVERAGE)


def matte_of(margin: float = 0.0, size: int = SIZE, coverage: float = COVERAGE, **changes) -> np.ndarray:
    points = landmarks_at(center=((size - 1) / 2, (size - 1) / 2), size=size / coverage)
    return build_mask(points, size, coverage, SwapSettings(**changes)).matte(margin)


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("coverage", [1.0, 1.7, 3.0])
@pytest.mark.parametrize("changes", [{}, {"feather": 0.0}, {"erode": -0.5}, {"feather": 0.5, "erode": 0.2}])
def test_alpha_ends_inside_the_crop(mask, coverage, changes):
    matte = matte_of(margin=20.0, mask=mask, coverage=coverage, **changes)
    assert matte.dtype == np.float32 and matte.min() >= 0.0 and matte.max() <= 1.0
    border = np.concatenate([matte[0], matte[-1], matte[:, 0], matte[:, -1]])
    assert (border == 0).all()
    # Soft towards the crop's edge, whatever the mask wants: two pixels further in, the fade has only begun.
    assert max(matte[2].max(), matte[-3].max(), matte[:, 2].max(), matte[:, -3].max()) < 0.25


def test_masks_differ_as_their_names_say():
    rect, hull, both, extended = (matte_of(mask=mask) > 0.5 for mask in MASKS)
    assert rect.sum() > extended.sum() > hull.sum() > 0
    assert (hull & ~extended).sum() == 0
    assert (both == (hull & rect)).mean() > 0.99
    top_of_hull, top_of_extended = (np.flatnonzero(m.any(axis=1))[0] for m in (hull, extended))
    assert top_of_hull - top_of_extended > 0.1 * SIZE / COVERAGE
    small_crop = matte_of(mask="hull-and-rect", coverage=1.0) > 0.5
    assert small_crop.sum() > 0.5 * small_crop.size


def test_erode_shrinks_and_negative_erode_grows_by_the_share():
    widths = [np.count_nonzero(matte_of(erode=erode, feather=0.0)[64] > 0.5) for erode in (-0.1, 0.0, 0.1)]
    share_px = 0.1 * SIZE / COVERAGE
    assert widths[0] - widths[1] == pytest.approx(2 * share_px, abs=2.5)
    assert widths[1] - widths[2] == pytest.approx(2 * share_px, abs=2.5)


def test_feather_is_a_ramp_of_its_width_inside_the_hull():
    hard, soft = matte_of(feather=0.0)[64], matte_of(feather=0.2)[64]
    outside = hard == 0
    assert (soft[outside] == 0).all()
    ramp = np.count_nonzero((soft > 0) & (soft < 1)) / 2
    assert ramp == pytest.approx(0.2 * SIZE / COVERAGE, rel=0.25)
    assert np.abs(np.diff(soft)).max() < 1.6 / (0.2 * SIZE / COVERAGE)


def test_margin_grows_the_alpha_but_keeps_the_core():
    plain, grown = matte_of(), matte_of(margin=0.1 * SIZE / COVERAGE)
    assert (grown >= plain - 1e-6).all()
    assert (grown > 0.5).sum() > 1.1 * (plain > 0.5).sum()


def test_matte_moves_with_fractions_of_a_pixel():
    def center_of(shift):
        matte = build_mask(face_landmarks() + [shift, 0.0], SIZE, COVERAGE, SwapSettings()).matte()
        return float((matte * np.arange(SIZE)).sum() / matte.sum())

    moved = center_of(0.25) - center_of(0.0)
    assert moved == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize("turn", [0.0, 0.5, -0.7])
def test_forehead_lies_above_the_brows_whatever_the_pose(turn):
    # A turned head: the far side's points come closer together.
    points = face_landmarks()
    points[:, 0] = 63.5 + (points[:, 0] - 63.5) * (1.0 - 0.5 * turn * np.sign(points[:, 0] - 63.5))
    arc = forehead_points(points)
    brows = points[17:27]
    assert (arc[1:-1, 1] < brows[:, 1].min()).all()
    assert arc[:, 0].min() < brows[:, 0].min() and arc[:, 0].max() > brows[:, 0].max(), "brow tails lie inside"
    assert arc[:, 0].min() >= points[:17, 0].min() - 2 and arc[:, 0].max() <= points[:17, 0].max() + 2
    raised = points.copy()
    raised[17:27, 1] -= 6.0
    assert np.abs(forehead_points(raised) - arc)[:, 1].max() < 0.5, "raised brows don't raise the mask"


def test_depth_is_the_distance_to_the_nearest_edge():
    square = square_region(20)
    assert square.depth(20)[10, 3] == pytest.approx(3.5)
    triangle = hull_region(np.array([[0.0, 0.0], [16.0, 0.0], [0.0, 16.0]]))
    assert triangle.depth(20)[4, 2] == pytest.approx(2.0)
    assert triangle.depth(20)[16, 16] < 0
    line = hull_region(np.array([[0.0, 0.0], [5.0, 5.0], [9.0, 9.0]]))
    assert (line.depth(16) < 0).all()


def test_picture_region_tells_what_lies_out_of_frame():
    shifted = np.array([[1.0, 0.0, -10.0], [0.0, 1.0, 5.0]])
    inside = picture_region(100, 50, shifted).depth(64) > 0
    assert not inside[:5].any() and inside[6:50, 1:60].all() and not inside[56:].any()


def test_outline_lies_where_the_matte_is_ninety_percent_and_runs_clockwise_from_the_chin():
    settings = SwapSettings(feather=0.1)
    landmarks = landmarks_at(center=(300.0, 200.0), size=90.0)
    points, feather_px = face_outline(landmarks, COVERAGE, settings)
    assert points.shape == (16, 2) and feather_px == pytest.approx(0.8042 * 9.0, rel=0.02)
    matte = build_mask(landmarks, 512, 512 / 90.0, settings).matte()
    # face_outline sees an aligned face; here the picture itself serves as raster, so shares are given for it.
    around = [matte[int(round(y)), int(round(x))] for x, y in points]
    assert np.allclose(around, 0.9, atol=0.12)
    assert np.argmax(points[:, 1]) == 0
    x, y = points.T
    doubled_area = np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)
    assert doubled_area > 0, "in y-down pixels a positive area is clockwise on the screen"


def test_outline_points_keep_their_place_on_the_face():
    settings = SwapSettings()
    still = face_outline(landmarks_at((300.0, 200.0), 90.0), COVERAGE, settings)[0]
    for angle, scale, shift in ((0.4, 1.3, (20.0, -5.0)), (-0.8, 0.6, (3.0, 40.0))):
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        landmarks = landmarks_at((300.0, 200.0), 90.0) @ turn.T + shift
        moved = face_outline(landmarks, COVERAGE, settings)[0]
        assert np.allclose(moved, still @ turn.T + shift, atol=0.05)
    talking = landmarks_at((300.0, 200.0), 90.0)
    talking[48:68, 1] += 1.0
    assert np.abs(face_outline(talking, COVERAGE, settings)[0] - still).max() < 2.0


def test_face_axes_point_down_the_face():
    eyes, down = face_axes(face_landmarks())
    assert down[1] > 5 and abs(down[0]) < 1 and eyes[1] < 63.5
