# SPDX-License-Identifier: GPL-3.0-or-later
"""`people`: who is who in plain words and as JSON, and what it refuses."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from launching import messages, run
from understudy.engine.contract.people import People, load_people
from understudy.engine.contract.project import Project
from understudy.engine.contract.settings import ExtractSettings
from understudy.engine.contract.timing import Footage, FrameRange
from understudy.engine.faces.tracks import FaceTrack, TrackSet, save_tracks


def face_track(track: int, place: float, other: float = 0.0) -> FaceTrack:
    count = 20
    identity = np.zeros(128, np.float32)
    identity[:3] = place, other, 1
    figures = ("scores", "yaw", "pitch", "roll", "sharpness", "exposure", "occlusion")
    return FaceTrack(
        id=track,
        frames=np.arange(count, dtype=np.int32),
        landmarks=np.zeros((count, 68, 2), np.float32),
        raw_landmarks=np.zeros((count, 68, 2), np.float32),
        boxes=np.zeros((count, 4), np.float32),
        bridged=np.zeros(count, bool),
        identity=identity,
        size=np.full(count, 100, np.float32),
        **{name: np.zeros(count, np.float32) for name in figures},
    )


@pytest.fixture
def project(tmp_path) -> Path:
    """Three footages: Anna; Anna and a stranger; somebody who looks like Anna."""
    project = Project(tmp_path / "Schöner Film.understudy")
    for key, tracks in {
        "clip-ä-1": [face_track(1, 0)],
        "duo-2": [face_track(1, 0.2), face_track(2, 3)],
        "solo-3": [face_track(4, 0.1, 0.54)],
    }.items():
        found = TrackSet(
            Footage(Path(f"{key}.mov")),
            key,
            64,
            64,
            Fraction(25),
            20,
            (FrameRange(0, 20),),
            ExtractSettings(),
            tuple(tracks),
        )
        save_tracks(project.footage(key), found)
    return project.root


def test_who_is_who_in_plain_words(project):
    ended = run("people", "--project", project, "--assign", "Anna=clip-ä-1:1")
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[0] == "3 people in 4 face tracks; suggested: 1 sure, 1 perhaps; 1 pair looks alike."
    assert lines[1] == "Tracks up to 0.50 apart are the same person, up to 0.60 perhaps."
    assert "Person 1 (anna), spread 0.20:" in lines
    assert any(line.startswith("  clip-ä-1:1  0.20 from the others, 0.55 from person") for line in lines)
    assert any("look alike (0.55), perhaps the same?" in line for line in lines)
    assert "anna: sure 0.20  duo-2:1" in lines and "anna: perhaps 0.55  solo-3:4" in lines


def test_the_same_in_json(project):
    ended = run("people", "--project", project, "--assign", "anna=clip-ä-1:1", "--json")
    done = messages(ended.stdout)[-1]
    assert People.from_json(done.result["who"]) == load_people(project / "people.json")
    assert (done.result["people"], done.result["sure"], done.result["perhaps"]) == (3, 1, 1)


def test_threshold_exclusion_and_footage(project):
    assign = ("--assign", "anna=clip-ä-1:1")
    sure = run("people", "--project", project, *assign, "--threshold", 0.56).stdout
    assert "anna: sure 0.55  solo-3:4" in sure and "Tracks up to 0.56 apart" in sure
    excluded = run("people", "--project", project, *assign, "--exclude", "anna=duo-2:1,2").stdout
    assert "duo-2:1" in excluded and "anna: sure" not in excluded
    only = run("people", "--project", project, "--footage", "duo-2").stdout
    assert "2 people in 2 face tracks." in only and "clip" not in only


def test_a_face_between_two_performers_and_one_seen_beside_another(project):
    ended = run(
        "people", "--project", project, "--assign", "anna=clip-ä-1:1", "--assign", "ben=solo-3:4", "--threshold", 0.7
    )
    assert "duo-2:1 could be anna (0.20) or ben (0.55)" not in ended.stdout
    assert "duo-2:1 isn't suggested for ben: it is nearer to anna" in ended.stdout
    wide = ("--threshold", 0.7, "--look-alike-margin", 0.5)
    ended = run("people", "--project", project, "--assign", "anna=clip-ä-1:1", "--assign", "ben=solo-3:4", *wide)
    assert "duo-2:1 could be anna (0.20) or ben (0.55); say who it is" in ended.stdout
    ended = run("people", "--project", project, "--assign", "ben=duo-2:2", "--threshold", 2, "--look-alike-margin", 1)
    assert "duo-2:1 isn't suggested for ben: it is seen beside duo-2:2" in ended.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("--assign", "anna"),
        ("--assign", "anna=clip"),
        ("--assign", "anna=clip:one"),
        ("--assign", "?=clip:1"),
        ("--reference", "anna="),
        ("--threshold", "near"),
        ("--threshold", "9"),
    ],
)
def test_wrong_usage_ends_with_2(project, arguments):
    ended = run("people", "--project", project, *arguments)
    assert ended.returncode == 2 and "--help" in ended.stderr and not ended.stdout


def test_what_cannot_be_done_is_said(project, tmp_path):
    missing = run("people", "--project", tmp_path / "nowhere")
    assert missing.returncode == 1 and "There are no face tracks in" in missing.stderr
    assert not (tmp_path / "nowhere").exists()
    twice = run("people", "--project", project, "--assign", "anna=duo-2:1", "--assign", "ben=duo-2:1")
    assert twice.returncode == 1 and "duo-2:1 is assigned to anna and to ben" in twice.stderr
    picture = run("people", "--project", project, "--reference", f"anna={tmp_path / 'no picture.png'}")
    assert picture.returncode == 1 and "no picture.png" in picture.stderr and "Traceback" not in picture.stderr
