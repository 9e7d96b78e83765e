# SPDX-License-Identifier: GPL-3.0-or-later
"""Kept faces: the same pictures without the network, every input counts, and no damage reaches a picture."""

import dataclasses
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from comp_faces import FakeSwapper
from test_swap_pipeline import ThingSwapper, add_tracks, document_of, face_track, job, run, with_thing  # noqa: F401
from understudy.engine.comp import face_blocks
from understudy.engine.comp.face_blocks import KEY_BYTES, FaceBlocks, KeptFace
from understudy.engine.comp.face_cache import CachedSwapper
from understudy.engine.comp.face_steps import in_steps, of_steps
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.messages import Log
from understudy.engine.contract.settings import SwapSettings
from understudy.engine.contract.timing import FrameRange
from understudy.engine.pipelines import swap as pipeline
from understudy.engine.pipelines.late_model import LateModel
from understudy.engine.runtime.reporter import CallbackReporter

FULL = SwapSettings(mark_pictures=False)


def grainy(faces):
    """Something that has as many different values as float32, and more than any picture."""
    return np.clip(1.0 - faces * faces.mean(axis=(1, 2, 3), keepdims=True) * 1.3, 0, 1)


class Masked(FakeSwapper):
    """A network with a learned mask."""

    def swap(self, faces, source):
        swapped, _ = super().swap(faces, source)
        return swapped, np.clip(faces.mean(axis=3) * 1.5, 0, 1)


