# SPDX-License-Identifier: GPL-3.0-or-later
"""How fit the frames of a face track are for a swap, from the track's own figures; kept as figures and as a picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..contract.fitness import TrackFitness, Weakness, write_fitness
from ..contract.heat import ABSENT, BACKGROUND, bar_height, columns, heat_color
from ..contract.project import FITNESS_FILE, fitness_picture
from ..media.images import write_png
from .tracks import FaceTrack, TrackSet


@dataclass(frozen=True)
class _Limit:
    """From where on a figure is good and from where on it is of no use; in between fitness falls evenly."""

    good: float
    useless: float


# All thresholds. Degrees between face and camera; pixels of the face square; `quality.FaceQuality`'s sharpness and
# exposure; hidden share; the tracker's confidence.
LIMITS = {
    Weakness.TURNED: _Limit(35.0, 65.0),
    Weakness.SMALL: _Limit(60.0, 16.0),
    Weakness.BLURRED: _Limit(5.0, 1.5),
    Weakness.DARK: _Limit(0.18, 0.04),
    Weakness.BRIGHT: _Limit(0.85, 0.98),
    # A turning face is guessed to be hidden by up to 0.2 now and then.
    Weakness.HIDDEN: _Limit(0.18, 0.45),
    Weakness.UNSURE: _Limit(0.5, 0.1),
}
# A frame that isn't lowered further than this has no weakness.
_FIT = 0.9

STRIP_HEIGHT = 32
_STRIP_WIDTH = 512
_LONGEST_STRIP = 2048


def track_fitness(track: FaceTrack) -> TrackFitness:
    """Return the fitness of every frame of a track: the product of what each figure leaves of it.

    Figures that aren't known (0 in tracks of older versions) lower nothing; bridged frames have fitness 0.
    """
    order = list(LIMITS)
    parts = np.stack([_left(_figure(track, item), LIMITS[item]) for item in order])
    fitness = np.where(track.bridged, 0.0, parts.prod(axis=0))
    worst = parts.argmin(axis=0)
    weaknesses = [
        Weakness.BRIDGED if bridged else order[index] if value < _FIT else None
        for bridged, index, value in zip(track.bridged, worst, parts.min(axis=0), strict=True)
    ]
    return TrackFitness(track.id, track.first, tuple(fitness.tolist()), tuple(weaknesses))


def hidden_frames(track: FaceTrack) -> NDArray[np.bool_]:
    """Return in which frames of a track the face is probably hidden in part: where the fitness strip says so, (n,).

    Frames in which the face was lost count where something hid it right before or after.
    """
    hidden = _left(_figure(track, Weakness.HIDDEN), LIMITS[Weakness.HIDDEN]) < _FIT
    seen = np.flatnonzero(~track.bridged)
    if not len(seen):
        return np.zeros(len(track.frames), np.bool_)
    place = np.searchsorted(seen, np.arange(len(track.frames)))
    before, after = seen[np.maximum(place - 1, 0)], seen[np.minimum(place, len(seen) - 1)]
    return np.where(track.bridged, hidden[before] | hidden[after], hidden)


def _figure(track: FaceTrack, weakness: Weakness) -> NDArray[np.float64]:
    """Return what a weakness is judged by; NaN where it isn't known."""
    known = {
        Weakness.TURNED: _turn(track),
        Weakness.SMALL: track.size,
        Weakness.BLURRED: np.where(track.sharpness > 0, track.sharpness, np.nan),
        Weakness.DARK: np.where(track.exposure > 0, track.exposure, np.nan),
        Weakness.BRIGHT: np.where(track.exposure > 0, track.exposure, np.nan),
        Weakness.HIDDEN: _lasting(np.where(track.bridged, np.nan, track.occlusion)),
        Weakness.UNSURE: track.scores,
    }
    return np.asarray(known[weakness], dtype=np.float64)


def _turn(track: FaceTrack) -> NDArray[np.float64]:
    yaw, pitch = np.radians(track.yaw, dtype=np.float64), np.radians(track.pitch, dtype=np.float64)
    return np.degrees(np.arccos(np.clip(np.cos(yaw) * np.cos(pitch), -1, 1)))


def _lasting(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the median of each frame and its neighbors: what hides a face stays longer than one frame."""
    if len(values) < 3:
        return values
    padded = np.concatenate([values[:1], values, values[-1:]])
    neighbors = np.stack([padded[:-2], padded[1:-1], padded[2:]])
    # Lost frames beside it say nothing.
    neighbors = np.where(np.isnan(neighbors), values, neighbors)
    return np.median(neighbors, axis=0)


def _left(values: NDArray[np.float64], limit: _Limit) -> NDArray[np.float64]:
    left = np.clip((values - limit.useless) / (limit.good - limit.useless), 0, 1)
    return np.where(np.isnan(left), 1.0, left)


def heat_strip(fitness: TrackFitness) -> NDArray[np.uint8]:
    """Return the strip of a track: a bar for each frame, (32, width, 3) uint8 RGB.

    A frame is a whole number of pixels wide, so that the strip is at least 512 wide; beyond 2048 frames a column shows
    the worst of the frames it stands for.
    """
    count = len(fitness.fitness)
    width = min(count * -(-_STRIP_WIDTH // count), _LONGEST_STRIP) if count <= _LONGEST_STRIP else _LONGEST_STRIP
    picture = np.empty((STRIP_HEIGHT, width, 3), dtype=np.uint8)
    picture[:] = BACKGROUND
    for column, value in enumerate(columns(fitness.fitness, width)):
        height = 1.0 if value is None else bar_height(value)
        picture[STRIP_HEIGHT - round(height * STRIP_HEIGHT) :, column] = ABSENT if value is None else heat_color(value)
    return picture


def save_fitness(folder: Path, track_set: TrackSet) -> None:
    """Write fitness.json and the heat strip of every track into the footage's folder; strips of lost tracks go.

    Raises:
        EngineError: `not_writable` or `disk_full`.
    """
    found = [track_fitness(track) for track in track_set.tracks]
    write_strips(folder, found)
    wanted = {fitness_picture(item.track) for item in found}
    for path in folder.glob(fitness_picture("*")):
        if path.name not in wanted:
            path.unlink(missing_ok=True)
    write_fitness(folder / FITNESS_FILE, track_set.key, found)


def write_strips(folder: Path, found: Iterable[TrackFitness]) -> None:
    """Write the heat strips of some tracks into a folder.

    Raises:
        EngineError: `not_writable` or `disk_full`.
    """
    for item in found:
        write_png(folder / fitness_picture(item.track), heat_strip(item))
