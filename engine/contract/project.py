# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and places of everything in a project folder, and the lock that keeps two jobs out of each other's way."""

from __future__ import annotations

import datetime
import os
import re
import sys
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

from .errors import EngineError, ErrorCode
from .files import write_document, writing_error

FOLDER_SUFFIX = ".understudy"
SCHEMA = "understudy.project"
VERSION = 1

TRACKS_FILE = "tracks.npz"
FOOTAGE_FILE = "footage.json"
FITNESS_FILE = "fitness.json"
CORRECTIONS_FILE = "corrections.json"
CORRECTION_RESULTS_FILE = "corrections.npz"
FOUND_TRACKS_FILE = "found.npz"
FOUND_FOOTAGE_FILE = "found.json"
FACESET_FILE = "faceset.json"
PEOPLE_FILE = "people.json"
REMOVALS_FILE = "removals.json"
TRAINING_SET_FILE = "trainingset.json"
COVERAGE_FILE = "coverage.png"
MODEL_FILE = "model.json"
HISTORY_FILE = "history.jsonl"
PREVIEW_FILE = "preview.png"
CURVE_FILE = "history.png"
SHOT_PREVIEW_FILE = "preview_shots.png"
SWAP_FILE = "swap.json"
OUTLINES_FILE = "outlines.npz"
KEPT_FACES_FOLDER = "faces"
JOB_FILE = "job.json"
LOG_FILE = "log.txt"
MESSAGES_FILE = "messages.jsonl"


_LONGEST_NAME = 48
# File systems take names of 255 bytes; the suffix has to fit too.
_LONGEST_FOLDER = 240


def safe_name(text: str, length: int = _LONGEST_NAME) -> str:
    """Return `text` as a file name that every system takes: word characters of any script, dots and hyphens."""
    text = unicodedata.normalize("NFC", text)
    text = re.sub(r"[^\w.\-]+", "-", text).strip("-._")[:length].strip("-._")
    return text or "unnamed"


def fitness_picture(track: int | str) -> str:
    """Return the file name of a track's heat strip in the footage's folder; "*" gives the pattern of all."""
    return f"fitness_t{track:02d}.png" if isinstance(track, int) else f"fitness_t{track}.png"


@dataclass(frozen=True)
class Project:
    """The folder that holds what Understudy knows about an edit; path functions only.

    Layout::

        project.json                 schema and version
        performers/<id>.json         performers and consent
        people.json                  who is who over all footage
        footage/<key>/footage.json   what the file is, which frames were searched
        footage/<key>/tracks.npz     boxes, landmarks, scores, identities
        footage/<key>/fitness.json   how fit each frame of each face track is for a swap
        footage/<key>/fitness_tNN.png  the same as a heat strip
        footage/<key>/corrections.*  corrections by hand and what following faces for them gave
        footage/<key>/found.*        the search's own result, where there are corrections
        facesets/<key>/              aligned faces of that footage and faceset.json
        trainingsets/<id>/           trainingset.json: which faces of a performer to train on; coverage.png
        models/<name>/               model.json, checkpoints, history.jsonl, history.png, preview.png, preview_shots.png
        swaps/<name>/                frame pictures, swap.json, outlines.npz, faces/ (the network's own, kept)
        jobs/<time>-<kind>/          job.json, log.txt, messages.jsonl
    """

    root: Path

    @classmethod
    def beside(cls, blend_file: Path) -> Project:
        """Return the project that belongs to a .blend file or footage: the folder of the same name beside it.

        A name that leaves the file system no room for the suffix is cut.
        """
        name, encoded = blend_file.stem, os.fsencode(blend_file.stem)
        if len(encoded) > _LONGEST_FOLDER:
            name = encoded[:_LONGEST_FOLDER].decode("utf-8", "ignore")
        return cls(blend_file.with_name(name + FOLDER_SUFFIX))

    @property
    def performers(self) -> Path:
        """Folder of the performers' records."""
        return self.root / "performers"

    @property
    def people(self) -> Path:
        """Record of who is who over all footage."""
        return self.root / PEOPLE_FILE

    def footage(self, key: str) -> Path:
        """Folder of what was found in one footage."""
        return self.root / "footage" / key

    def faceset(self, key: str) -> Path:
        """Folder of the aligned faces of one footage."""
        return self.root / "facesets" / key

    @property
    def training_sets(self) -> Path:
        """Folder of all training sets."""
        return self.root / "trainingsets"

    def training_set(self, performer: str) -> Path:
        """Folder of the training set of one performer, by id."""
        return self.training_sets / safe_name(performer)

    @property
    def models(self) -> Path:
        """Folder of all models."""
        return self.root / "models"

    def model(self, name: str) -> Path:
        """Folder of one model: the one that is called so, even if we would have called it otherwise."""
        is_name = 0 < len(name) <= _LONGEST_NAME and Path(name).name == name != ".."
        # Models imported or copied in a terminal may have spaces in their folder's name.
        return self.models / (name if is_name and (self.models / name).is_dir() else safe_name(name))

    def swap(self, name: str) -> Path:
        """Folder of one shot's swapped pictures."""
        return self.root / "swaps" / safe_name(name)

    def new_job(self, kind: str, now: datetime.datetime | None = None) -> Path:
        """Create and return a folder for a job's files.

        Raises:
            EngineError: `not_writable` or `disk_full`.
        """
        stamp = (now or datetime.datetime.now()).strftime("%Y%m%d-%H%M%S")
        for number in range(1000):
            folder = self.root / "jobs" / (f"{stamp}-{kind}" + (f"-{number}" if number else ""))
            try:
                folder.mkdir(parents=True, exist_ok=False)
            except FileExistsError:
                continue
            except OSError as error:
                raise writing_error(folder, error) from error
            return folder
        raise EngineError(
            ErrorCode.NOT_WRITABLE,
            f"A thousand jobs of this second have folders in {self.root / 'jobs'}.",
            "Start the job again.",
        )

    def create(self) -> None:
        """Create the folder and its `project.json` if they aren't there.

        Raises:
            EngineError: `not_writable` or `disk_full`.
        """
        marker = self.root / "project.json"
        try:
            is_there = marker.exists()
        except OSError as error:
            raise writing_error(marker, error) from error
        if not is_there:
            write_document(marker, SCHEMA, VERSION, {})


class ProjectLock:
    """One job at a time in a project; the operating system frees the lock when the process ends, however it ends.

    Example:
        >>> with ProjectLock(project, "train"):  # doctest: +SKIP
        ...     ...

    Raises:
        EngineError: `project_busy`, on entering while another process holds it.
    """

    def __init__(self, project: Project, kind: str) -> None:
        self._path = project.root / ".lock"
        self._kind = kind
        self._file: IO[str] | None = None

    def __enter__(self) -> ProjectLock:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self._path, "a+", encoding="utf-8")
        except OSError as error:
            raise writing_error(self._path, error) from error
        try:
            _lock(self._file)
        except OSError as error:
            self._file.seek(0)
            holder = self._file.read().strip() or "another job"
            self._file.close()
            self._file = None
            raise EngineError(
                ErrorCode.PROJECT_BUSY,
                f"{self._path.parent.name} is in use by {holder}.",
                "Wait until that job has ended or stop it, then start again.",
            ) from error
        self._file.truncate(0)
        self._file.write(f"the job {self._kind} (process {os.getpid()})")
        self._file.flush()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.truncate(0)
            self._file.close()
            self._file = None


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[str]) -> None:
        # The locked byte lies far behind the text, so that others can still read who holds the lock.
        file.seek(1 << 20)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
