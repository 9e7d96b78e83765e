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
    from dataclasses import replace

    import numpy as np
    from understudy.engine.training.batch import Batch

    def made(faces, plan, step):
        assert plan.team == (0, 1)
        parts = [make(faces, replace(plan, team=(rank, 2)), step) for rank in (0, 1)]
        return Batch(*(np.concatenate([getattr(p, key) for p in parts], axis=1) for key in ("inputs", "targets")))

    return made


def encoder(policy):
    """Build a network that compiles in a second."""
    import keras
    from understudy.engine.networks.blocks import reduce_by_two

    inputs = keras.Input((32, 32, 3))
    return keras.Model(inputs, reduce_by_two(reduce_by_two(inputs, 6, 5, policy), 8, 3, policy))


def decoder(policy):
    """Build its other half."""
    import keras
    from understudy.engine.networks.blocks import enlarge_by_two

    inputs = keras.Input((8, 8, 8))
    x = enlarge_by_two(enlarge_by_two(inputs, 8, policy), 6, policy)
    return keras.Model(inputs, keras.layers.Conv2D(3, 3, padding="same", activation="sigmoid", dtype="float32")(x))


def main(out, model, facesets, workers, worker, address):
    from understudy.engine.contract.errors import EngineError
    from understudy.engine.contract.jobs import FacesetPart, TrainingPerformer, TrainJob
    from understudy.engine.contract.settings import TrainSettings
    from understudy.engine.pipelines.train import train
    from understudy.engine.runtime.backend import prepare_backend
    from understudy.engine.runtime.reporter import Reporter
    from understudy.engine.training import loader

    prepare_backend(setting="jax")
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

                from understudy.engine.networks.registry import FAMILIES
                from understudy.engine.training.recipes import RECIPES

                FAMILIES["quick"] = replace(
                    FAMILIES["quick"],
                    face_size=32,
                    build_encoder=encoder,
                    build_decoder=decoder,
                    is_sketched=False,
                )
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