def files_of(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.png"))}


def blocks_of(asked):
    return sorted((asked.output / "faces").glob("*.npz"))


def changed(asked, **settings):
    return dataclasses.replace(asked, settings=dataclasses.replace(asked.settings, **settings))


@pytest.fixture
def asked(job):  # noqa: F811
    return dataclasses.replace(job, settings=FULL)


def test_a_kept_face_is_the_same_to_the_bit():
    steps = np.arange(65536, dtype=np.uint16)
    assert np.array_equal(in_steps(of_steps(steps)), steps)
    assert in_steps(np.array([-0.5, 1.5, 0.25])).tolist() == [0, 65535, 16384]


@pytest.mark.parametrize(("network", "settings"), [
    (FakeSwapper, {"color_transfer": "histogram", "batch_size": 2}),
    (FakeSwapper, {"blend": "poisson", "sharpen": 1.0}),
    (Masked, {"mask": "hull", "erode": 0.02, "opacity": 0.5}),
    (Masked, {"learned_mask": False, "color_transfer": "none"}),
])  # fmt: skip
def test_other_comp_settings_ask_no_network_and_give_the_same_pictures(asked, tmp_path, network, settings):
    first = run(asked, network(grainy))
    assert first.result["kept_faces"]["made"] == 7 and first.result["kept_faces"]["reused"] == 0
    size = sum(path.stat().st_size for path in blocks_of(asked))
    assert first.result["kept_faces"]["bytes"] == size > 7 * 64 * 64 * 3 * 2 and "MB" in first.summary
    silent = network(grainy)
    done = run(changed(asked, **settings), silent)
    assert silent.calls == [] and done.result["kept_faces"]["reused"] == 7 and done.result["swapped"] == 7
    plain = dataclasses.replace(changed(asked, **settings, keep_faces=False), output=tmp_path / "plain")
    run(plain, network(grainy))
    assert files_of(asked.output) == files_of(plain.output)
    assert not (plain.output / "faces").exists()


def test_things_in_front_of_a_face_stay_without_the_network_too(asked, tmp_path):
    hidden = changed(with_thing(asked, tmp_path, range(4, 7)), keep_in_front=True)
    run(hidden, ThingSwapper())
    silent = ThingSwapper()
    run(changed(hidden, color_transfer="mean"), silent)
    assert silent.calls == [] and sorted(document_of(hidden)["in_front"]) == ["4", "5", "6"]
    plain = dataclasses.replace(changed(hidden, color_transfer="mean", keep_faces=False), output=tmp_path / "plain")
    run(plain, ThingSwapper())
    assert files_of(hidden.output) == files_of(plain.output)


class Sketched(FakeSwapper):
    """Is given a plane that says whose face it is and where its landmarks are, as networks with sketches are."""

    shift = 0.0

    def inputs(self, plates, landmarks, source, targets):
        told = [points.mean() + len(who) + self.shift for points, who in zip(landmarks, targets, strict=True)]
        plane = np.ones((*plates.shape[:3], 1), np.float32) * np.reshape(told, (-1, 1, 1, 1))
        return np.concatenate([plates, plane.astype(np.float32)], axis=3)

    def swap(self, faces, source):
        self.calls.append((len(faces), source))
        return self.change(faces[..., :3]), None


def fed(swapper, **changes):
    for name, value in changes.items():
        setattr(swapper, name, value)
    return swapper


@pytest.mark.parametrize("change", [
    {"fingerprint": "fedcba"}, {"family": "other"}, {"precision": "rough"}, {"shift": 0.1}, {"face_size": 72},
    {"coverage": 1.8},
])  # fmt: skip
def test_another_network_or_other_shapes_make_all_faces_anew(asked, change):
    class Precise(Sketched):
        precision = "exact"

        def precision_of(self, source):
            return self.precision

    run(asked, Precise(grainy))
    again = fed(Precise(grainy), **change)
    # The other settings make every picture anew, whatever the cause.
    run(changed(asked, opacity=0.9), again)
    assert sum(count for count, _ in again.calls) == 7


def test_another_performer_target_or_place_makes_a_face_anew(asked, tmp_path):
    run(asked, Sketched(grainy))
    (assignment,) = asked.assignments
    for other, expected in (({"source": "A"}, 7), ({"target": "somebody else"}, 7)):
        again = Sketched(grainy)
        run(dataclasses.replace(asked, assignments=(dataclasses.replace(assignment, **other),)), again)
        assert sum(count for count, _ in again.calls) == expected
    track = face_track(1, range(3, 10))
    track.landmarks[2] += 0.25
    add_tracks(asked.project, asked.footage, [track], 72)
    again = Sketched(grainy)
    run(changed(asked, opacity=0.9), again)
    assert sum(count for count, _ in again.calls) == 1, "the corrected frame's"
    deep = Sketched(grainy)
    run(changed(asked, bit_depth=16), deep)
    assert sum(count for count, _ in deep.calls) == 7, "the plate that is read with more bits is another"


def test_going_back_asks_nobody_and_faces_that_a_whole_run_did_not_need_go(asked):
    run(asked, FakeSwapper(grainy))
    (old,) = blocks_of(asked)
    part = dataclasses.replace(asked, ranges=(FrameRange(0, 12),))
    (asked.output / "000004.png").unlink()
    run(part, fed(FakeSwapper(grainy), fingerprint="0123456789abcdef"))
    assert blocks_of(asked) == [old], "a run that made a part says nothing of the others"
    run(asked, fed(FakeSwapper(grainy), fingerprint="later"))
    assert len(blocks_of(asked)) == 1 and not old.exists()


def test_switched_off_nothing_is_kept_and_what_was_goes(asked):
    run(asked, FakeSwapper(grainy))
    assert blocks_of(asked)
    swapper = FakeSwapper(grainy)
    done = run(changed(asked, keep_faces=False), swapper)
    assert swapper.calls == [], "the pictures are those that are there already"
    assert not (asked.output / "faces").exists() and done.result["kept_faces"]["bytes"] == 0
    assert "MB" not in done.summary


def bitten(data):
    """Data with one bit of a face changed, so that the length stays."""
    middle = len(data) * 2 // 3
    return data[:middle] + bytes([data[middle] ^ 4]) + data[middle + 1 :]


def saved(**arrays):
    def write(path):
        with path.open("wb") as file:
            np.savez(file, **arrays)

    return write


KEYS = np.zeros((1, KEY_BYTES), np.uint8)
DAMAGES = {
    "a bit": lambda path: path.write_bytes(bitten(path.read_bytes())),
    "its end": lambda path: path.write_bytes(path.read_bytes()[:-900]),
    "everything": lambda path: path.write_bytes(b""),
    "another file": lambda path: path.write_bytes(b"\x89PNG and so on"),
    "another schema": saved(schema="understudy.hands", version=1, keys=KEYS),
    "a later version": saved(schema="understudy.faces", version=2, keys=KEYS),
    "no arrays": saved(schema="understudy.faces", version=1),
    "objects": saved(schema="understudy.faces", version=1, keys=np.array([None])),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_mentioned_and_its_faces_are_made_again(asked, tmp_path, damage):
    run(asked, FakeSwapper(grainy))
    (path,) = blocks_of(asked)
    DAMAGES[damage](path)
    messages, swapper = [], FakeSwapper(grainy)
    other = changed(asked, color_transfer="mean")
    run(other, swapper, CallbackReporter(messages.append))
    assert sum(count for count, _ in swapper.calls) == 7
    said = [item for item in messages if isinstance(item, Log) and "damaged" in item.text]
    assert len(said) == 1 and said[0].level == "info"
    plain = dataclasses.replace(changed(other, keep_faces=False), output=tmp_path / "plain")
    run(plain, FakeSwapper(grainy))
    assert files_of(asked.output) == files_of(plain.output)
    silent = FakeSwapper(grainy)
    run(changed(asked, opacity=0.9), silent)
    assert silent.calls == []


def test_faces_of_another_shape_in_a_file_never_reach_a_picture(asked):
    run(asked, FakeSwapper(grainy))
    (path,) = blocks_of(asked)
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    for wrong in ({"faces": arrays["faces"][..., :1]}, {"faces": arrays["faces"][1:]}, {"masks": arrays["faces"]}):
        saved(**{**arrays, **wrong})(path)
        blocks = FaceBlocks(path.parent)
        assert len(blocks) == 7 and blocks.get(arrays["keys"][0].tobytes()) is None
        assert blocks.damaged == 1 and len(blocks) == 0


def test_where_no_faces_can_be_kept_the_swap_goes_on_and_says_so(asked, monkeypatch):
    asked.output.mkdir(parents=True)
    (asked.output / "faces").write_text("no folder")
    messages = []
    assert run(asked, FakeSwapper(grainy), CallbackReporter(messages.append)).result["swapped"] == 7
    assert any("Not all faces could be kept" in item.text for item in messages if isinstance(item, Log))
    (asked.output / "faces").unlink()
    monkeypatch.setattr(face_blocks, "RESERVE_BYTES", 1 << 62)
    messages.clear()
    run(changed(asked, opacity=0.9), FakeSwapper(grainy), CallbackReporter(messages.append))
    assert any("nearly full" in item.text for item in messages if isinstance(item, Log))
    assert not (asked.output / "faces").exists()


def some_face(number, size=16):
    rng = np.random.default_rng(number)
    return KeptFace(rng.integers(0, 65536, (size, size, 3), np.uint16), rng.integers(0, 65536, (size, size), np.uint16))


def key_of(number):
    return number.to_bytes(KEY_BYTES, "big")


def test_blocks_hold_many_faces_up_to_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(face_blocks, "_BLOCK_BYTES", 10 * some_face(0).nbytes)
    blocks = FaceBlocks(tmp_path / "gesichter ü", limit=30_000)
    for number in range(40):
        blocks.put(key_of(number), some_face(number))
    blocks.flush()
    assert 0 < blocks.nbytes <= 30_000 and "kept take 0 MB" in blocks.stopped_by
    again = FaceBlocks(tmp_path / "gesichter ü")
    assert len(again) == 10
    for number in range(10):
        kept = again.get(key_of(number))
        assert np.array_equal(kept.face, some_face(number).face) and np.array_equal(kept.mask, some_face(number).mask)
    assert again.get(key_of(10)) is None and again.damaged == 0


VICTIM = """
import runpy, sys
sys.argv[0] = sys.argv[1]
runpy.run_path(sys.argv[1], run_name="understudy_launch")
from pathlib import Path
from understudy.engine.comp.face_blocks import FaceBlocks
sys.path.insert(0, sys.argv[3])
from test_face_cache import key_of, some_face
blocks = FaceBlocks(Path(sys.argv[2]))
start = len(blocks)
print("ready", flush=True)
for number in range(start, 1 << 30):
    blocks.put(key_of(number), some_face(number, 96))
    if number % 3 == 2:
        blocks.flush()
"""


def test_kills_leave_whole_files_and_right_faces(tmp_path):
    launch = Path(__file__).resolve().parents[2] / "training_cli" / "launch.py"
    random.seed(7)
    command = [sys.executable, "-c", VICTIM, str(launch), str(tmp_path / "faces"), str(Path(__file__).parent)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    found = 0
    for _ in range(3):
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as victim:
            assert victim.stdout.readline() == b"ready\n"
            time.sleep(random.uniform(0.05, 0.3))
            victim.kill()
        blocks = FaceBlocks(tmp_path / "faces")
        assert len(blocks) >= found and blocks.damaged == 0
        found = len(blocks)
        for number in range(found):
            assert np.array_equal(blocks.get(key_of(number)).face, some_face(number, 96).face)
    assert found > 3
    (tmp_path / "faces" / ".faces-000002-0badcafe.part.npz").write_bytes(b"half")
    blocks.sweep()
    assert all(path.name.startswith("faces-") for path in (tmp_path / "faces").iterdir())


def test_a_run_that_ends_in_the_middle_keeps_the_faces_it_had(asked):
    class Ended(FakeSwapper):
        def swap(self, faces, source):
            if sum(count for count, _ in self.calls) >= 4:
                raise KeyboardInterrupt
            return super().swap(faces, source)

    small = changed(asked, batch_size=2)
    with pytest.raises(KeyboardInterrupt):
        run(small, Ended(grainy))
    assert document_of(small)["state"] == "failed"
    rest = FakeSwapper(grainy)
    assert run(small, rest).result["swapped"] == 7
    assert sum(count for count, _ in rest.calls) == 3


class Choosing(FakeSwapper):
    """Computes exactly until it has seen eight faces, then otherwise, as networks do that measure their precision."""

    def __init__(self, change, is_chosen=False):
        super().__init__(change)
        self.is_chosen = is_chosen

    def precision_of(self, source):
        return "rough" if self.is_chosen else "exact"

    def swap(self, faces, source):
        self.is_chosen = self.is_chosen or sum(count for count, _ in self.calls) + len(faces) >= 5
        swapped, _ = super().swap(faces, source)
        return swapped * (0.98 if self.is_chosen else 1.0), None


def test_faces_from_before_a_precision_was_chosen_are_kept_in_the_one_that_was(asked, tmp_path):
    small = changed(asked, batch_size=2)
    run(small, Choosing(grainy))
    silent = Choosing(grainy, is_chosen=True)
    other = changed(small, color_transfer="mean")
    run(other, silent)
    assert silent.calls == []
    plain = dataclasses.replace(changed(other, keep_faces=False), output=tmp_path / "plain")
    run(plain, Choosing(grainy, is_chosen=True))
    assert files_of(asked.output) == files_of(plain.output), "the pictures of a run that knows the choice"


def test_a_batch_of_kept_and_new_faces_is_of_one_precision(tmp_path):
    blocks = FaceBlocks(tmp_path)
    faces = np.random.default_rng(0).random((6, 64, 64, 3)).astype(np.float32)
    CachedSwapper(Choosing(grainy), blocks).swap(faces[:4], "B")
    network = Choosing(grainy)
    network.calls = [(3, "B")]
    mixed, _ = CachedSwapper(network, blocks).swap(faces, "B")
    assert network.is_chosen
    assert np.abs(mixed - grainy(faces) * 0.98).max() < 1e-5


def late(loaded, network, error=None):
    def load():
        loaded.append(1)
        if error is not None:
            raise error
        return network

    return lambda _job, _reporter: LateModel(FakeSwapper(), load)


def test_the_network_is_loaded_at_once_or_when_a_face_is_missing_or_never(asked, monkeypatch):
    loaded, network = [], FakeSwapper(grainy)
    monkeypatch.setattr(pipeline, "open_model", late(loaded, network))
    pipeline.swap(asked, CallbackReporter(lambda message: None))
    assert loaded == [1] and len(network.calls) == 1
    pipeline.swap(changed(asked, opacity=0.5), CallbackReporter(lambda message: None))
    assert loaded == [1] and len(network.calls) == 1, "every face was kept"
    track = face_track(1, range(3, 11))
    add_tracks(asked.project, asked.footage, [track], 72)
    assert pipeline.swap(asked, CallbackReporter(lambda message: None)).result["swapped"] == 8
    assert loaded == [1, 1] and network.calls[1:] == [(1, "B")]


def test_a_network_that_cannot_be_loaded_ends_the_run_and_not_a_frame(asked, monkeypatch):
    missing = EngineError(ErrorCode.MODEL_UNREADABLE, "The checkpoint is damaged.", "Use a backup.")
    loaded = []
    monkeypatch.setattr(pipeline, "open_model", late(loaded, None, missing))
    with pytest.raises(EngineError) as caught:
        pipeline.swap(asked, CallbackReporter(lambda message: None))
    assert caught.value is missing and loaded == [1] and not asked.output.exists()
    run(asked, FakeSwapper(grainy))
    add_tracks(asked.project, asked.footage, [face_track(1, range(3, 11))], 72)
    with pytest.raises(EngineError) as caught:
        pipeline.swap(asked, CallbackReporter(lambda message: None))
    assert caught.value is missing and loaded == [1, 1] and document_of(asked)["state"] == "failed"


def test_weights_that_changed_meanwhile_are_refused():
    model = LateModel(FakeSwapper(), lambda: fed(FakeSwapper(), fingerprint="of another step"))
    with pytest.raises(EngineError, match="trained on while"):
        model.load()
    assert not model.is_loaded
