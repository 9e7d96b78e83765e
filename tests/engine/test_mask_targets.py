# SPDX-License-Identifier: GPL-3.0-or-later
"""What a mask head learns: the face's outline with the forehead, minus what hides it, moved along with the view."""

import numpy as np
import pytest
from comp_faces import landmarks_at
from occluders import aligned_faces, covered, microphone
from understudy.engine.faces.alignment import face_matrix
from understudy.engine.faces.head_grid import COVERAGE, SIDE
from understudy.engine.faceset.record import FaceRecord
from understudy.engine.training.augmentation import Augmentation, View, make_views
from understudy.engine.training.batch import BatchPlan, make_batch
from understudy.engine.training.mask_target import MASK_SIDE, MaskTargets
from understudy.engine.training.performer_faces import PerformerFaces

STILL = Augmentation(rotation_deg=0.0, zoom=0.0, shift=0.0, flip=0.0, jitter=0.0)
MOVING = Augmentation(rotation_deg=8.0, zoom=0.05, shift=0.04, flip=0.5, jitter=3.0)


def record(size=256, coverage=2.0, **changes):
    landmarks = landmarks_at((200.0, 180.0), 90.0).astype(np.float32)
    matrix = face_matrix(landmarks, size, coverage)
    return FaceRecord(
        file="a.png", track=1, landmarks=landmarks, image_to_face=matrix, size=size, coverage=coverage, **changes
    )


def test_a_free_face_shows_inside_its_outline_and_forehead_and_not_beside_it():
    face = record()
    mask = MaskTargets([face]).make(face, np.zeros((256, 256, 3), np.uint8))[..., 0] / 255.0
    assert mask.shape == (MASK_SIDE, MASK_SIDE)
    points = (face.landmarks @ face.image_to_face[:, :2].T + face.image_to_face[:, 2] + 0.5) * (MASK_SIDE / 256) - 0.5
    columns, rows = np.rint(points).astype(int).T
    assert mask[rows, columns].min() > 0.6
    assert mask[rows[27:], columns[27:]].min() == 1.0
    top, left, right = rows[17:27].min(), columns.min(), columns.max()
    assert mask[top - 8, columns[27]] == 1.0, "the forehead belongs to the face"
    edge = round(0.05 * MASK_SIDE / 2.0)
    assert mask[:, : left - edge - 2].max() == mask[:, right + edge + 3 :].max() == 0.0
    assert mask[:4].max() == mask[-3:].max() == 0.0


def test_a_plain_picture_has_the_usual_place_of_a_face():
    plain = FaceRecord(file="a.png", size=64)
    mask = MaskTargets([plain]).make(plain, np.zeros((64, 64, 3), np.uint8))[..., 0]
    assert mask[MASK_SIDE // 2, MASK_SIDE // 2] == 255 and mask[0, 0] == 0


def test_what_hides_a_face_is_left_out_where_it_is_and_only_while_it_is_there():
    hidden_from = 30
    faces = aligned_faces("target_A", 36)
    pictures, alphas, records = [], [], []
    for number, (face, yaw, pitch) in enumerate(faces):
        picture, alpha = microphone(48, 60)
        is_hidden = number >= hidden_from
        pictures.append(covered(face, picture, alpha) if is_hidden else face)
        alphas.append(alpha)
        share = 0.4 if is_hidden else 0.02
        records.append(record(SIDE, COVERAGE, occlusion=share, yaw=yaw, pitch=pitch))
    targets = MaskTargets(records)
    masks = [targets.make(*pair)[..., 0] / 255.0 for pair in zip(records, pictures, strict=True)]
    free = masks[0]
    assert all(np.array_equal(mask, free) for mask in masks[:hidden_from])
    step = MASK_SIDE / SIDE
    inside = (slice(round(50 * step), round(70 * step)), slice(round(40 * step), round(56 * step)))
    for mask in masks[hidden_from + 1 :]:
        assert mask[inside].mean() < 0.35, "the microphone's head"
        brows = (slice(round(20 * step), round(30 * step)), slice(round(30 * step), round(66 * step)))
        assert mask[brows].mean() > 0.8 * free[brows].mean()


@pytest.mark.parametrize("preset", [STILL, MOVING], ids=["still", "moving"])
def test_the_mask_moves_with_the_target(preset):
    random = np.random.default_rng(0)
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[16:48, 20:40] = 255
    inputs, targets = make_views([picture] * 3, [1.7] * 3, View(32, 1.7), preset, random, masks=[picture[..., :1]] * 3)
    assert inputs.shape == (3, 32, 32, 3) and targets.shape == (3, 32, 32, 4)
    assert np.array_equal(targets[..., 3], targets[..., 0])
    without = make_views([picture] * 3, [1.7] * 3, View(32, 1.7), preset, np.random.default_rng(0))
    assert np.array_equal(without[0], inputs) and np.array_equal(without[1], targets[..., :3])


def test_made_up_things_are_taken_from_the_mask_and_not_from_the_picture():
    preset = Augmentation(rotation_deg=0.0, zoom=0.0, shift=0.0, flip=0.0, jitter=0.0, occluders=1.0)
    white = np.full((64, 64, 3), 255, np.uint8)
    arguments = ([white] * 12, [1.7] * 12, View(32, 1.7), preset)
    inputs, targets = make_views(*arguments, np.random.default_rng(4), masks=[white[..., :1]] * 12)
    assert targets[..., :3].min() > 0.999
    hidden = targets[..., 3] < 0.05
    assert 0.01 < hidden.mean() < 0.5
    assert np.all(inputs[targets[..., 3] > 0.999] > 0.99), "where the mask shows the face, the input does"


def test_targets_of_a_smaller_size_are_the_means_of_the_larger_ones():
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    faces = [
        PerformerFaces(
            name, (picture,), (picture,), np.array([1.7]), np.array([1.7]), "", (), None, (picture[..., :1],)
        )
        for name in ("a", "b", "c")
    ]
    whole, small = (make_batch(faces, BatchPlan(View(32, 1.7), MOVING, 2, 0, picture_size=size), 5) for size in (0, 16))
    assert np.array_equal(whole.inputs, small.inputs) and small.targets.shape == (3, 2, 16, 16, 4)
    assert np.allclose(small.targets, whole.targets.reshape(3, 2, 16, 2, 16, 2, 4).mean(axis=(3, 5)), atol=1e-6)
