# SPDX-License-Identifier: GPL-3.0-or-later
"""A face desk in a process of its own, so that following faces doesn't share Python's lock with measuring and storing.

Only the pixels around each face go over, in the order in which they are found.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import EngineError
from ..contract.settings import ExtractSettings, settings_from_json, settings_to_json
from ..faces.picture_part import PicturePart
from ..faces.tracking import Observation
from ..faces.tracks import PER_FRAME, FaceTrack
from ..faceset.writer import FacesetWriter
from ..runtime.array_messages import ArrayMessage
from ..runtime.ordered_worker import OrderedWorker
from ..runtime.side_process import SideProcess, answer_messages
from .face_desk import MOST_WAITING, BestFaces, FaceDesk, Finished
from .face_keeping import FaceKeeper
from .track_recording import SeenFace


class FarDesk:
    """A desk in another process, which writes the faceset too.

    Args:
        settings: How to record.
        faceset: Folder of the aligned faces.
        debug: Folder of copies with landmarks.
        keep: Keep the faces that are there.

    Raises:
        OSError: The process can't be started.
    """

    def __init__(self, settings: ExtractSettings, faceset: Path, debug: Path, keep: bool) -> None:
        self._settings = settings
        self._process = SideProcess(__name__.partition(".")[2], "records faces")
        self._worker = OrderedWorker("face-sender", MOST_WAITING)
        self._is_open = False
        self._opening = {
            "settings": settings_to_json(settings), "faceset": str(faceset), "debug": str(debug), "keep": keep
        }  # fmt: skip

    @property
    def is_coming(self) -> bool:
        """Whether `connect` would have to wait for the process to start."""
        return not self._is_open and self._process.is_silent

    def connect(self) -> None:
        """Wait until the process is there and has opened the faceset.

        Raises:
            EngineError: `crashed`, when it doesn't start, or what opening a faceset raises.
        """
        if not self._is_open:
            self._process.receive()
            self._is_open = True
            self._process.ask({"do": "open", "ask": True, **self._opening})

    def see(self, track: int, media_frame: int, observation: Observation) -> None:
        """As `Desk.see`."""
        self._give(lambda: self._send(track, SeenFace.of(media_frame, observation, self._settings)))

    def take(self, track: int, face: SeenFace) -> None:
        """As `FacesetDesk.take`."""
        self._give(partial(self._send, track, face))

    def _give(self, work: Callable[[], None]) -> None:
        self.connect()
        self._process.check()
        self._worker.give(work)

    def _send(self, track: int, face: SeenFace) -> None:
        content = {
            "do": "see", "track": track, "frame": face.media_frame, "score": face.score, "rotation": face.rotation
        }  # fmt: skip
        self._process.send(content, [face.landmarks, face.part.image, face.part.picture_to_part])

    def judge(self, track: int, is_kept: bool) -> None:
        """As `Desk.judge`."""
        self._worker.give(partial(self._process.send, {"do": "judge", "track": track, "is_kept": is_kept}))

    def best(self, track: int, count: int, known: tuple[int, ...] = ()) -> BestFaces:
        """As `Desk.best`."""
        content, arrays = self._ask({"do": "best", "track": track, "count": count, "known": known})
        return tuple(content["frames"]), list(zip(arrays[::2], arrays[1::2], strict=True))

    def finish(self, track: int, identity: NDArray[np.float32]) -> Finished:
        """As `Desk.finish`."""
        _, arrays = self._ask({"do": "finish", "track": track})
        return FaceTrack(id=track, identity=identity, **dict(zip(PER_FRAME, arrays, strict=False))), arrays[-1]

    def drop(self, track: int) -> None:
        """As `Desk.drop`."""
        self._worker.give(partial(self._process.send, {"do": "drop", "track": track}))

    def rename_tracks(self, names: Mapping[int, int]) -> None:
        """Give the faces of some tracks another track id, as `FacesetWriter.rename_tracks`."""
        self.connect()
        self._ask({"do": "rename", "names": list(names.items())})

    def save(self) -> None:
        """Write the faceset's records; raises what writing raises."""
        self.connect()
        self._ask({"do": "save"})

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(EngineError):
            self._worker.finish()
        self._process.close()

    def _ask(self, content: dict[str, Any]) -> ArrayMessage:
        self._worker.finish()
        return self._process.ask({"ask": True, **content})


class _DeskServer:
    """The other side: does what the messages say."""

    def __init__(self) -> None:
        self._desk: FaceDesk | None = None
        self._writer: FacesetWriter | None = None

    def handle(self, content: dict[str, Any], arrays: list[NDArray[Any]]) -> ArrayMessage | None:
        does: dict[str, Callable[..., ArrayMessage | None]] = {
            "open": self._open, "see": self._see, "judge": self._judge, "best": self._best, "finish": self._finish,
            "drop": self._drop, "rename": self._rename, "save": self._save,
        }  # fmt: skip
        return does[content["do"]](content, *arrays)

    def _open(self, content: dict[str, Any]) -> ArrayMessage:
        settings = settings_from_json(ExtractSettings, content["settings"])
        self._writer = FacesetWriter(
            Path(content["faceset"]), settings.face_size, settings.coverage, keep=content["keep"]
        )
        self._desk = FaceDesk(settings, FaceKeeper(self._writer, settings, Path(content["debug"])).keep)
        return {}, []

    def _see(
        self,
        content: dict[str, Any],
        landmarks: NDArray[np.float32],
        image: NDArray[np.uint8],
        picture_to_part: NDArray[np.float64],
    ) -> None:
        part = PicturePart(image, picture_to_part)
        face = SeenFace(content["frame"], landmarks, content["score"], content["rotation"], part)
        self._at_work.see(content["track"], face)

    def _judge(self, content: dict[str, Any]) -> None:
        self._at_work.judge(content["track"], content["is_kept"])

    def _best(self, content: dict[str, Any]) -> ArrayMessage:
        frames, faces = self._at_work.best(content["track"], content["count"], tuple(content["known"]))
        return {"frames": frames}, [item for face in faces for item in face]

    def _finish(self, content: dict[str, Any]) -> ArrayMessage:
        # The other side knows the identity; it puts it in.
        track, thumbnail = self._at_work.finish(content["track"], np.zeros(128, np.float32))
        return {}, [*(getattr(track, name) for name in PER_FRAME), thumbnail]

    def _drop(self, content: dict[str, Any]) -> None:
        self._at_work.drop(content["track"])

    def _rename(self, content: dict[str, Any]) -> ArrayMessage:
        assert self._writer is not None
        self._writer.rename_tracks(dict(content["names"]))
        return {}, []

    def _save(self, content: dict[str, Any]) -> ArrayMessage:
        assert self._writer is not None
        self._writer.save()
        return {}, []

    @property
    def _at_work(self) -> FaceDesk:
        assert self._desk is not None, "the first message opens the desk"
        return self._desk


def main(ring_handle: int | None = None) -> None:
    """Serve as the other process of a `FarDesk`; the handle is that of `answer_messages`."""
    # Many small pictures: OpenCV's own threads would only get in each other's way.
    import cv2

    cv2.setNumThreads(1)
    answer_messages(_DeskServer().handle, ring_handle)
