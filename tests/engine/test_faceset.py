# SPDX-License-Identifier: GPL-3.0-or-later
"""A faceset keeps its faces, what is known about them, and their names, whatever is done to the folder."""

import json
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.messages import Log
from understudy.engine.contract.project import FACESET_FILE
from understudy.engine.faceset import record_spool
from understudy.engine.faceset.curate import sort_faces, write_view
from understudy.engine.faceset.looks import APPEARANCE_FILE
from understudy.engine.faceset.record import PLAIN_COVERAGE, FaceRecord
from understudy.engine.faceset.record_spool import RecordSpool
from understudy.engine.faceset.records_file import read_records, write_records
from understudy.engine.faceset.store import ARRAYS_FILE, FacesetWriter, load_faceset
from understudy.engine.faceset.taken_names import TakenNames
from understudy.engine.media.images import write_png
from understudy.engine.runtime.reporter import CallbackReporter

pytestmark = pytest.mark.engine

SIZE = 32
RANDOM = np.random.default_rng(3)


def landmarks() -> np.ndarray:
    return (RANDOM.random((68, 2)) * 100).astype(np.float32)


def record(picture: str = "", media_frame: int = -1, track: int = -1, scale: float = 0.5, **details) -> FaceRecord:
    matrix = np.array([[scale, 0.0, 3.25], [0.0, scale, -1.5]])
    return FaceRecord("", picture, media_frame, track, landmarks=landmarks(), image_to_face=matrix, **details)


def face(level: int = 100) -> np.ndarray:
    return np.clip(RANDOM.normal(level, 12, (SIZE, SIZE, 3)), 0, 255).astype(np.uint8)


def small_set(folder: Path) -> list[FaceRecord]:
    with FacesetWriter(folder, SIZE, 2.0) as writer:
        return [writer.add(face(), record(media_frame=frame, track=1, score=0.75)) for frame in range(4)]


def test_everything_known_comes_back(tmp_path):
    folder = tmp_path / "Gesichter ä 名"
    identity = RANDOM.random(128).astype(np.float32)
    image = face()
    with FacesetWriter(folder, SIZE, 2.0) as writer:
        written = writer.add(
            image,
            record("a b.jpg", score=0.8125, box=(1.5, 2.5, 30.25, 40.75), rotation=90, yaw=-12.5, identity=identity),
        )
        writer.add(face(), record(media_frame=7, track=3))
    faceset = load_faceset(folder)
    found, other = faceset.records
    assert found.file == "a b_0.png"
    assert other.file == "000007_t03.png"
    for name in ("picture", "media_frame", "track", "rotation", "box", "score", "yaw", "size", "coverage"):
        assert getattr(found, name) == getattr(written, name)
    assert (found.landmarks == written.landmarks).all()
    assert (found.image_to_face == written.image_to_face).all()
    assert (found.identity == identity).all()
    assert other.identity is None
    assert (faceset.image(found) == image).all()
    assert found.size_in_picture_px == pytest.approx(SIZE / 2.0 / 0.5)


def test_d11_landmarks_are_stored_as_floats(tmp_path):
    points = landmarks()
    with FacesetWriter(tmp_path, SIZE, 2.0) as writer:
        writer.add(face(), FaceRecord("", "p.png", landmarks=points, image_to_face=np.eye(3)[:2]))
    stored = load_faceset(tmp_path).records[0].landmarks
    assert stored.dtype == np.float32
    assert (stored == points).all()
    assert (stored != np.rint(stored)).any()


def test_a_deleted_picture_is_a_removed_face(tmp_path):
    written = small_set(tmp_path)
    (tmp_path / written[1].file).unlink()
    assert [r.file for r in load_faceset(tmp_path).records] == [written[0].file, written[2].file, written[3].file]
    again = load_faceset(tmp_path).records[1]
    assert (again.landmarks == written[2].landmarks).all()


def test_a_folder_of_plain_pictures_loads(tmp_path):
    for name in ("f10.png", "f2.png"):
        write_png(tmp_path / name, face())
    (tmp_path / "broken.png").write_bytes(b"no picture")
    faceset = load_faceset(tmp_path)
    assert [r.file for r in faceset.records] == ["broken.png", "f2.png", "f10.png"]
    assert faceset.records[1].is_plain
    assert (faceset.records[1].size, faceset.records[1].coverage) == (SIZE, PLAIN_COVERAGE)
    with pytest.raises(EngineError, match="broken.png"):
        faceset.image(faceset.records[0])


def test_records_are_saved_even_when_extraction_breaks_off(tmp_path):
    with pytest.raises(KeyError), FacesetWriter(tmp_path, SIZE, 2.0) as writer:
        writer.add(face(), record("a.png"))
        raise KeyError
    assert len(load_faceset(tmp_path).records) == 1


