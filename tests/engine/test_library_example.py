# SPDX-License-Identifier: GPL-3.0-or-later
"""The ten lines of docs/how-to/python-library.md do what the page says."""

import re
from pathlib import Path

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


def test_the_pages_example_swaps_a_clip(clips, tmp_path, monkeypatch, capsys):
    shorten(clips / "target_A.mp4", tmp_path / "anna.mp4")
    shorten(clips / "train_B.mp4", tmp_path / "ben.mp4")
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)[1]
    # As the page has it, but with clips and a training that fit into a test.
    short = code.replace("maximum_minutes=20", "maximum_steps=2").replace("FrameRange(0, 50)", "FrameRange(0, 4)")
    assert short.count("maximum_steps=2") == short.count("FrameRange(0, 4)") == 1
    monkeypatch.chdir(tmp_path)
    exec(compile(short, str(PAGE), "exec"), {})
    assert len(capsys.readouterr().out.strip().splitlines()) == 1
    pictures = sorted((tmp_path / "swapped").glob("*.png"))
    assert [path.name for path in pictures] == [f"{frame:06d}.png" for frame in range(4)]
    alpha = read_rgba(pictures[0])[:, :, 3]
    assert alpha[250, 250] == 255 and alpha[5, 5] == 0
