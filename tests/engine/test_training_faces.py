# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading faces for a training: odd folders and pictures give sentences that name them, and the rest is trained on."""

import cv2
import numpy as np
import pytest
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.files import write_bytes
from understudy.engine.contract.jobs import FacesetPart, TrainingPerformer
from understudy.engine.runtime.reporter import CallbackReporter
from understudy.engine.training.augmentation import View
from understudy.engine.training.dataset import read_faces

VIEW = View(32, 1.7)


@pytest.fixture
def folder(tmp_path):
    for i in range(10):
        write_picture(tmp_path / "Gesichter é 名" / f"{i}.png", (64, 64))
    return tmp_path / "Gesichter é 名"


def write_picture(path, shape, depth=np.uint8, channels=3):
    _ok, data = cv2.imencode(path.suffix, np.full((*shape, channels), 90, depth))
    write_bytes(path, data.tobytes())


def read(*parts):
    """Return the faces, or the error, and the warnings but the one about few faces."""
    told = []
    reporter = CallbackReporter(told.append)
    try:
        found = read_faces(TrainingPerformer("bert", parts), VIEW, 1.5, reporter)
    except EngineError as error:
        found = error
    texts = [message.text for message in told if getattr(message, "level", "") == "warning"]
    return found, [text for text in texts if "likeness will be weak" not in text]


def test_an_empty_folder_and_lost_tracks_are_named(folder, tmp_path):
    (tmp_path / "leer").mkdir()
    for part, words in (
        (FacesetPart(tmp_path / "leer"), str(tmp_path / "leer")),
        (FacesetPart(folder, (7, 3)), f"track 3, 7 of {folder}, which has track -1"),
    ):
        error, said = read(part)
        assert error.code is ErrorCode.TOO_FEW_FACES and "The performer bert has no usable faces;" in error.message
        assert said == [f"No faces of bert are in {words}."]
    error, _ = read(FacesetPart(folder, files=("3.png",)))
    assert "The performer bert has 1 usable face;" in error.message
    found, said = read(FacesetPart(folder), FacesetPart(tmp_path / "leer"))
    assert len(found.learned) == 10 and len(said) == 1


def test_pictures_that_are_no_aligned_faces_are_left_out_and_named_once(folder):
    for name, shape in (("wide.png", (64, 128)), ("tall.jpg", (128, 64)), ("dot.png", (2, 2))):
        write_picture(folder / name, shape)
    (folder / "torn.png").write_bytes((folder / "0.png").read_bytes()[:40])
    found, (torn, others) = read(FacesetPart(folder))
    assert len(found.learned) == 10 and "torn.png" in torn
    assert others.startswith(f"Left out 3 pictures of bert in {folder}, such as ") and "Extract the faces" in others


def test_every_kind_of_square_picture_is_a_face(folder):
    write_picture(folder / "gray.png", (48, 48), channels=1)
    write_picture(folder / "clear.png", (48, 48), channels=4)
    write_picture(folder / "deep.png", (48, 48), np.uint16)
    write_picture(folder / "photo.JPEG", (200, 200))
    write_picture(folder / "rounded.png", (101, 100))
    found, said = read(FacesetPart(folder))
    assert len(found.learned) == 15 and said == []
    assert len({picture.shape for picture in found.learned}) == 1, "larger ones are kept no finer than the network sees"
