# SPDX-License-Identifier: GPL-3.0-or-later
"""A trained model on disk: `model.json` and the checkpoints it names, each written whole.

A new checkpoint gets a new name; `model.json` names it once it is complete, then the oldest goes. So at any moment,
also when the process dies, `model.json` names a complete checkpoint. The same holds for the best weights so far and for
snapshots. docs/reference/formats/model.md describes them all.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import os
import shutil
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import __version__
from ..contract.errors import EngineError, ErrorCode
from ..contract.files import (
    TEMPORARY_SUFFIX,
    WRONG_ARRAYS,
    WRONG_VALUES,
    damage,
    read_document,
    write_document,
    written_whole,
)
from ..contract.imported_model import SCHEMA, VERSION, load_imported
from ..contract.project import MODEL_FILE

BACKUPS = 2

# Every file of a model that a save may drop once `model.json` doesn't name it any more.
_PATTERNS = ("checkpoint-*.npz", "best*.npz", "snapshot-????????.npz")

# What JSON makes of the kinds of a document's fields.
_KINDS = {
    "str": str,
    "int": int,
    "float": (int, float),
    "bool": bool,
    "tuple": (list, tuple),
    "list": list,
    "dict": dict,
}
_HINT = "Restore it from a backup."

Arrays = dict[str, NDArray[np.generic]]


@dataclass(frozen=True)
class ModelDocument:
    """What `model.json` says.

    Attributes:
        family: Name of the network's family.
        performers: Performer ids.
        face_size: Side of the face in pixels.
        coverage: Side of the face in canonical face squares.
        step: Training steps of the checkpoint.
        settings: Training settings of the last run.
        parameters: Number of parameters of each part and in all.
        facesets: For each performer: folders, number of faces, digest.
        created: When training began, ISO 8601 in UTC.
        saved: When this checkpoint was written.
        engine_version: Version of the engine that wrote it.
        trained_s: Seconds of training in all runs.
        losses: Losses of the checkpoint by performer.
        checkpoint: File name of the checkpoint.
        backups: File names of the ones before it, newest first.
        fingerprint: SHA-256 of the weights that the swap uses.
        best: The best weights so far: `file`, `step`, `ssim`, `l1`, `fingerprint`; empty before the first measurement.
        snapshots: Checkpoints kept beside the newest, oldest first: `file`, `step`, `saved`, `trained_s`, `reason`
            ("time" or "quality"), `ssim` (null when not measured).
        warm_start: What the first weights came from; empty for a fresh start.
        forked_from: Of a copy made for a finish: `model` (name of the folder), `step` and `fingerprint` of the
            original; empty otherwise.
        sketch: Form of the sketches that the network is given beside the pictures (`SKETCH_FORM`); 0 for none.
        shapes: Performer -> mean landmarks, 68 pairs in units of views; empty without sketches.
    """

    family: str
    performers: tuple[str, ...]
    face_size: int
    coverage: float
    step: int
    settings: dict[str, Any]
    parameters: dict[str, int]
    facesets: list[dict[str, Any]]
    created: str
    saved: str = ""
    engine_version: str = __version__
    trained_s: float = 0.0
    losses: dict[str, float] = field(default_factory=dict)
    checkpoint: str = ""
    backups: tuple[str, ...] = ()
    fingerprint: str = ""
    best: dict[str, Any] = field(default_factory=dict)
    snapshots: tuple[dict[str, Any], ...] = ()
    warm_start: str = ""
    forked_from: dict[str, Any] = field(default_factory=dict)
    sketch: int = 0
    shapes: dict[str, Any] = field(default_factory=dict)


def now() -> str:
    """Return the time as ISO 8601 in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def fingerprint_of(weights: Arrays) -> str:
    """Return the SHA-256 of weights: names, shapes and values in order of name."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        value = np.ascontiguousarray(weights[name])
        digest.update(f"{name} {value.dtype} {value.shape}\n".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()


def holds_model(folder: Path) -> bool:
    """Whether the folder holds a model, readable or not."""
    return (folder / MODEL_FILE).exists() or any(folder.glob("checkpoint-*.npz"))


def read_model(folder: Path) -> ModelDocument:
    """Read a model's document.

    Raises:
        EngineError: `model_missing` when the folder holds none, `model_unreadable` when it can't be read,
            `model_mismatch` when it holds an imported network.
    """
    if not holds_model(folder):
        raise EngineError(
            ErrorCode.MODEL_MISSING,
            f"There is no trained model in {folder}.",
            "Train one there first, or choose another folder.",
        )
    path = folder / MODEL_FILE
    content = read_document(path, SCHEMA, VERSION, ErrorCode.MODEL_UNREADABLE, _HINT)
    if load_imported(folder) is not None:
        raise EngineError(
            ErrorCode.MODEL_MISMATCH,
            f"The model in {folder} was imported; it can be swapped with, but not trained on.",
            "Choose another model folder to train in.",
        )
    try:
        return _document(content)
    except WRONG_VALUES as error:
        raise EngineError(ErrorCode.MODEL_UNREADABLE, f"{path} is damaged: {damage(error)}.", _HINT) from error


def _document(content: dict[str, Any]) -> ModelDocument:
    """Return what a document says.

    Raises:
        TypeError: Something is missing or of another kind.
    """
    known = {item.name for item in fields(ModelDocument)}
    document = ModelDocument(**{key: value for key, value in content.items() if key in known})
    for item in fields(ModelDocument):
        value, kind = getattr(document, item.name), item.type.partition("[")[0]
        # To Python a truth value is a number.
        if not isinstance(value, _KINDS[kind]) or (isinstance(value, bool) and kind != "bool"):
            raise TypeError(f"{item.name} is {value!r}")
    for snapshot in document.snapshots:
        if not {"file", "step", "trained_s", "reason"} <= dict(snapshot).keys():
            raise TypeError(f"a snapshot is {snapshot!r}")
    return replace(
        document,
        performers=tuple(map(str, document.performers)),
        backups=tuple(map(str, document.backups)),
        snapshots=tuple(document.snapshots),
    )


def read_arrays(folder: Path, name: str, prefix: str = "") -> Arrays:
    """Read the arrays of a checkpoint.

    Args:
        folder: Folder of the model.
        name: File name of the checkpoint.
        prefix: Read only arrays whose name begins so; it is left out of the result's names.

    Raises:
        EngineError: `model_unreadable`, naming the file and the readable backups; nothing is changed on disk.
    """
    try:
        return _load(folder / name, prefix)
    except WRONG_ARRAYS as error:
        raise EngineError(
            ErrorCode.MODEL_UNREADABLE,
            f"The checkpoint {folder / name} can't be read: {damage(error)}.",
            _backup_hint(folder, name),
        ) from error


def _load(path: Path, prefix: str) -> Arrays:
    # Opened here: numpy leaves the file open when it is damaged.
    with path.open("rb") as file, np.load(file) as archive:
        return {name[len(prefix) :]: archive[name] for name in archive.files if name.startswith(prefix)}


def _backup_hint(folder: Path, damaged: str) -> str:
    for path in sorted(folder.glob("checkpoint-*.npz"), reverse=True):
        if path.name == damaged:
            continue
        with contextlib.suppress(*WRONG_ARRAYS):
            _load(path, "")
            return f"The backup {path.name} is readable: train again with the setting resume_from {path.name}."
    return "No readable backup is left in the folder; choose another model folder to start from scratch."


def write_arrays(path: Path, arrays: Arrays) -> None:
    """Write arrays as one uncompressed .npz, whole or not at all, also when the power fails."""
    with written_whole(path) as temporary:
        np.savez(temporary, allow_pickle=False, **arrays)
        # The name may reach the disk before the content otherwise, and the older checkpoint goes then.
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())


def keep_copy(source: Path, copy: Path) -> None:
    """Let a finished file exist under a second name; costs no space where the file system has hard links."""
    with written_whole(copy) as temporary:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)


def save_model(
    folder: Path, document: ModelDocument, arrays: Arrays, snapshot: dict[str, Any] | None = None
) -> ModelDocument:
    """Write a checkpoint, then the document that names it, then drop what it doesn't name any more.

    Args:
        folder: Folder of the model.
        document: What the model is; names of checkpoint and backups are filled in here.
        arrays: Everything that the next step depends on.
        snapshot: One of the document's snapshots that is this very checkpoint, if any.

    Returns:
        The document as written.
    """
    name = f"checkpoint-{document.step:08d}.npz"
    write_arrays(folder / name, arrays)
    if snapshot is not None:
        keep_copy(folder / name, folder / snapshot["file"])
    earlier = [item for item in (document.checkpoint, *document.backups) if item and item != name]
    backups = tuple(item for item in dict.fromkeys(earlier) if (folder / item).exists())[:BACKUPS]
    written = replace(document, checkpoint=name, backups=backups, saved=now(), engine_version=__version__)
    write_model(folder, written)
    _drop_unnamed(folder, written)
    return written


def write_model(folder: Path, document: ModelDocument) -> None:
    """Write a model's document as it is; the checkpoints it names have to be there."""
    content = {item.name: getattr(document, item.name) for item in fields(document)}
    write_document(folder / MODEL_FILE, SCHEMA, VERSION, content)


def _drop_unnamed(folder: Path, document: ModelDocument) -> None:
    named = {document.checkpoint, *document.backups, document.best.get("file", "")}
    named |= {item["file"] for item in document.snapshots}
    for pattern in _PATTERNS:
        for path in folder.glob(pattern):
            if path.name not in named:
                path.unlink(missing_ok=True)


def sweep_unfinished(folder: Path) -> None:
    """Delete what a killed training left half-written; nothing else may be writing to the folder."""
    for path in folder.glob(f".*{TEMPORARY_SUFFIX}*"):
        path.unlink(missing_ok=True)
