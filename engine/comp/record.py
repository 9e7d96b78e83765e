# SPDX-License-Identifier: GPL-3.0-or-later
"""What a swap folder holds: which picture was made from what, so that a run goes on where another ended."""

from __future__ import annotations

import datetime
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..contract.errors import EngineError, ErrorCode
from ..contract.files import read_document_as, write_document, writing_error, written_whole
from ..contract.project import OUTLINES_FILE, SWAP_FILE
from ..contract.swap_folder import SCHEMA, VERSION, picture_name
from ..contract.timing import FrameRange
from ..faces.hand_paths import REACH
from .stream import PlannedFace

# Raised when the same inputs give other pixels than before, so that older pictures are made again.
_COMP_VERSION = 4
# The same for the pictures in which something is in front of a face.
_FRONT_VERSION = 2
_SECONDS_BETWEEN_SAVES = 2.0


def picture_path(folder: Path, media_frame: int) -> Path:
    """Return the file of a media frame's picture."""
    return folder / picture_name(media_frame)


def picture_digests(
    inputs: Mapping[str, Any],
    frames: Sequence[int],
    plan: Mapping[int, Sequence[PlannedFace]],
    front_sights: str = "",
    aside: Mapping[int, Sequence[PlannedFace]] | None = None,
) -> dict[int, str]:
    """Return, for every frame, 12 hex digits that change when anything its picture is made from changes.

    Args:
        inputs: What all pictures share: footage key, model fingerprint, settings …; plain JSON values.
        frames: Media frames.
        plan: Faces by media frame; frames without faces are left out of it.
        front_sights: What can be told in front of faces that are watched.
        aside: Faces by media frame that aren't swapped but looked at.
    """
    # Only watched faces depend on it, so that all other pictures survive a change.
    front = f"{_FRONT_VERSION} {front_sights} "
    shared = json.dumps([_COMP_VERSION, inputs], sort_keys=True, ensure_ascii=False).encode("utf-8")
    watched = {
        (frame, face.track): f"{face.watch} ".encode() + np.asarray(face.landmarks, np.float32).tobytes()
        for faces in (plan, aside or {})
        for frame, found in faces.items()
        for face in found
        if face.watch
    }
    digests = {}
    for frame in frames:
        digest = hashlib.sha256(shared)
        for face in plan.get(frame, ()):
            # Who is replaced decides how the sketch is moved, and whose decoder tells what is in front.
            digest.update(f"{face.track} {face.source} {face.target} ".encode())
            digest.update(np.asarray(face.landmarks, np.float32).tobytes())
            if face.watch:
                digest.update(front.encode())
                for other in range(frame - REACH, frame + REACH + 1):
                    digest.update(watched.get((other, face.track), b"-"))
        digests[frame] = digest.hexdigest()[:12]
    return digests


@dataclass(frozen=True)
class _EarlierRun:
    """What an earlier run noted.

    Attributes:
        pictures: Digest of each finished picture by media frame.
        kept: Tracks of the faces in front of which something was left, by media frame.
        failed: Media frames whose pictures are empty because they failed.
    """

    pictures: dict[int, str] = field(default_factory=dict)
    kept: dict[int, tuple[int, ...]] = field(default_factory=dict)
    failed: frozenset[int] = frozenset()

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> _EarlierRun:
        """Build from the document's values; older ones don't say what is in front."""
        return cls(
            {int(number): str(digest) for number, digest in content.get("pictures", {}).items()},
            {int(number): tuple(map(int, tracks)) for number, tracks in content.get("in_front", {}).items()},
            frozenset(int(item["frame"]) for item in content.get("failed", ())),
        )


