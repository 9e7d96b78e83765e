# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens an imported network by its kind."""

from __future__ import annotations

from pathlib import Path

from ..contract.errors import EngineError, ErrorCode
from ..contract.imported_model import NETWORK_FILE, ImportedModel
from .dfm import DfmNetwork
from .network import ImportedNetwork
from .one_shot import OneShotNetwork


def open_imported(folder: Path, model: ImportedModel, threads: int = 0) -> ImportedNetwork:
    """Load an imported network for swapping.

    Args:
        folder: Folder of the model.
        model: What `model.json` says.
        threads: Processor threads; 0 takes one for each core.

    Raises:
        EngineError: `model_unreadable` or `model_mismatch`.
    """
    path = folder / NETWORK_FILE
    if not path.is_file():
        raise EngineError(ErrorCode.MODEL_UNREADABLE, f"{path} is missing.", "Import the network again.")
    return (DfmNetwork if model.kind == "dfm" else OneShotNetwork)(path, model, threads)
