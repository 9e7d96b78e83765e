# SPDX-License-Identifier: GPL-3.0-or-later
"""How fit the frames of a face track are for a swap, from the track's own figures; kept as figures and as a picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..contract.fitness import TrackFitness, Weakness, write_fitness
from ..contract.heat import ABSENT, BACKGROUND, bar_height, columns, heat_color
from ..contract.project import FITNESS_FILE, fitness_picture
from ..media.images import write_png
from .tracks import PER_FRAME, FaceTrack, TrackSet


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
# How many frames are judged together: enough to be quick, few enough to be small.
_TOGETHER = 4096

STRIP_HEIGHT = 32
_STRIP_WIDTH = 512
_LONGEST_STRIP = 2048


def track_fitness(track: FaceTrack) -> TrackFitness:
    """Return the fitness of every frame of a track: the product of what each figure leaves of it.

    Figures that aren't known (0 in tracks of older versions) lower nothing; bridged frames have fitness 0.
    """
    fitness: list[float] = []
    weaknesses: list[Weakness | None] = []
    count = len(track.frames)
    for start in range(0, count, _TOGETHER):
        end = min(start + _TOGETHER, count)
        # A frame's figures depend on its neighbors.
        first, last = max(start - 1, 0), min(end + 1, count)
        some = replace(track, **{name: getattr(track, name)[first:last] for name in PER_FRAME})
        parts = np.stack([_left(_figure(some, item), LIMITS[item]) for item in LIMITS])[:, start - first : end - first]
        bridged = track.bridged[start:end]
        fitness += np.where(bridged, 0.0, parts.prod(axis=0)).tolist()
        weaknesses += _weaknesses(parts, bridged)
    return TrackFitness(track.id, track.first, tuple(fitness), tuple(weaknesses))


def _weaknesses(parts: NDArray[np.float64], bridged: NDArray[np.bool_]) -> Iterator[Weakness | None]:
    """Yield what lowers each frame most, from what each figure leaves of it (figures, n)."""
    order = list(LIMITS)
    for is_bridged, index, value in zip(bridged, parts.argmin(axis=0), parts.min(axis=0), strict=True):
        yield Weakness.BRIDGED if is_bridged else order[index] if value < _FIT else None


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

    One track's figures are in memory at a time.

    Raises:
        EngineError: `not_writable` or `disk_full`.
    """
    write_fitness(folder / FITNESS_FILE, track_set.key, _with_strips(folder, track_set.tracks))
    wanted = {fitness_picture(track.id) for track in track_set.tracks}
    for path in folder.glob(fitness_picture("*")):
        if path.name not in wanted:
            path.unlink(missing_ok=True)


def _with_strips(folder: Path, tracks: Iterable[FaceTrack]) -> Iterator[TrackFitness]:
    """Yield the tracks' fitness, and write the heat strip of each."""
    for track in tracks:
        found = track_fitness(track)
        write_strips(folder, [found])
        yield found


def write_strips(folder: Path, found: Iterable[TrackFitness]) -> None:
    """Write the heat strips of some tracks into a folder.

    Raises:
        EngineError: `not_writable` or `disk_full`.
    """
    for item in found:
        write_png(folder / fitness_picture(item.track), heat_strip(item))
