# SPDX-License-Identifier: GPL-3.0-or-later
"""Still pictures, marks, keys and written movies come back as they went in."""

import os
import struct
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import av
import cv2
import numpy as np
import pytest
from media_clips import coded_picture, number_of, write_clip
from PIL import Image
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.swap_folder import DIGITAL_SOURCE_TYPE
from understudy.engine.contract.timing import Footage, FrameRange
from understudy.engine.media.color import eight_bit, sixteen_bit
from understudy.engine.media.fingerprint import footage_key
from understudy.engine.media.images import (
    list_pictures,
    picture_kind,
    read_image,
    read_png_xmp,
    read_rgba,
    write_png,
)
from understudy.engine.media.marks import composite_xmp
from understudy.engine.media.reader import FootageReader
from understudy.engine.media.writer import MovieWriter
from understudy.training_cli.inputs import picture_names

pytestmark = pytest.mark.engine


def random_image(channels: int = 3, dtype: type = np.uint8) -> np.ndarray:
    top = np.iinfo(dtype).max
    return np.random.default_rng(7).integers(0, top, (48, 64, channels), dtype=dtype, endpoint=True)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff", ".bmp", ".webp", ".jpg", ".jpeg"])
def test_reads_every_kind_of_picture(tmp_path, suffix):
    image = cv2.GaussianBlur(random_image(), (0, 0), 4)
    path = tmp_path / f"bild ü 名{suffix}"
    Image.fromarray(image).save(path, **({"quality": 98} if suffix.startswith(".jp") else {}), lossless=True)
    difference = np.abs(read_image(path).astype(int) - image)
    assert difference.max() <= (12 if suffix.startswith(".jp") else 0)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_are_kept_when_asked_for(tmp_path, suffix):
    image = random_image(dtype=np.uint16)
    path = tmp_path / f"deep{suffix}"
    path.write_bytes(cv2.imencode(suffix, image[..., ::-1])[1].tobytes())
    assert (read_image(path, deep=True) == image).all()
    assert (read_image(path) == eight_bit(image)).all()
    assert picture_kind(path).bit_depth == 16


def test_depth_conversions_are_inverse_and_rounded():
    every = np.arange(256, dtype=np.uint8)
    assert (eight_bit(sixteen_bit(every)) == every).all()
    deep = np.arange(65536, dtype=np.uint32)
    expected = np.rint(deep / 257).astype(np.uint8)
    assert (eight_bit(deep.astype(np.uint16)) == expected).all()


def test_the_cameras_orientation_note_is_obeyed_for_faces_and_not_for_footage(tmp_path):
    image = cv2.GaussianBlur(random_image(), (0, 0), 4)
    note = Image.Exif()
    note[0x0112] = 6
    Image.fromarray(image).save(tmp_path / "a.jpg", quality=98, exif=note)
    upright = np.rot90(image, -1)
    assert np.abs(read_image(tmp_path / "a.jpg").astype(int) - upright).max() <= 12
    with FootageReader(Footage(tmp_path, ("a.jpg",))) as reader:
        assert (reader.info.width, reader.info.height) == (64, 48)


def test_gray_and_alpha_become_rgb(tmp_path):
    Image.fromarray(random_image()[..., 0]).save(tmp_path / "gray.png")
    gray = read_image(tmp_path / "gray.png")
    assert gray.shape == (48, 64, 3)
    assert (gray[..., 0] == gray[..., 2]).all()
    image = random_image(4)
    write_png(tmp_path / "alpha.png", image)
    assert (read_image(tmp_path / "alpha.png") == image[..., :3]).all()
    assert (read_rgba(tmp_path / "alpha.png") == image).all()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".bmp", ".webp"])
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_an_unreadable_picture_is_a_sentence(tmp_path, suffix, share):
    path = tmp_path / f"kaputt{suffix}"
    Image.fromarray(random_image()).save(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(EngineError, match="kaputt") as caught:
        read_image(path)
    assert caught.value.code == ErrorCode.PICTURE_UNREADABLE


def write_exr(path: Path) -> None:
    """Write a picture of one line of four pixels, uncompressed half floats, as OpenEXR's file layout says."""

    def attribute(name: str, kind: str, value: bytes) -> bytes:
        return name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(value)) + value

    channels = b"".join(name + b"\0" + struct.pack("<iB3xii", 1, 0, 1, 1) for name in (b"B", b"G", b"R")) + b"\0"
    box = struct.pack("<4i", 0, 0, 3, 0)
    head = b"".join([
        struct.pack("<ii", 20000630, 2), attribute("channels", "chlist", channels),
        attribute("compression", "compression", b"\0"), attribute("dataWindow", "box2i", box),
        attribute("displayWindow", "box2i", box), attribute("lineOrder", "lineOrder", b"\0"),
        attribute("pixelAspectRatio", "float", struct.pack("<f", 1.0)),
        attribute("screenWindowCenter", "v2f", struct.pack("<2f", 0.0, 0.0)),
        attribute("screenWindowWidth", "float", struct.pack("<f", 1.0)), b"\0",
    ])  # fmt: skip
    line = np.full(12, 0.5, "<f2").tobytes()
    path.write_bytes(head + struct.pack("<q", len(head) + 8) + struct.pack("<ii", 0, len(line)) + line)


