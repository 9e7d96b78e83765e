# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy of a model beside it, to try something on that may spoil it; the model itself is only read."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from ..contract.errors import EngineError, ErrorCode
from ..contract.files import written_whole
from ..contract.project import HISTORY_FILE, MODEL_FILE
from .checkpoint import read_arrays, read_model, write_model

SUFFIX = "-finish"


def fork_folder(model: Path) -> Path:
    """Return the folder of a model's fork: beside it, with "-finish" at the end of its name."""
    return model.with_name(model.name + SUFFIX)


def fork_for_finish(model: Path) -> tuple[Path, bool]:
    """Return the folder in which a model's finish is trained; makes the fork where there is none yet.

    The newest checkpoint, the best weights and the history are copied, not linked. `model.json` is written last, so a
    fork that was interrupted is made again.

    Args:
        model: Folder of the model, or of a fork, which is its own.

    Returns:
        The folder, and whether the fork was made just now.

    Raises:
        EngineError: `model_missing`, when there is nothing to finish; `model_unreadable`, when the checkpoint is
            damaged; `model_mismatch`, when another model lies where the fork would; `disk_full` or `not_writable`.
    """
    document = read_model(model)
    if document.forked_from:
        return model, False
    fork = fork_folder(model)
    if (fork / MODEL_FILE).exists():
        if read_model(fork).forked_from.get("model") != model.name:
            raise EngineError(
                ErrorCode.MODEL_MISMATCH,
                f"{fork} holds a model that is no fork of {model.name}.",
                "Move it away or rename it, and try again.",
            )
        return fork, False
    # A damaged checkpoint isn't worth a fork.
    read_arrays(model, document.checkpoint, "steps")
    origin = {"model": model.name, "step": document.step, "fingerprint": document.fingerprint}
    names = [document.checkpoint, document.best.get("file", ""), HISTORY_FILE]
    for name in filter(None, names):
        if (model / name).is_file():
            with written_whole(fork / name) as temporary:
                shutil.copyfile(model / name, temporary)
    write_model(fork, replace(document, backups=(), snapshots=(), forked_from=origin))
    return fork, True
