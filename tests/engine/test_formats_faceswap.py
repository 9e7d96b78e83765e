# SPDX-License-Identifier: GPL-3.0-or-later
"""faceswap's three formats: there and back within stated limits, and damaged or hostile ones as sentences."""

import json
import pickle
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from format_material import FRAME, by_place, landmarks, listener, make_faceset, peak_signal_to_noise, write_frames
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.faces.alignment import align_face
from understudy.engine.faces.geometry import fit_similarity, scale_of, transform_points
from understudy.engine.faceset.exporting import ExportPlan, export_faces
from understudy.engine.faceset.faceswap_alignments import read_faceswap_alignments
from understudy.engine.faceset.faceswap_json import read_faceswap_json
from understudy.engine.faceset.faceswap_pictures import read_faceswap_picture
from understudy.engine.faceset.importing import ImportPlan, import_faces
from understudy.engine.faceset.mean_face import faceswap_matrix
from understudy.engine.faceset.store import load_faceset
from understudy.engine.media.images import encode_png, read_image, write_png
from understudy.engine.runtime.reporter import Reporter

pytestmark = pytest.mark.engine


def face(points=None, **more) -> dict:
    """Return a face as faceswap 2.4 keeps it, in an .fsa file or a header."""
    points = landmarks() if points is None else points
    return {"x": 150, "y": 90, "w": 100, "h": 120, "landmarks_xy": points.tolist(), "mask": {}, "identity": {}, **more}


def fsa(path: Path, frames: dict, version=2.4, protocol=4) -> Path:
    content = {"__meta__": {"version": version}, "__data__": frames}
    path.write_bytes(zlib.compress(pickle.dumps(content, protocol)))
    return path


def header(points=None, source="名 1.png", **more) -> str:
    about = {"alignments_version": 2.4, "original_filename": "x_0.png", "face_index": 0, "source_filename": source}
    about |= {"source_is_video": False, "source_frame_dims": FRAME, **more}
    return str({"alignments": face(points), "source": about})


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunk(kind: bytes, body: bytes, side=64) -> bytes:
    data = encode_png(np.zeros((side, side, 3), np.uint8))
    return data[:33] + chunk(kind, body) + data[33:]


# --- the exported JSON


def test_json_there_and_back_keeps_landmarks_to_half_a_thousandth_and_boxes_to_half_a_pixel(tmp_path):
    ours = make_faceset(tmp_path / "set", tmp_path / "frames")
    target = tmp_path / "ö.json"
    export_faces(ExportPlan(tmp_path / "set", target, "faceswap-json"))
    plain = json.loads(target.read_text(encoding="utf-8"))
    assert list(plain) == ["名 1.png", "ö 2.png"]
    assert set(plain["ö 2.png"][0]) == {"detected", "landmarks_2d"}
    assert all(isinstance(value, int) for value in plain["ö 2.png"][0]["detected"])
    done = import_faces(ImportPlan(target, tmp_path / "frames", tmp_path / "back", 128, 2.0))
    assert (done.result["faces"], done.result["pictures"], done.result["missing"]) == (3, 2, [])
    back = load_faceset(tmp_path / "back")
    for before, after in zip(by_place(ours), by_place(back), strict=True):
        assert np.abs(before.landmarks - after.landmarks).max() <= 0.0006
        assert np.abs(np.subtract(before.box, after.box)).max() <= 0.5
        corners = np.array([[0.0, 0.0], [400.0, 300.0]])
        moved = transform_points(before.image_to_face, corners) - transform_points(after.image_to_face, corners)
        assert np.abs(moved).max() < 0.01
        assert peak_signal_to_noise(ours.image(before), back.image(after)) > 55


def test_json_without_boxes_gets_them_from_the_landmarks(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"1.png": [{"landmarks_2d": landmarks().tolist()}], "2.png": []}), encoding="utf-8")
    found = read_faceswap_json(path, Reporter())
    assert list(found.frames) == ["1.png", "2.png"]
    assert np.allclose(found.frames["1.png"][0].box[:2], landmarks().min(axis=0))


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "{broken",
        "[" * 100_000,
        json.dumps({"1.png": 5}),
        json.dumps({"1.png": [5]}),
        json.dumps({"1.png": [{"detected": [1, 2, 3, 4]}]}),
        json.dumps({"1.png": [{"landmarks_2d": [[1, 2]] * 67}]}),
        json.dumps({"1.png": [{"landmarks_2d": [[0, 0], [1, 0], [1, 1], [0, 1]]}]}),
        json.dumps({"1.png": [{"landmarks_2d": [[1, 2]] * 68}]}),
        json.dumps({"1.png": [{"landmarks_2d": [[1, float("nan")]] * 68}]}),
        json.dumps({"1.png": [{"landmarks_2d": [[1, "2"]] * 68}]}),
        json.dumps({"1.png": [{"landmarks_2d": [[10**400, 2]] * 68}]}),
        json.dumps({"1.png": [{"landmarks_2d": landmarks().tolist(), "detected": [1, 2, 3]}]}),
        json.dumps({"": []}),
    ],
)
def test_wrong_json_is_a_sentence_that_names_the_file(tmp_path, content):
    path = tmp_path / "wrong.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(EngineError, match=r"wrong\.json") as caught:
        read_faceswap_json(path, Reporter())
    assert caught.value.code == ErrorCode.ALIGNMENTS_UNREADABLE


