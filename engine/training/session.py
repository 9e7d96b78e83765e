# SPDX-License-Identifier: GPL-3.0-or-later
"""A model being trained: steps until the limit or the stop signal, with reports, previews and checkpoints between."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tensorflow as tf

from ..contract.errors import EngineError, ErrorCode
from ..contract.project import CURVE_FILE, HISTORY_FILE, PREVIEW_FILE
from ..contract.settings import TrainSettings
from ..runtime.reporter import Reporter
from .augmentation import View, make_plain_views
from .checkpoint import BEST_FILE, Arrays, ModelDocument, fingerprint_of, now, save_model, write_arrays
from .curve import loss_curve, loss_series
from .dataset import PerformerFaces
from .history import History, read_history
from .inference import Faces, NetworkDecoder
from .loader import BatchLoader
from .losses import face_weight
from .network_graph import export_graphs
from .preview import preview_grid, write_preview
from .recipes import learning_rate_at
from .trainer import Trainer

_PREVIEW_FACES = 6
_HISTORY_STEPS = 10


@dataclass
class _Clock:
    """Time and share of a run.

    Attributes:
        began: Monotonic time of its begin.
        limit_s: Seconds it may take, 0 for no limit.
        maximum_steps: Steps after which training ends, in all runs together.
    """

    began: float
    limit_s: float
    maximum_steps: int

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.began

    def share(self, steps: int) -> float:
        """Return how much of the run is over, 0 … 1, by steps or by time, whichever ends first."""
        by_time = self.elapsed_s / self.limit_s if self.limit_s else 0.0
        return min(1.0, max(steps / self.maximum_steps, by_time))


class TrainingSession:
    """Trains one model in its folder.

    Args:
        folder: Folder of the model.
        document: What the model is; its step is where training goes on.
        trainer: Network with its optimizers.
        faces: Faces of each performer, in the order of the network's performers.
        settings: Limits, intervals, batch size, seed.
        reporter: Is told everything and says when to stop.
    """

    def __init__(
        self,
        folder: Path,
        document: ModelDocument,
        trainer: Trainer,
        faces: Sequence[PerformerFaces],
        settings: TrainSettings,
        reporter: Reporter,
    ) -> None:
        self.folder = folder
        self.document = document
        self._trainer = trainer
        self._faces = tuple(faces)
        self._settings = settings
        self._reporter = reporter
        self._batch_size = settings.batch_size or trainer.recipe.batch_size
        self._base_rate = settings.learning_rate or trainer.recipe.learning_rate
        family = trainer.network.family
        self._view = View(family.face_size, family.coverage)
        self._decode = NetworkDecoder(trainer.network)
        self._history = History(folder / HISTORY_FILE, trainer.steps)
        self._held_out: dict[str, Faces] = {
            item.performer: make_plain_views(item.held_out, item.held_out_coverage, self._view) for item in self._faces
        }
        self._losses: dict[str, float] = dict(document.losses)
        self._first_step = self._saved_step = document.step
        self._preview_step = -1
        self._trained_before_s = document.trained_s
        self._clock = _Clock(time.monotonic(), settings.maximum_minutes * 60.0, settings.maximum_steps)

    @property
    def steps(self) -> int:
        """Steps done in all."""
        return self._trainer.steps

    @property
    def losses(self) -> dict[str, float]:
        """Losses of the last step by performer."""
        return dict(self._losses)

    @property
    def preview_path(self) -> Path:
        """The preview grid."""
        return self.folder / PREVIEW_FILE

    def run(self) -> None:
        """Train until a limit is reached or a stop is asked for; the result is saved.

        Raises:
            EngineError: `training_diverged`, `out_of_memory`, or what writing raises.
        """
        self._clock.began = time.monotonic()
        while not self._is_over():
            # A new loader follows only when memory ran out and the batch was halved.
            with self._loader() as loader:
                self._run_with(loader)
        self._save()
        # Someone who asked for a stop should not wait for a picture.
        if not self._reporter.is_stopped:
            self._preview()

    def _is_over(self) -> bool:
        return self._reporter.is_stopped or self._clock.share(self.steps) >= 1.0

    def _loader(self) -> BatchLoader:
        preset = self._trainer.recipe.augmentation
        return BatchLoader(self._faces, self._view, preset, self._batch_size, self._settings.seed, self.steps)

    def _run_with(self, loader: BatchLoader) -> None:
        while not self._is_over():
            try:
                self._step(loader)
            except (tf.errors.ResourceExhaustedError, MemoryError):
                self._halve_batch()
                return
            self._report()

    def _step(self, loader: BatchLoader) -> None:
        batch = loader.next_batch()
        rate = learning_rate_at(self._trainer.recipe, self._base_rate, self.steps, self._clock.share(self.steps))
        self._losses = self._trainer.step(batch.inputs, batch.targets, rate)
        if not all(map(math.isfinite, self._losses.values())):
            raise self._diverged()

    def _diverged(self) -> EngineError:
        kept = f"The checkpoint of step {self._saved_step} is kept" if self._saved_step else "Nothing was saved yet"
        return EngineError(
            ErrorCode.TRAINING_DIVERGED,
            f"Training ran away at step {self.steps}: the loss is no longer a number. {kept}.",
            "Train on with a smaller learning rate, or with the precision float32.",
        )

    def _halve_batch(self) -> None:
        if self._batch_size == 1:
            raise EngineError(
                ErrorCode.OUT_OF_MEMORY,
                "The memory is too small even for a batch of one face of each performer.",
                "Close other programs, or train a smaller family.",
            )
        self._batch_size //= 2
        self._reporter.warning(f"The memory ran out; going on with a batch of {self._batch_size} faces.")

    def _report(self) -> None:
        steps, settings = self.steps, self._settings
        self._reporter.metrics(steps, {f"loss {name}": value for name, value in self._losses.items()})
        if steps % _HISTORY_STEPS == 0:
            self._history.add(steps, time=now(), losses=self._losses)
        if steps % settings.save_interval == 0:
            self._save()
        if steps % settings.preview_interval == 0:
            self._preview()
        share, elapsed = self._clock.share(steps), self._clock.elapsed_s
        if self._clock.limit_s and share > steps / settings.maximum_steps:
            limit = self._clock.limit_s
            self._reporter.progress(min(elapsed, limit), limit, "seconds", max(0.0, limit - elapsed))
            return
        pace = elapsed / max(1, steps - self._first_step)
        self._reporter.progress(steps, settings.maximum_steps, "steps", pace * (settings.maximum_steps - steps))

    def _preview(self) -> None:
        if self._preview_step == self.steps:
            return
        self._preview_step = self.steps
        faces = {name: views[:_PREVIEW_FACES] for name, views in self._held_out.items()}
        with self._trainer.averaged():
            grid = preview_grid(faces, self._decode)
        write_preview(self.preview_path, grid)
        self._reporter.preview("training", self.preview_path)
        curve = self.folder / CURVE_FILE
        write_preview(curve, loss_curve(loss_series(read_history(self.folder / HISTORY_FILE))))
        self._reporter.preview("history", curve)

    def held_out_error(self) -> float:
        """Return the mean absolute error of the performers' own reconstruction of faces not trained on."""
        weight = face_weight(self._view.size, self._view.coverage)
        with self._trainer.averaged():
            errors = [
                float(np.mean(np.abs(self._decode(views, name) - views) * weight))
                for name, views in self._held_out.items()
            ]
        return float(np.mean(errors))

    def _measure(self, weights: Arrays) -> dict[str, float]:
        """Measure the held-out error, keep the weights if they are the best so far, and return the best's figures."""
        error = self.held_out_error()
        self._history.add(self.steps, time=now(), held_out=error)
        best = self.document.best
        if best and error >= best["error"]:
            return best
        write_arrays(self.folder / BEST_FILE, {f"average/{name}": value for name, value in weights.items()})
        return {"step": self.steps, "error": error}

    def _save(self) -> None:
        if self.steps == self._saved_step and self.document.checkpoint:
            return
        if not self._trainer.is_healthy():
            raise self._diverged()
        weights = self._trainer.inference_weights()
        # Measuring may take longer than someone who asked for a stop should wait.
        best = self.document.best if self._reporter.is_stopped else self._measure(weights)
        self.document = save_model(
            self.folder,
            replace(
                self.document,
                step=self.steps,
                losses=self._losses,
                fingerprint=fingerprint_of(weights),
                best=best,
                trained_s=round(self._trained_before_s + self._clock.elapsed_s, 1),
            ),
            self._trainer.state(),
        )
        self._saved_step = self.steps
        self._export()
        self._reporter.artifact("model", self.folder)

    def _export(self) -> None:
        """Write what a swap without TensorFlow needs, once for each model; what fails here the swap tries again."""
        if self._reporter.is_stopped:
            return
        try:
            export_graphs(self.folder, self.document)
        except EngineError as error:
            self._reporter.warning(str(error))
