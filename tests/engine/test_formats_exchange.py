# SPDX-License-Identifier: GPL-3.0-or-later
"""Import and export as a whole: formats told by content, frames from movies, names that collide, wrong paths, stops."""

import json
import pickle
import zlib

import numpy as np
import pytest
from format_material import FRAME, by_place, landmarks, listener, make_faceset, write_frames
from media_clips import number_of, write_clip
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.face_formats import EXPORT_FORMATS, IMPORT_FORMATS
from understudy.engine.faces.alignment import face_matrix
from understudy.engine.faceset.exporting import ExportPlan, export_faces
from understudy.engine.faceset.formats import FORMATS, import_format
from understudy.engine.faceset.importing import ImportPlan, import_faces
from understudy.engine.faceset.record import FaceRecord
from understudy.engine.faceset.store import FacesetWriter, load_faceset
from understudy.engine.media.images import read_image, write_png
from understudy.engine.runtime.reporter import Reporter
from understudy.training_cli.main import main

pytestmark = pytest.mark.engine

# In a clip of 96 x 64 pixels whose left upper half shows the frame's number.
SMALL = landmarks((48.0, 32.0), 24.0)


def movie_faceset(folder, frames):
    """Write a faceset of gray faces so large that a head cut from the frame shows the whole of it."""
    points = landmarks((48.0, 32.0), 60.0)
    with FacesetWriter(folder, 64, 2.0) as writer:
        for media_frame in frames:
            matrix = face_matrix(points, 64, 2.0)
            known = points.astype(np.float32)
            record = FaceRecord("", media_frame=media_frame, track=1, landmarks=known, image_to_face=matrix)
            writer.add(np.full((64, 64, 3), 99, np.uint8), record)


def test_the_names_for_command_lines_are_those_of_the_table():
    assert tuple(FORMATS) == IMPORT_FORMATS
    written = tuple(name for name, item in FORMATS.items() if item.write_file or item.write_folder)
    assert written == EXPORT_FORMATS


@pytest.mark.parametrize("name", EXPORT_FORMATS)
def test_every_written_format_is_recognized_by_content_and_brings_every_face_back(tmp_path, name):
    ours = make_faceset(tmp_path / "set", tmp_path / "frames")
    # Names that say nothing, or the wrong thing.
    target = tmp_path / ("folder.json" if FORMATS[name].has_pictures else "alignments.dat")
    export_faces(ExportPlan(tmp_path / "set", target, name))
    assert import_format("auto", target) is FORMATS[name]
    done = import_faces(ImportPlan(target, tmp_path / "frames", tmp_path / "back", 128, 2.0))
    assert (done.result["format"], done.result["faces"]) == (FORMATS[name].title, 3)
    for before, after in zip(by_place(ours), by_place(load_faceset(tmp_path / "back")), strict=True):
        assert np.abs(before.landmarks - after.landmarks).max() <= 0.0006
        assert after.sharpness > 0 and 0 < after.exposure < 1


def test_an_fsa_file_is_recognized_by_content(tmp_path):
    path = tmp_path / "noname"
    path.write_bytes(zlib.compress(pickle.dumps({"__data__": {}})))
    assert import_format("auto", path) is FORMATS["faceswap-fsa"]


def test_a_bare_pickle_is_refused_whatever_its_name(tmp_path):
    path = tmp_path / "alignments.json"
    path.write_bytes(pickle.dumps({"1.png": [{"landmarksXY": landmarks().tolist()}]}))
    with pytest.raises(EngineError) as caught:
        import_faces(ImportPlan(path, None, tmp_path / "set"))
    assert caught.value.code == ErrorCode.ALIGNMENTS_UNSAFE


def test_wrong_paths_and_names_are_sentences(tmp_path):
    make_faceset(tmp_path / "set", tmp_path / "frames")
    cases = [
        (ImportPlan(tmp_path / "gone 名", None, tmp_path / "x"), "gone 名", ErrorCode.ALIGNMENTS_UNREADABLE),
        (
            ImportPlan(tmp_path / "frames", None, tmp_path / "x"),
            "none of its pictures",
            ErrorCode.ALIGNMENTS_UNREADABLE,
        ),
        (
            ImportPlan(tmp_path / "set", None, tmp_path / "x", format="faceswap-json"),
            "is a folder",
            ErrorCode.SETTINGS_INVALID,
        ),
        (
            ImportPlan(tmp_path / "set", None, tmp_path / "x", format="other"),
            "no known format",
            ErrorCode.SETTINGS_INVALID,
        ),
        (
            ImportPlan(tmp_path / "frames" / "ö 2.png", None, tmp_path / "x", format="deepfacelab"),
            "is a file",
            ErrorCode.SETTINGS_INVALID,
        ),
    ]
    for plan, words, code in cases:
        with pytest.raises(EngineError, match=words) as caught:
            import_faces(plan)
        assert caught.value.code == code
    with pytest.raises(EngineError, match="no format that is written"):
        export_faces(ExportPlan(tmp_path / "set", tmp_path / "x", "faceswap-fsa"))
    with pytest.raises(EngineError, match="isn't an empty folder"):
        export_faces(ExportPlan(tmp_path / "set", tmp_path / "frames", "faceswap-faces"))


def test_a_folder_is_never_imported_into_itself(tmp_path):
    make_faceset(tmp_path / "set", tmp_path / "frames")
    export_faces(ExportPlan(tmp_path / "set", tmp_path / "faces", "deepfacelab"))
    before = sorted(tmp_path.joinpath("faces").iterdir())
    with pytest.raises(EngineError, match="would be mixed"):
        import_faces(ImportPlan(tmp_path / "faces", None, tmp_path / "set" / ".." / "faces"))
    assert sorted(tmp_path.joinpath("faces").iterdir()) == before


