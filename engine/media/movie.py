# SPDX-License-Identifier: GPL-3.0-or-later
"""An opened movie file: its stream, its grid of media frames and how many there are, and where decoding can start.

The grid is Blender's: media frame `i` stands for the tick `start + round(i / rate / time_base)` of the stream and shows
the last picture whose time stamp is not later than that tick. Measured against renders of Blender 4.5 and 5.2 for
constant and variable rates, B-frames, edit lists, start offsets and AVI, every frame agreed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from types import TracebackType

import av
import av.error
from av.container import InputContainer
from av.stream import Disposition

from ..contract.errors import EngineError, ErrorCode
from ..contract.linear_light import HEAD_BYTES, linear_kind, linear_reason
from ..contract.linear_light import HINT as LINEAR_HINT
from ..contract.timing import frame_rate

# Frame threading keeps one picture for each thread in memory.
_MOST_THREADS = 8


class Movie:
    """A movie file open for reading; a context manager.

    Args:
        path: The file.
        rate: Frames per second of the grid, or None to take the stream's.

    Raises:
        EngineError: `footage_missing` or `footage_unreadable`, naming the file and the reason.
    """

    def __init__(self, path: Path, rate: Fraction | None = None) -> None:
        self.path = path
        self._container = _open(path)
        try:
            self.stream = _first_video(self._container, path)
            self.stream.thread_type = "AUTO"
            self.stream.codec_context.thread_count = min(os.cpu_count() or 1, _MOST_THREADS)
            self.time_base = _positive(self.stream.time_base) or Fraction(1, 1_000_000)
            self.rate = _grid_rate(self.stream, rate)
        except BaseException:
            self._container.close()
            raise
        self.start = self.stream.start_time or 0
        self._is_untouched = True
        self._ticks_per_frame = 1 / (self.rate * self.time_base)

    def __enter__(self) -> Movie:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def tick_of(self, media_frame: int) -> int:
        """Return the latest time stamp a picture may have to be shown at this media frame."""
        # Half up, in exact fractions: Matroska rounds its stamps to milliseconds the same way.
        return self.start + (media_frame * self._ticks_per_frame + Fraction(1, 2)).__floor__()

    def frame_of(self, tick: int) -> int:
        """Return the media frame nearest to a time stamp."""
        return max(0, ((tick - self.start) / self._ticks_per_frame + Fraction(1, 2)).__floor__())

    def last_tick(self) -> int:
        """Return the time stamp of the last picture."""
        return self._extent[0]

    def count_frames(self) -> int:
        """Return the number of media frames: up to the end of the last picture, counted from packets.

        The header's duration is taken where it agrees with the packets to a frame, because it is Blender's count; it
        isn't where it claims pictures that the file doesn't hold.
        """
        last, end = self._extent
        least = self.frame_of(last) + 1
        counted = max(least, self.frame_of(end))
        declared = self.frame_of(self.start + self.stream.duration) if self.stream.duration else 0
        return declared if max(1, least - 1) <= declared <= counted + 1 else counted

    def is_variable_rate(self) -> bool:
        """Whether the stream's mean rate differs from the grid's by more than a frame in the whole file."""
        mean = _positive(self.stream.average_rate)
        return mean is not None and abs(mean / self.rate - 1) * self.count_frames() > 1

    @cached_property
    def _extent(self) -> tuple[int, int]:
        # Opening a 4K file takes a tenth of a second of decoding. A second handle is only needed where counting would
        # disturb a decoder that is under way.
        if self._is_untouched:
            found = last_picture(self._container, self.stream, self.start)
        else:
            with _open(self.path) as container:
                found = last_picture(container, _first_video(container, self.path), self.start)
        if found is None:
            raise EngineError(
                ErrorCode.FOOTAGE_UNREADABLE,
                f"{self.path} holds no complete picture.",
                "The file may be cut off; copy or export it again.",
            )
        return found[0], found[1] or found[0] + round(self._ticks_per_frame)

    def seek(self, tick: int) -> None:
        """Put the file at the keyframe from which decoding gives a picture not later than `tick`.

        Raises:
            EngineError: `footage_unreadable`, naming the file.
        """
        self._is_untouched = False
        target, back = tick, round(1 / self.time_base)
        while target > self.start:
            first = self._first_stamp(target)
            if first is not None and first <= tick:
                self._jump(target)
                return
            # The index pointed behind the wanted picture (B-frames, sparse index): look further back.
            target, back = target - back, back * 4
        self._jump(min(0, self.start))

    def _first_stamp(self, target: int) -> int | None:
        with contextlib.suppress(av.error.FFmpegError):
            self._container.seek(target, stream=self.stream)
            for packet in self._container.demux(self.stream):
                if packet.pts is not None:
                    return packet.pts
        return None

    def _jump(self, target: int) -> None:
        try:
            self._container.seek(target, stream=self.stream)
        except av.error.FFmpegError as error:
            raise unreadable(self.path, error) from error

    def packets(self) -> Iterator[av.Packet]:
        """Yield the stream's packets from the current position; the last one is the empty flush packet."""
        return self._container.demux(self.stream)


