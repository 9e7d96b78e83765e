# SPDX-License-Identifier: GPL-3.0-or-later
"""Extraction of unrelated pictures, in the library and on the command line (seed rows S-21 to S-28, D-14, D-15)."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from extract_material import CLIPS, Recorder, frame, two_people
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.settings import ExtractSettings
from understudy.engine.faceset.ancestor import read_alignments
from understudy.engine.faceset.store import load_faceset
from understudy.engine.media.images import read_image, write_png
from understudy.engine.pipelines import extract_pictures as extract_pictures_module
from understudy.engine.pipelines.extract_pictures import PictureFaces, PictureSearch, extract_pictures
from understudy.engine.pipelines.face_search import FootageSearch
from understudy.training_cli.commands import extract as extract_command
from understudy.training_cli.main import build_parser

LAUNCH = Path(__file__).resolve().parents[2] / "training_cli" / "launch.py"


def _pictures(folder: Path) -> list[Path]:
    """Three pictures with four faces, named as the ancestor's skipping stumbled over."""
    images = {"take_0.png": frame("target_A", 10), "take_1.png": two_people(), "take.png": frame("train_A", 100)}
    for name, image in images.items():
        write_png(folder / name, image)
    return [folder / name for name in images]


def _search(pictures: list[Path], output: Path, **settings: object) -> PictureSearch:
    return PictureSearch(tuple(pictures), output, settings=ExtractSettings(**settings))


def _run(*arguments: object) -> tuple[int, dict]:
    """Run the command and return exit code and last message."""
    command = [sys.executable, "-I", "-X", "utf8", str(LAUNCH), "--json", "extract", *map(str, arguments)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8"
    ) as process:
        # Standard input stays open meanwhile: closing it would ask the run to stop.
        lines = process.stdout.read().splitlines()
    return process.returncode, json.loads(lines[-1])


def test_faces_of_a_folder_are_stored_under_their_pictures_names(tmp_path):
    done = extract_pictures(_search(_pictures(tmp_path), tmp_path / "faces"), Recorder())
    assert (done.result["pictures"], done.result["faces"], done.result["several"]) == (3, 4, 1)
    faceset = load_faceset(tmp_path / "faces")
    names = {(record.picture, record.file) for record in faceset.records}
    assert {("take_0.png", "take_0_0.png"), ("take_1.png", "take_1_0.png"), ("take_1.png", "take_1_1.png")} < names
    assert len({file for _, file in names}) == 4
    assert all(record.landmarks.dtype == np.float32 for record in faceset.records)


def test_d15_skip_existing_knows_pictures_whose_name_ends_in_a_number(tmp_path):
    pictures, output = _pictures(tmp_path), tmp_path / "faces"
    extract_pictures(_search(pictures[:2], output), Recorder())
    done = extract_pictures(_search(pictures, output, skip_existing=True), Recorder())
    assert (done.result["skipped"], done.result["pictures"], done.result["faces"]) == (2, 1, 1)
    assert len(load_faceset(output).records) == 4


def test_an_unreadable_picture_is_skipped_and_named(tmp_path):
    pictures = [*_pictures(tmp_path), tmp_path / "käputt.png"]
    pictures[-1].write_bytes(b"junk")
    reporter = Recorder()
    done = extract_pictures(_search(pictures, tmp_path / "faces"), reporter)
    assert done.result["unreadable"] == ["käputt.png"]
    assert done.result["faces"] == 4
    assert any("käputt.png" in text for text in reporter.warnings)
    with pytest.raises(EngineError) as caught:
        extract_pictures(_search(pictures[-1:], tmp_path / "other"), Recorder())
    assert caught.value.code is ErrorCode.PICTURE_UNREADABLE


def test_pictures_without_faces_fail_with_a_hint(tmp_path):
    write_png(tmp_path / "wall.png", np.full((200, 300, 3), 120, np.uint8))
    with pytest.raises(EngineError) as caught:
        extract_pictures(_search([tmp_path / "wall.png"], tmp_path / "faces"), Recorder())
    assert caught.value.code is ErrorCode.NO_FACES
    assert caught.value.hint


def test_the_filter_keeps_the_person_in_each_picture(tmp_path):
    write_png(tmp_path / "b.png", frame("train_B", 100))
    search = PictureSearch(tuple(_pictures(tmp_path)), tmp_path / "faces", references=(tmp_path / "b.png",))
    done = extract_pictures(search, Recorder())
    assert done.result["faces"] == 1
    assert len(done.result["rejected"]) == 3
    assert load_faceset(tmp_path / "faces").records[0].picture == "take_1.png"


def test_a_faceset_of_other_pictures_is_not_replaced(tmp_path):
    pictures = _pictures(tmp_path)
    extract_pictures(_search(pictures[:1], tmp_path / "faces"), Recorder())
    with pytest.raises(EngineError, match=r"take_0\.png"):
        extract_pictures(_search(pictures[1:], tmp_path / "faces"), Recorder())
    assert len(load_faceset(tmp_path / "faces").records) == 1


def test_d14_faces_are_counted_whatever_the_number_of_processes(tmp_path):
    _pictures(tmp_path / "in")
    alignments = tmp_path / "alignments.json"
    code, last = _run(
        tmp_path / "in", "--output", tmp_path / "faces", "--processes", 2, "--alignments", alignments,
        "--debug-landmarks",
    )  # fmt: skip
    assert code == 0, last
    assert last["type"] == "done"
    assert (last["result"]["pictures"], last["result"]["faces"], last["result"]["several"]) == (3, 4, 1)
    assert {name: len(faces) for name, faces in read_alignments(alignments).items()} == {
        "take.png": 1, "take_0.png": 1, "take_1.png": 2
    }  # fmt: skip
    for path in (tmp_path / "faces" / "landmarks").glob("*.png"):
        assert not np.array_equal(read_image(path), read_image(tmp_path / "faces" / path.name))
    assert len(list((tmp_path / "faces" / "landmarks").glob("*.png"))) == 4


