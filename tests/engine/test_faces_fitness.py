# SPDX-License-Identifier: GPL-3.0-or-later
"""Fitness of face tracks: each figure lowers it with its reason, and it is kept as figures and as a picture."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from extract_material import CLIPS, Recorder, frames, job, write_sequence
from understudy.engine.contract.fitness import Weakness, read_fitness
from understudy.engine.contract.timing import Footage
from understudy.engine.faces.fitness import LIMITS, heat_strip, hidden_frames, save_fitness, track_fitness
from understudy.engine.faces.tracks import FaceTrack, load_tracks
from understudy.engine.media.images import read_image
from understudy.engine.pipelines.extract import extract


def face_track(count=10, number=1, first=5):
    ones = np.ones(count, np.float32)
    points = np.zeros((count, 68, 2), np.float32)
    return FaceTrack(
        id=number, frames=np.arange(first, first + count, dtype=np.int32), landmarks=points, raw_landmarks=points,
        boxes=np.zeros((count, 4), np.float32), scores=0.9 * ones, bridged=np.zeros(count, bool),
        identity=np.zeros(128, np.float32), yaw=0 * ones, pitch=0 * ones, roll=0 * ones, size=150 * ones,
        sharpness=15 * ones, exposure=0.5 * ones, occlusion=0 * ones,
    )  # fmt: skip


def test_a_good_face_is_fit():
    found = track_fitness(face_track())
    assert found.fitness == (1.0,) * 10
    assert set(found.weaknesses) == {None}


@pytest.mark.parametrize(
    ("name", "value", "weakness"),
    [
        ("yaw", 60, Weakness.TURNED),
        ("yaw", -60, Weakness.TURNED),
        ("pitch", 58, Weakness.TURNED),
        ("size", 22, Weakness.SMALL),
        ("sharpness", 2, Weakness.BLURRED),
        ("exposure", 0.06, Weakness.DARK),
        ("exposure", 0.97, Weakness.BRIGHT),
        ("occlusion", 0.4, Weakness.HIDDEN),
        ("scores", 0.15, Weakness.UNSURE),
    ],
)
def test_each_figure_lowers_fitness_with_its_reason(name, value, weakness):
    track = face_track()
    values = getattr(track, name).copy()
    values[3:7] = value
    found = track_fitness(replace(track, **{name: values}))
    assert [item for item in found.weaknesses if item] == [weakness] * 4
    assert all(0 <= value < 0.5 for value in found.fitness[3:7])
    assert found.fitness[:3] + found.fitness[7:] == (1.0,) * 6
    assert found.judge().ranges[0].sentence.startswith("frames 8-11: face ")


def test_every_weakness_but_a_lost_face_has_its_threshold():
    assert set(LIMITS) | {Weakness.BRIDGED} == set(Weakness)


def test_bridged_frames_are_no_use_and_do_not_hide_their_neighbors():
    track = face_track()
    bridged = track.bridged.copy()
    bridged[4:6] = True
    found = track_fitness(replace(track, bridged=bridged, occlusion=np.where(bridged, 1, 0).astype(np.float32)))
    assert found.fitness[4:6] == (0.0, 0.0)
    assert found.weaknesses[3:7] == (None, Weakness.BRIDGED, Weakness.BRIDGED, None)


def test_one_frame_of_doubt_is_no_hand_and_unknown_figures_lower_nothing():
    track = face_track()
    occlusion = track.occlusion.copy()
    occlusion[5] = 0.4
    assert track_fitness(replace(track, occlusion=occlusion)).fitness == (1.0,) * 10
    old = replace(track, exposure=0 * track.exposure, sharpness=0 * track.sharpness)
    assert track_fitness(old).fitness == (1.0,) * 10
    assert len(track_fitness(face_track(count=1)).fitness) == 1


@pytest.mark.parametrize(("count", "width"), [(1, 512), (72, 576), (600, 600), (5000, 2048)])
def test_the_strip_has_a_bar_for_each_frame_and_loses_no_bad_one(count, width):
    track = face_track(count)
    bridged = track.bridged.copy()
    bridged[count // 2] = True
    strip = heat_strip(track_fitness(replace(track, bridged=bridged)))
    assert strip.shape == (32, width, 3)
    # A bad frame is orange and low, a fit one blue and high.
    bottom, top = strip[-1].astype(int), strip[0].astype(int)
    bad = bottom[:, 0] > bottom[:, 2]
    assert 1 <= bad.sum() <= max(width // count, 1) * 2
    assert (top[bad].max(axis=1) < 60).all()
    if count > 1:
        assert (top[~bad][:, 2] > 150).all()


def test_strips_of_lost_tracks_go_and_other_files_stay(tmp_path):
    done = extract(job(tmp_path, Footage(CLIPS / "target_A.mp4"), [(10, 18)]), Recorder())
    folder = Path(done.result["footage_folder"])
    (folder / "fitness_t09.png").write_bytes(b"old")
    known = load_tracks(folder)
    save_fitness(folder, known)
    assert not (folder / "fitness_t09.png").exists()
    assert (folder / "t01.png").exists()
    save_fitness(folder, replace(known, tracks=()))
    assert read_fitness(folder / "fitness.json") == {}
    assert not list(folder.glob("fitness_t*.png"))


def test_an_extraction_keeps_fitness_and_names_the_worst_range(tmp_path):
    images = [
        image if number < 6 else cv2.GaussianBlur(image, (0, 0), 5)
        for number, image in enumerate(frames("target_A", 10, 22))
    ]
    done = extract(job(tmp_path / "p", write_sequence(tmp_path / "blurred from 6", images)), Recorder())
    folder = Path(done.result["footage_folder"])
    track = load_tracks(folder).track(1)
    kept = read_fitness(folder / "fitness.json")[1]
    assert kept.first == 0
    assert np.allclose(kept.fitness, track_fitness(track).fitness, atol=0.006)
    assert read_image(folder / "fitness_t01.png").shape[0] == 32
    assert done.result["fitness"][0]["track"] == 1
    assert done.result["fitness"][0]["frames"] == 12
    assert done.result["fitness"][0]["ranges"][0]["weakness"] == "blurred"
    assert "Worst for a swap is face 1, frames 6-11: face" in done.summary
    assert "Steadiness: landmarks tremble by" in done.summary


def test_hidden_frames_are_those_the_strip_marks():
    track = face_track()
    occlusion = np.array([0, 0.19, 0.2, 0.3, 0.3, 0, 0.3, 0, 0, 0], np.float32)
    hidden = replace(track, occlusion=occlusion)
    marks = [item is Weakness.HIDDEN for item in track_fitness(hidden).weaknesses]
    assert hidden_frames(hidden).tolist() == marks and hidden_frames(hidden).nonzero()[0].tolist() == [3, 4, 5]
    assert not hidden_frames(track).any()


def test_a_face_that_was_lost_behind_something_counts_as_hidden_and_another_does_not():
    track = face_track()
    bridged = np.isin(np.arange(10), (3, 4, 8))
    occlusion = np.where(bridged, 1, np.array([0, 0.3, 0.3, 0, 0, 0, 0, 0, 0, 0])).astype(np.float32)
    found = hidden_frames(replace(track, bridged=bridged, occlusion=occlusion))
    assert found.nonzero()[0].tolist() == [1, 2, 3, 4]
    lost = hidden_frames(replace(track, bridged=np.ones(10, bool), occlusion=np.ones(10, np.float32)))
    assert not lost.any()
