# SPDX-License-Identifier: GPL-3.0-or-later
"""A model being trained: steps until the limit or the stop signal, with reports, previews and checkpoints between."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ..contract.project import HISTORY_FILE
from ..contract.settings import TrainSettings
from ..runtime.reporter import Reporter
from .augmentation import View
from .batch import BatchPlan
from .checkpoint import ModelDocument
from .end_costs import EndCosts, EndPart
from .feeding import choose_feeding
from .finish import RATE_SHARE
from .graph_offer import offer_graphs
from .held_out import Measurement, measure
from .history import History, read_history
from .inference import Faces, NetworkDecoder
from .keeper import ModelKeeper
from .loader import BatchLoader
from .network_inputs import network_inputs
from .outlook import Outlook
from .pacing import Pacing
from .performer_faces import PerformerFaces
from .preview import preview_faces
from .previewer import Previewer, ShotPreview
from .recipes import augmentation_of, flips_of, learning_rate_at
from .run_clock import RunClock
from .runaway import Runaway, diverged
from .sketcher import sketcher_of
from .smaller_batch import halved_batch
from .team import Team
from .trainer import Trainer

_HISTORY_STEPS = 10


class TrainingSession:
    """Trains one model in its folder.

    Args:
        folder: Folder of the model.
        document: What the model is; its step is where training goes on.
        trainer: Network with its optimizers.
        faces: Faces of each performer, in the order of the network's performers.
        settings: Limits, intervals, batch size, seed.
        reporter: Is told everything and says when to stop.
        shots: Frames of the edit to show in previews, or None.
        team: The processes that train it; this one alone by default.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        folder: Path,
        document: ModelDocument,
        trainer: Trainer,
        faces: Sequence[PerformerFaces],
        settings: TrainSettings,
        reporter: Reporter,
        shots: ShotPreview | None = None,
        team: Team | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._team = team or Team()
        self._trainer = trainer
        self._feeding = choose_feeding(faces, reporter.warning)
        self._faces = self._feeding.faces
        self._settings = settings
        self._reporter = reporter
        recipe, family = trainer.recipe, trainer.network.family
        self._batch_size = settings.batch_size or recipe.batch_size
        self._base_rate = settings.learning_rate or recipe.learning_rate * (RATE_SHARE if settings.finish else 1.0)
        self._view = View(family.face_size, family.coverage)
        self._picture_size = trainer.picture_size
        self._flips = flips_of(recipe, settings, self._faces)
        self._held_out: dict[str, Faces] = {
            item.performer: network_inputs(item.held_out, item.held_out_coverage, self._view, item.held_out_points)
            for item in self._faces
        }
        self._decode = NetworkDecoder(trainer.network)
        self._keeper = ModelKeeper(folder, document, settings)
        self._history: History | None = None
        # Of lines behind this step, which an interrupted run left, nothing is known.
        self._outlook = Outlook([line for line in read_history(folder / HISTORY_FILE) if line["step"] <= trainer.steps])
        self._pacing = Pacing(settings.preview_interval, clock=clock)
        sketcher = sketcher_of(document)
        self._previewer = Previewer(
            folder,
            preview_faces(self._faces, self._view, sketcher),
            sketcher,
            trainer.averaged,
            self._decode.with_masks,
            self._pacing,
            reporter,
            shots,
        )
        self._losses: dict[str, float] = dict(document.losses)
        self._first_step = self._saved_step = document.step
        self._trained_before_s = document.trained_s
        self._share = self._preview_share = 0.0
        self._runaway = Runaway()
        limit_s = settings.maximum_minutes * 60.0
        self._clock = RunClock(limit_s, settings.maximum_steps, recipe.decay_share, clock)
        self._end = EndCosts(clock)
        self._trained_s = self._run_s = self._waited_s = 0.0

    @property
    def folder(self) -> Path:
        """Folder of the model."""
        return self._keeper.folder

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
        return self._previewer.path

    @property
    def preview_share(self) -> float:
        """Share of the last run's time that previews took, what was prepared for them included."""
        return self._preview_share

    @property
    def has_trained(self) -> bool:
        """Whether the last run did any step."""
        return self.steps > self._first_step

    @property
    def run_s(self) -> float:
        """Seconds that the last run took, from its first step on."""
        return self._run_s

    @property
    def end_s(self) -> float:
        """Seconds of it that came after the last step: measuring, saving, the last previews."""
        return self._run_s - self._trained_s

    @property
    def waiting_share(self) -> float:
        """Share of the last run's time, up to its last step, in which steps waited for their batches."""
        return self._waited_s / self._trained_s if self._trained_s else 0.0

    @property
    def is_at_plateau(self) -> bool:
        """Whether training ended because more would hardly help."""
        return self._clock.is_finishing

    def run(self) -> None:
        """Train until a limit is reached or a stop is asked for; the result is saved.

        After a stop before the first step the model's folder is as it was.

        Raises:
            EngineError: `training_diverged`, `out_of_memory`, or what writing raises.
        """
        self._clock.start(self.steps)
        # Only the process that leads writes, so that machines which share the folder don't disturb each other.
        if self._team.leads and not self._reporter.is_stopped:
            self._history = History(self.folder / HISTORY_FILE, self.steps)
            self._keeper.prepare()
            self._previewer.start(self.steps)
        while not self._is_over():
            # A new loader follows only when memory ran out and the batch was halved, or when the pictures grow.
            with self._loader() as loader:
                self._run_with(loader)
                self._waited_s += loader.waited_s
        self._trained_s = self._clock.elapsed_s
        if self._team.leads:
            self._save()
            # Someone who asked for a stop should not wait for a picture; of no steps there is nothing to see.
            if self.steps and not self._reporter.is_stopped:
                self._previewer.draw(self.steps)
            # Of a run that had nothing to do, previews would be all.
            self._preview_share = self._pacing.spent_share if self.has_trained else 0.0
        # Nobody leaves before everything is written.
        self._team.agree(True, 1.0)
        self._run_s = self._clock.elapsed_s

    def _is_over(self) -> bool:
        """Whether to end; all processes of the team come to the same answer, and to the same learning rate."""
        self._clock.keep_back(self._end.reserve_s)
        is_stopped, self._share = self._team.agree(self._reporter.is_stopped, self._clock.share(self.steps))
        return is_stopped or self._share >= 1.0

    def _loader(self) -> BatchLoader:
        preset = augmentation_of(self._trainer.recipe, self._settings)
        family, size = self._trainer.network.family, self._trainer.picture_size
        if size != self._picture_size:
            self._reporter.info(f"The pictures grow from {self._picture_size} to {size} px.")
        self._picture_size = size
        plan = BatchPlan(
            View(max(size, family.seen), family.coverage),
            preset,
            self._batch_size,
            self._settings.seed,
            self._flips,
            (self._team.rank, self._team.size),
            size,
        )
        return BatchLoader(self._feeding, plan, self.steps, self._reporter.warning)

    def _run_with(self, loader: BatchLoader) -> None:
        while not self._is_over() and self._trainer.picture_size == self._picture_size:
            try:
                with self._end.step():
                    self._step(loader)
            except MemoryError:
                self._halve_batch()
                return
            self._report()

    def _step(self, loader: BatchLoader) -> None:
        batch = loader.next_batch()
        rate = learning_rate_at(self._trainer.recipe, self._base_rate, self.steps, self._share)
        is_first = self.steps == self._first_step
        with self._reporter.stop.heard_by(self._say_that_it_compiles) if is_first else contextlib.nullcontext():
            self._losses = self._trainer.step(batch.inputs, batch.targets, rate)
        if not all(map(math.isfinite, self._losses.values())):
            raise diverged(self.steps, self._saved_step, "the loss is no longer a number")
        # Discriminators and their opponents have losses of their own, which rise and fall.
        if self._runaway.add(self._losses[item.performer] for item in self._faces):
            raise diverged(self.steps, self._saved_step, "the loss has become four times what it was, and stays there")
        if self._history is not None and self.steps % _HISTORY_STEPS == 0:
            losses = {f"loss/{name}": value for name, value in self._losses.items()}
            self._history.add(self.steps, {**losses, "learning_rate": rate, "batch_size": self._batch_size})

    def _say_that_it_compiles(self) -> None:
        self._reporter.info("Stopping after the first step; it is being compiled, which can take a minute.")

    def _halve_batch(self) -> None:
        self._batch_size = halved_batch(self._batch_size, self._team)
        self._reporter.warning(f"The memory ran out; going on with a batch of {self._batch_size} faces.")

    def _report(self) -> None:
        steps = self.steps
        is_due = steps % self._settings.save_interval == 0 or self._end.is_due(EndPart.SAVE, self._clock.limit_share)
        is_asked = self._reporter.saves.is_asked
        if self._team.leads and (is_due or is_asked) and not self._runaway.is_suspected:
            self._save(is_due)
        elif is_asked and self._reporter.saves.take():
            risen = "the losses are far above what they were; ask again when they have come down"
            self._reporter.info(f"Not saved: {risen if self._team.leads else 'ask the process that leads'}.")
        is_due = self._pacing.is_due(steps) or self._end.is_due(EndPart.PREVIEW, self._clock.limit_share)
        if self._team.leads and is_due:
            self._previewer.draw(steps)
            self._end.note(EndPart.PREVIEW, self._pacing.last_cost_s or 0.0)
        pace = self._clock.elapsed_s / max(1, steps - self._first_step)
        losses = {f"loss {name}": value for name, value in self._losses.items()}
        self._reporter.metrics(steps, losses | self._outlook.figures(steps, pace))
        self._reporter.progress(*self._clock.progress(steps, self._first_step))

    def _measure(self, is_regular: bool) -> Measurement:
        """Measure the performers' own reconstruction of faces not trained on, and the outlook if it is time."""
        with self._trainer.averaged():
            measured = measure(self._held_out, self._view, self._decode, self.steps)
        if self._history is not None:
            self._history.add(self.steps, measured.scalars())
        if not is_regular:
            return measured
        self._outlook.add(measured, is_comparable=not self._clock.is_falling(self.steps))
        if self._settings.stop_at_plateau and self._outlook.is_at_plateau and not self._clock.is_finishing:
            self._reporter.info("The plateau is reached: training twice as long would gain less than 5 %.")
            self._clock.finish(self.steps)
        return measured

    def _save(self, is_regular: bool = True) -> None:
        """Save what isn't saved yet; a save that was merely asked for leaves plan and end of the run as they were."""
        if self.steps != self._saved_step:
            self._write(is_regular)
        if self._reporter.saves.take():
            self._reporter.info(f"Saved after step {self.steps}, as asked.")

    def _write(self, is_regular: bool) -> None:
        if not self._trainer.is_healthy():
            raise diverged(self.steps, self._saved_step, "some weights are no longer numbers")
        with self._end.timed(EndPart.SAVE) if is_regular else contextlib.nullcontext():
            # Measuring may take longer than someone who asked for a stop should wait.
            measured = None if self._reporter.is_stopped else self._measure(is_regular)
            trained_s = self._trained_before_s + self._clock.elapsed_s
            weights = self._trainer.inference_weights()
            self._keeper.save(self._trainer.state(), weights, self._losses, measured, trained_s)
        self._saved_step = self.steps
        if not self._reporter.is_stopped:
            offer_graphs(self._keeper.folder, self._keeper.document, self._reporter.warning)
        self._reporter.artifact("model", self._keeper.folder)
