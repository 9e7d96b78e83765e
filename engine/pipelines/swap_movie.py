# SPDX-License-Identifier: GPL-3.0-or-later
"""A movie of a swap: the written pictures over the plate, with the footage's own sound."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..comp.over import composite
from ..comp.record import picture_path
from ..contract.timing import Footage, FrameRange, ranges_of
from ..media.images import read_rgba
from ..media.reader import FootageReader
from ..media.writer import MovieWriter
from ..runtime.reporter import Reporter


class _StoppedError(Exception):
    """Leaves the writer's block by the way on which no unfinished movie appears."""


def write_swap_movie(
    footage: Footage,
    pictures: Path,
    movie: Path,
    reporter: Reporter,
    ranges: Sequence[FrameRange] = (),
    discard: bool = True,
) -> int:
    """Write the swapped pictures over their plate as a movie.

    Args:
        footage: The plate.
        pictures: Folder of a swap.
        movie: File to write.
        reporter: Is told how far it is; a stop leaves no movie behind.
        ranges: Media frames of the swap; empty means all.
        discard: Leave out frames outside of the ranges; else they pass as plate.

    Returns:
        Number of frames written; 0 when stopped.

    Raises:
        EngineError: `footage_unreadable`, `not_writable` or `disk_full`.
    """
    with FootageReader(footage) as reader:
        info = reader.info
        last = FrameRange(0, info.frame_count)
        swapped = {frame for item in (ranges or (last,)) for frame in item if frame in last}
        shown = ranges_of(swapped) if discard else (last,)
        total = sum(map(len, shown))
        reporter.stage("movie", "Writing the movie")
        first = shown[0].start if shown else 0
        # Sound can follow the pictures only where they are one unbroken range.
        audio = footage.path if len(shown) == 1 and footage.is_movie and _has_sound(footage.path) else None
        writer = MovieWriter(movie, info.width, info.height, info.rate, audio=audio, audio_start=first / info.rate)
        try:
            with writer:
                for done, (media_frame, plate) in enumerate(reader.frames(shown)):
                    if reporter.progress(done, total, "frames"):
                        raise _StoppedError
                    is_swapped = media_frame in swapped
                    writer.write(_over(plate, picture_path(pictures, media_frame)) if is_swapped else plate)
        except _StoppedError:
            return 0
        reporter.progress(total, total, "frames")
    reporter.artifact("movie", movie)
    return total


def _over(plate: np.ndarray, picture: Path) -> np.ndarray:
    """Return the plate with its picture over it; a frame whose picture isn't there stays plate."""
    return composite(plate, read_rgba(picture)) if picture.exists() else plate


def _has_sound(path: Path) -> bool:
    import av

    with av.open(str(path)) as container:
        return bool(container.streams.audio)