def test_a_packed_faceset_is_named(tmp_path):
    (tmp_path / "faceset.pak").write_bytes(b"packed")
    with pytest.raises(EngineError, match=r"faceset\.pak.*unpack it with DeepFaceLab"):
        import_faces(ImportPlan(tmp_path, None, tmp_path / "set"))


def test_plain_pictures_can_not_be_placed_and_are_counted(tmp_path):
    write_png(tmp_path / "plain" / "a.png", np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(EngineError, match="have no landmarks"):
        export_faces(ExportPlan(tmp_path / "plain", tmp_path / "out", "deepfacelab"))
    make_faceset(tmp_path / "set", tmp_path / "frames")
    write_png(tmp_path / "set" / "plain 名.png", np.zeros((64, 64, 3), np.uint8))
    reporter, warnings = listener()
    done = export_faces(ExportPlan(tmp_path / "set", tmp_path / "out.json", "faceswap-json"), reporter)
    assert (done.result["faces"], done.result["left_out"]) == (3, 1)
    assert any("1 plain pictures" in text for text in warnings)


@pytest.mark.parametrize("name", ["faceswap-faces", "deepfacelab"])
def test_frames_that_differ_in_suffix_or_case_only_keep_all_their_faces(tmp_path, name):
    write_frames(tmp_path / "frames", ["a.png"])
    matrix = face_matrix(landmarks(), 64, 2.0)
    with FacesetWriter(tmp_path / "set", 64, 2.0) as writer:
        for picture in ("a.png", "a.jpg", "A.bmp", "x" * 240 + ".png"):
            record = FaceRecord("", picture, landmarks=landmarks().astype(np.float32), image_to_face=matrix)
            writer.add(np.zeros((64, 64, 3), np.uint8), record)
    export_faces(ExportPlan(tmp_path / "set", tmp_path / "out", name))
    done = import_faces(ImportPlan(tmp_path / "out", None, tmp_path / "back", 64, 1.5))
    assert done.result["faces"] == 4
    pictures = {record.picture for record in load_faceset(tmp_path / "back").records}
    assert pictures == {"a.png", "a.jpg", "A.bmp", "x" * 240 + ".png"}


@pytest.mark.parametrize(("pattern", "first"), [("clip_%06d.mp4", 1), ("%d.png", 0), ("%d.png", 1)])
def test_a_movie_gives_the_frames_by_their_numbers(tmp_path, pattern, first):
    write_clip(tmp_path / "clip.mp4", range(12))
    names = [pattern % (number + first) for number in (0, 4, 11)] + [pattern % (40 + first)]
    content = {name: [{"detected": [30, 15, 66, 50], "landmarks_2d": SMALL.tolist()}] for name in names}
    (tmp_path / "a.json").write_text(json.dumps(content), encoding="utf-8")
    done = import_faces(ImportPlan(tmp_path / "a.json", tmp_path / "clip.mp4", tmp_path / "set", 64, 2.0))
    assert done.result["missing"] == names[3:]
    records = load_faceset(tmp_path / "set").records
    assert [(record.media_frame, record.picture) for record in records] == [(0, ""), (4, ""), (11, "")]


@pytest.mark.parametrize("first", [0, 1])
def test_face_pictures_of_a_movie_are_cut_from_its_frames(tmp_path, first):
    write_clip(tmp_path / "clip.mp4", range(12))
    movie_faceset(tmp_path / "set", (3, 5, 70))
    plan = ExportPlan(
        tmp_path / "set", tmp_path / "out", "faceswap-faces", "f_%d.png", first, tmp_path / "clip.mp4", 320
    )
    reporter, warnings = listener()
    done = export_faces(plan, reporter)
    assert done.result["faces"] == 3
    assert any(f"f_{70 + first}.png isn't in" in text for text in warnings)
    for media_frame in (3, 5):
        picture = read_image(tmp_path / "out" / f"f_{media_frame + first}_0.png")
        rows, columns = np.nonzero(picture.max(axis=2) > 8)
        shown = picture[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert shown.shape[1] / shown.shape[0] == pytest.approx(96 / 64, rel=0.05)
        assert number_of(shown) == media_frame


def test_stopping_keeps_what_is_finished(tmp_path):
    make_faceset(tmp_path / "set", tmp_path / "frames")
    export_faces(ExportPlan(tmp_path / "set", tmp_path / "a.json", "faceswap-json"))

    class Stopping(Reporter):
        def stage(self, name, title):
            if name == "cut":
                self.stop.set()

    done = import_faces(ImportPlan(tmp_path / "a.json", tmp_path / "frames", tmp_path / "back", 64), Stopping())
    assert done.stopped and 0 < done.result["faces"] < 3
    assert len(load_faceset(tmp_path / "back").records) == done.result["faces"]


def test_the_command_line_goes_there_and_back(tmp_path, capsys):
    make_faceset(tmp_path / "set", tmp_path / "frames ö")
    for name in EXPORT_FORMATS:
        target, back = str(tmp_path / f"{name} out"), str(tmp_path / f"{name} back")
        assert main(["faceset", "export", str(tmp_path / "set"), target, "--format", name]) == 0
        arguments = ["--pictures", str(tmp_path / "frames ö"), "--output", back, "--face-size", "128"]
        assert main(["faceset", "import", target, *arguments]) == 0
        assert len(load_faceset(tmp_path / f"{name} back").records) == 3
    assert main(["faceset", "import", str(tmp_path / "gone"), "--output", str(tmp_path / "x")]) == 1
    assert "Traceback" not in capsys.readouterr().err


def test_the_frame_of_the_material_is_as_large_as_it_says(tmp_path):
    assert write_frames(tmp_path, ["1.png"])["1.png"].shape == (*FRAME, 3)
