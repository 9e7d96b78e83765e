# SPDX-License-Identifier: GPL-3.0-or-later
"""One family trained on the fixed facesets of the demo's pair, and what held-out frames say of it at some steps."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import keras
import machine  # noqa: F401 - binds the package's name
import numpy as np
from demo_faces import DEMO, CastFaces, as_performer, extract_clips, read_cast
from swap_quality import SwapFigures, SwapJudge
from understudy.engine.networks.autoencoder import Autoencoder
from understudy.engine.networks.registry import FAMILIES
from understudy.engine.training.augmentation import View
from understudy.engine.training.batch import BatchPlan
from understudy.engine.training.face_shapes import face_shapes
from understudy.engine.training.feeding import threads
from understudy.engine.training.held_out import measure
from understudy.engine.training.inference import NetworkDecoder
from understudy.engine.training.loader import BatchLoader
from understudy.engine.training.network_inputs import network_inputs, pictures_of
from understudy.engine.training.recipes import RECIPES, learning_rate_at
from understudy.engine.training.sketcher import Sketcher
from understudy.engine.training.trainer import Trainer
from understudy.engine.training.view_units import LANDMARKS, in_pixels

COMMON_SIZE, COMMON_COVERAGE = 64, 1.0
KINDS = ("between", "spans")
_SHOWN = 8


@dataclass(frozen=True)
class Quality:
    """What one kind of held-out frames says of a model.

    Attributes:
        common_similarity: SSIM at the ancestor's 64 pixels, the mean of both performers.
        common_absolute: Mean absolute error there.
        similarity: SSIM at the family's own size, of each performer.
        swap: What a stranger says of the swap.
    """

    common_similarity: float
    common_absolute: float
    similarity: tuple[float, ...]
    swap: SwapFigures

    def cells(self) -> list[str]:
        """Return the figures as the table's cells."""
        return [
            f"{self.common_similarity:.3f}",
            f"{self.common_absolute:.4f}",
            " / ".join(f"{value:.3f}" for value in self.similarity),
            f"{self.swap.to_target:.3f}, {self.swap.to_source:.3f}",
            f"{self.swap.right:.2f}",
            f"{self.swap.landmarks:.3f}",
        ]


def open_pair() -> tuple[dict[str, CastFaces], dict[str, SwapJudge]]:
    """Find the faces of the demo's pair; return them by performer, and who judges each kind of held-out frames."""
    with tempfile.TemporaryDirectory() as folder:
        folders = extract_clips(DEMO, Path(folder) / "facesets.understudy")
        data = {cast.name: read_cast(cast, folders) for cast in DEMO}
    target, source = data.values()
    return data, {kind: SwapJudge(getattr(target, kind), source.learned, target.learned) for kind in KINDS}


