# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user takes out of a faceset stays out, also when the footage is searched anew, and can be brought back."""

import json
from pathlib import Path

import numpy as np
import pytest
from extract_material import CLIPS, Recorder, job
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.project import FACESET_FILE, REMOVALS_FILE
from understudy.engine.contract.timing import Footage
from understudy.engine.faceset.record import FaceRecord
from understudy.engine.faceset.removals import load_removals
from understudy.engine.faceset.removing import remove_faces, restore_faces
from understudy.engine.faceset.store import FacesetWriter, load_faceset
from understudy.engine.media.images import write_png
from understudy.engine.pipelines.extract import extract

pytestmark = pytest.mark.engine

SIZE = 32
RANDOM = np.random.default_rng(7)


def face():
    return RANDOM.integers(0, 255, (SIZE, SIZE, 3), dtype=np.uint8)


def record(media_frame=-1, track=-1, left=10.0, picture=""):
    return FaceRecord(
        "", picture, media_frame, track, box=(left, 10.0, left + 40, 60.0),
        landmarks=RANDOM.random((68, 2)).astype(np.float32), image_to_face=np.eye(3)[:2],
    )  # fmt: skip


def write(folder: Path, records, keep=False):
    with FacesetWriter(folder, SIZE, 2.0, keep) as writer:
        return [writer.add(face(), item).file for item in records]


def files(folder: Path):
    return [item.file for item in load_faceset(folder).records]


def contents(folder: Path):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != REMOVALS_FILE}


def test_a_removed_face_is_neither_listed_nor_touched_and_comes_back(tmp_path):
    folder = tmp_path / "Gesichter ä 名"
    names = write(folder, [record(frame, 1) for frame in range(4)])
    before = contents(folder)
    entry = remove_faces(folder, [names[2], names[0]], "eyes shut")
    assert files(folder) == [names[1], names[3]]
    assert [item.file for item in load_faceset(folder).removed] == [names[0], names[2]]
    assert (entry.number, entry.action, entry.reason) == (1, "remove", "eyes shut")
    assert contents(folder) == before
    restore_faces(folder)
    assert files(folder) == names and contents(folder) == before
    assert [item.action for item in load_removals(folder).history] == ["remove", "restore"]


def test_removals_are_undone_one_by_one_by_number_and_by_file(tmp_path):
    names = write(tmp_path, [record(frame, 1) for frame in range(5)])
    for name in names[:3]:
        remove_faces(tmp_path, [name])
    restore_faces(tmp_path)
    assert files(tmp_path) == names[2:]
    restore_faces(tmp_path, number=1)
    assert files(tmp_path) == [names[0], *names[2:]]
    restore_faces(tmp_path, [names[1]])
    assert files(tmp_path) == names
    with pytest.raises(EngineError, match="There is no removal in .* that can be undone"):
        restore_faces(tmp_path)
    with pytest.raises(EngineError, match="no removal 1 in .* that can be undone"):
        restore_faces(tmp_path, number=1)


def test_plain_pictures_can_be_removed_too(tmp_path):
    for name in ("a.png", "b.png"):
        write_png(tmp_path / name, face())
    remove_faces(tmp_path, ["a.png"])
    assert files(tmp_path) == ["b.png"]
    write(tmp_path, [record(0, 1)])
    assert files(tmp_path) == ["000000_t01.png", "b.png"]


@pytest.mark.parametrize("names", [["nobody.png"], []])
def test_a_face_that_is_not_there_is_named(tmp_path, names):
    write(tmp_path, [record(0, 1)])
    with pytest.raises(EngineError, match="nobody.png|No face") as caught:
        remove_faces(tmp_path, names)
    assert caught.value.code == ErrorCode.FACESET_UNREADABLE and caught.value.hint
    assert not (tmp_path / REMOVALS_FILE).exists()


@pytest.mark.parametrize("text", ["{", '{"schema": "understudy.removals", "version": 1, "history": [{}]}',
                                  '{"schema": "understudy.removals", "version": 9}'])  # fmt: skip
def test_a_damaged_history_is_a_sentence(tmp_path, text):
    write(tmp_path, [record(0, 1)])
    (tmp_path / REMOVALS_FILE).write_text(text, encoding="utf-8")
    with pytest.raises(EngineError, match=r"removals\.json"):
        load_faceset(tmp_path)


