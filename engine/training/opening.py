# SPDX-License-Identifier: GPL-3.0-or-later
"""How a training begins: from scratch, from another model's weights, or where the model's checkpoint ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import keras

from ..contract.errors import EngineError, ErrorCode
from ..contract.files import damage
from ..contract.jobs import TrainJob
from ..contract.settings import TrainSettings, settings_to_json
from ..networks.autoencoder import Autoencoder
from ..networks.registry import FAMILIES, Family
from ..runtime.device import choose_policy
from ..runtime.reporter import CallbackReporter, Reporter
from .adversarial_players import adversarial_players
from .augmentation import View
from .checkpoint import ModelDocument, holds_model, now, read_arrays, read_model
from .chosen_weights import chosen_file
from .dataset import read_faces
from .face_shapes import face_shapes, shapes_to_json
from .finish import JUDGE, finish_players
from .growing import GrowingTrainer
from .growth import plan_growth
from .perceptual import WITHOUT, open_perceptual
from .performer_faces import PerformerFaces
from .player import Player
from .previewer import ShotPreview
from .recipes import RECIPES, Recipe
from .session import TrainingSession
from .team import Team
from .trainer import Trainer
from .warm_start import start_warm


def open_session(
    job: TrainJob, reporter: Reporter, shots: ShotPreview | None = None, team: Team | None = None
) -> TrainingSession:
    """Prepare the training of a job's model; nothing is written yet.

    Args:
        job: Model folder, performers with their faces, settings.
        reporter: Is told what was left out and receives everything later.
        shots: Frames of the edit to show in previews, or None.
        team: The processes that train it; this one alone by default.

    Raises:
        EngineError: `model_missing`, `model_mismatch`, `model_unreadable`, `too_few_faces`, `perceptual_unavailable`,
            or what reading facesets raises.
        Stopped: A stop was asked for, and no other process waits for this one.
    """
    settings, team = job.settings, team or Team()
    # Nobody leaves a team before they have agreed on it, which they do before each step: the others would wait.
    opening = reporter if team.size == 1 else CallbackReporter(reporter.send)
    family = FAMILIES[settings.family]
    performers = tuple(item.performer for item in job.performers)
    found = read_model(job.model) if holds_model(job.model) else None
    if found is None and settings.resume_from:
        raise EngineError(
            ErrorCode.MODEL_MISSING,
            f"There is no model in {job.model}, so training can't go on from {settings.resume_from}.",
            "Correct the model's folder, or leave resume_from empty to begin anew.",
        )
    if found is not None:
        check_match(found, family, performers, job.model)
        # The decoders' order decides the order of sums; a resumed run keeps the first run's.
        performers = found.performers
    view = View(family.face_size, family.coverage)
    by_name = {item.performer: item for item in job.performers}
    recipe = RECIPES[family.name]
    faces = [
        read_faces(by_name[name], view, recipe.oversampling, opening, family.has_mask, family.is_sketched)
        for name in performers
    ]
    opening.leave_if_stopped()
    keras.utils.set_random_seed(settings.seed)
    network = Autoencoder(family, performers, choose_policy(settings.precision, family.allows_bfloat16))
    trainer = make_trainer(network, recipe, settings)
    if found is not None:
        found = _resume(job, found, trainer)
    elif settings.warm_start:
        begin = start_warm(Path(settings.warm_start), trainer, faces)
        for performer, known in begin.items():
            if performer != known:
                reporter.info(f"{performer} begins as {known} of {Path(settings.warm_start).name}.")
    opening.leave_if_stopped()
    document = _describe(found, settings, network, faces)
    return TrainingSession(job.model, document, trainer, faces, settings, reporter, shots, team)


def make_trainer(network: Autoencoder, recipe: Recipe, settings: TrainSettings) -> Trainer:
    """Return the trainer of a family, with the players that its recipe and the settings ask for.

    Args:
        network: What is trained.
        recipe: Figures of its family's training.
        settings: Weight of eyes and mouth, growth, finish, perceptual loss, seed.

    Raises:
        EngineError: `perceptual_unavailable`, also when a family is to compare features and can't.
    """
    recipe = replace(recipe, eyes_and_mouth=settings.eyes_and_mouth)
    players = _players(network, recipe, settings)
    sizes = network.family.sizes
    if not sizes:
        return Trainer(network, recipe, players=players)
    growth = plan_growth(sizes, settings.growth_steps or recipe.growth_steps, recipe.fade_share)
    return GrowingTrainer(network, recipe, growth, players)


def _players(network: Autoencoder, recipe: Recipe, settings: TrainSettings) -> tuple[Player, ...] | None:
    """Return the players of a family with discriminators or of a finish, None for the usual ones.

    Raises:
        EngineError: `perceptual_unavailable`, also when a family is to compare features and can't.
    """
    if recipe.adversarial is not None:
        return adversarial_players(network, recipe, settings.seed, open_perceptual(settings))
    if settings.perceptual != WITHOUT:
        able = ", ".join(name for name, other in RECIPES.items() if other.adversarial is not None)
        raise EngineError(
            ErrorCode.PERCEPTUAL_UNAVAILABLE,
            f"The family {network.family.name} has no perceptual loss, so it can't be trained with perceptual "
            f"{settings.perceptual}.",
            f"Train one of {able}, or with perceptual {WITHOUT}.",
        )
    return finish_players(network, recipe) if settings.finish else None


def check_match(found: ModelDocument, family: Family, performers: Sequence[str], folder: Path) -> None:
    """Check that a model can be trained on as asked.

    Raises:
        EngineError: `model_mismatch`, naming every difference.
    """
    differences = [
        f"{what} {have} instead of {wanted}"
        for what, have, wanted in (
            ("family", found.family, family.name),
            ("face size", found.face_size, family.face_size),
            ("coverage", found.coverage, family.coverage),
            ("sketches of form", found.sketch, family.sketch),
            ("performers", ", ".join(sorted(found.performers)), ", ".join(sorted(performers))),
        )
        if have != wanted
    ]
    if differences:
        raise EngineError(
            ErrorCode.MODEL_MISMATCH,
            f"The model in {folder} can't be trained on with these settings: it has {'; '.join(differences)}.",
            "Choose the model's own settings, or another model folder.",
        )


def _resume(job: TrainJob, found: ModelDocument, trainer: Trainer) -> ModelDocument:
    """Give the trainer the state of a checkpoint; return the document of that state."""
    asked = job.settings.resume_from
    name = chosen_file(job.model, found, asked) if asked else found.checkpoint
    arrays = read_arrays(job.model, name)
    if job.settings.finish and not any(array.startswith(f"training/{JUDGE}/") for array in arrays):
        # The first run of a finish: its judge is new.
        arrays = trainer.state() | arrays
    try:
        trainer.restore(arrays)
    except (KeyError, ValueError) as error:
        raise EngineError(
            ErrorCode.MODEL_UNREADABLE,
            f"The checkpoint {job.model / name} does not fit the network: {damage(error)}.",
            "Use one of its backups with the setting resume_from, or choose another model folder.",
        ) from error
    return replace(found, step=trainer.steps)


def _describe(
    found: ModelDocument | None, settings: TrainSettings, network: Autoencoder, faces: Sequence[PerformerFaces]
) -> ModelDocument:
    facesets = [
        {
            "performer": item.performer,
            "folders": [str(folder) for folder in item.folders],
            "faces": len(item.learned),
            "digest": item.digest,
        }
        for item in faces
    ]
    shapes = shapes_to_json(face_shapes(faces))
    if found is not None:
        return replace(found, settings=settings_to_json(settings), facesets=facesets, shapes=shapes)
    return ModelDocument(
        family=network.family.name,
        performers=network.performers,
        face_size=network.family.face_size,
        coverage=network.family.coverage,
        step=0,
        settings=settings_to_json(settings),
        parameters=network.parameter_counts(),
        facesets=facesets,
        created=now(),
        warm_start=settings.warm_start,
        sketch=network.family.sketch,
        shapes=shapes,
    )