# --- the alignments file


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("version", [2.1, 2.4])
def test_fsa_files_of_lists_and_of_arrays_are_read(tmp_path, version, protocol):
    entry = face()
    if version < 2.4:
        entry["landmarks_xy"] = landmarks().astype(np.float32)
        entry["thumb"] = np.zeros(500, np.uint8)
    frames = {"名 1.png": {"faces": [entry], "video_meta": {}}, "ö 2.png": {"faces": [], "video_meta": {}}}
    found = read_faceswap_alignments(fsa(tmp_path / "ä.fsa", frames, version, protocol), Reporter())
    assert list(found.frames) == ["名 1.png", "ö 2.png"]
    assert np.abs(found.frames["名 1.png"][0].landmarks - landmarks()).max() < 1e-4
    assert found.frames["名 1.png"][0].box == (150, 90, 250, 210)
    assert not found.lost


def test_fsa_files_of_before_version_2_are_read(tmp_path):
    old = {"1.png": [{"x": 1, "y": 2, "w": 3, "h": 4, "landmarksXY": [tuple(p) for p in landmarks().tolist()]}]}
    path = tmp_path / "old.fsa"
    path.write_bytes(zlib.compress(pickle.dumps(old)))
    assert read_faceswap_alignments(path, Reporter()).frames["1.png"][0].box == (1, 2, 4, 6)


def test_fsa_becomes_a_faceset_and_names_what_is_lost(tmp_path):
    write_frames(tmp_path, ["1.png", "2.png", "other.png"])
    lossy = face(mask={"extended": {"mask": b"x", "stored_size": 128}}, identity={"vggface2": [1.0, 2.0]})
    frames = {name: {"faces": [lossy], "video_meta": {}} for name in ("1.png", "2.png", "gone 名.png")}
    path = fsa(tmp_path / "alignments.fsa", frames)
    reporter, warnings = listener()
    done = import_faces(ImportPlan(path, None, tmp_path / "set", 128, 2.0), reporter)
    assert done.result["format"] == "faceswap's alignments file"
    assert (done.result["faces"], done.result["missing"]) == (2, ["gone 名.png"])
    said = " ".join(warnings)
    assert all(words in said for words in ("masks", "identity vectors", "gone 名.png", "other.png"))


def test_fsa_that_would_run_code_is_refused_and_nothing_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    class Trap:
        def __reduce__(self):
            return (Path.touch, (Path("sprung"),))

    path = fsa(tmp_path / "trap.fsa", {"1.png": {"faces": [Trap()]}})
    with pytest.raises(EngineError, match=r"trap\.fsa is refused") as caught:
        import_faces(ImportPlan(path, None, tmp_path / "set"))
    assert caught.value.code == ErrorCode.ALIGNMENTS_UNSAFE
    assert [item.name for item in tmp_path.iterdir()] == ["trap.fsa"]


@pytest.mark.parametrize(
    "content",
    [
        5,
        {"__meta__": {"version": 2.4}, "__data__": 5},
        {"__meta__": {"version": 9.0}, "__data__": {}},
        {"__data__": {"1.png": 5}},
        {"__data__": {"1.png": {"faces": [5]}}},
        {"__data__": {5: {"faces": []}}},
        {"__data__": {"1.png": {"faces": [face(landmarks()[:67])]}}},
        {"__data__": {"1.png": {"faces": [face(x=None)]}}},
        {"__data__": {"1.png": {"faces": [face(x=float("inf"))]}}},
        {"__data__": {"1.png": {"faces": [face(landmarks_xy=np.array([["a"]]).tolist())]}}},
    ],
)
def test_wrong_fsa_is_a_sentence(tmp_path, content):
    path = tmp_path / "wrong.fsa"
    path.write_bytes(zlib.compress(pickle.dumps(content)))
    with pytest.raises(EngineError, match=r"wrong\.fsa") as caught:
        read_faceswap_alignments(path, Reporter())
    assert caught.value.code == ErrorCode.ALIGNMENTS_UNREADABLE


