# SPDX-License-Identifier: GPL-3.0-or-later
"""Files appear whole or not at all, and failures name the file and the next step."""

import errno
import os

import pytest
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.files import read_document, write_document, write_text, written_whole


def test_a_broken_write_keeps_the_old_file_and_leaves_no_other(tmp_path):
    path = tmp_path / "größe.json"
    write_text(path, "old")
    with pytest.raises(ZeroDivisionError), written_whole(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, ErrorCode.DISK_FULL),
        (errno.EROFS, ErrorCode.NOT_WRITABLE),
        (errno.EACCES, ErrorCode.NOT_WRITABLE),
    ],
)
def test_what_the_system_refuses_becomes_a_sentence(number, code, tmp_path, monkeypatch):
    def refuse(*_paths):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(EngineError) as caught:
        write_text(tmp_path / "a.json", "x")
    assert caught.value.code == code
    assert "a.json" in caught.value.message and caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError, match="is a file and no folder") as caught:
        write_text(tmp_path / "file" / "a.json", "x")
    assert caught.value.code == ErrorCode.NOT_WRITABLE


def test_a_file_that_is_a_folder_is_refused(tmp_path):
    (tmp_path / "a.json").mkdir()
    with pytest.raises(EngineError, match="a.json could not be written") as caught:
        write_text(tmp_path / "a.json", "x")
    assert caught.value.code == ErrorCode.NOT_WRITABLE and caught.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_documents_carry_schema_and_version_and_older_ones_are_read(tmp_path):
    path = tmp_path / "a.json"
    write_document(path, "understudy.test", 1, {"name": "Ünal"})
    assert read_document(path, "understudy.test", 3, ErrorCode.INTERNAL, "Hint.")["name"] == "Ünal"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": "other", "version": 1}', '{"schema": "understudy.test"}'])
def test_damaged_or_other_documents_are_refused_by_name(text, tmp_path):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(EngineError) as caught:
        read_document(path, "understudy.test", 1, ErrorCode.MODEL_UNREADABLE, "Make it again.")
    assert caught.value.code == ErrorCode.MODEL_UNREADABLE
    assert "a.json" in caught.value.message and caught.value.hint == "Make it again."


def test_a_newer_document_says_so(tmp_path):
    write_document(tmp_path / "a.json", "understudy.test", 9, {})
    with pytest.raises(EngineError, match="newer version"):
        read_document(tmp_path / "a.json", "understudy.test", 8, ErrorCode.INTERNAL, "Hint.")
