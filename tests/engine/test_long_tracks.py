# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a search: what it writes of a long track doesn't depend on the pieces, and hardly needs memory for it."""

import tempfile
import tracemalloc
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from extract_material import Recorder
from understudy.engine.contract.settings import ExtractSettings
from understudy.engine.contract.timing import Footage, FrameRange
from understudy.engine.faces import fitness
from understudy.engine.faces.fitness import save_fitness, track_fitness
from understudy.engine.faces.tracks import PER_FRAME, FaceTrack, TrackSet, load_tracks, save_tracks
from understudy.engine.pipelines.extract_report import finish_extraction
from understudy.engine.runtime import array_pieces


def _long_track(count: int, number: int = 1, first: int = 0) -> FaceTrack:
    """Return a track whose arrays lie in a file, as those of a search do."""
    random = np.random.default_rng(number)
    arrays = {}
    for name, (shape, kind) in PER_FRAME.items():
        with tempfile.TemporaryFile() as file:
            arrays[name] = np.memmap(file, kind, "w+", shape=(count, *shape))
        if shape:
            arrays[name][:] = 0
        else:
            arrays[name][:] = 0.9 * random.random(count)
    arrays["frames"][:] = np.arange(first, first + count)
    arrays["bridged"][:] = random.random(count) < 0.01
    arrays["yaw"][:] = 60 * np.sin(np.arange(count) / 700)
    arrays["size"][:], arrays["sharpness"][:], arrays["exposure"][:] = 100, 12, 0.5
    return FaceTrack(id=number, identity=np.zeros(128, np.float32), **arrays)


def _found(*tracks: FaceTrack) -> TrackSet:
    count = max(track.last for track in tracks) + 1
    ranges = (FrameRange(0, count),)
    return TrackSet(
        Footage(Path("clip ä.mov")), "clip-0", 640, 360, Fraction(25), count, ranges, ExtractSettings(), tracks
    )


def _peak(folder: Path, count: int) -> int:
    """Return the most bytes that the end of a search needs at a time for a track of so many frames."""
    found = _found(_long_track(count))
    tracemalloc.start()
    try:
        save_tracks(folder, found)
        save_fitness(folder, found)
        done = finish_extraction(found, found.ranges, folder, folder, [], Recorder())
        assert done.result["pictures"] == count
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_end_of_a_search_needs_little_memory_however_long_the_track(tmp_path):
    short, long = 4500, 12000
    grown = (_peak(tmp_path, long) - _peak(tmp_path, short)) / (long - short)
    # Its arrays have 1 154 bytes a frame.
    assert grown < 200


def test_a_track_written_in_pieces_is_what_numpy_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(array_pieces, "_PIECE_BYTES", 10_000)
    track = _long_track(500)
    strided = np.zeros((500, 141), np.float32)[:, :136].reshape(-1, 68, 2)
    found = _found(replace(track, raw_landmarks=strided), _long_track(1, 2, 3))
    save_tracks(tmp_path, found)
    arrays = {"ids": np.array([1, 2], np.int32)}
    for item in found.tracks:
        arrays[f"{item.id}/identity"] = item.identity
        arrays |= {f"{item.id}/{name}": getattr(item, name) for name in PER_FRAME}
    np.savez(tmp_path / "whole.npz", **arrays)
    assert (tmp_path / "tracks.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()
    assert all(a.is_same_as(b) for a, b in zip(load_tracks(tmp_path).tracks, found.tracks, strict=True))


@pytest.mark.parametrize("count", [1, 2, 3, 8, 9, 40])
def test_fitness_does_not_depend_on_the_pieces(count, monkeypatch):
    track = _long_track(count)
    whole = track_fitness(track)
    for together in (1, 4, 8):
        monkeypatch.setattr(fitness, "_TOGETHER", together)
        assert track_fitness(track) == whole


def test_faces_and_pictures_are_counted_in_the_wanted_frames_only(tmp_path):
    first, second = _long_track(60), _long_track(30, 2, 40)
    bridged = np.zeros(60, bool)
    bridged[[5, 45]] = True
    second.bridged[:] = False
    found = replace(_found(replace(first, bridged=bridged), second), ranges=(FrameRange(0, 35), FrameRange(40, 70)))
    wanted = (FrameRange(3, 8), FrameRange(30, 50), FrameRange(69, 80))
    result = finish_extraction(found, wanted, tmp_path, tmp_path, [], Recorder()).result
    assert result["pictures"] == 5 + 5 + 10 + 1
    assert result["faces"] == 5 + 20 - 2 + 10 + 1
    assert result["several"] == 9
    assert [(item["track"], item["frames"]) for item in result["fitness"]] == [(1, 25), (2, 11)]
