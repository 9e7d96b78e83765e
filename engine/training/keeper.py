# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept of a model in training: the newest checkpoint, the best so far, and snapshots by time and quality."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..contract.settings import TrainSettings
from .checkpoint import Arrays, ModelDocument, fingerprint_of, now, save_model, sweep_unfinished, write_arrays
from .face_shapes import shapes_to_arrays
from .held_out import Measurement

BY_TIME = "time"
BY_QUALITY = "quality"

# A snapshot is taken whenever the held-out SSIM first reaches one of 0.50, 0.55, 0.60, …
_FIRST_MILESTONE = 0.5
_MILESTONE = 0.05


class ModelKeeper:
    """Writes one model's folder.

    Args:
        folder: Folder of the model.
        document: What the model is.
        settings: `snapshot_minutes` and `snapshots_kept` are used.
    """

    def __init__(self, folder: Path, document: ModelDocument, settings: TrainSettings) -> None:
        self.folder = folder
        self.document = document
        self._settings = settings

    def prepare(self) -> None:
        """Clear what a killed training left half-written."""
        sweep_unfinished(self.folder)

    def save(
        self, state: Arrays, weights: Arrays, losses: dict[str, float], measured: Measurement | None, trained_s: float
    ) -> None:
        """Write a checkpoint, the best weights when these are, and a snapshot when one is due.

        Args:
            state: Everything that the next step depends on, `steps` included.
            weights: The weights that the swap uses.
            losses: Loss of each performer.
            measured: The held-out measure of these weights, if it was taken.
            trained_s: Seconds of training in all runs.

        Raises:
            EngineError: `disk_full` or `not_writable`; the earlier checkpoint stays valid.
        """
        fingerprint = fingerprint_of(weights)
        state = {**state, **shapes_to_arrays(self.document.shapes)}
        reached = self.document.best.get("ssim", 0.0)
        self.document = replace(
            self.document,
            step=int(state["steps"]),
            losses=losses,
            fingerprint=fingerprint,
            trained_s=round(trained_s, 1),
        )
        if measured is not None and measured.ssim > reached:
            self.document = replace(self.document, best=self._write_best(weights, measured, fingerprint))
        snapshot = self._due_snapshot(measured, reached)
        if snapshot is not None:
            self.document = replace(self.document, snapshots=self._with(snapshot))
        self.document = save_model(self.folder, self.document, state, snapshot)

    def _write_best(self, weights: Arrays, measured: Measurement, fingerprint: str) -> dict[str, Any]:
        # A name of its own: until `model.json` names it, the earlier best stays the best.
        name = f"best-{measured.step:08d}.npz"
        arrays: Arrays = {f"average/{key}": value for key, value in weights.items()}
        arrays |= shapes_to_arrays(self.document.shapes)
        write_arrays(self.folder / name, {**arrays, "steps": np.asarray(measured.step, np.int64)})
        return {
            "file": name,
            "step": measured.step,
            "ssim": round(measured.ssim, 6),
            "l1": round(measured.l1, 6),
            "fingerprint": fingerprint,
        }

    def _due_snapshot(self, measured: Measurement | None, reached: float) -> dict[str, Any] | None:
        document = self.document
        if not self._settings.snapshots_kept:
            return None
        reason = ""
        if measured is not None and _milestones(measured.ssim) > _milestones(reached):
            reason = BY_QUALITY
        elif self._settings.snapshot_minutes:
            last = max((item["trained_s"] for item in document.snapshots), default=0.0)
            reason = BY_TIME if document.trained_s - last >= self._settings.snapshot_minutes * 60.0 else ""
        if not reason:
            return None
        return {
            "file": f"snapshot-{document.step:08d}.npz",
            "step": document.step,
            "saved": now(),
            "trained_s": document.trained_s,
            "reason": reason,
            "ssim": None if measured is None else round(measured.ssim, 6),
        }

    def _with(self, snapshot: dict[str, Any]) -> tuple[dict[str, Any], ...]:
        """Return the snapshots with a new one, of each reason the newest `snapshots_kept`."""
        others = [item for item in self.document.snapshots if item["file"] != snapshot["file"]]
        found = sorted([*others, snapshot], key=lambda item: item["step"])
        kept = [
            item
            for reason in (BY_TIME, BY_QUALITY)
            for item in [one for one in found if one["reason"] == reason][-self._settings.snapshots_kept :]
        ]
        return tuple(sorted(kept, key=lambda item: item["step"]))


def _milestones(ssim: float) -> int:
    """Return how many milestones lie at or below a held-out SSIM."""
    # The tiny addition keeps 0.55 from being a hair below itself.
    return max(0, math.floor((ssim - _FIRST_MILESTONE) / _MILESTONE + 1e-9) + 1)
