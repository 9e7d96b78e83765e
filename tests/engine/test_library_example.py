# SPDX-License-Identifier: GPL-3.0-or-later
"""The ten lines of docs/how-to/python-library.md do what the page says, far down in folders and without a network."""

import os
import re
import socket
import urllib.request
from pathlib import Path

import pytest
from network_guard import network_attempts  # noqa: F401 - a fixture
from understudy.engine.contract.timing import Footage, FrameRange
from understudy.engine.media.images import read_rgba
from understudy.engine.media.reader import FootageReader
from understudy.engine.media.writer import MovieWriter

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "python-library.md"
LENGTH = 24


def shorten(source: Path, target: Path) -> None:
    with FootageReader(Footage(source)) as reader, MovieWriter(target, 512, 512, reader.info.rate) as writer:
        for _frame, image in reader.frames([FrameRange(0, LENGTH)]):
            writer.write(image)


def test_the_pages_example_swaps_a_clip(clips, tmp_path, monkeypatch, capsys, network_attempts):  # noqa: F811
    place = tmp_path
    # Windows takes longer paths only where it was told to.
    while os.name != "nt" and len(str(place)) < 300:
        place /= "Ordner mit längerem Namen als gewöhnlich 名前"
    place.mkdir(parents=True, exist_ok=True)
    shorten(clips / "target_A.mp4", place / "anna.mp4")
    shorten(clips / "train_B.mp4", place / "ben.mp4")
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)[1]
    # As the page has it, but with clips and a training that fit into a test.
    short = code.replace("maximum_minutes=20", "maximum_steps=2").replace("FrameRange(0, 50)", "FrameRange(0, 4)")
    # As a script would have it that doesn't run in the project's own folder.
    for name in ('"film.understudy', 'f"{name}.mp4', '"anna.mp4', '"swapped'):
        assert f"Path({name}" in short
        short = short.replace(f"Path({name}", f"Path(place, {name}")
    assert short.count("maximum_steps=2") == short.count("FrameRange(0, 4)") == 1
    monkeypatch.chdir(tmp_path)
    exec(compile(short, str(PAGE), "exec"), {"place": place})
    assert len(capsys.readouterr().out.strip().splitlines()) == 1
    pictures = sorted((place / "swapped").glob("*.png"))
    assert [path.name for path in pictures] == [f"{frame:06d}.png" for frame in range(4)]
    alpha = read_rgba(pictures[0])[:, :, 3]
    assert alpha[250, 250] == 255 and alpha[5, 5] == 0
    assert not network_attempts


def test_the_guard_of_the_example_notes_whoever_asks_the_network(network_attempts):  # noqa: F811
    with pytest.raises(OSError, match="no network"):
        urllib.request.urlopen("http://192.0.2.1/")
    with socket.socket() as asking, pytest.raises(OSError, match="no network"):
        asking.connect(("192.0.2.1", 80))
    assert len(network_attempts) == 2
