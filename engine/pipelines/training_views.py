# SPDX-License-Identifier: GPL-3.0-or-later
"""What a training would see, as a picture, without training: stored faces, the network's inputs and its targets."""

from __future__ import annotations

from pathlib import Path

from ..contract.jobs import TrainJob
from ..contract.messages import Done
from ..runtime.backend import TITLES, chosen_backend, prepare_backend
from ..runtime.reporter import Reporter
from ..runtime.stop import Stopped


def draw_training_views(job: TrainJob, picture: Path, reporter: Reporter) -> Done:
    """Draw the first training step of a job, with its settings' augmentation.

    Args:
        job: The training; nothing of its model is read or written.
        picture: PNG to write.
        reporter: Is told what was left out.

    Returns:
        Done; `result` holds `views` (the picture) and `flips` (performer -> probability of a mirrored view).

    Raises:
        EngineError: What reading the faces or writing the picture raises.
    """
    settings = job.settings
    reporter.stage("loading", f"Loading {TITLES[chosen_backend(settings.backend)]}")
    prepare_backend(settings.threads, setting=settings.backend)
    # Keras is imported here: it takes seconds.
    from ..networks.registry import FAMILIES
    from ..training.augmentation import View
    from ..training.dataset import read_faces
    from ..training.preview import write_preview
    from ..training.recipes import RECIPES, augmentation_of, flips_of
    from ..training.views_picture import views_picture

    family, recipe = FAMILIES[settings.family], RECIPES[settings.family]
    view = View(family.face_size, family.coverage)
    reporter.stage("reading", "Reading the faces")
    try:
        faces = [
            read_faces(item, view, recipe.oversampling, reporter, with_points=family.is_sketched)
            for item in job.performers
        ]
    except Stopped:
        return reporter.done("Stopped before anything was drawn.", {"views": "", "flips": {}})
    flips = flips_of(recipe, settings, faces)
    write_preview(picture, views_picture(faces, view, augmentation_of(recipe, settings), flips, settings.seed))
    reporter.artifact("views", picture)
    return reporter.done(
        f"{picture.name} shows what the network sees: stored faces, inputs and targets of each performer.",
        {"views": str(picture), "flips": {item.performer: flip for item, flip in zip(faces, flips, strict=True)}},
    )
