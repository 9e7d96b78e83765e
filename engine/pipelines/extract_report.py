# SPDX-License-Identifier: GPL-3.0-or-later
"""What an extraction says at its end: how many faces, in how many pictures, or why there are none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import EngineError, ErrorCode
from ..contract.fitness import ShotFitness
from ..contract.frame_mentions import FrameMention, Remark
from ..contract.messages import Done
from ..contract.steadiness import steadiness_sentence
from ..contract.timing import FrameRange, common_ranges
from ..faces.fitness import track_fitness
from ..faces.tracks import FaceTrack, TrackSet
from ..runtime.reporter import Reporter

NO_FACES_HINT = (
    "Try a lower confidence or a smaller minimum size, search turned pictures too (rotations), or choose another "
    "detector."
)


def finish_extraction(
    found: TrackSet,
    wanted: tuple[FrameRange, ...],
    tracks_folder: Path,
    faceset_folder: Path,
    rejected: Sequence[str],
    reporter: Reporter,
) -> Done:
    """Report the results of a footage and return the last message.

    Raises:
        EngineError: `no_faces`, when the frames asked for show none that was kept.
    """
    tracks = [track for track in found.tracks if _parts(track, wanted)]
    for sentence in rejected:
        reporter.info(sentence)
    if not tracks and not reporter.is_stopped:
        raise no_faces(found.footage.path.name, bool(rejected or found.references or found.rejects))
    reporter.artifact("tracks", tracks_folder)
    reporter.artifact("faceset", faceset_folder)
    shown = _shown(tracks, wanted)
    several, faces = int((shown > 1).sum()), int(shown.sum())
    pictures = sum(map(len, common_ranges(wanted, found.ranges)))
    worth = {track.id: _worth(track, wanted) for track in tracks}
    result = {
        "key": found.key,
        "footage_folder": str(tracks_folder),
        "faceset_folder": str(faceset_folder),
        "pictures": pictures,
        "faces": faces,
        "tracks": [track.id for track in tracks],
        "several": several,
        "rejected": list(rejected),
        "steadiness": found.steadiness,
        "fitness": [{"track": track, **item.to_json()} for track, item in worth.items()],
    }
    worst = _worst(worth)
    sentences = [_summary(pictures, faces, several, len(tracks)), steadiness_sentence(found.steadiness), worst.text]
    return reporter.done(" ".join(filter(None, sentences)), result, worst.frames)


def _parts(track: FaceTrack, wanted: Sequence[FrameRange]) -> tuple[FrameRange, ...]:
    """Return where the wanted frames have the track."""
    return common_ranges(wanted, [FrameRange(track.first, track.last + 1)])


def _shown(tracks: Sequence[FaceTrack], wanted: Sequence[FrameRange]) -> NDArray[np.uint16]:
    """Return in how many tracks a face is seen in each media frame; nothing outside of the wanted ones."""
    shown = np.zeros(max((item.end for item in wanted), default=0), np.uint16)
    for track in tracks:
        for part in _parts(track, wanted):
            shown[part.start : part.end] += ~track.bridged[part.start - track.first : part.end - track.first]
    return shown


def _worth(track: FaceTrack, wanted: Sequence[FrameRange]) -> ShotFitness:
    return track_fitness(track).judge((frame, frame) for part in _parts(track, wanted) for frame in part)


def _worst(worth: dict[int, ShotFitness]) -> Remark:
    """Return the sentence on the worst range of all tracks."""
    ranges = [(item.ranges[0], track) for track, item in worth.items() if item.ranges]
    if not ranges:
        return Remark("")
    worst, track = max(ranges, key=lambda item: item[0].loss)
    where = FrameMention(worst.where, ((worst.first, worst.last + 1),))
    return Remark(f"Worst for a swap is face {track}, {worst.sentence}.", (where,))


def no_faces(name: str, is_filtered: bool) -> EngineError:
    """Return the failure of a search that kept no face."""
    if is_filtered:
        return EngineError(
            ErrorCode.NO_FACES,
            f"No face in {name} passed the identity filter.",
            "Use clearer reference pictures, or a larger identity threshold for the person to keep.",
        )
    return EngineError(ErrorCode.NO_FACES, f"No face was found in {name}.", NO_FACES_HINT)


def _summary(pictures: int, faces: int, several: int, tracks: int) -> str:
    text = f"{_counted(faces, 'face')} of {_counted(tracks, 'face track')} in {_counted(pictures, 'picture')}"
    if not several:
        return f"{text}."
    return f"{text}; {_counted(several, 'picture')} show{'s' if several == 1 else ''} several faces."


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
