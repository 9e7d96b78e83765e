# SPDX-License-Identifier: GPL-3.0-or-later
"""The recipe of importing a network made elsewhere: look whether it is what it is said to be, copy it, describe it."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import EngineError, ErrorCode
from ..contract.files import WRONG_ARRAYS, damage, written_whole
from ..contract.import_model_job import ImportModelJob
from ..contract.imported_model import (
    DEFAULT_FACE_TYPE,
    DEFAULT_MORPH,
    IDENTITIES_FILE,
    LICENCE_QUESTION,
    NETWORK_FILE,
    NOT_ANSWERED,
    ImportedModel,
    LicenceAnswer,
    save_imported,
)
from ..contract.messages import Done
from ..contract.project import Project, ProjectLock
from ..contract.settings import ExtractSettings
from ..imported.alignments import ARCFACE, coverage_of
from ..imported.dfm import check_dfm
from ..imported.one_shot import check_one_shot, identity_matrix, source_vector
from ..imported.onnx_file import last_initializer
from ..imported.recognizer import Recognizer
from ..media.images import read_image
from ..runtime.openvino_runtime import Graph
from ..runtime.reporter import Reporter
from ..training.checkpoint import holds_model, now
from .face_search import load_models
from .persons import largest_face

_CHUNK = 1 << 22
_MB = 1_000_000
Identities = dict[str, NDArray[np.float32]]


def import_model(job: ImportModelJob, reporter: Reporter) -> Done:
    """Make a model of a network made elsewhere.

    Returns:
        The last message; `result` has `model` (folder) and what `ImportedModel.to_json` gives.

    Raises:
        EngineError: `project_busy`, or what `import_network` raises.
    """
    lock = contextlib.nullcontext() if job.project is None else ProjectLock(Project(job.project), job.kind)
    with lock:
        model = import_network(
            job.file,
            job.model,
            job.network,
            {item.performer: item.files for item in job.performers},
            reporter,
            job.licence,
            job.face_type,
            job.morph,
            job.recognizer,
        )
    if reporter.is_stopped and not holds_model(job.model):
        return reporter.done("Stopped; nothing was imported.", {})
    summary = f"The model {job.model.name} shows {', '.join(model.performers)}; {model.licence.sentence}."
    return reporter.done(summary, {"model": str(job.model), **model.to_json()})


def import_network(
    file: Path,
    folder: Path,
    kind: str,
    performers: Mapping[str, Sequence[Path]],
    reporter: Reporter,
    licence: LicenceAnswer = NOT_ANSWERED,
    face_type: str = DEFAULT_FACE_TYPE,
    morph: float = DEFAULT_MORPH,
    recognizer: Path | None = None,
) -> ImportedModel:
    """Make a model of a network made elsewhere; the file is copied and never run as code.

    Args:
        file: The ONNX file.
        folder: Folder of the model; must not hold one.
        kind: "dfm" or "one-shot".
        performers: Whom it shows, by id. For a one-shot swapper with files: pictures, of which each one's largest face
            counts, or `.npy` files with identity vectors; for DFM exactly one performer without any.
        reporter: Is told what happens and warned when the licence question isn't answered. When it asks to stop,
            nothing is left in the folder.
        licence: The answer to the licence question.
        face_type: For DFM, DeepFaceLab's face type that it was trained on.
        morph: For DFM, how far the shape follows the performer, 0…1.
        recognizer: For pictures, an ArcFace network as ONNX file.

    Raises:
        EngineError: `model_unreadable`, `model_mismatch`, `settings_invalid`, `no_faces`, `picture_unreadable`,
            `disk_full`, `not_writable`.
    """
    _check_request(file, folder, kind, performers, recognizer)
    reporter.stage("loading", "Looking at the network")
    last_initializer(file)  # Whether everything is inside of the file.
    graph = Graph(file)
    if kind == "dfm":
        side, alignment, identities = check_dfm(graph), face_type, Identities()
    else:
        side, identities = _one_shot(file, graph, performers, recognizer, reporter)
        alignment = ARCFACE
    graph.compile()
    try:
        model = ImportedModel(
            kind, tuple(performers), side, coverage_of(alignment, side), alignment, "", licence, morph, now()
        )
    except ValueError as error:
        raise EngineError(ErrorCode.SETTINGS_INVALID, f"There is {error}.", "Correct it.") from error
    if reporter.is_stopped:
        return model
    reporter.stage("copying", "Copying the network")
    fingerprint = _store(file, identities, folder, reporter)
    if fingerprint is None:
        return model
    model = replace(model, fingerprint=fingerprint)
    # Last, so that a model is there whole or not at all.
    save_imported(folder, model)
    if not licence.is_complete:
        reporter.warning(LICENCE_QUESTION)
    reporter.artifact("model", folder)
    return model


def _one_shot(
    file: Path,
    graph: Graph,
    performers: Mapping[str, Sequence[Path]],
    recognizer: Path | None,
    reporter: Reporter,
) -> tuple[int, Identities]:
    """Return the side of a one-shot network's faces in pixels, and the identities that it takes."""
    side, length = check_one_shot(graph)
    matrix = identity_matrix(file, length)
    identities = _identities(performers, recognizer, length, reporter)
    for vector in identities.values():
        source_vector(vector, matrix)
    return side, identities