# --- the face pictures


def test_faces_there_and_back_keep_landmarks_exactly_and_pixels_closely(tmp_path):
    ours = make_faceset(tmp_path / "set", tmp_path / "frames")
    done = export_faces(ExportPlan(tmp_path / "set", tmp_path / "faces", "faceswap-faces"))
    assert (done.result["faces"], done.result["pictures"]) == (3, 2)
    assert sorted(path.name for path in (tmp_path / "faces").iterdir()) == ["ö 2_0.png", "名 1_0.png", "名 1_1.png"]
    import_faces(ImportPlan(tmp_path / "faces", None, tmp_path / "back", 128, 2.0))
    back = load_faceset(tmp_path / "back")
    for before, after in zip(by_place(ours), by_place(back), strict=True):
        assert (before.landmarks == after.landmarks).all()
        assert np.abs(before.image_to_face - after.image_to_face).max() < 1e-9
        assert np.abs(np.subtract(before.box, after.box)).max() <= 1
        middle = slice(24, 104)
        assert peak_signal_to_noise(ours.image(before)[middle, middle], back.image(after)[middle, middle]) > 40


def test_faces_cut_from_the_frames_are_what_faceswap_would_cut(tmp_path):
    make_faceset(tmp_path / "set", tmp_path / "frames")
    plan = ExportPlan(tmp_path / "set", tmp_path / "faces", "faceswap-faces", frames=tmp_path / "frames", size=256)
    export_faces(plan)
    face = read_faceswap_picture(tmp_path / "faces" / "名 1_0.png")
    expected = align_face(read_image(tmp_path / "frames" / "名 1.png"), faceswap_matrix(face.landmarks, 256), 256)
    inside = read_image(tmp_path / "faces" / "名 1_0.png").any(axis=2)
    assert inside.mean() > 0.5
    assert (read_image(tmp_path / "faces" / "名 1_0.png")[inside] == expected[inside]).all()
    assert "'source_frame_dims': (300, 400)" in (tmp_path / "faces" / "名 1_0.png").read_bytes().decode("latin-1")


def test_faces_with_their_frames_are_cut_anew(tmp_path):
    ours = make_faceset(tmp_path / "set", tmp_path / "frames")
    export_faces(ExportPlan(tmp_path / "set", tmp_path / "faces", "faceswap-faces"))
    (tmp_path / "frames" / "ö 2.png").unlink()
    reporter, warnings = listener()
    done = import_faces(ImportPlan(tmp_path / "faces", tmp_path / "frames", tmp_path / "back", 128, 2.0), reporter)
    assert (done.result["faces"], done.result["missing"]) == (3, ["ö 2.png"])
    assert any("ö 2.png isn't in" in text for text in warnings)
    back = load_faceset(tmp_path / "back")
    for before, after in zip(by_place(ours), by_place(back), strict=True):
        if before.picture != "ö 2.png":
            assert (ours.image(before) == back.image(after)).all()


def test_the_unit_square_takes_three_eighths_of_a_head_and_five_of_a_legacy_face():
    points = landmarks()
    head, legacy = faceswap_matrix(points, 512), faceswap_matrix(points, 512, is_legacy=True)
    assert scale_of(legacy) / scale_of(head) == pytest.approx(320 / 192)
    nose = transform_points(legacy, points)[17:].mean(axis=0)
    assert np.abs(nose - 256).max() < 40
    # The skull's middle is behind and above the nose, so the face lies lower in a head.
    assert transform_points(head, points)[17:, 1].mean() > transform_points(legacy, points)[17:, 1].mean()


def test_the_matrix_follows_the_face(tmp_path):
    turned = faceswap_matrix(landmarks((220.0, 160.0), 45.0, 30.0), 256)
    upright = faceswap_matrix(landmarks(), 256)
    between = fit_similarity(landmarks(), landmarks((220.0, 160.0), 45.0, 30.0))
    corners = np.array([[100.0, 100.0], [300.0, 200.0]])
    moved = transform_points(turned, transform_points(between, corners))
    assert np.abs(moved - transform_points(upright, corners)).max() < 0.01


