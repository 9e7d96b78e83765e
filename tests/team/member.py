# SPDX-License-Identifier: GPL-3.0-or-later
"""A process of a team: trains a tiny network through the whole pipeline and tells its losses as JSON."""

import importlib.util
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("understudy_launch", ROOT / "training_cli" / "launch.py")
spec.loader.exec_module(importlib.util.module_from_spec(spec))


def both_parts(make):
    """Return a maker of whole batches that holds what two processes would make."""
    import numpy as np
    from understudy.engine.training.loader import Batch

    def made(*arguments):
        parts = [make(*arguments[:-1], (rank, 2)) for rank in (0, 1)]
        return Batch(*(np.concatenate([getattr(p, key) for p in parts], axis=1) for key in ("inputs", "targets")))

    return made


def main(out, model, facesets, workers, worker, address, patience_s):
    from understudy.engine.contract.errors import EngineError
    from understudy.engine.contract.jobs import FacesetPart, TrainingPerformer, TrainJob
    from understudy.engine.contract.settings import TrainSettings
    from understudy.engine.pipelines.train import train
    from understudy.engine.runtime.backend import prepare_backend
    from understudy.engine.runtime.reporter import Reporter
    from understudy.engine.training import loader, team

    prepare_backend(setting="jax")
    team._JOIN_S = int(patience_s)
    if workers == "1":
        loader.make_batch = both_parts(loader.make_batch)
    told = {"losses": [], "error": ""}

    class Teller(Reporter):
        def metrics(self, step, values):
            told["losses"].append([values["loss anna"], values["loss bert"]])

        def stage(self, name, text=""):
            told["stage"] = text
            if name == "reading":
                # Keras may be imported from here on: the team has joined.
                from dataclasses import replace

                from understudy.engine.networks.registry import FAMILIES, quick_family
                from understudy.engine.training.recipes import RECIPES

                FAMILIES["quick"] = quick_family(face_size=32, width=4, code=16)
                RECIPES["quick"] = replace(RECIPES["quick"], warm_up=2)

    settings = TrainSettings(
        backend="jax", maximum_steps=6, batch_size=4, save_interval=3, preview_interval=1000, learning_rate=1e-3,
        precision="float32", workers=int(workers), worker=int(worker), coordinator=address,
    )  # fmt: skip
    parts = tuple(TrainingPerformer(name, (FacesetPart(Path(facesets) / name),)) for name in ("anna", "bert"))
    try:
        train(TrainJob(Path(model), parts, settings=settings), Teller())
    except EngineError as error:
        told["error"] = str(error)
    Path(out).write_text(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
