# SPDX-License-Identifier: GPL-3.0-or-later
"""Which network a swap uses: the trained one without Keras, with it where that fails, or an imported one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..comp.crop import Swapper
from ..contract.errors import EngineError, ErrorCode
from ..contract.imported_model import ImportedModel, load_imported
from ..contract.jobs import SwapJob
from ..contract.settings import BEST, NEWEST
from ..runtime.backend import prepare_backend
from ..runtime.reporter import Reporter
from ..training.checkpoint import ModelDocument, read_model
from ..training.graph_files import graph_files
from .swap_plan import check_performers

# The model itself is at fault, so the other way would say the same.
_MODEL_ERRORS = (ErrorCode.MODEL_MISSING, ErrorCode.MODEL_UNREADABLE, ErrorCode.MODEL_MISMATCH)


def load_model(job: SwapJob, reporter: Reporter) -> Swapper:
    """Load the model of a swap job.

    What is wrong with the model or the assignment is said before anything takes seconds.

    Raises:
        EngineError: `model_missing`, `model_unreadable`, `model_mismatch`, `performer_unknown`, `library_missing`.
    """
    imported = load_imported(job.model)
    if imported is not None:
        check_performers(job, imported.performers)
        _check_choice(job)
        return _open_imported(job.model, imported, job.settings.threads)
    document = read_model(job.model)
    check_performers(job, document.performers)
    sources = tuple(dict.fromkeys(item.source for item in job.assignments))
    return load_trained(job.model, document, reporter, sources, job.settings.threads, job.settings.checkpoint)


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
            from ..training.exported import ExportedSwapper

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
