# SPDX-License-Identifier: GPL-3.0-or-later
"""Corrections of what was found in a footage: the kinds of changes that an editor can make by hand.

They are kept as an ordered list (`correction_list`), which the engine applies to the search's own result. A
correction names a face track by its number as seen when it was made. So that it survives a new search, it also keeps
an anchor: a frame and where the face was in it. The engine fills that in when it applies the correction first.

Frames are media frames, positions pixels of the upright picture, pixel centers at integers, x right and y down.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, ClassVar

from .errors import EngineError, ErrorCode

LANDMARK_COUNT = 68
DEFAULT_REACH = 12
"""Frames over which a correction fades out beyond the first and the last key frame: half a second of film."""
LARGEST_SCALE = 10.0
MAXIMUM_COORDINATE_PX = 1e6

Box = tuple[float, float, float, float]
Point = tuple[float, float]


def _require(condition: bool, message: str, hint: str = "") -> None:
    if not condition:
        raise EngineError(ErrorCode.CORRECTION_INVALID, message, hint)


def _require_whole(value: Any, what: str, least: int = 0) -> None:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    _require(is_whole and least <= value < 2**31, f"The {what} of a correction can't be {value!r}.")


def _number(value: Any, what: str) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    _require(
        is_number and abs(value) <= MAXIMUM_COORDINATE_PX, f"The {what} of a correction is no usable number: {value!r}."
    )
    return float(value)


def _box(value: Any) -> Box:
    _require(isinstance(value, Sequence) and len(value) == 4, f"A box needs four numbers, not {value!r}.")
    x0, y0, x1, y1 = (_number(item, "box") for item in value)
    _require(
        x1 > x0 and y1 > y0, f"The box {x0:g}, {y0:g}, {x1:g}, {y1:g} is empty.", "Give left, top, right and bottom."
    )
    return (x0, y0, x1, y1)


def _landmarks(value: Any) -> tuple[Point, ...]:
    is_list = isinstance(value, Sequence) and len(value) == LANDMARK_COUNT
    _require(is_list and all(len(item) == 2 for item in value), f"A face has {LANDMARK_COUNT} landmarks of x and y.")
    return tuple((_number(x, "landmarks"), _number(y, "landmarks")) for x, y in value)


@dataclass(frozen=True)
class Anchor:
    """Where the face was when it was corrected.

    Attributes:
        frame: Media frame.
        box: Its box x0, y0, x1, y1 in that frame, pixels.
    """

    frame: int
    box: Box

    def __post_init__(self) -> None:
        _require_whole(self.frame, "frame")
        object.__setattr__(self, "box", _box(self.box))

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        return {"frame": self.frame, "box": list(self.box)}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Anchor:
        """Build from `to_json`'s values."""
        return cls(content["frame"], tuple(content["box"]))


@dataclass(frozen=True, kw_only=True)
class Correction:
    """What all corrections share.

    Attributes:
        anchor: Where the face was; None until the engine has applied the correction once.
        key: Name of the correction in its file; given when it is appended.
    """

    kind: ClassVar[str] = ""
    anchor: Anchor | None = field(default=None)
    key: str = field(default="")

    def __post_init__(self) -> None:
        for name in ("track", "first", "second"):
            if hasattr(self, name):
                _require_whole(getattr(self, name), "track", 1)
        for name in ("frame", "start", "end", "new_track"):
            if hasattr(self, name):
                _require_whole(getattr(self, name), name.replace("_", " "))

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        plain = {name: _plain(value) for name, value in values.items()}
        return {"kind": self.kind, **plain}


def _plain(value: Any) -> Any:
    if isinstance(value, Anchor):
        return value.to_json()
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


@dataclass(frozen=True)
class _KeyFrame(Correction):
    """A correction that says where a face is in one frame.

    Between two key frames of a track the difference from what was found is interpolated straight in time. Beyond the
    first and the last one it fades out.

    Attributes:
        track: Face track.
        frame: Media frame.
        reach: Over how many frames it fades out where no other key frame follows; None holds it to the end of the
            track, 0 changes this frame only, and neighboring key frames then pass it by.
    """

    track: int
    frame: int
    reach: int | None = field(default=DEFAULT_REACH, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.reach is not None:
            _require_whole(self.reach, "reach")


@dataclass(frozen=True)
class MoveFace(_KeyFrame):
    """A key frame: the face is moved, scaled and turned about the center of its box.

    Attributes:
        dx: Pixels to the right.
        dy: Pixels down.
        scale: Factor.
        turn_deg: Degrees clockwise on screen.
    """

    kind = "move_face"
    dx: float = 0.0
    dy: float = 0.0
    scale: float = 1.0
    turn_deg: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("dx", "dy", "scale", "turn_deg"):
            object.__setattr__(self, name, _number(getattr(self, name), name))
        _require(
            1 / LARGEST_SCALE <= self.scale <= LARGEST_SCALE,
            f"A face can't be scaled by {self.scale:g}.",
            f"Choose a factor from {1 / LARGEST_SCALE:g} to {LARGEST_SCALE:g}.",
        )
        _require(abs(self.turn_deg) <= 180, f"A face can't be turned by {self.turn_deg:g} degrees; the most is 180.")


@dataclass(frozen=True)
class SetLandmarks(_KeyFrame):
    """A key frame: the landmarks are these.

    Attributes:
        landmarks: 68 pairs x, y.
    """

    kind = "set_landmarks"
    landmarks: tuple[Point, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "landmarks", _landmarks(self.landmarks))


@dataclass(frozen=True)
class SetBox(_KeyFrame):
    """A key frame: the landmarks are moved and stretched so that their box is this one.

    Attributes:
        box: x0, y0, x1, y1.
    """

    kind = "set_box"
    box: Box

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "box", _box(self.box))