def refused(call, code: ErrorCode) -> EngineError:
    with pytest.raises(EngineError) as caught:
        call()
    assert caught.value.code == code and "OpenEXR" in caught.value.message
    assert "damaged" not in caught.value.message and "16-bit PNG" in caught.value.hint
    return caught.value


def test_linear_light_is_refused_by_name_instead_of_called_damaged(tmp_path):
    path = tmp_path / "render_0001.exr"
    write_exr(path)
    with av.open(str(path)) as container:
        (frame,) = container.decode(video=0)
        assert frame.format.name.startswith("gbrp") and frame.width == 4, "FFmpeg takes it for a movie"
    assert "render_0001.exr" in refused(lambda: read_image(path), ErrorCode.PICTURE_UNREADABLE).message
    refused(lambda: FootageReader(Footage(path)), ErrorCode.FOOTAGE_UNREADABLE)
    error = refused(lambda: list(FootageReader(Footage(tmp_path, (path.name,))).frames()), ErrorCode.PICTURE_UNREADABLE)
    assert "Frame 0" in error.message
    refused(lambda: picture_names(tmp_path), ErrorCode.FOOTAGE_UNREADABLE)
    renamed = path.rename(tmp_path / "render.png")
    refused(lambda: read_image(renamed), ErrorCode.PICTURE_UNREADABLE)
    # The first bytes count, not the name.
    Image.fromarray(random_image()).save(tmp_path / "picture.png")
    misnamed = (tmp_path / "picture.png").rename(tmp_path / "misnamed.exr")
    assert (read_image(misnamed) == random_image()).all()


def test_a_kind_of_picture_that_is_not_read_is_not_just_called_damaged(tmp_path):
    path = tmp_path / "scan.dpx"
    path.write_bytes(b"SDPX" + bytes(2048))
    with pytest.raises(EngineError, match=r"\.dpx\) that Understudy doesn't read") as caught:
        read_image(path)
    assert "Convert" in caught.value.hint


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [3, 4])
def test_png_keeps_pixels_and_notes(tmp_path, dtype, channels):
    image = random_image(channels, dtype)
    xmp = composite_xmp("Understudy 1", {"Model": "a <b> & c", "Source": "名前"})
    path = tmp_path / "out.png"
    write_png(path, image, xmp=xmp, text={"Comment": "für später"})
    with Image.open(path) as opened:
        opened.load()
        assert opened.info["Comment"] == "für später"
    back = (read_rgba if channels == 4 else read_image)(path, deep=dtype == np.uint16)
    assert back.dtype == dtype
    assert (back == image).all()
    assert read_png_xmp(path) == xmp


def test_the_mark_names_the_digital_source_type(tmp_path):
    packet = composite_xmp("Understudy 1", {"Model": "a <b> & c"}).decode("utf-8")
    tree = ElementTree.fromstring(packet[packet.index("<x:xmpmeta") : packet.index("<?xpacket end")])
    found = {element.tag.rpartition("}")[2]: element.text for element in tree.iter()}
    assert found["DigitalSourceType"] == DIGITAL_SOURCE_TYPE
    assert DIGITAL_SOURCE_TYPE.endswith("/compositeWithTrainedAlgorithmicMedia")
    assert found["Model"] == "a <b> & c"
    write_png(tmp_path / "plain.png", random_image())
    assert read_png_xmp(tmp_path / "plain.png") is None


def test_writing_where_nothing_can_be_written_is_a_sentence(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(EngineError, match="out.png"):
        write_png(tmp_path / "file" / "out.png", random_image())


def test_d12_folders_are_listed_in_natural_order(tmp_path):
    names = ["f10.png", "f2.png", "F1.PNG", "f02b.jpg", "notes.txt", ".hidden.png", "ä 3.webp"]
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "folder.png").mkdir()
    assert [path.name for path in list_pictures(tmp_path)] == ["F1.PNG", "f2.png", "f02b.jpg", "f10.png", "ä 3.webp"]
    with pytest.raises(EngineError, match="nowhere"):
        list_pictures(tmp_path / "nowhere")


def test_a_footage_key_follows_the_content_not_the_place(tmp_path):
    first = write_clip(tmp_path / "shot A (1).mp4", range(5))
    key = footage_key(Footage(first))
    assert key.startswith("shot-A-1-")
    assert len(key.rpartition("-")[2]) == 12
    moved = tmp_path / "elsewhere" / first.name
    moved.parent.mkdir()
    moved.write_bytes(first.read_bytes())
    os.utime(moved, (1, 1))
    assert footage_key(Footage(moved, rate=Fraction(50))) == key
    other = write_clip(tmp_path / "elsewhere" / "b.mp4", range(1, 6))
    assert footage_key(Footage(other)).rpartition("-")[2] != key.rpartition("-")[2]