def last_picture(container: InputContainer, stream: av.VideoStream, start: int) -> tuple[int, int | None] | None:
    """Return time stamp and end of a stream's last picture, or None when it has none.

    Reads the packets behind the last keyframe; all packets only where the file was cut off before that.
    """
    span = stream.duration or 0
    if not span and container.duration and stream.time_base:
        span = int(container.duration / (av.time_base * stream.time_base))
    for target in (start + span, min(0, start)):
        with contextlib.suppress(av.error.FFmpegError):
            container.seek(target, stream=stream)
            found = _last_packet(container, stream)
            if found is not None:
                return found
    return None


def _last_packet(container: InputContainer, stream: av.VideoStream) -> tuple[int, int | None] | None:
    found: tuple[int, int | None] | None = None
    with contextlib.suppress(av.error.FFmpegError):
        for packet in container.demux(stream):
            if packet.pts is None or packet.is_discard or packet.is_corrupt:
                continue
            if found is None or packet.pts > found[0]:
                found = (packet.pts, packet.pts + packet.duration if packet.duration else None)
    return found


def _open(path: Path) -> InputContainer:
    _check_presence(path)
    _refuse_linear(path)
    try:
        # Local files only: a playlist must not make the engine fetch something from elsewhere.
        return av.open(
            str(path.absolute()), metadata_errors="replace", options={"protocol_whitelist": "file,crypto,data"}
        )
    except av.error.PermissionError as error:
        raise EngineError(
            ErrorCode.FOOTAGE_UNREADABLE, f"{path} may not be read.", "Check the file's permissions."
        ) from error
    except (av.error.FFmpegError, ValueError) as error:
        raise unreadable(path, error) from error


def _check_presence(path: Path) -> None:
    if not path.exists():
        folder = path.parent
        where = "" if folder.is_dir() else f" The folder {folder} isn't there either; perhaps a drive is missing."
        raise EngineError(
            ErrorCode.FOOTAGE_MISSING,
            f"The footage {path} is missing.{where}",
            "Connect the drive or correct the path of the strip.",
        )
    if path.is_dir():
        raise EngineError(ErrorCode.FOOTAGE_UNREADABLE, f"{path} is a folder, not a movie file.", "Choose a file.")
    if path.stat().st_size == 0:
        raise EngineError(
            ErrorCode.FOOTAGE_UNREADABLE, f"{path} is empty (0 bytes).", "Copy or export the footage again."
        )


def _refuse_linear(path: Path) -> None:
    """Refuse a single picture of linear light, which FFmpeg opens as a movie and shows far too dark."""
    head = b""
    # What can't be read here is said by whoever opens the file.
    with contextlib.suppress(OSError), path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    kind = linear_kind(path.name, head)
    if kind:
        raise EngineError(ErrorCode.FOOTAGE_UNREADABLE, f"{path} can't be read: {linear_reason(kind)}.", LINEAR_HINT)


def _first_video(container: InputContainer, path: Path) -> av.VideoStream:
    # A cover picture counts as a stream of its own; Blender takes the first real one too.
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            if stream.codec_context is None or not stream.width or not stream.height:
                raise EngineError(
                    ErrorCode.FOOTAGE_UNREADABLE,
                    f"{path} holds pictures in a format that can't be decoded.",
                    "Convert it to H.264, ProRes or an image sequence.",
                )
            return stream
    raise EngineError(
        ErrorCode.FOOTAGE_UNREADABLE, f"{path} holds no pictures, only sound or data.", "Choose a movie file."
    )


def _positive(value: Fraction | None) -> Fraction | None:
    return value if value is not None and value > 0 else None


def _grid_rate(stream: av.VideoStream, wanted: Fraction | None) -> Fraction:
    own = _positive(stream.guessed_rate) or _positive(stream.average_rate) or Fraction(25)
    # Blender stores a strip's rate as a rounded float; the file knows it exactly.
    if wanted is not None and abs(wanted / own - 1) > Fraction(1, 2000):
        return frame_rate(wanted)
    return own


def reason_of(error: Exception) -> str:
    """Return FFmpeg's own short reason in lower case, without its number and without the path."""
    text = getattr(error, "strerror", None) or str(error)
    return text.rstrip(".").lower() or type(error).__name__


def unreadable(path: Path, error: Exception) -> EngineError:
    """Return the sentence for a file that can't be opened or searched."""
    return EngineError(
        ErrorCode.FOOTAGE_UNREADABLE,
        f"{path} can't be read as a movie: {reason_of(error)}.",
        "The file may be cut off or of an unknown kind; copy or export it again.",
    )