class SwapRecord:
    """The `swap.json` of a folder while pictures are written.

    Args:
        folder: Folder of the pictures.
        header: What describes the run: model, settings, assignments …; plain JSON values.
        ranges: Media frames of the run.
        digests: Digest of each frame's picture.
        with_faces: Frames in which a face shall appear.

    Raises:
        EngineError: `job_invalid`, when pictures that no swap wrote are in the way; `not_writable` or `disk_full`.
    """

    def __init__(
        self,
        folder: Path,
        header: Mapping[str, Any],
        ranges: Sequence[FrameRange],
        digests: Mapping[int, str],
        with_faces: set[int],
    ) -> None:
        self._path = folder / SWAP_FILE
        self._folder = folder
        self._header = dict(header)
        self._ranges = ranges
        self._digests = digests
        self._with_faces = with_faces
        self._failed: dict[int, str] = {}
        self.warnings: list[str] = []
        before = self._read_before()
        self._pictures = before.pictures
        self._kept = before.kept
        self._stale = {*before.pictures, *before.failed} - set(digests)
        self._last_save = -1e9
        self.save("running")

    def _read_before(self) -> _EarlierRun:
        if not self._path.exists():
            strange = next((p for n in self._digests if (p := picture_path(self._folder, n)).exists()), None)
            if strange is not None:
                raise EngineError(
                    ErrorCode.JOB_INVALID,
                    f"{strange} would be overwritten, but it was not written by a swap.",
                    "Choose an empty folder for the swapped pictures.",
                )
            return _EarlierRun()
        try:
            return read_document_as(self._path, SCHEMA, VERSION, ErrorCode.JOB_INVALID, "", _EarlierRun.from_json)
        except EngineError as error:
            # Without a record nothing is reused: every picture is simply written again.
            self.warnings.append(f"{error.message} All pictures are written again.")
            return _EarlierRun()

    def pending(self) -> list[int]:
        """Return the frames whose pictures have to be written, ascending."""
        return [
            frame
            for frame, digest in sorted(self._digests.items())
            if self._pictures.get(frame) != digest or not picture_path(self._folder, frame).is_file()
        ]

    def finish(self, media_frame: int, reason: str = "") -> None:
        """Note that a frame's picture is on disk.

        Args:
            media_frame: Its number.
            reason: Why the picture is empty although a face should be in it; a later run tries again.
        """
        if reason:
            self._failed[media_frame] = reason
            self._pictures.pop(media_frame, None)
        else:
            self._pictures[media_frame] = self._digests[media_frame]
        if time.monotonic() - self._last_save > _SECONDS_BETWEEN_SAVES:
            self.save("running")

    def note_in_front(self, media_frame: int, tracks: Sequence[int]) -> None:
        """Note in front of which faces of a frame something was found and left in the picture."""
        self._kept.pop(media_frame, None)
        if tracks:
            self._kept[media_frame] = tuple(tracks)

    @property
    def kept(self) -> dict[int, set[int]]:
        """Of each track the frames of this run in which something in front of its face was left in the picture."""
        found: dict[int, set[int]] = {}
        for frame, tracks in self._kept.items():
            for track in tracks if frame in self._digests else ():
                found.setdefault(track, set()).add(frame)
        return found

    def counts(self) -> dict[str, int]:
        """Return how many pictures of this run are there: with a swapped face, empty, and failed."""
        done = {frame for frame, digest in self._digests.items() if self._pictures.get(frame) == digest}
        swapped = len(done & self._with_faces)
        return {"swapped": swapped, "empty": len(done) - swapped, "failed": len(self._failed)}

    @property
    def failures(self) -> list[dict[str, Any]]:
        """Frames that failed, each with `frame` and `reason`."""
        return [{"frame": frame, "reason": reason} for frame, reason in sorted(self._failed.items())]

    def save(self, state: str) -> None:
        """Write `swap.json`; `state` is "running", "stopped", "failed" or "done"."""
        self._last_save = time.monotonic()
        content = {
            **self._header,
            "state": state,
            "ranges": [[item.start, item.end] for item in self._ranges],
            "counts": self.counts(),
            "failed": self.failures,
            "warnings": self.warnings,
            "in_front": {str(frame): list(tracks) for frame, tracks in sorted(self._kept.items())},
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "pictures": {str(frame): digest for frame, digest in sorted(self._pictures.items())},
        }
        write_document(self._path, SCHEMA, VERSION, content)

    def remove_stale(self) -> None:
        """Delete pictures of earlier runs that lie outside of this run's ranges; nothing else is touched."""
        for frame in sorted(self._stale):
            path = picture_path(self._folder, frame)
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise writing_error(path, error) from error
            self._pictures.pop(frame, None)
            self._kept.pop(frame, None)
        self._stale = set()


def save_outlines(
    folder: Path,
    frames: Sequence[int],
    outlines: Mapping[tuple[int, int], tuple[np.ndarray, float]],
) -> Path:
    """Write `outlines.npz` and return it.

    Args:
        folder: Folder of the pictures.
        frames: All media frames of the run, ascending.
        outlines: (media frame, track) -> 16 points (16, 2) in pixels and the width of the soft edge in pixels.

    Raises:
        EngineError: `not_writable` or `disk_full`.
    """
    tracks = sorted({track for _, track in outlines})
    place = {frame: index for index, frame in enumerate(frames)}
    points = np.zeros((len(frames), len(tracks), 16, 2), np.float32)
    present = np.zeros((len(frames), len(tracks)), bool)
    feather = np.zeros((len(frames), len(tracks)), np.float32)
    for (frame, track), (outline, feather_px) in outlines.items():
        at = place[frame], tracks.index(track)
        points[at], present[at], feather[at] = outline, True, feather_px
    path = folder / OUTLINES_FILE
    with written_whole(path) as temporary:
        np.savez_compressed(
            temporary,
            media_frames=np.asarray(frames, np.int32),
            tracks=np.asarray(tracks, np.int32),
            points=points,
            present=present,
            feather_px=feather,
        )
    return path