def test_a_movie_goes_to_a_plain_folder_or_a_project(tmp_path):
    code, last = _run(CLIPS / "target_A.mp4", "--output", tmp_path / "faces", "--ranges", "10-13", "--face-size", 128)
    assert code == 0, last
    assert last["result"]["faces"] == 4
    assert load_faceset(tmp_path / "faces").records[0].size == 128
    assert (tmp_path / "faces" / "tracks" / "footage.json").is_file()
    assert not list(tmp_path.glob("*.understudy"))


def test_a_failure_is_one_sentence_and_exit_code_one(tmp_path):
    write_png(tmp_path / "in" / "wall.png", np.full((200, 300, 3), 120, np.uint8))
    code, last = _run(tmp_path / "in", "--output", tmp_path / "faces")
    assert code == 1
    assert (last["type"], last["code"]) == ("failed", "no_faces")
    assert str(tmp_path / "in") in last["message"]


def _command(*arguments: object) -> argparse.Namespace:
    return build_parser("extract").parse_args(["extract", *map(str, arguments)])


@pytest.mark.parametrize("failure", [EngineError(ErrorCode.DISK_FULL, "The disk is full."), RuntimeError("a defect")])
def test_s14_alignments_of_what_was_found_are_written_before_a_failure_is_told(tmp_path, monkeypatch, failure):
    _pictures(tmp_path / "in")
    search = extract_pictures_module.search_picture

    def failing(path, *others):
        if path.name == "take_1.png":
            raise failure
        return search(path, *others)

    monkeypatch.setattr(extract_pictures_module, "search_picture", failing)
    reporter, alignments = Recorder(), tmp_path / "alignments.json"
    command = _command(tmp_path / "in", "--output", tmp_path / "faces ä", "--alignments", alignments)
    with pytest.raises(type(failure), match=str(failure).rstrip(".")):
        extract_command.run(command, reporter)
    assert {name: len(faces) for name, faces in read_alignments(alignments).items()} == {"take.png": 1, "take_0.png": 1}
    assert reporter.warnings == [f"What was found until then is in {alignments}."]
    # A search that is refused leaves the file, although the folder holds faces: they are of other pictures.
    written = alignments.read_bytes()
    monkeypatch.undo()
    write_png(tmp_path / "other" / "wall.png", np.full((200, 300, 3), 120, np.uint8))
    with pytest.raises(EngineError, match=r"take\.png"):
        extract_command.run(
            _command(tmp_path / "other", "--output", tmp_path / "faces ä", "--alignments", alignments), reporter
        )
    assert alignments.read_bytes() == written and len(reporter.warnings) == 1


def test_s14_alignments_are_written_when_footage_fails_and_when_it_is_stopped(tmp_path, monkeypatch):
    look, alignments, reporter = FootageSearch.look, tmp_path / "alignments.yml", Recorder()

    def failing(search, media_frame, picture):
        if media_frame == 12:
            search.end_tracks()
            raise RuntimeError("a defect")
        look(search, media_frame, picture)

    def stopping(search, media_frame, picture):
        if media_frame == 11:
            reporter.stop.set()
        look(search, media_frame, picture)

    line = (CLIPS / "target_A.mp4", "--project", tmp_path / "p", "--ranges", "8-13", "--face-size", 128)
    monkeypatch.setattr(FootageSearch, "look", failing)
    with pytest.raises(RuntimeError):
        extract_command.run(_command(*line, "--alignments", alignments), reporter)
    # Pictures of footage are numbered from 1.
    assert set(read_alignments(alignments)) == {f"{number}.png" for number in range(9, 13)}
    assert reporter.warnings == [f"What was found until then is in {alignments}."]
    monkeypatch.setattr(FootageSearch, "look", stopping)
    done = extract_command.run(_command(*line, "--alignments", alignments), reporter)
    assert done.stopped and done.result["alignments"] == str(alignments)
    assert len(read_alignments(alignments)) == done.result["faces"] == 4


def test_s17_what_several_processes_say_is_said_once(tmp_path, monkeypatch):
    found = [PictureFaces(f"{number}.png", warnings=("HOG looked.",)) for number in range(3)]
    monkeypatch.setattr(extract_pictures_module, "_search_all", lambda *_: iter(found))
    reporter = Recorder()
    with pytest.raises(EngineError, match="No face"):
        extract_pictures(_search([tmp_path / "0.png"], tmp_path / "faces"), reporter)
    assert reporter.warnings == ["HOG looked."]


def test_s17_a_process_hands_on_what_its_models_say_with_its_next_answer(tmp_path, monkeypatch):
    monkeypatch.setattr(extract_pictures_module, "load_models", lambda _settings, warn: warn)

    def search(path, warn, _persons, _settings):
        if path.name == "1.png":
            warn("HOG looked.")
        return PictureFaces(path.name)

    monkeypatch.setattr(extract_pictures_module, "search_picture", search)
    monkeypatch.setattr(extract_pictures_module, "_worker", None)
    extract_pictures_module._open_worker(ExtractSettings(), None)
    said = [extract_pictures_module._search_in_worker(tmp_path / f"{number}.png").warnings for number in range(3)]
    assert said == [(), ("HOG looked.",), ()]
