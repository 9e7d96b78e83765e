# SPDX-License-Identifier: GPL-3.0-or-later
"""Media frames are the pictures that Blender shows, for every kind of file, and trouble is told in sentences."""

import weakref
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from media_clips import coded_picture, damage_packet, number_of, write_clip
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.timing import Footage, FrameRange
from understudy.engine.media.images import write_png
from understudy.engine.media.movie import Movie
from understudy.engine.media.reader import FootageReader

pytestmark = pytest.mark.engine


def read(
    path: Path, *ranges: tuple[int, int], deep: bool = False, rate: Fraction | None = None
) -> dict[int, np.ndarray]:
    with FootageReader(Footage(path, rate=rate)) as reader:
        return dict(reader.frames([FrameRange(*item) for item in ranges], deep=deep))


def numbers(images: dict[int, np.ndarray]) -> list[int]:
    return [number_of(image) for image in images.values()]


@pytest.mark.parametrize(
    ("name", "rate", "codec", "options"),
    [
        ("b frames.mp4", Fraction(25), "libx264", {"g": "12", "bf": "3", "crf": "12"}),
        (
            "open gop.mkv",
            Fraction(30000, 1001),
            "libx264",
            {"x264-params": "open-gop=1:keyint=8:bframes=3", "crf": "12"},
        ),
        ("intra.mov", Fraction(24000, 1001), "prores_ks", {"profile": "1"}),
        ("stream.ts", Fraction(50), "libx264", {"g": "10", "bf": "2", "crf": "12"}),
        ("vp9.webm", Fraction(25), "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "b": "2M", "g": "10"}),
    ],
)
def test_every_frame_of_constant_rate_footage(tmp_path, name, rate, codec, options):
    pixel_format = "yuv422p10le" if codec == "prores_ks" else "yuv420p"
    path = write_clip(tmp_path / name, range(40), rate=rate, codec=codec, pixel_format=pixel_format, options=options)
    with FootageReader(Footage(path)) as reader:
        assert reader.info.frame_count == 40
        assert reader.info.rate == rate
        assert not reader.info.is_variable_rate
        found = dict(reader.frames())
    assert list(found) == list(range(40))
    assert numbers(found) == list(range(40))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_variable_rate_shows_the_last_picture_not_later_than_the_frame(tmp_path, suffix):
    stamps = [0, 1, 2, 5, 6, 9, 10, 11, 12, 13, 14, 20, 21]
    path = write_clip(tmp_path / f"vfr{suffix}", range(len(stamps)), stamps, options={"crf": "12", "bf": "0"})
    expected = [max(k for k, stamp in enumerate(stamps) if stamp <= frame) for frame in range(22)]
    found = read(path, (0, 22), rate=Fraction(25))
    assert numbers(found) == expected
    assert found[3] is found[2] is found[4]
    assert found[5] is not found[4]


def test_variable_rate_is_told(tmp_path):
    path = write_clip(tmp_path / "vfr.mp4", range(12), [0, 1, 2, 3, 4, 5, 15, 16, 17, 18, 19, 29])
    with FootageReader(Footage(path)) as reader:
        assert reader.info.is_variable_rate


def test_an_offset_start_and_an_edit_list_begin_at_the_first_shown_picture(tmp_path):
    late = write_clip(tmp_path / "late.ts", range(20), shift=37)
    assert numbers(read(late)) == list(range(20))
    cut = write_clip(tmp_path / "cut.mp4", range(40), shift=-13)
    with FootageReader(Footage(cut)) as reader:
        assert reader.info.frame_count in (27, 28)
        assert [number_of(image) for _frame, image in reader.frames([FrameRange(0, 27)])] == list(range(13, 40))


def test_avi_repeats_its_first_picture_as_blender_does(tmp_path):
    # FFmpeg gives AVI pictures their decoding times: with B-frames all come one frame late.
    path = write_clip(tmp_path / "old.avi", range(20), codec="mpeg4", options={"bf": "2", "qscale": "2"})
    with FootageReader(Footage(path)) as reader:
        count = reader.info.frame_count
        found = [number_of(image) for _frame, image in reader.frames()]
    assert count == 20
    assert found == [0, *range(19)]


def test_ranges_are_merged_ascending_and_each_frame_comes_once(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", range(120), options={"g": "15", "bf": "2", "crf": "14"})
    found = read(path, (100, 104), (7, 10), (9, 12), (55, 56))
    assert list(found) == [7, 8, 9, 10, 11, 55, 100, 101, 102, 103]
    assert numbers(found) == list(found)


def test_a_range_is_decoded_from_the_keyframe_before_it(tmp_path, monkeypatch):
    path = write_clip(tmp_path / "long.mp4", [k % 256 for k in range(400)], options={"g": "20", "bf": "2", "crf": "18"})
    decoded = 0
    packets = Movie.packets

    def counted(movie):
        nonlocal decoded
        for packet in packets(movie):
            decoded += packet.pts is not None
            yield packet

    monkeypatch.setattr(Movie, "packets", counted)
    found = read(path, (330, 334))
    assert numbers(found) == [k % 256 for k in range(330, 334)]
    # 10 pictures from the keyframe to the range, the range, and what the decoder's threads have taken ahead.
    assert decoded < 60


def test_any_frame_can_be_asked_for_in_any_order(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", range(90), options={"g": "30", "bf": "3", "crf": "14"})
    with FootageReader(Footage(path)) as reader:
        for frame in (80, 3, 31, 30, 29, 89, 0):
            assert [(f, number_of(image)) for f, image in reader.frames([FrameRange(frame, frame + 1)])] == [
                (frame, frame)
            ]


def test_the_last_picture_stands_to_the_end_without_being_decoded_again(tmp_path, monkeypatch):
    stamps = [*range(20), 99]
    path = write_clip(tmp_path / "freeze.mkv", range(21), stamps, options={"bf": "0", "crf": "12"})
    seeks = []
    seek = Movie.seek
    monkeypatch.setattr(Movie, "seek", lambda movie, tick: (seeks.append(tick), seek(movie, tick)))
    assert numbers(read(path, (0, 100), rate=Fraction(25))) == [*range(20), *[19] * 79, 20]
    assert len(seeks) == 1


def test_counting_in_the_middle_of_reading_disturbs_nothing(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", range(40))
    with FootageReader(Footage(path)) as reader:
        seen = []
        for _frame, image in reader.frames([FrameRange(0, 40)]):
            assert reader.info.frame_count == 40
            seen.append(number_of(image))
    assert seen == list(range(40))


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_display_rotation_is_applied(tmp_path, rotation):
    path = write_clip(tmp_path / "phone.mp4", [5], rotation=rotation)
    image = read(path)[0]
    upright = np.rot90(coded_picture(5), round(rotation / 90))
    assert image.shape == upright.shape
    assert np.abs(image.astype(int) - upright).mean() < 4
    with FootageReader(Footage(path)) as reader:
        assert (reader.info.height, reader.info.width) == image.shape[:2]


@pytest.mark.parametrize(
    ("pixel_format", "size", "codec", "depth"),
    [
        ("yuv444p", (95, 63), "libx264", 8),
        ("gray", (96, 64), "libx264", 8),
        ("yuv420p10le", (96, 64), "libx264", 10),
        ("yuv422p10le", (96, 64), "prores_ks", 10),
        ("yuva444p10le", (96, 64), "prores_ks", 12),
        ("rgba", (96, 64), "png", 8),
    ],
)
def test_pixel_formats(tmp_path, pixel_format, size, codec, depth):
    options = {"crf": "10"} if codec == "libx264" else {}
    path = write_clip(
        tmp_path / "clip.mov", [9, 10, 11], size=size, codec=codec, pixel_format=pixel_format, options=options
    )
    found = read(path)
    assert numbers(found) == [9, 10, 11]
    assert found[0].shape == (size[1], size[0], 3)
    assert found[0].dtype == np.uint8
    deep = read(path, deep=True)
    assert deep[0].dtype == np.uint16
    assert np.abs(deep[0] / 257 - found[0]).max() < 4
    with FootageReader(Footage(path)) as reader:
        assert reader.info.bit_depth == depth
        assert reader.info.has_alpha == pixel_format.endswith(("yuva444p10le", "rgba"))


@pytest.mark.parametrize(
    ("colorspace", "full_range"),
    [(1, False), (5, False), (1, True), (5, True)],
    ids=["709", "601", "709 full", "601 full"],
)
def test_tagged_matrix_and_range_give_back_the_color(tmp_path, colorspace, full_range):
    path = write_clip(tmp_path / "clip.mp4", [3], colorspace=colorspace, full_range=full_range, options={"crf": "6"})
    orange = read(path)[0][44:60, 12:36].reshape(-1, 3).mean(axis=0)
    assert np.abs(orange - (200, 120, 40)).max() < 4


def test_untagged_pictures_count_as_bt601_as_in_blender(tmp_path):
    # The clip is written with BT.601 numbers and no tag.
    path = write_clip(tmp_path / "clip.mp4", [3], size=(96, 64), options={"crf": "6"})
    orange = read(path)[0][44:60, 12:36].reshape(-1, 3).mean(axis=0)
    assert np.abs(orange - (200, 120, 40)).max() < 4


def test_a_single_picture(tmp_path):
    path = write_clip(tmp_path / "one.mp4", [77])
    assert numbers(read(path)) == [77]


def test_memory_stays_flat(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", range(100))
    alive: list[weakref.ref] = []
    with FootageReader(Footage(path)) as reader:
        for _frame, image in reader.frames():
            alive.append(weakref.ref(image))
            assert sum(reference() is not None for reference in alive) <= 3


def test_pictures_of_an_image_sequence(tmp_path):
    for number in (0, 1, 2):
        write_png(tmp_path / f"p{number}.png", coded_picture(number))
    footage = Footage(tmp_path, ("p0.png", "p1.png", "p1.png", "p2.png"), Fraction(30))
    with FootageReader(footage) as reader:
        assert (reader.info.frame_count, reader.info.rate) == (4, 30)
        assert (reader.info.bit_depth, reader.info.has_alpha, reader.info.codec) == (8, False, "png")
        found = dict(reader.frames())
    assert numbers(found) == [0, 1, 1, 2]
    assert found[1] is found[2]


def failure(path: Path, *ranges: tuple[int, int], pictures: tuple[str, ...] = ()) -> EngineError:
    with pytest.raises(EngineError) as caught, FootageReader(Footage(path, pictures)) as reader:
        list(reader.frames([FrameRange(*item) for item in ranges]))
    assert "Traceback" not in str(caught.value)
    return caught.value


def test_missing_footage_and_missing_drive(tmp_path):
    error = failure(tmp_path / "gone.mp4")
    assert error.code == ErrorCode.FOOTAGE_MISSING
    assert "gone.mp4" in error.message
    away = failure(tmp_path / "drive" / "gone.mp4")
    assert "isn't there either" in away.message


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "0 bytes"), (bytes(range(256)) * 40, "can't be read as a movie")],
    ids=["empty", "noise"],
)
def test_files_that_are_no_movie(tmp_path, content, words):
    path = tmp_path / "bad 名前.mp4"
    path.write_bytes(content)
    error = failure(path)
    assert error.code == ErrorCode.FOOTAGE_UNREADABLE
    assert "bad 名前.mp4" in error.message
    assert words in error.message


def test_a_folder_is_no_movie(tmp_path):
    assert "is a folder" in failure(tmp_path).message


def test_a_movie_cut_off_before_its_index(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", range(30))
    path.write_bytes(path.read_bytes()[:-600])
    assert failure(path).code == ErrorCode.FOOTAGE_UNREADABLE


@pytest.mark.parametrize(("name", "options"), [("cut.mkv", {}), ("cut.mp4", {"movflags": "faststart"})])
def test_a_movie_cut_off_in_the_middle_is_counted_and_read_to_its_real_end(tmp_path, name, options):
    path = write_clip(tmp_path / name, range(100), container_options=options)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    with FootageReader(Footage(path)) as reader:
        count = reader.info.frame_count
        assert 30 < count < 80
        sound = [number_of(image) for _frame, image in reader.frames([FrameRange(0, count - 4)])]
    assert sound == list(range(count - 4))


def test_sound_without_pictures(tmp_path):
    import av

    path = tmp_path / "song.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
    assert "holds no pictures" in failure(path).message


def test_a_damaged_picture_names_its_frame_and_the_others_stay_readable(tmp_path):
    whole = write_clip(tmp_path / "whole.mp4", range(60), options={"g": "10", "bf": "2", "crf": "12"})
    path = tmp_path / "damaged.mp4"
    frame = damage_packet(whole, path, 34)
    error = failure(path, (20, 50))
    assert error.code == ErrorCode.FOOTAGE_UNREADABLE
    assert f"damaged.mp4 is damaged at frame {frame}" in error.message
    assert numbers(read(path, (0, 30), (42, 60))) == [*range(30), *range(42, 60)]


def test_a_range_outside_of_the_footage_is_a_sentence(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", range(30))
    error = failure(path, (10, 12), (28, 40))
    assert error.code == ErrorCode.FRAME_MISSING
    assert "clip.mp4 has 30 frames (0 to 29); frame 30 was asked for" in error.message


def test_a_missing_picture_names_frame_and_file(tmp_path):
    write_png(tmp_path / "a.png", coded_picture(1))
    error = failure(tmp_path, pictures=("a.png", "b.png"))
    assert error.code == ErrorCode.PICTURE_UNREADABLE
    assert error.message.startswith("Frame 1: ")
    assert "b.png" in error.message


def test_the_clips_of_the_project(clips):
    with FootageReader(Footage(clips / "target_A.mp4")) as reader:
        assert (reader.info.width, reader.info.height, reader.info.rate) == (512, 512, 25)
        assert reader.info.frame_count == 72
        assert [frame for frame, _image in reader.frames([FrameRange(70, 72)])] == [70, 71]
