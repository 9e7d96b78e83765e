# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture a movie shows at a media frame, decoded once and in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import av.error

from ..contract.errors import EngineError, ErrorCode
from ..contract.frame_mentions import mention
from .movie import Movie, reason_of

# Decoding on is cheaper than a seek, which throws away the threads' work and starts at a keyframe.
_SECONDS_TO_DECODE_ON = 1


class MovieDecoder:
    """Walks through a movie's pictures; goes forward by decoding and far away by seeking.

    Args:
        movie: The open file.
    """

    def __init__(self, movie: Movie) -> None:
        self._movie = movie
        self._feed: Iterator[tuple[int, av.VideoFrame]] = iter(())
        self._shown: tuple[int, av.VideoFrame] | None = None
        self._coming: tuple[int, av.VideoFrame] | None = None
        self._reason = ""
        self._lost: set[int] = set()

    def picture(self, media_frame: int) -> av.VideoFrame:
        """Return the picture shown at `media_frame`; the same object while the picture stays.

        Raises:
            EngineError: `footage_unreadable` or `frame_missing`, naming file and frame.
        """
        tick = self._movie.tick_of(media_frame)
        if not self._is_near(tick):
            self._start_before(tick)
        while self._coming is not None and (self._shown is None or self._coming[0] <= tick):
            self._shown, self._coming = self._coming, next(self._feed, None)
        if self._shown is None:
            raise self._nothing_left(media_frame)
        self._check_gap(self._shown[0], tick, media_frame)
        return self._shown[1]

    def _is_near(self, tick: int) -> bool:
        if self._shown is None or tick < self._shown[0]:
            return False
        # Nothing more comes, or the next picture lies not far before the wanted one.
        return self._coming is None or tick <= self._coming[0] + _SECONDS_TO_DECODE_ON / self._movie.time_base

    def _start_before(self, tick: int) -> None:
        self._movie.seek(tick)
        self._lost.clear()
        self._shown = None
        self._feed = self._decode()
        self._coming = next(self._feed, None)

    def _decode(self) -> Iterator[tuple[int, av.VideoFrame]]:
        """Yield time stamp and picture in order of time, and note the stamps of pictures that were lost to damage."""
        awaited: set[int] = set()
        is_damaged = False
        step = self._movie.tick_of(1) - self._movie.tick_of(0)
        previous = self._movie.start - step
        for packet in self._movie.packets():
            if packet.pts is not None and not packet.is_discard:
                awaited.add(packet.pts)
            try:
                decoded = packet.decode()
            except av.error.FFmpegError as error:
                # Decoders with frame threads report late; which picture is meant shows when it doesn't come.
                self._reason, is_damaged = reason_of(error), True
                continue
            for av_frame in decoded:
                previous = previous + step if av_frame.pts is None else av_frame.pts
                overtaken = {stamp for stamp in awaited if stamp <= previous}
                awaited -= overtaken
                if is_damaged:
                    self._lost |= overtaken - {previous}
                yield previous, av_frame
        if is_damaged:
            self._lost |= awaited

    def _check_gap(self, shown: int, tick: int, media_frame: int) -> None:
        """Refuse to repeat a picture where the right one was lost."""
        if any(shown < stamp <= tick for stamp in self._lost):
            raise damaged(self._movie.path, media_frame, self._reason)
        if self._coming is None and shown < self._movie.last_tick() and tick > shown:
            self._shown = None
            raise self._nothing_left(media_frame)

    def _nothing_left(self, media_frame: int) -> EngineError:
        return EngineError(
            ErrorCode.FRAME_MISSING,
            f"{self._movie.path.name} has no picture at frame {media_frame} or before it: {self._reason or 'it ends'}.",
            f"The file may be cut off; copy or export it again ({self._movie.path}).",
            [mention([media_frame])],
        )


def damaged(path: Path, media_frame: int, reason: str) -> EngineError:
    """Return the sentence for a picture that can't be decoded."""
    return EngineError(
        ErrorCode.FOOTAGE_UNREADABLE,
        f"{path.name} is damaged at frame {media_frame}: {reason}.",
        f"Copy or export the footage again, or leave frame {media_frame} out of the range ({path}).",
        [mention([media_frame])],
    )