def test_d15_pictures_searched_before_are_known_whatever_their_names_end_in(tmp_path):
    names = ["shot.png", "shot_0.png", "shot_00.jpg", "shot_1_0.png"]
    with FacesetWriter(tmp_path, SIZE, 2.0) as writer:
        for name in names:
            writer.add(face(), record(name))
            writer.add(face(), record(name))
        writer.note_searched("empty_0.png")
    again = FacesetWriter(tmp_path, SIZE, 2.0, keep=True)
    assert all(again.is_searched(name) for name in [*names, "empty_0.png"])
    assert not again.is_searched("shot_2.png")
    assert not again.is_searched("empty.png")
    # A face thrown out by hand stays out: its picture counts as searched.
    (tmp_path / "shot_0_1.png").unlink()
    assert FacesetWriter(tmp_path, SIZE, 2.0, keep=True).is_searched("shot_0.png")


def test_names_never_collide(tmp_path):
    pictures = ["a.png", "a.jpg", "A.tif", "a_0.png", "a.png", "ü" * 120 + "1.png", "ü" * 120 + "2.png"]
    with FacesetWriter(tmp_path, SIZE, 2.0) as writer:
        files = [writer.add(face(), record(picture)).file for picture in pictures]
        files += [writer.add(face(), record(media_frame=1, track=1)).file for _ in range(2)]
    assert len({file.casefold() for file in files}) == len(files)
    assert all(len(file.encode()) < 200 for file in files)
    assert len(load_faceset(tmp_path).records) == len(files)


def test_writing_anew_replaces_recorded_faces_and_keeps_foreign_pictures(tmp_path):
    old = small_set(tmp_path)
    write_png(tmp_path / "my own.png", face())
    with FacesetWriter(tmp_path, SIZE, 2.0) as writer:
        new = writer.add(face(), record(media_frame=9, track=1))
    assert [r.file for r in load_faceset(tmp_path).records] == [new.file, "my own.png"]
    assert not (tmp_path / old[0].file).exists()


def test_keeping_faces_of_another_size_is_refused(tmp_path):
    small_set(tmp_path)
    with pytest.raises(EngineError, match="32 px and coverage 2, not 64 px") as caught:
        FacesetWriter(tmp_path, 64, 2.0, keep=True)
    assert caught.value.code == ErrorCode.FACESET_UNREADABLE


@pytest.mark.parametrize("damage", ["json", "npz", "newer", "short", "missing"])
def test_damaged_records_are_a_sentence(tmp_path, damage):
    small_set(tmp_path)
    document = json.loads((tmp_path / FACESET_FILE).read_text(encoding="utf-8"))
    if damage == "json":
        (tmp_path / FACESET_FILE).write_text("{", encoding="utf-8")
    elif damage == "npz":
        (tmp_path / ARRAYS_FILE).write_bytes(b"PK broken")
    elif damage == "missing":
        (tmp_path / ARRAYS_FILE).unlink()
    else:
        document.update({"version": 99} if damage == "newer" else {"faces": document["faces"][:-1]})
        (tmp_path / FACESET_FILE).write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(EngineError) as caught:
        load_faceset(tmp_path)
    assert caught.value.code == ErrorCode.FACESET_UNREADABLE
    assert str(tmp_path) in caught.value.message


def test_arrays_hold_no_pickled_objects(tmp_path):
    small_set(tmp_path)
    np.savez(tmp_path / ARRAYS_FILE, landmarks=np.array([{"x": 1}], object))
    with pytest.raises(EngineError):
        load_faceset(tmp_path)


def test_a_missing_faceset_is_a_sentence(tmp_path):
    with pytest.raises(EngineError, match="nowhere"):
        load_faceset(tmp_path / "nowhere")


def test_an_empty_faceset_can_be_written_and_read(tmp_path):
    with FacesetWriter(tmp_path, SIZE, 2.0):
        pass
    assert load_faceset(tmp_path).records == ()


def sharp_and_soft(folder: Path) -> None:
    rows, columns = np.mgrid[0:SIZE, 0:SIZE]
    with FacesetWriter(folder, SIZE, 2.0) as writer:
        for frame, period in enumerate((16, 4, 8)):
            wave = 128 + 60 * np.sin(2 * np.pi * (rows + columns) / period)
            image = np.repeat(wave[..., None], 3, axis=2).astype(np.uint8)
            writer.add(image, record(media_frame=frame, track=1, scale=(0.5, 0.25, 1.0)[frame]))


