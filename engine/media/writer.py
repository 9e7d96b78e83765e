# SPDX-License-Identifier: GPL-3.0-or-later
"""Movies written picture by picture as H.264, with the sound of another movie copied along."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.video.reformatter import ColorRange, Colorspace

from ..contract.errors import EngineError, ErrorCode
from ..contract.files import written_whole
from .movie import reason_of


class MovieWriter:
    """Writes a movie; a context manager. The file appears under its name when the block ends without an exception.

    Args:
        path: File to write; the suffix chooses the container (.mp4, .mov, .mkv).
        width: Pixels.
        height: Pixels.
        rate: Frames per second.
        quality: x264's constant rate factor, 0 (lossless) to 51; 18 is visually clean.
        preset: x264's preset, "ultrafast" to "veryslow".
        audio: Movie or sound file whose first sound stream is copied without re-encoding, or None.
        audio_start: Second of `audio` that sounds under the first picture.

    Raises:
        EngineError: `not_writable` or `disk_full` naming the file; `footage_unreadable` naming the sound.
    """

    def __init__(
        self,
        path: Path,
        width: int,
        height: int,
        rate: Fraction,
        quality: int = 18,
        preset: str = "medium",
        audio: Path | None = None,
        audio_start: Fraction = Fraction(0),
    ) -> None:
        self._path, self._size, self._rate = path, (width, height), rate
        self._options = {"crf": str(quality), "preset": preset}
        self._audio, self._audio_start = audio, audio_start
        self._count = 0
        self._exit = contextlib.ExitStack()

    def __enter__(self) -> MovieWriter:
        with contextlib.ExitStack() as stack:
            temporary = stack.enter_context(written_whole(self._path))
            with self._sentences():
                self._container = stack.enter_context(av.open(str(temporary), "w"))
                self._stream = self._add_video()
            self._sound = self._open_sound(stack)
            self._held = next(self._sound, None)
            self._exit = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        if error is not None:
            # Told to the stack, so that the temporary file goes and no unfinished movie appears.
            return self._exit.__exit__(kind, error, trace)
        with self._exit, self._sentences():
            self._container.mux(self._stream.encode(None))
            self._mux_sound(Fraction(self._count) / self._rate)
            self._container.close()
        return None

    def write(self, image: np.ndarray) -> None:
        """Add a picture.

        Args:
            image: uint8 (height, width, 3) RGB in BT.709 encoding.
        """
        if image.shape != (self._size[1], self._size[0], 3) or image.dtype != np.uint8:
            raise ValueError(f"{image.shape} {image.dtype} is no RGB picture of {self._size}")
        av_frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24").reformat(
            format=self._stream.pix_fmt,
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
        )
        av_frame.pts, av_frame.time_base = self._count, 1 / self._rate
        with self._sentences():
            self._container.mux(self._stream.encode(av_frame))
            self._count += 1
            self._mux_sound(Fraction(self._count) / self._rate)

    def _add_video(self) -> av.VideoStream:
        stream = self._container.add_stream("libx264", rate=self._rate, options=self._options)
        stream.width, stream.height = self._size
        # 4:2:0 needs even sides; odd pictures keep full chroma instead of losing a row.
        stream.pix_fmt = "yuv444p" if self._size[0] % 2 or self._size[1] % 2 else "yuv420p"
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = 1  # BT.709, tagged
        context.color_range = int(ColorRange.MPEG)
        return stream

    def _open_sound(self, stack: contextlib.ExitStack) -> Iterator[tuple[Fraction, av.Packet]]:
        """Return the sound's packets with the second at which each is due."""
        if self._audio is None:
            return iter(())
        try:
            source = stack.enter_context(av.open(str(self._audio)))
        except (av.error.FFmpegError, ValueError) as error:
            raise _no_sound(self._audio, reason_of(error)) from error
        if not source.streams.audio:
            raise _no_sound(self._audio, "it has no sound")
        try:
            target = self._container.add_stream_from_template(source.streams.audio[0])
        except (av.error.FFmpegError, ValueError) as error:
            raise _no_sound(self._audio, f"its sound doesn't fit into {self._path.suffix}") from error
        return self._sound_packets(source, target)

    def _sound_packets(self, source: InputContainer, target: av.AudioStream) -> Iterator[tuple[Fraction, av.Packet]]:
        origin = source.streams.audio[0]
        base = origin.time_base or Fraction(1, 1_000_000)
        shift = round(self._audio_start / base)
        for packet in source.demux(origin):
            if packet.pts is None or packet.dts is None or packet.pts < shift:
                continue
            packet.pts -= shift
            packet.dts -= shift
            packet.stream = target
            yield packet.pts * base, packet

    def _mux_sound(self, until_s: Fraction) -> None:
        """Add the sound up to a second of the movie, so that it lies beside its pictures in the file."""
        while self._held is not None and self._held[0] < until_s:
            self._container.mux(self._held[1])
            self._held = next(self._sound, None)

    @contextlib.contextmanager
    def _sentences(self) -> Iterator[None]:
        # OSError passes on to `written_whole`, which knows the sentences for a full disk and a read-only folder.
        try:
            yield
        except (av.error.FFmpegError, ValueError) as error:
            if isinstance(error, OSError) and error.errno is not None and 0 < error.errno < 200:
                raise OSError(error.errno, error.strerror) from error
            raise EngineError(
                ErrorCode.NOT_WRITABLE,
                f"The movie {self._path} could not be written: {reason_of(error)}.",
                "Choose another name or container (.mp4, .mov, .mkv).",
            ) from error


def _no_sound(path: Path, reason: str) -> EngineError:
    return EngineError(
        ErrorCode.FOOTAGE_UNREADABLE,
        f"The sound of {path} can't be copied: {reason}.",
        "Write the movie without sound, or as .mkv or .mov.",
    )
