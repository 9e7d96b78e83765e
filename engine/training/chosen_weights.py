# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of a model's weights are used: the newest checkpoint's, the best so far, or those of a named file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..contract.errors import EngineError, ErrorCode
from ..contract.settings import BEST, NEWEST
from .checkpoint import Arrays, ModelDocument, fingerprint_of, read_arrays
from .face_shapes import SHAPES

_AVERAGE = "average/"
_WEIGHTS = "weights/"


def checkpoint_names(document: ModelDocument) -> tuple[str, ...]:
    """Return every checkpoint file that the model's document names, newest first; backups and snapshots included."""
    snapshots = (item["file"] for item in reversed(document.snapshots))
    return tuple(dict.fromkeys((document.checkpoint, *document.backups, *snapshots)))


def chosen_file(folder: Path, document: ModelDocument, choice: str) -> str:
    """Return the file of the model's folder that a choice means.

    Args:
        folder: Folder of the model.
        document: What its `model.json` says.
        choice: "newest", "best", or a file name.

    Raises:
        EngineError: `model_missing`, naming what there is to choose.
    """
    name = {NEWEST: document.checkpoint, BEST: document.best.get("file", "")}.get(choice, choice)
    # A name, not a path: weights of another model would be taken for this one's.
    if name and Path(name).name == name and (folder / name).is_file():
        return name
    words = (NEWEST, BEST) if document.best.get("file") else (NEWEST,)
    what = "best weights yet" if choice == BEST else f"checkpoint {name}"
    raise EngineError(
        ErrorCode.MODEL_MISSING,
        f"The model in {folder} has no {what}.",
        f"Choose one of {', '.join((*words, *checkpoint_names(document)))}.",
    )


def chosen_document(folder: Path, document: ModelDocument, choice: str = NEWEST) -> ModelDocument:
    """Return the document with `checkpoint`, `step` and `fingerprint` of the file chosen; see `chosen_file`.

    Raises:
        EngineError: `model_missing`, when there is no such file; `model_unreadable`.
    """
    if chosen_file(folder, document, choice) == document.checkpoint:
        return document
    return read_inference_weights(folder, document, choice)[1]


def read_inference_weights(folder: Path, document: ModelDocument, choice: str = NEWEST) -> tuple[Arrays, ModelDocument]:
    """Read the weights that the swap uses: the running average where the checkpoint has one.

    Args:
        folder: Folder of the model.
        document: What its `model.json` says.
        choice: "newest", "best", or a file name.

    Returns:
        The weights by name, and the document with `checkpoint`, `step`, `fingerprint` and `shapes` of the file chosen;
        a file of before shapes were kept with weights has the document's.

    Raises:
        EngineError: `model_missing`, when there is no such file; `model_unreadable`.
    """
    name = chosen_file(folder, document, choice)
    weights = read_arrays(folder, name, _AVERAGE) or read_arrays(folder, name, _WEIGHTS)
    shapes = read_arrays(folder, name, SHAPES)
    if shapes:
        document = replace(document, shapes={performer: value.tolist() for performer, value in shapes.items()})
    if name == document.checkpoint:
        return weights, document
    steps = read_arrays(folder, name, "steps")
    step = int(steps[""]) if steps else document.step
    return weights, replace(document, checkpoint=name, step=step, fingerprint=fingerprint_of(weights))
