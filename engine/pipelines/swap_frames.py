# SPDX-License-Identifier: GPL-3.0-or-later
"""Which frames of the footage a swap reads, and reading them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence

from ..comp.color_match import reach_of
from ..comp.crop import Watch
from ..comp.stream import PlannedFace, ReadFrame
from ..contract.errors import EngineError, ErrorCode
from ..contract.jobs import SwapJob
from ..contract.timing import ranges_of
from ..faces.hand_paths import REACH
from ..media.images import read_image
from ..media.reader import FootageReader
from .swap_plan import SwapPlan


def with_neighbors(wanted: set[int], plan: SwapPlan) -> list[int]:
    """Return the wanted frames, those whose colors steady theirs, and those in which hands tell where theirs are."""
    reach = reach_of(plan.settings.color_steadiness) if plan.settings.color_transfer != "none" else 0
    swapped = {frame + step for frame in wanted for step in range(-reach, reach + 1)} & set(plan.faces)
    watched = {frame for frame in swapped if _is_watched(plan.faces[frame])}
    looked_at = {frame + step for frame in watched for step in range(-REACH, REACH + 1)}
    seen = {frame for faces in (plan.faces, plan.aside) for frame, found in faces.items() if _is_watched(found)}
    return sorted(swapped | (looked_at & seen))


def _is_watched(faces: Iterable[PlannedFace]) -> bool:
    return any(face.watch is not Watch.NOTHING for face in faces)


def read_frames(reader: FootageReader, frames: Sequence[int], deep: bool) -> Iterator[ReadFrame]:
    """Yield the frames; a picture that can't be read is passed on as such, and reading goes on behind it."""
    position = 0
    while position < len(frames):
        try:
            for media_frame, image in reader.frames(ranges_of(frames[position:]), deep=deep):
                position += 1
                yield ReadFrame(media_frame, image)
        except EngineError as error:
            if error.code != ErrorCode.PICTURE_UNREADABLE:
                raise
            yield ReadFrame(frames[position], None, error.message)
            position += 1


def picture_size(job: SwapJob, media_frame: int) -> tuple[int, int] | None:
    """Return width and height of a frame in a folder, where each picture may have its own; None for movies."""
    if job.footage.is_movie or media_frame >= len(job.footage.pictures):
        return None
    with contextlib.suppress(EngineError):
        image = read_image(job.footage.path / job.footage.pictures[media_frame], upright=False)
        return image.shape[1], image.shape[0]
    return None
