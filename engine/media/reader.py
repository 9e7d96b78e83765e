# SPDX-License-Identifier: GPL-3.0-or-later
"""Footage as media frames: what it is, and its pictures in order, each decoded once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from types import TracebackType

import numpy as np

from ..contract.errors import EngineError, ErrorCode
from ..contract.frame_mentions import mention
from ..contract.timing import Footage, FrameRange, merge_ranges
from .color import PictureConverter
from .decoder import MovieDecoder
from .images import picture_kind, read_image
from .movie import Movie
from .picture import ArrayPicture, DecodedPicture, FootagePicture

# An image sequence has no rate of its own; a footage that doesn't say takes Blender's factory setting.
DEFAULT_RATE = Fraction(24)


@dataclass(frozen=True)
class FootageInfo:
    """What a footage is.

    Attributes:
        width: Pixels of the upright picture, display rotation applied.
        height: Pixels of the upright picture.
        rate: Frames per second of the media frames.
        frame_count: Number of media frames.
        is_variable_rate: Whether pictures repeat or are left out on the grid of media frames.
        bit_depth: Bits of each channel in the file.
        has_alpha: Whether the file carries transparency (the reader leaves it out).
        pixel_format: FFmpeg's name of the pixel format, or "rgb24", "rgb48" … for pictures.
        codec: FFmpeg's name of the codec, or the pictures' suffix.
    """

    width: int
    height: int
    rate: Fraction
    frame_count: int
    is_variable_rate: bool
    bit_depth: int
    has_alpha: bool
    pixel_format: str
    codec: str


class FootageReader:
    """Reads the pictures of a footage; a context manager.

    Args:
        footage: The movie file or the pictures.

    Raises:
        EngineError: `footage_missing` or `footage_unreadable`, naming the file and the reason.

    Example:
        >>> with FootageReader(Footage(Path("clip.mp4"))) as reader:  # doctest: +SKIP
        ...     for media_frame, image in reader.frames([FrameRange(10, 20)]):
        ...         ...
    """

    def __init__(self, footage: Footage) -> None:
        self._footage = footage
        self._movie = Movie(footage.path, footage.rate) if footage.is_movie else None
        self._decoder = None if self._movie is None else MovieDecoder(self._movie)

    def __enter__(self) -> FootageReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._movie is not None:
            self._movie.close()

    @cached_property
    def info(self) -> FootageInfo:
        """What the footage is; counted once, when first asked for."""
        return self._sequence_info() if self._movie is None else self._movie_info(self._movie)

    @cached_property
    def bit_depth(self) -> int:
        """Bits of each channel: a movie's own, or those of a sequence's first picture that can be read."""
        if self._movie is not None:
            return self.info.bit_depth
        for name in dict.fromkeys(self._footage.pictures):
            with contextlib.suppress(EngineError):
                return picture_kind(self._footage.path / name).bit_depth
        return 8

    @property
    def _frame_count(self) -> int:
        # What else a sequence is says its first picture, which may be the only damaged one.
        return len(self._footage.pictures) if self._movie is None else self.info.frame_count

    def frames(self, ranges: Sequence[FrameRange] = (), deep: bool = False) -> Iterator[tuple[int, np.ndarray]]:
        """Yield every media frame of the ranges once, in ascending order.

        Args:
            ranges: Media frames; they may overlap. Empty means all.
            deep: Give uint16 (0–65535) instead of uint8 (0–255).

        Yields:
            (media_frame, image): image is (h, w, 3) RGB, upright, in the encoding of the footage. A picture that is
            shown at several media frames comes as the same array again: copy it before changing it.

        Raises:
            EngineError: `frame_missing` for a range outside of the footage, `footage_unreadable` or
                `picture_unreadable` for a damaged picture; each names file and frame.
        """
        wanted = merge_ranges(ranges) if ranges else (FrameRange(0, self._frame_count),)
        self._check(wanted)
        numbers = (media_frame for item in wanted for media_frame in item)
        yield from self._pictures(numbers, deep) if self._decoder is None else self._decoded(numbers, deep)

    def pictures(self, ranges: Sequence[FrameRange] = ()) -> Iterator[tuple[int, FootagePicture]]:
        """Yield every media frame of the ranges once, like `frames`, but converted to RGB only where it is looked at.

        Yields:
            (media_frame, picture); a picture that is shown at several media frames comes as the same object again.

        Raises:
            EngineError: As `frames`.
        """
        wanted = merge_ranges(ranges) if ranges else (FrameRange(0, self._frame_count),)
        self._check(wanted)
        numbers = (media_frame for item in wanted for media_frame in item)
        yield from self._pictured(numbers) if self._decoder is None else self._undecided(numbers)

    def _check(self, ranges: Sequence[FrameRange]) -> None:
        count = self._frame_count
        for item in ranges:
            if item.start < 0 or item.end > count:
                outside = item.start if item.start < 0 else max(item.start, count)
                raise EngineError(
                    ErrorCode.FRAME_MISSING,
                    f"{self._footage.path.name} has {count} frames (0 to {count - 1}); frame {outside} was asked for.",
                    "Choose a range inside the footage.",
                )

    def _decoded(self, numbers: Iterator[int], deep: bool) -> Iterator[tuple[int, np.ndarray]]:
        assert self._decoder is not None
        converter = PictureConverter(deep)
        shown, image = None, None
        for media_frame in numbers:
            av_frame = self._decoder.picture(media_frame)
            if image is None or av_frame is not shown:
                shown, image = av_frame, converter.convert(av_frame)
            yield media_frame, image

    def _undecided(self, numbers: Iterator[int]) -> Iterator[tuple[int, FootagePicture]]:
        assert self._decoder is not None
        converter = PictureConverter()
        shown, picture = None, None
        for media_frame in numbers:
            av_frame = self._decoder.picture(media_frame)
            if picture is None or av_frame is not shown:
                shown, picture = av_frame, DecodedPicture(av_frame, converter)
            yield media_frame, picture

    def _pictured(self, numbers: Iterator[int]) -> Iterator[tuple[int, FootagePicture]]:
        shown, picture = None, None
        for media_frame, image in self._pictures(numbers, deep=False):
            if picture is None or image is not shown:
                shown, picture = image, ArrayPicture(image)
            yield media_frame, picture

    def _pictures(self, numbers: Iterator[int], deep: bool) -> Iterator[tuple[int, np.ndarray]]:
        shown, image = None, None
        for media_frame in numbers:
            name = self._footage.pictures[media_frame]
            if image is None or name != shown:
                shown, image = name, self._read_picture(media_frame, deep)
            yield media_frame, image

    def _read_picture(self, media_frame: int, deep: bool) -> np.ndarray:
        path = self._footage.path / self._footage.pictures[media_frame]
        try:
            # Blender leaves the camera's orientation note of a strip's pictures aside, so the strip's pixels do too.
            return read_image(path, deep=deep, upright=False)
        except EngineError as error:
            where = [mention([media_frame])]
            raise EngineError(error.code, f"Frame {media_frame}: {error.message}", error.hint, where) from error

    def _movie_info(self, movie: Movie) -> FootageInfo:
        stream = movie.stream
        assert self._decoder is not None
        count = movie.count_frames()
        av_frame = self._decoder.picture(0)
        quarters = round(av_frame.rotation / 90) % 2
        width, height = (av_frame.height, av_frame.width) if quarters else (av_frame.width, av_frame.height)
        return FootageInfo(
            width=width,
            height=height,
            rate=movie.rate,
            frame_count=count,
            is_variable_rate=movie.is_variable_rate(),
            bit_depth=max(component.bits for component in av_frame.format.components),
            has_alpha=any(component.is_alpha for component in av_frame.format.components),
            pixel_format=av_frame.format.name,
            codec=stream.codec_context.name,
        )

    def _sequence_info(self) -> FootageInfo:
        image = self._read_picture(0, deep=False)
        kind = picture_kind(self._footage.path / self._footage.pictures[0])
        return FootageInfo(
            width=image.shape[1],
            height=image.shape[0],
            rate=self._footage.rate or DEFAULT_RATE,
            frame_count=len(self._footage.pictures),
            is_variable_rate=False,
            bit_depth=kind.bit_depth,
            has_alpha=kind.channels in (2, 4),
            pixel_format=kind.pixel_format,
            codec=self._footage.path.joinpath(self._footage.pictures[0]).suffix.lstrip(".").lower(),
        )