class Contest:
    """One family on the fixed facesets: its network, its faces, its steps and its measures.

    Args:
        name: Name of the family.
        precision: Dtype policy.
        data: The performer in the shot, then the one who stands in.
        seed: Start of the random numbers.
    """

    def __init__(self, name: str, precision: str, data: Mapping[str, CastFaces], seed: int) -> None:
        self.name, self.precision, self.seed = name, precision, seed
        self.family, self.recipe = FAMILIES[name], RECIPES[name]
        self.view = View(self.family.face_size, self.family.coverage)
        self.common = View(COMMON_SIZE, COMMON_COVERAGE)
        self.data = data
        oversampling = self.recipe.oversampling
        self.faces = [
            as_performer(who, faces.learned, faces.spans, self.view, oversampling, self.family.is_sketched)
            for who, faces in data.items()
        ]
        keras.utils.set_random_seed(seed)
        self.network = Autoencoder(self.family, tuple(data), precision)
        self.trainer = Trainer(self.network, self.recipe)
        self.decode = NetworkDecoder(self.network)
        self.sketcher = Sketcher(self.family.coverage, self.family.is_sketched, face_shapes(self.faces))
        self.own, self.shared = (
            {
                (who, kind): network_inputs(
                    [face.picture for face in held],
                    [face.coverage for face in held],
                    view,
                    [face.points for face in held] if self.family.is_sketched and view is self.view else (),
                )
                for who, faces in data.items()
                for kind, held in (("between", faces.between), ("spans", faces.spans))
            }
            for view in (self.view, self.common)
        )

    def train(self, marks: Mapping[int, float], loader: BatchLoader) -> Iterator[tuple[float, float]]:
        """Train to the last mark, with the recipe's schedule.

        Args:
            marks: Steps -> CPU seconds that they stand for.
            loader: Makes the views.

        Yields:
            At each mark its CPU seconds, and the share of the time so far that steps waited for views.
        """
        last, began = max(marks), time.perf_counter()
        recipe = self.recipe
        with loader:
            while self.trainer.steps < last:
                batch = loader.next_batch()
                rate = learning_rate_at(recipe, recipe.learning_rate, self.trainer.steps, self.trainer.steps / last)
                self.trainer.step(batch.inputs, batch.targets, rate)
                if self.trainer.steps in marks:
                    yield marks[self.trainer.steps], loader.waited_s / (time.perf_counter() - began)

    def plan(self) -> BatchPlan:
        """Return what the batches of the recipe have in common."""
        return BatchPlan(self.view, self.recipe.augmentation, self.recipe.batch_size, self.seed)

    def loader(self) -> BatchLoader:
        """Return what makes the recipe's views of the learned faces."""
        return BatchLoader(threads(self.faces), self.plan())

    def judged(self, judges: Mapping[str, SwapJudge], sheet: Path | None = None) -> dict[str, Quality]:
        """Return what held-out frames of each kind say of the weights as they are; `sheet` is for a picture of them."""
        target, source = self.data
        with self.trainer.averaged():
            rebuilt = {key: self.decode(faces, key[0]) for key, faces in self.own.items()}
            swapped = {kind: self.decode(self.to_swap(target, source, kind), source) for kind in KINDS}
        own = measure(self.own, self.view, lambda _faces, key: rebuilt[key], self.trainer.steps)
        resampled = {key: self.resampled(faces) for key, faces in rebuilt.items()}
        common = measure(self.shared, self.common, lambda _faces, key: resampled[key], self.trainer.steps)
        if sheet is not None:
            self.sheet(sheet, rebuilt, swapped["spans"])
        return {
            kind: Quality(
                float(np.mean([common.similarity[who, kind] for who in self.data])),
                float(np.mean([common.absolute[who, kind] for who in self.data])),
                tuple(own.similarity[who, kind] for who in self.data),
                judges[kind].judge(swapped[kind], self.family.coverage),
            )
            for kind in KINDS
        }

    def rows(self, marks: Mapping[int, float], judges: Mapping[str, SwapJudge], sheets: Path | None) -> Iterator[str]:
        """Train to the last mark; yield the table's row at each."""
        for seconds, starved in self.train(marks, self.loader()):
            found = self.judged(judges, sheets and sheets / f"{self.name}-{seconds:.0f}s.png")
            row = [self.name, f"{seconds:.0f}", str(self.trainer.steps)]
            for kind in KINDS:
                row += found[kind].cells()
            yield "| " + " | ".join([*row, f"{starved:.1%}"]) + " |"

    def to_swap(self, target: str, source: str, kind: str) -> np.ndarray:
        """Return what the network is given of the target's held-out faces to make the source's."""
        plates = pictures_of(self.own[target, kind])
        held = getattr(self.data[target], kind)
        landmarks = np.stack([in_pixels(face.points[:LANDMARKS], self.view.size, self.view.coverage) for face in held])
        return self.sketcher(plates, landmarks, source, (target,) * len(held))

    def resampled(self, faces: np.ndarray) -> np.ndarray:
        """Return faces of the family's size and coverage as the common view shows them."""
        scale = (COMMON_SIZE / COMMON_COVERAGE) / (self.family.face_size / self.family.coverage)
        shift = (COMMON_SIZE - 1) / 2 - scale * (self.family.face_size - 1) / 2
        matrix = np.array([[scale, 0.0, shift], [0.0, scale, shift]])
        side = (COMMON_SIZE, COMMON_SIZE)
        return np.stack([np.clip(cv2.warpAffine(face, matrix, side, flags=cv2.INTER_CUBIC), 0, 1) for face in faces])

    def sheet(self, path: Path, rebuilt: dict[tuple[str, str], np.ndarray], swapped: np.ndarray) -> None:
        """Write frames of held-out spans, their reconstruction and the swap, below each other."""
        target, source = ((who, "spans") for who in self.data)
        rows = [pictures_of(self.own[target]), rebuilt[target], swapped, pictures_of(self.own[source]), rebuilt[source]]
        picked = [row[np.linspace(0, len(row) - 1, _SHOWN).round().astype(int)] for row in rows]
        picture = np.concatenate([np.concatenate(list(row), axis=1) for row in picked], axis=0)
        cv2.imwrite(str(path), picture[..., ::-1] * 255.0)
