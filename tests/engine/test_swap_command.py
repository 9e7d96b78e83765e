# SPDX-License-Identifier: GPL-3.0-or-later
"""`understudy swap`: options, ranges in words and in picture names, deleted faces, and the finished movie."""

import json

import numpy as np
import pytest
from comp_faces import FakeSwapper, painted_picture
from test_swap_pipeline import add_tracks, face_track
from understudy.engine.contract.errors import EngineError
from understudy.engine.contract.files import write_document
from understudy.engine.contract.messages import Done, is_last
from understudy.engine.contract.timing import Footage
from understudy.engine.media.images import write_png
from understudy.engine.media.reader import FootageReader
from understudy.engine.pipelines import swap as pipeline
from understudy.engine.runtime.reporter import CallbackReporter
from understudy.training_cli.commands import swap as command
from understudy.training_cli.main import build_parser


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Eight pictures, shot_0101.png to shot_0108.png, with a face in each, and a pretended model."""
    monkeypatch.setattr(pipeline, "open_model", lambda job, reporter: FakeSwapper(lambda faces: 1.0 - faces))
    folder = tmp_path / "pictures"
    for number in range(8):
        write_png(folder / f"shot_{number + 101:04d}.png", painted_picture(160, 120, number))
    footage = Footage(folder, tuple(f"shot_{number + 101:04d}.png" for number in range(8)))
    add_tracks(
        tmp_path / "pictures.understudy", footage, [face_track(1, range(8), (80.0, 60.0), 40)], 8, size=(160, 120)
    )
    return folder


def run(*options):
    messages = []
    arguments = build_parser("swap").parse_args(["swap", *map(str, options)])
    done = command.run(arguments, CallbackReporter(messages.append))
    assert [message for message in messages if is_last(message)] == [done] and isinstance(done, Done)
    return done


def swapped(folder, *options):
    output = folder.parent / "out"
    run(folder, "--model", folder.parent / "m", "--source", "B", "--output", output, "--no-mark-pictures", *options)
    document = json.loads((output / "swap.json").read_text())
    with np.load(output / "outlines.npz") as outlines:
        faces = outlines["media_frames"][outlines["present"].any(axis=1)].tolist() if len(outlines["tracks"]) else []
    return sorted(int(path.stem) for path in output.glob("*.png")), faces, document


def test_all_frames_by_default_and_the_project_beside_the_input(folder):
    pictures, faces, document = swapped(folder)
    assert pictures == faces == list(range(8))
    assert document["assignments"][0]["track"] == -1
    done = run(folder, "--model", folder.parent / "m", "--source", "B", "--target", "A", "--track", 1)
    assert done.result["output"].startswith(str(folder.parent / "pictures.understudy" / "swaps"))


def test_ranges_count_by_the_last_number_of_the_name_with_min_and_max(folder):
    assert swapped(folder, "--ranges", "103-104", "107-max")[0] == [2, 3, 6, 7]
    assert swapped(folder, "--ranges", "min-102")[0] == [0, 1]
    with pytest.raises(EngineError, match="8 frames; none of them is in the given ranges"):
        swapped(folder, "--ranges", "1-50")


def test_frames_outside_of_the_ranges_are_passed_on_request(folder):
    pictures, faces, _ = swapped(folder, "--ranges", "103-104", "--pass-frames")
    assert pictures == list(range(8)) and faces == [2, 3]


def test_frames_and_faces_can_be_skipped(folder):
    faceset = folder.parent / "faces"
    names = {number: f"shot_{number + 101:04d}.png" for number in range(8)}
    faces = [
        {"file": f"{number}.png", "picture": name, "media_frame": -1, "track": 1} for number, name in names.items()
    ]
    for number in (0, 1, 2, 4, 5, 6, 7):
        write_png(faceset / f"{number}.png", painted_picture(16, 16))
    write_document(faceset / "faceset.json", "understudy.faceset", 1, {"faces": faces})
    pictures, found, _ = swapped(folder, "--skip-frames", 5, "--faces", faceset)
    assert pictures == list(range(8)) and found == [0, 1, 2, 4, 6, 7]


def test_settings_reach_the_record(folder):
    options = ("--mask", "hull", "--feather", "0.2", "--blend", "poisson", "--opacity", "0.5", "--bit-depth", "16")
    settings = swapped(folder, "--ranges", "101", *options)[2]["settings"]
    assert (settings["mask"], settings["feather"], settings["blend"]) == ("hull", 0.2, "poisson")
    assert (settings["opacity"], settings["bit_depth"], settings["mark_pictures"]) == (0.5, 16, False)


def test_a_movie_is_written_over_the_plate(folder, tmp_path):
    movie = tmp_path / "film.mp4"
    swapped(folder, "--movie", movie, "--ranges", "102-105", "--color-transfer", "none")
    with FootageReader(Footage(movie)) as reader:
        assert reader.info.frame_count == 4
        _, image = next(reader.frames())
    plate = painted_picture(160, 120, 1).astype(float)
    assert np.abs(image[:10] - plate[:10]).mean() < 8
    assert np.abs(image[50:70, 70:90] - (255 - plate[50:70, 70:90])).mean() < 16


def test_faces_that_were_not_extracted_are_extracted_first(folder, monkeypatch):
    extracted = []

    def extract(job, reporter):
        extracted.append(job)
        add_tracks(job.project, job.footage, [face_track(1, range(3), (80.0, 60.0), 40)], 3, size=(160, 120))

    from understudy.engine.pipelines import extract as extract_pipeline

    monkeypatch.setattr(extract_pipeline, "extract", extract)
    other = folder.parent / "other"
    for number in range(3):
        write_png(other / f"{number}.png", painted_picture(160, 120, number + 50))
    pictures, faces, _ = swapped(other, "--detector", "dlib-hog", "--references", folder / "shot_0101.png")
    assert pictures == faces == [0, 1, 2]
    assert extracted[0].settings.detector == "dlib-hog" and len(extracted[0].references) == 1
    assert extracted[0].footage.pictures == ("0.png", "1.png", "2.png")


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(EngineError, match="no pictures"):
        run(tmp_path, "--model", tmp_path, "--source", "B")