def test_a_large_files_key_reads_samples_of_both_ends(tmp_path):
    path = tmp_path / "large.mov"
    size = 40 << 20
    keys = []
    for place in (None, 0, size // 2, size - 1):
        with path.open("wb") as file:
            file.truncate(size)
            if place is not None:
                file.seek(place)
                file.write(b"\1")
        keys.append(footage_key(Footage(path)))
    assert keys[0] != keys[1]
    assert keys[0] != keys[3]


def test_an_image_sequences_key_counts_names_and_order(tmp_path):
    for name in ("1.png", "2.png"):
        write_png(tmp_path / name, coded_picture(int(name[0])))
    forward = footage_key(Footage(tmp_path, ("1.png", "2.png")))
    assert forward == footage_key(Footage(tmp_path, ("1.png", "2.png")))
    assert forward != footage_key(Footage(tmp_path, ("2.png", "1.png")))
    with pytest.raises(EngineError) as caught:
        footage_key(Footage(tmp_path, ("1.png", "3.png")))
    assert caught.value.code == ErrorCode.FOOTAGE_MISSING


@pytest.mark.parametrize("size", [(96, 64), (95, 63)])
def test_a_written_movie_reads_back(tmp_path, size):
    path = tmp_path / "mit Ton ä.mp4"
    with MovieWriter(path, *size, Fraction(30000, 1001)) as writer:
        for number in range(12):
            writer.write(coded_picture(number, *size))
    with FootageReader(Footage(path)) as reader:
        assert (reader.info.width, reader.info.height, reader.info.rate) == (*size, Fraction(30000, 1001))
        found = dict(reader.frames())
    assert [number_of(image) for image in found.values()] == list(range(12))
    assert np.abs(found[3].astype(int) - coded_picture(3, *size)).mean() < 4


def sound_file(path: Path, seconds: int) -> Path:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        for start in range(0, seconds * 16000, 1024):
            tone = np.sin(np.arange(start, start + 1024) * 0.17)[None].astype(np.float32)
            frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            frame.rate, frame.pts = 16000, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_sound_is_copied_for_the_length_of_the_pictures(tmp_path):
    import av

    sound = sound_file(tmp_path / "ton.m4a", 6)
    path = tmp_path / "film.mp4"
    with MovieWriter(path, 96, 64, Fraction(25), preset="ultrafast", audio=sound, audio_start=Fraction(2)) as writer:
        for _ in range(50):
            writer.write(coded_picture(1))
    with av.open(str(sound)) as source, av.open(str(path)) as container:
        packets = [bytes(p) for p in container.demux(container.streams.audio[0]) if p.size]
        originals = [bytes(p) for p in source.demux(source.streams.audio[0]) if p.size]
    assert 30 <= len(packets) <= 33  # 2 s of 64 ms packets
    begin = originals.index(packets[0])
    assert abs(begin - 32) <= 1
    assert originals[begin : begin + len(packets)] == packets


def test_an_unfinished_movie_leaves_nothing_behind(tmp_path):
    path = tmp_path / "film.mp4"
    with pytest.raises(KeyError), MovieWriter(path, 96, 64, Fraction(25)) as writer:
        writer.write(coded_picture(1))
        raise KeyError("stopped")
    assert list(tmp_path.iterdir()) == []


def test_a_movie_that_cannot_be_written_is_a_sentence(tmp_path):
    with pytest.raises(EngineError) as caught, MovieWriter(tmp_path / "film.xyz", 96, 64, Fraction(25)):
        raise AssertionError("an unknown container was opened")
    assert "film.xyz" in caught.value.message
    with (
        pytest.raises(EngineError, match="it has no sound"),
        MovieWriter(tmp_path / "a.mp4", 96, 64, Fraction(25), audio=write_clip(tmp_path / "mute.mp4", range(3))),
    ):
        raise AssertionError("a mute movie was taken for sound")


def test_a_full_disk_is_a_sentence(tmp_path, monkeypatch):
    import errno

    def full(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(EngineError) as caught:
        write_png(tmp_path / "out.png", random_image())
    assert caught.value.code == ErrorCode.DISK_FULL
    assert not list(tmp_path.iterdir())


def test_frames_of_a_sequence_with_gaps_read_ranges_only(tmp_path):
    for number in range(4):
        write_png(tmp_path / f"{number}.png", coded_picture(number))
    (tmp_path / "3.png").write_bytes(b"broken")
    footage = Footage(tmp_path, tuple(f"{number}.png" for number in range(4)))
    with FootageReader(footage) as reader:
        assert [number_of(image) for _frame, image in reader.frames([FrameRange(1, 3)])] == [1, 2]