def contents(folder: Path) -> dict[str, bytes]:
    """Everything in a faceset but what was measured, which is kept beside it."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != APPEARANCE_FILE}


@pytest.mark.parametrize(("by", "expected"), [("sharpness", [1, 2, 0]), ("size", [1, 0, 2]), ("frame", [0, 1, 2])])
def test_orders(tmp_path, by, expected):
    sharp_and_soft(tmp_path)
    before = contents(tmp_path)
    assert [ranked.record.media_frame for ranked in sort_faces(load_faceset(tmp_path), by)] == expected
    assert contents(tmp_path) == before


def test_similarity_puts_alike_faces_side_by_side(tmp_path):
    colors = [(200, 60, 60), (60, 60, 200), (205, 60, 60), (60, 60, 205), (60, 200, 60)]
    with FacesetWriter(tmp_path, SIZE, 2.0) as writer:
        for frame, color in enumerate(colors):
            noise = RANDOM.normal(0, 9, (SIZE, SIZE, 3))
            writer.add(np.clip(color + noise, 0, 255).astype(np.uint8), record(media_frame=frame, track=1))
    ranked = sort_faces(load_faceset(tmp_path), "similarity")
    order = [item.record.media_frame for item in ranked]
    assert sorted(order) == [0, 1, 2, 3, 4]
    assert abs(order.index(0) - order.index(2)) == 1
    assert abs(order.index(1) - order.index(3)) == 1
    assert ranked[0].value == 0
    assert all(0 <= item.value <= 1 for item in ranked)


def test_an_unreadable_face_is_named_and_left_out(tmp_path):
    written = small_set(tmp_path)
    (tmp_path / written[2].file).write_bytes(b"broken")
    messages = []
    ranked = sort_faces(load_faceset(tmp_path), "sharpness", CallbackReporter(messages.append))
    assert len(ranked) == 3
    assert any(isinstance(m, Log) and m.level == "warning" and written[2].file in m.text for m in messages)


def test_a_view_is_a_numbered_folder_and_the_faceset_stays(tmp_path):
    sharp_and_soft(tmp_path / "set")
    faceset = load_faceset(tmp_path / "set")
    before = contents(faceset.folder)
    write_view(tmp_path / "view", faceset, sort_faces(faceset, "sharpness"))
    assert sorted(path.name for path in (tmp_path / "view").iterdir()) == [
        "1_000001_t01.png",
        "2_000002_t01.png",
        "3_000000_t01.png",
    ]
    assert contents(faceset.folder) == before
    with pytest.raises(EngineError, match="isn't empty"):
        write_view(tmp_path / "view", faceset, [])


def test_records_come_back_from_their_files_equal_and_in_order():
    written = [
        record("ä.png" if number % 3 == 0 else "", number, number % 4, 0.1 * number + 0.1, score=number / 3, yaw=0)
        for number in range(700)
    ]
    spool = RecordSpool(replace(item, file=f"{number}.png") for number, item in enumerate(written))
    spool[5] = replace(spool[5], file="a much longer name than before.png", identity=np.ones(128, np.float32))
    assert len(spool) == len(list(spool)) == 700
    assert spool.place_of("699.png") == 699
    assert spool.place_of("a much longer name than before.png") == 5
    for number, (found, wanted) in enumerate(zip(spool, written, strict=True)):
        for name in ("picture", "media_frame", "track", "score", "yaw", "box"):
            assert getattr(found, name) == getattr(wanted, name)
        assert (found.landmarks == wanted.landmarks).all()
        assert (found.image_to_face == wanted.image_to_face).all()
        assert (found.identity is not None) == (number == 5)


def test_memory_does_not_grow_with_the_records(tmp_path, monkeypatch):
    def most_memory(count: int) -> int:
        tracemalloc.start()
        spool = RecordSpool(replace(known, file=f"{number:06d}_t01.png", media_frame=number) for number in range(count))
        write_records(tmp_path, SIZE, 2.0, spool, [])
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    monkeypatch.setattr(record_spool, "_BYTES_IN_MEMORY", 1 << 16)
    known = record(track=1)
    few, many = most_memory(300), most_memory(1200)
    assert len(read_records(tmp_path).records) == 1200
    # As objects, 900 more would take five times this.
    assert many - few < 300_000


def test_names_of_footage_and_others_are_taken_whatever_their_case():
    names = TakenNames(["000001_t01.PNG", "Müller.png", "0000001_t01.png"])
    names.add("123456_t07.png")
    for name in ("000001_t01.png", "müller.PNG", "0000001_t01.png", "123456_t07.png"):
        assert name in names
    for name in ("000001_t02.png", "000002_t01.png", "00000001_t01.png", "000001_t001.png", "000001_t01.jpg"):
        assert name not in names
    names.discard("000001_t01.png")
    assert "000001_t01.png" not in names
    assert "0000001_t01.png" in names