def test_faces_taken_out_stay_out_when_they_are_found_at_another_place_under_another_id(tmp_path):
    names = write(tmp_path, [record(frame, 1) for frame in range(4)] + [record(2, 2, left=200)])
    remove_faces(tmp_path, [names[0]])
    (tmp_path / names[2]).unlink()
    with FacesetWriter(tmp_path, SIZE, 2.0) as writer:
        for frame in range(4):
            writer.add(face(), record(frame, 7, left=13))
        writer.add(face(), record(2, 8, left=203))
        writer.rename_tracks({7: 1, 8: 3})
    assert files(tmp_path) == ["000001_t01.png", "000003_t01.png", "000002_t03.png"]
    # The one deleted by hand is not even written; the removed one can be brought back.
    assert not (tmp_path / "000002_t01.png").exists()
    restore_faces(tmp_path)
    assert "000000_t01.png" in files(tmp_path)


def test_they_stay_out_through_an_extraction_that_did_not_find_them(tmp_path):
    names = write(tmp_path, [record(frame, 1) for frame in range(3)])
    remove_faces(tmp_path, [names[0]])
    (tmp_path / names[1]).unlink()
    # A stranger at another place gets the names of the lost faces, not their removal.
    write(tmp_path, [record(0, 1, left=300), record(1, 1, left=300)])
    assert files(tmp_path) == ["000000_t01.png", "000001_t01.png"]
    write(tmp_path, [record(frame, 1) for frame in range(3)])
    assert files(tmp_path) == ["000002_t01.png"]


def test_a_picture_that_came_back_from_the_trash_is_wanted(tmp_path):
    names = write(tmp_path, [record(frame, 1) for frame in range(2)])
    picture = (tmp_path / names[0]).read_bytes()
    (tmp_path / names[0]).unlink()
    write(tmp_path, [record(frame, 1) for frame in range(2)])
    assert files(tmp_path) == [names[1]]
    (tmp_path / names[0]).write_bytes(picture)
    write(tmp_path, [record(frame, 1) for frame in range(2)])
    assert files(tmp_path) == names


def test_deleting_all_pictures_is_a_fresh_start(tmp_path):
    for name in write(tmp_path, [record(frame, 1) for frame in range(2)]):
        (tmp_path / name).unlink()
    assert len(write(tmp_path, [record(frame, 1) for frame in range(2)])) == len(files(tmp_path)) == 2


def test_an_extraction_that_was_killed_deleted_nothing_by_hand(tmp_path):
    names = write(tmp_path, [record(frame, 1) for frame in range(3)])
    (tmp_path / names[2]).unlink()
    writer = FacesetWriter(tmp_path, SIZE, 2.0)
    writer.add(face(), record(0, 1))
    del writer  # No save: as after a power failure.
    assert json.loads((tmp_path / FACESET_FILE).read_text(encoding="utf-8"))["replacing"]
    write(tmp_path, [record(frame, 1) for frame in range(3)])
    assert files(tmp_path) == names[:2]


def test_pictures_added_to_a_faceset_keep_its_removals(tmp_path):
    names = write(tmp_path, [record(picture="a.png"), record(picture="b.png")])
    remove_faces(tmp_path, [names[0]])
    write(tmp_path, [record(picture="c.png")], keep=True)
    assert files(tmp_path) == [names[1], "c_0.png"]


def test_what_is_removed_while_an_extraction_runs_is_not_forgotten(tmp_path):
    names = write(tmp_path, [record(frame, 1) for frame in range(3)])
    remove_faces(tmp_path, [names[0]])
    with FacesetWriter(tmp_path, SIZE, 2.0, keep=True) as writer:
        writer.add(face(), record(3, 1))
        remove_faces(tmp_path, [names[1]])
    assert files(tmp_path) == [names[2], "000003_t01.png"]
    assert len(load_removals(tmp_path).history) == 2


def test_changed_settings_do_not_bring_faces_back(tmp_path):
    footage = Footage(CLIPS / "train_A.mp4")
    first = extract(job(tmp_path, footage, [(0, 12)]), Recorder()).result
    folder = Path(first["faceset_folder"])
    names = files(folder)
    remove_faces(folder, [names[3]], "blurred")
    (folder / names[5]).unlink()
    extract(job(tmp_path, footage, [(0, 12)], smoothing=2.0, coverage=1.8), Recorder())
    assert files(folder) == [name for name in names if name not in (names[3], names[5])]
    assert {item.coverage for item in load_faceset(folder).records} == {1.8}
    restore_faces(folder)
    assert files(folder) == [name for name in names if name != names[5]]