@pytest.mark.parametrize(
    ("kind", "wrap"),
    [
        (b"iTXt", lambda text: b"faceswap\0\0\0\0\0" + text),
        (b"iTXt", lambda text: b"faceswap\0\1\0de\0titel\0" + zlib.compress(text)),
        (b"tEXt", lambda text: b"faceswap\0" + text),
        (b"zTXt", lambda text: b"faceswap\0\0" + zlib.compress(text)),
    ],
)
def test_headers_of_every_kind_of_text_are_read(tmp_path, kind, wrap):
    path = tmp_path / "名.png"
    path.write_bytes(with_chunk(kind, wrap(header().encode())))
    found = read_faceswap_picture(path)
    assert found.frame == "名 1.png" and found.box == (150, 90, 250, 210)
    assert (found.landmarks == landmarks()).all()


def test_legacy_faces_are_told_by_their_version(tmp_path):
    for version, is_legacy in ((1.0, True), (2.1, False)):
        write_png(
            tmp_path / "a.png", np.zeros((64, 64, 3), np.uint8), text={"faceswap": header(alignments_version=version)}
        )
        found = read_faceswap_picture(tmp_path / "a.png")
        assert np.allclose(found.image_to_picture, faceswap_matrix(landmarks(), 64, is_legacy))


def test_paths_in_headers_are_cut_to_names(tmp_path):
    write_png(tmp_path / "a.png", np.zeros((64, 64, 3), np.uint8), text={"faceswap": header(source="..\\..\\x/1.png")})
    assert read_faceswap_picture(tmp_path / "a.png").frame == "1.png"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (b"iTXt", b"faceswap\0"),
        (b"iTXt", b"faceswap\0\0\0\0\0"),
        (b"iTXt", b"faceswap\0\1\0\0\0not packed"),
        (b"iTXt", b"faceswap\0\0\0\0\0__import__('os').system('touch sprung')"),
        (b"iTXt", b"faceswap\0\0\0\0\0{'a': open('sprung', 'w')}"),
        (b"iTXt", b"faceswap\0\0\0\0\0" + b"[" * 1_000_000),
        (b"iTXt", b"faceswap\0\0\0\0\0" + b"-" * 1_000_000 + b"1"),
        (b"iTXt", b"faceswap\0\0\0\0\0\xff\xfe"),
        (b"iTXt", b"faceswap\0\0\0\0\0[1, 2]"),
        (b"iTXt", b"faceswap\0\0\0\0\0" + str({"alignments": face(), "source": {}}).encode()),
        (b"iTXt", b"faceswap\0\0\0\0\0" + header(landmarks()[:67]).encode()),
        (b"iTXt", b"faceswap\0\0\0\0\0" + header().replace("150", "nan").encode()),
        (b"iTXt", b"faceswap\0\0\0\0\0" + header().encode() + b" " * (9 << 20)),
        (b"zTXt", b"faceswap\0\0" + zlib.compress(bytes(20 << 20), 9)),
        (b"tEXt", b"other\0text"),
    ],
)
def test_hostile_headers_are_a_sentence_and_nothing_runs(tmp_path, monkeypatch, kind, body):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "hostile 名.png"
    path.write_bytes(with_chunk(kind, body))
    with pytest.raises(EngineError, match="hostile 名.png") as caught:
        read_faceswap_picture(path)
    assert caught.value.code == ErrorCode.ALIGNMENTS_UNREADABLE
    assert not (tmp_path / "sprung").exists()


def test_damaged_chunks_are_a_sentence(tmp_path):
    good = with_chunk(b"iTXt", b"faceswap\0\0\0\0\0" + header().encode())
    path = tmp_path / "a.png"
    for data in (good[:60], good[:33] + b"\xff\xff\xff\xff" + good[37:], b"\x89PNG\r\n\x1a\n", b"", b"no picture"):
        path.write_bytes(data)
        with pytest.raises(EngineError, match=r"a\.png"):
            read_faceswap_picture(path)


def test_pictures_that_are_not_square_are_a_sentence(tmp_path):
    write_png(tmp_path / "a.png", np.zeros((64, 32, 3), np.uint8), text={"faceswap": header()})
    with pytest.raises(EngineError, match="square"):
        read_faceswap_picture(tmp_path / "a.png")


def test_a_bad_picture_among_good_ones_is_named_and_skipped(tmp_path):
    make_faceset(tmp_path / "set", tmp_path / "frames")
    export_faces(ExportPlan(tmp_path / "set", tmp_path / "faces", "faceswap-faces"))
    write_png(tmp_path / "faces" / "plain 名.png", np.zeros((64, 64, 3), np.uint8))
    reporter, warnings = listener()
    done = import_faces(ImportPlan(tmp_path / "faces", None, tmp_path / "back", 128, 1.5), reporter)
    assert done.result["faces"] == 3 and any("plain 名.png" in text for text in warnings)
