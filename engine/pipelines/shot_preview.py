# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames of the edit as they will look: read and aligned once, swapped at each preview with the network as it is."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..comp.crop import FaceCrop, Watch, cut_face
from ..comp.lookout import Lookout
from ..comp.over import composite
from ..comp.place import empty_picture, resized_matrix
from ..comp.swap import SwappedFace, paint_face, swap_faces
from ..contract.errors import EngineError
from ..contract.jobs import TrainJob
from ..contract.preview_shot import EVERY_TRACK, PreviewShot
from ..contract.project import Project
from ..contract.settings import SwapSettings
from ..contract.timing import FrameRange
from ..faces.alignment import face_matrix
from ..faces.geometry import invert_similarity
from ..faces.hands import HandFinder
from ..faces.tracks import load_tracks
from ..media.fingerprint import footage_key
from ..media.reader import FootageReader
from ..runtime.reporter import Reporter
from ..training.sketcher import Sketcher
from .shown_performers import shown_performers
from .swap_hidden import open_hands, watches

if TYPE_CHECKING:
    from ..networks.registry import Family

Faces = NDArray[np.float32]
# What a network is given and a performer -> faces with that performer's identity, and the network's masks or None.
Swap = Callable[[Faces, str], tuple[Faces, Faces | None]]

MAXIMUM_FRAMES = 6
_LARGEST_SIDE_PX = 480


@dataclass(frozen=True)
class PreviewFrame:
    """One frame, small, with its faces as the network sees them.

    Attributes:
        plate: The frame at most 480 px wide and high, uint8 (h, w, 3) RGB.
        crops: Its faces, cut from the full frame; their matrices lead from `plate`.
    """

    plate: NDArray[np.uint8]
    crops: tuple[FaceCrop, ...]


