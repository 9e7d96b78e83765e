# SPDX-License-Identifier: GPL-3.0-or-later
"""The graphs that a swap without TensorFlow needs, written once for each model by the training that has TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras

from ..contract.errors import EngineError
from .checkpoint import ModelDocument


def offer_graphs(folder: Path, document: ModelDocument, warn: Callable[[str], None]) -> None:
    """Write the graphs of a model unless they are there; what fails here the first swap tries again.

    Args:
        folder: Folder of the model.
        document: What the model is.
        warn: Is told why there are none.
    """
    # Only TensorFlow writes graphs; after training on another backend the first swap does.
    if keras.backend.backend() != "tensorflow":
        return
    from .network_graph import export_graphs

    try:
        export_graphs(folder, document)
    except EngineError as error:
        warn(str(error))
