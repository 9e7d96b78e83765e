# SPDX-License-Identifier: GPL-3.0-or-later
"""Which network a swap uses: the trained one without Keras, with it where that fails, or an imported one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..comp.crop import Swapper
from ..contract.errors import EngineError, ErrorCode
from ..contract.imported_model import ImportedModel, load_imported
from ..contract.jobs import SwapJob
from ..contract.settings import BEST, NEWEST
from ..runtime.backend import prepare_backend
from ..runtime.reporter import Reporter
from ..training.checkpoint import ModelDocument, read_model
from ..training.chosen_weights import chosen_document
from ..training.exported import ExportedSwapper, exported_precision
from ..training.graph_files import graph_files
from ..training.precision_choice import EXACT, load_choices
from ..training.trained_swapper import TrainedSwapper
from .late_model import LateModel
from .swap_plan import check_performers

# The model itself is at fault, so the other way would say the same.
_MODEL_ERRORS = (ErrorCode.MODEL_MISSING, ErrorCode.MODEL_UNREADABLE, ErrorCode.MODEL_MISMATCH)


class _KnownModel(TrainedSwapper):
    """A trained model as it will compute, as far as its folder says."""

    def __init__(self, folder: Path, document: ModelDocument) -> None:
        super().__init__(document)
        self._files = graph_files(folder, document)
        self._choices = load_choices(folder, document.fingerprint)

    def precision_of(self, source: str) -> str:
        """Return how exactly its graphs will be computed; nothing where there are none yet."""
        choice = self._choices.get(source, EXACT)
        return exported_precision(self._files, choice) if self._files.are_there else ""

    def swap(self, faces: np.ndarray, source: str) -> tuple[np.ndarray, np.ndarray | None]:
        """Refuse: only the network can."""
        raise NotImplementedError


def open_model(job: SwapJob, reporter: Reporter) -> LateModel:
    """Return the model of a swap job, its network not loaded yet.

    What is wrong with the model or the assignment is said before anything takes seconds.

    Raises:
        EngineError: `model_missing`, `model_unreadable`, `model_mismatch`, `performer_unknown`. Its `load` raises them
            too, and `library_missing`.
    """
    settings = job.settings
    imported = load_imported(job.model)
    if imported is not None:
        check_performers(job, imported.performers)
        _check_choice(job)
        from ..imported.network import ImportedNetwork

        return LateModel(ImportedNetwork(imported), lambda: _open_imported(job.model, imported, settings.threads))
    document = read_model(job.model)
    check_performers(job, document.performers)
    sources = tuple(dict.fromkeys(item.source for item in job.assignments))
    known = _KnownModel(job.model, chosen_document(job.model, document, settings.checkpoint))
    return LateModel(
        known, lambda: load_trained(job.model, document, reporter, sources, settings.threads, settings.checkpoint)
    )


def load_trained(
    folder: Path,
    document: ModelDocument,
    reporter: Reporter,
    sources: Sequence[str] = (),
    threads: int = 0,
    checkpoint: str = NEWEST,
) -> Swapper:
    """Load a trained model, without TensorFlow wherever its graphs are there.

    Args:
        folder: Folder of the model.
        document: What `model.json` says.
        reporter: Is warned when only the slow way works.
        sources: Performers to make ready at once.
        threads: Processor threads; 0 takes one for each core.
        checkpoint: "newest", "best", or the name of one of the model's checkpoints or snapshots.

    Raises:
        EngineError: `model_missing`, `model_unreadable` or `model_mismatch`.
    """
    files = graph_files(folder, document)
    try:
        # Only TensorFlow writes graphs; where Keras runs on another library alone, it computes the swap too.
        if not files.are_there and prepare_backend(threads) == "tensorflow":
            reporter.info("The network is made ready for swapping; this happens once for each model.")
            from ..training.network_graph import export_graphs

            export_graphs(folder, document)
        if files.are_there:
            return ExportedSwapper(folder, document, files, sources, threads, checkpoint)
    except EngineError as error:
        if error.code in _MODEL_ERRORS:
            raise
        # Written anew by the next swap.
        files.remove()
        reporter.warning(f"{error.message} The swap goes on with Keras, which starts and computes more slowly.")
    prepare_backend(threads)
    from ..training.inference import load_swapper

    return load_swapper(folder, checkpoint=checkpoint)


def _check_choice(job: SwapJob) -> None:
    """Refuse the name of a checkpoint: an imported network has one state, the newest and the best."""
    if job.settings.checkpoint not in (NEWEST, BEST):
        raise EngineError(
            ErrorCode.MODEL_MISSING,
            f"The model in {job.model} was imported and has no checkpoint {job.settings.checkpoint}.",
            f"Choose {NEWEST}.",
        )


def _open_imported(folder: Path, model: ImportedModel, threads: int) -> Swapper:
    from ..imported.opening import open_imported

    return open_imported(folder, model, threads)