@dataclass(frozen=True)
class KeepFound(_KeyFrame):
    """A key frame without a change: what was found is right here, corrections before and after end at it."""

    kind = "keep_found"


@dataclass(frozen=True)
class Realign(Correction):
    """From this frame on the face is followed anew, starting from its corrected landmarks.

    Attributes:
        track: Face track.
        frame: Media frame to start from.
    """

    kind = "realign"
    track: int
    frame: int


@dataclass(frozen=True)
class AddFace(Correction):
    """A new face track: fitted in one frame, followed forwards and backwards until it is lost.

    Attributes:
        frame: Media frame.
        box: The face's box, from the brows to the chin: x0, y0, x1, y1.
        landmarks: Where it is exactly, 68 pairs x, y; None lets the engine fit them in the box.
        new_track: Number of the new track; 0 lets the engine choose one.
    """

    kind = "add_face"
    frame: int
    box: Box
    landmarks: tuple[Point, ...] | None = None
    new_track: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "box", _box(self.box))
        if self.landmarks is not None:
            object.__setattr__(self, "landmarks", _landmarks(self.landmarks))


@dataclass(frozen=True)
class SplitTrack(Correction):
    """A face track ends before this frame; what follows becomes a new one.

    Attributes:
        track: Face track; it keeps the frames before.
        frame: First media frame of the new track.
        new_track: Number of the new track; 0 lets the engine choose one.
    """

    kind = "split_track"
    track: int
    frame: int
    new_track: int = 0


@dataclass(frozen=True)
class MergeTracks(Correction):
    """Two face tracks show the same face and become one; a gap of at most half a second between them is bridged.

    Attributes:
        first: Face track that goes on.
        second: Face track that joins it, before or behind.
        second_anchor: As `anchor`, of the second track.
    """

    kind = "merge_tracks"
    first: int
    second: int
    second_anchor: Anchor | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _require(self.first != self.second, f"Face track {self.first} can't be merged with itself.")


@dataclass(frozen=True)
class DeleteTrack(Correction):
    """A face track goes.

    Attributes:
        track: Face track.
    """

    kind = "delete_track"
    track: int


@dataclass(frozen=True)
class DeleteFrames(Correction):
    """Some frames of a face track go; where it goes on before and behind them, what is behind becomes a new track.

    Attributes:
        track: Face track.
        start: First media frame to delete.
        end: Media frame behind the last one to delete.
        new_track: Number of the new track; 0 lets the engine choose one.
    """

    kind = "delete_frames"
    track: int
    start: int
    end: int
    new_track: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        _require(self.end > self.start, f"There are no frames from {self.start} up to {self.end} to delete.")


AnyCorrection = (
    MoveFace
    | SetLandmarks
    | SetBox
    | KeepFound
    | Realign
    | AddFace
    | SplitTrack
    | MergeTracks
    | DeleteTrack
    | DeleteFrames
)
KeyFrameCorrection = MoveFace | SetLandmarks | SetBox | KeepFound

_KINDS: dict[str, type[AnyCorrection]] = {
    cls.kind: cls
    for cls in (
        MoveFace,
        SetLandmarks,
        SetBox,
        KeepFound,
        Realign,
        AddFace,
        SplitTrack,
        MergeTracks,
        DeleteTrack,
        DeleteFrames,
    )
}


def correction_from_json(content: Any) -> AnyCorrection:
    """Build a correction from `Correction.to_json`'s values.

    Raises:
        EngineError: `correction_invalid`, saying what is wrong.
    """
    try:
        values = dict(content)
        cls = _KINDS[values.pop("kind")]
        allowed = {item.name for item in fields(cls)}
        needed = {item.name for item in fields(cls) if item.default is MISSING}
        _require(values.keys() <= allowed, f"A correction has unknown values: {sorted(values.keys() - allowed)}.")
        _require(values.keys() >= needed, f"A correction lacks values: {sorted(needed - values.keys())}.")
        for name in ("anchor", "second_anchor"):
            if values.get(name) is not None:
                values[name] = Anchor.from_json(values[name])
        return cls(**values)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EngineError(ErrorCode.CORRECTION_INVALID, f"Not a correction: {error}.") from error