@dataclass(frozen=True)
class _NetworkInMemory:
    """The network in training, as the comp wants it."""

    family: str
    face_size: int
    coverage: float
    performers: tuple[str, ...]
    network: Swap
    sketcher: Sketcher
    step: int = 0
    fingerprint: str = ""

    def image_to_face(self, landmarks: np.ndarray) -> np.ndarray:
        """Return the canonical alignment at the network's size and coverage."""
        return face_matrix(landmarks, self.face_size, self.coverage)

    def inputs(self, plates: np.ndarray, landmarks: np.ndarray, source: str, targets: Sequence[str]) -> np.ndarray:
        """Return what the network is given of faces, see `Sketcher`."""
        return self.sketcher(plates, landmarks, source, targets)

    def swap(self, faces: np.ndarray, source: str) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the faces of `source` for what `inputs` returned, and their masks or None."""
        return self.network(faces, source)

    def precision_of(self, source: str) -> str:
        """Return nothing: what a network in training makes is never kept."""
        return ""


class ShotFrames:
    """Frames of the edit, ready to be swapped; see `open_shot_frames`.

    Args:
        frames: The frames.
        family: Kind of the network.
        performers: Whom it learns.
        settings: How to comp.
        prepared_s: Seconds that it took to get the frames ready.
    """

    def __init__(
        self,
        frames: Sequence[PreviewFrame],
        family: Family,
        performers: Sequence[str],
        settings: SwapSettings,
        prepared_s: float = 0.0,
    ) -> None:
        self._frames = tuple(frames)
        self._family = family
        self._performers = tuple(performers)
        self._settings = settings
        self._prepared_s = prepared_s

    @property
    def prepared_s(self) -> float:
        """Seconds that it took to get the frames ready."""
        return self._prepared_s

    def draw(self, swap: Swap, sketcher: Sketcher) -> NDArray[np.uint8]:
        """Return each frame's plate, and the plate with the swap beside or below it; uint8 (h, w, 3) RGB.

        Panels draw it into a square: of both arrangements the one that fills it better is taken.
        """
        family = self._family
        network = _NetworkInMemory(family.name, family.face_size, family.coverage, self._performers, swap, sketcher)
        # All faces of a performer at once: the network is compiled for several, and few cost it as much as many.
        faces: dict[int, SwappedFace] = {}
        crops = [crop for item in self._frames for crop in item.crops]
        for source in dict.fromkeys(crop.source for crop in crops):
            mine = [crop for crop in crops if crop.source == source]
            # By the crops given: where something is in front of a face, the swapped one has another.
            faces |= zip(map(id, mine), swap_faces(network, mine, self._settings), strict=True)
        pairs = [
            (item.plate, self._over([faces[id(crop)] for crop in item.crops], item.plate)) for item in self._frames
        ]
        width, height = max(plate.shape[1] for plate, _ in pairs), sum(plate.shape[0] for plate, _ in pairs)
        # The longer side decides how small the picture becomes.
        axis = 1 if max(2 * width, height) <= max(width, 2 * height) else 0
        rows = [np.concatenate(pair, axis=axis) for pair in pairs]
        width = max(row.shape[1] for row in rows)
        return np.concatenate([np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0))) for row in rows])

    def _over(self, faces: Sequence[SwappedFace], plate: NDArray[np.uint8]) -> NDArray[np.uint8]:
        picture = empty_picture(plate.shape[1], plate.shape[0], 8)
        for face in faces:
            paint_face(picture, face, face.color, self._settings)
        return composite(plate, picture)


def open_shot_frames(
    job: TrainJob, family: Family, reporter: Reporter, settings: SwapSettings | None = None
) -> ShotFrames | None:
    """Read the frames that a training shall show.

    What can't be shown is named in a warning: a training goes on without its preview. Reading ends early when a stop is
    asked for.

    Args:
        job: Its `shots` are read, their tracks from its project.
        family: Kind of the network.
        reporter: Is told how far it is and what was left out.
        settings: How to comp.

    Returns:
        The frames, or None when there are none.
    """
    began = time.monotonic()
    performers = tuple(item.performer for item in job.performers)
    settings = settings or SwapSettings()
    hands = functools.cache(lambda: open_hands(True, reporter))
    frames: list[PreviewFrame] = []
    wanted = sum(len(set(shot.frames)) for shot in job.shots)
    for shot in job.shots:
        numbers = sorted(set(shot.frames))[: MAXIMUM_FRAMES - len(frames)]
        try:
            for frame in _read_shot(job, shot, numbers, family, settings, hands):
                frames.append(frame)
                # Far into large footage a frame takes seconds.
                if reporter.progress(len(frames), min(wanted, MAXIMUM_FRAMES), "frames of the preview"):
                    return None
        except EngineError as error:
            reporter.warning(f"The preview leaves out {shot.footage.path.name}: {error.message}")
        if len(frames) == MAXIMUM_FRAMES:
            break
    if len(frames) == MAXIMUM_FRAMES < wanted:
        reporter.warning(f"The preview shows the first {MAXIMUM_FRAMES} of {wanted} frames, so that it stays cheap.")
    if not frames:
        return None
    return ShotFrames(frames, family, performers, settings, time.monotonic() - began)


def _read_shot(
    job: TrainJob,
    shot: PreviewShot,
    numbers: Sequence[int],
    family: Family,
    settings: SwapSettings,
    hands: Callable[[], HandFinder | None],
) -> Iterator[PreviewFrame]:
    assert job.project is not None
    key = footage_key(shot.footage)
    tracks = load_tracks(Project(job.project).footage(key))
    sources, targets = dict(shot.sources), shown_performers(job, shot, key, [track.id for track in tracks.tracks])
    watched = {track.id: watches(track, settings, tracks.tracks) for track in tracks.tracks}
    with FootageReader(shot.footage) as reader:
        for media_frame, image in reader.frames([FrameRange(number, number + 1) for number in numbers]):
            crops = []
            for track in tracks.tracks:
                source = sources.get(track.id, sources.get(EVERY_TRACK, ""))
                place = np.flatnonzero(track.frames == media_frame)
                if source and len(place):
                    points = track.landmarks[place[0]]
                    crop = cut_face(image, points, media_frame, track.id, source, family.face_size, family.coverage)
                    crop = replace(crop, watch=watched[track.id][place[0]], target=targets[track.id])
                    if crop.watch is not Watch.NOTHING:
                        # Only this frame is read, so its hands are those that it shows by itself.
                        lookout = Lookout(hands(), settings)
                        lookout.look(image, media_frame, track.id, points, crop.watch)
                        crop = lookout.with_hands(crop)
                    crops.append(crop)
            yield _reduced(image, crops)


def _reduced(image: NDArray[np.uint8], crops: Sequence[FaceCrop]) -> PreviewFrame:
    """Make the frame small; the faces keep the full frame's detail."""
    import cv2

    height, width = image.shape[:2]
    factor = min(1.0, _LARGEST_SIDE_PX / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = image if factor == 1.0 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    # A copy: the reader may use its picture again.
    plate = np.array(small, np.uint8)
    # The face's matrix leads from the large frame: the way back to it is what gets smaller.
    moved = [invert_similarity(resized_matrix(invert_similarity(crop.image_to_face), factor)) for crop in crops]
    return PreviewFrame(plate, tuple(replace(crop, image_to_face=m) for crop, m in zip(crops, moved, strict=True)))
