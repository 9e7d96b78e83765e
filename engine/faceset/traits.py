# SPDX-License-Identifier: GPL-3.0-or-later
"""What a training set must cover: pose, light, expression and detail of many faces, from facesets and from tracks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from ..contract.timing import FrameRange
from ..faces.tracks import FaceTrack
from .expression import eye_opening, mouth_opening, relative_opening
from .looks import Looks

# Poses, light and expressions of more faces than this are sampled evenly: neighbors in a shot say the same.
MOST_NEEDED = 2000


@dataclass(frozen=True, eq=False)
class Traits:
    """Figures of n faces, each float64 (n,); NaN where unknown.

    Attributes:
        yaw: Degrees, positive to the right edge of the picture.
        pitch: Degrees, positive upwards.
        exposure: Mean luma of the face square, 0…1.
        light: Brightness of the right half of the face against the left one, -1…1.
        mouth: Gap of the lips in face squares.
        eyes: Gap of the lids in face squares; as share of the person's usual one after `with_relative_eyes`.
        size: Side of the face square in picture pixels.
        sharpness: As `faces.quality`.
    """

    yaw: NDArray[np.float64]
    pitch: NDArray[np.float64]
    exposure: NDArray[np.float64]
    light: NDArray[np.float64]
    mouth: NDArray[np.float64]
    eyes: NDArray[np.float64]
    size: NDArray[np.float64]
    sharpness: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.yaw)

    def of(self, chosen: NDArray[np.bool_] | NDArray[np.int64] | slice) -> Traits:
        """Return the figures of some of the faces."""
        return Traits(**{item.name: getattr(self, item.name)[chosen] for item in fields(self)})


def with_relative_eyes(traits: Traits) -> Traits:
    """Return the figures of one person's faces with the eyes compared to how far that person usually opens them."""
    return replace(traits, eyes=relative_opening(traits.eyes))


def join_traits(parts: Sequence[Traits]) -> Traits:
    """Return the figures of all faces of several parts, in their order."""
    empty = np.empty(0)
    return Traits(**{
        item.name: np.concatenate([empty, *(getattr(part, item.name) for part in parts)]) for item in fields(Traits)
    })  # fmt: skip


def traits_of_looks(looks: Looks) -> Traits:
    """Return the figures of faces of a faceset; pose and expression of plain ones are unknown."""
    known = np.array([not record.is_plain for record in looks.records], bool)
    points = np.array([np.zeros((68, 2)) if r.landmarks is None else r.landmarks for r in looks.records])
    points = points.reshape(-1, 68, 2)
    size = np.array([record.size_in_picture_px or np.nan for record in looks.records], np.float64)
    return Traits(
        yaw=np.where(known, [record.yaw for record in looks.records], np.nan),
        pitch=np.where(known, [record.pitch for record in looks.records], np.nan),
        exposure=looks.figure("exposure").astype(np.float64),
        light=looks.figure("light").astype(np.float64),
        mouth=np.where(known, mouth_opening(points, size), np.nan),
        eyes=np.where(known, eye_opening(points, size), np.nan),
        size=size,
        sharpness=looks.figure("sharpness").astype(np.float64),
    )


def seen_in(track: FaceTrack, ranges: Sequence[FrameRange]) -> NDArray[np.int64]:
    """Return the places in a track's arrays of the frames that show the face, (n,).

    Args:
        track: The track; its bridged frames are left out.
        ranges: Media frames that count; empty takes all.
    """
    # An open end of a range doesn't fit the 32 bits of the frames.
    frames = track.frames.astype(np.int64)
    is_inside = np.full(len(frames), not ranges)
    for item in ranges:
        is_inside |= (frames >= item.start) & (frames < item.end)
    return np.flatnonzero(is_inside & ~track.bridged)


def traits_of_track(track: FaceTrack, places: NDArray[np.int64], light: NDArray[np.float64]) -> Traits:
    """Return the figures of some frames of a track.

    Args:
        track: The track.
        places: Which frames, as places in its arrays, (n,).
        light: Where the light comes from in these frames, NaN where unknown, (n,).
    """
    size = track.size[places].astype(np.float64)
    exposure, sharpness = (getattr(track, name)[places].astype(np.float64) for name in ("exposure", "sharpness"))
    return Traits(
        yaw=track.yaw[places].astype(np.float64),
        pitch=track.pitch[places].astype(np.float64),
        exposure=np.where(exposure > 0, exposure, np.nan),
        light=light,
        mouth=mouth_opening(track.landmarks[places], size),
        eyes=eye_opening(track.landmarks[places], size),
        size=size,
        sharpness=np.where(sharpness > 0, sharpness, np.nan),
    )


def sampled(count: int, most: int = MOST_NEEDED) -> NDArray[np.int64]:
    """Return at most `most` numbers from 0 to `count` - 1, evenly spread."""
    return np.unique(np.linspace(0, max(count - 1, 0), min(count, most)).round().astype(np.int64))