def _store(file: Path, identities: Identities, folder: Path, reporter: Reporter) -> str | None:
    """Copy the network and write the identities; return the fingerprint of both, None after a stop."""
    digest = _copy(file, folder / NETWORK_FILE, reporter)
    if digest is None:
        return None
    if identities:
        with written_whole(folder / IDENTITIES_FILE) as temporary:
            np.savez(temporary, allow_pickle=False, **identities)
    for name in sorted(identities):
        digest.update(name.encode("utf-8") + identities[name].tobytes())
    return digest.hexdigest()


def _check_request(
    file: Path, folder: Path, kind: str, performers: Mapping[str, Sequence[Path]], recognizer: Path | None
) -> None:
    if not file.is_file():
        raise EngineError(ErrorCode.MODEL_MISSING, f"There is no file {file}.", "Correct the path.")
    if holds_model(folder):
        raise EngineError(
            ErrorCode.MODEL_MISMATCH, f"The folder {folder} holds a model already.", "Choose another folder."
        )
    if kind == "dfm" and (len(performers) != 1 or any(performers.values())):
        raise EngineError(
            ErrorCode.SETTINGS_INVALID,
            "A DFM network shows exactly one performer, whom it has learned already.",
            "Name this one performer, without pictures.",
        )
    if kind == "one-shot":
        bare = [name for name, files in performers.items() if not files]
        if bare or not performers:
            raise EngineError(
                ErrorCode.SETTINGS_INVALID,
                f"A one-shot network needs a picture or an identity vector of {', '.join(bare) or 'a performer'}.",
                "Give each performer at least one file.",
            )
        if recognizer is None and any(path.suffix.lower() != ".npy" for files in performers.values() for path in files):
            raise EngineError(
                ErrorCode.SETTINGS_INVALID,
                "Identities can only be read from pictures with an ArcFace network, and Understudy ships none.",
                "Give one as the identity model, or give identity vectors (.npy).",
            )


def _identities(
    performers: Mapping[str, Sequence[Path]], recognizer: Path | None, length: int, reporter: Reporter
) -> Identities:
    """Return the mean identity vector of each performer."""
    network = None if recognizer is None else Recognizer(recognizer)
    models = None
    total, done, found = sum(map(len, performers.values())), 0, {}
    reporter.stage("pictures", "Reading the performers' pictures")
    for name, files in performers.items():
        vectors = []
        for path in files:
            if reporter.progress(done, total, "pictures"):
                return found
            if path.suffix.lower() == ".npy" or network is None:
                vectors.append(_read_vector(path))
            else:
                models = models or load_models(ExtractSettings())
                vectors.append(network.embed(*largest_face(read_image(path), path, models)))
            if len(vectors[-1]) != length:
                raise EngineError(
                    ErrorCode.MODEL_MISMATCH,
                    f"The identity from {path.name} has {len(vectors[-1])} numbers; the network takes {length}.",
                    "Use the identity model that belongs to the network.",
                )
            done += 1
        found[name] = np.mean(vectors, axis=0, dtype=np.float32)
    return found


def _read_vector(path: Path) -> NDArray[np.float32]:
    try:
        with path.open("rb") as file:
            vector = np.asarray(np.load(file, allow_pickle=False), np.float32).reshape(-1)
    except WRONG_ARRAYS as error:
        raise EngineError(
            ErrorCode.MODEL_UNREADABLE,
            f"{path} is no identity vector: {damage(error)}.",
            "Give a .npy file of numbers.",
        ) from error
    return vector


class _StoppedError(Exception):
    """A stop was asked for while a file was copied."""


def _copy(file: Path, copy: Path, reporter: Reporter) -> hashlib._Hash | None:
    """Copy a file, whole or not at all, and return the digest of its content; None after a stop."""
    digest, done, total = hashlib.sha256(), 0, file.stat().st_size
    try:
        with written_whole(copy) as temporary, file.open("rb") as source, temporary.open("wb") as target:
            while chunk := source.read(_CHUNK):
                target.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                if reporter.progress(done / _MB, total / _MB, "MB"):
                    raise _StoppedError
    except _StoppedError:
        # Made for this file alone; another's files in it stay, and so does it.
        with contextlib.suppress(OSError):
            copy.parent.rmdir()
        return None
    return digest
