# SPDX-License-Identifier: GPL-3.0-or-later
"""Single figures of faces: from the record where it has one, else from the picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..runtime.reporter import Reporter
from .expression import eye_opening, mouth_opening
from .looks import look_at
from .record import FaceRecord
from .store import Faceset


@dataclass(frozen=True)
class Measure:
    """Where a figure comes from.

    Attributes:
        known: Returns the figure of a record, or None where the record doesn't say; None when no record does.
        picture: Name of the figure in `appearance.FIGURES`; empty where a picture alone doesn't tell.
    """

    known: Callable[[FaceRecord], float | None] | None = None
    picture: str = ""


def _unless_unknown(name: str) -> Callable[[FaceRecord], float | None]:
    """Return what reads a figure of which 0 means unknown."""
    return lambda record: getattr(record, name) or None


def _unless_plain(name: str) -> Callable[[FaceRecord], float | None]:
    return lambda record: None if record.is_plain else float(getattr(record, name))


def _size(record: FaceRecord) -> float | None:
    return round(record.size_in_picture_px or record.size, 1) or None


def _opening(
    measure: Callable[[NDArray[np.floating], float], NDArray[np.float64]],
) -> Callable[[FaceRecord], float | None]:
    def known(record: FaceRecord) -> float | None:
        if record.landmarks is None or not record.size_in_picture_px:
            return None
        return float(measure(record.landmarks, record.size_in_picture_px))

    return known


MEASURES: dict[str, Measure] = {
    "sharpness": Measure(_unless_unknown("sharpness"), "sharpness"),
    "blur": Measure(picture="blur"),
    "size": Measure(_size),
    "exposure": Measure(_unless_unknown("exposure"), "exposure"),
    "contrast": Measure(picture="contrast"),
    "light": Measure(picture="light"),
    "hue": Measure(picture="hue"),
    "saturation": Measure(picture="saturation"),
    "yaw": Measure(_unless_plain("yaw")),
    "pitch": Measure(_unless_plain("pitch")),
    "roll": Measure(_unless_plain("roll")),
    "occlusion": Measure(_unless_plain("occlusion")),
    "score": Measure(_unless_plain("score")),
    "mouth": Measure(_opening(mouth_opening)),
    "eyes": Measure(_opening(eye_opening)),
}


def measured(
    faceset: Faceset, name: str, records: Sequence[FaceRecord], reporter: Reporter
) -> tuple[list[FaceRecord], NDArray[np.float64]]:
    """Return the faces of which a figure can be told, and the figures, (n,).

    Faces of which nothing but the picture is known are left out where the picture doesn't tell, with a warning that
    counts them; unreadable pictures are named in a warning.

    Args:
        faceset: Where the faces are.
        name: A key of `MEASURES`.
        records: Which faces.
        reporter: Receives warnings and progress.
    """
    measure = MEASURES[name]
    values: dict[str, float] = {}
    for record in records:
        value = measure.known(record) if measure.known is not None else None
        if value is not None:
            values[record.file] = value
    unknown = [record for record in records if record.file not in values]
    if unknown and measure.picture:
        looks = look_at(faceset, unknown, reporter)
        figures = looks.figure(measure.picture).tolist()
        values |= {record.file: value for record, value in zip(looks.records, figures, strict=True)}
    elif unknown:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        reporter.warning(f"Left out: nothing but the picture is known of {unknown[0].file}{more}.")
    found = [record for record in records if record.file in values]
    return found, np.array([values[record.file] for record in found], np.float64)
