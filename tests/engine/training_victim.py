# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes to be killed: each trains a tiny network, or only saves made-up models in a loop, and tells its steps.

Loading TensorFlow takes longer than what is tested. So this process loads it once without using it, and forks a victim
for each line on standard input, a JSON list: `["save", FOLDER, INTERVAL]` or `["train", FOLDER, FACESETS, STEPS,
INTERVAL, FAMILY]`. It writes `pid N`, the victim writes its steps, and once the victim is dead follows `dead STATUS`.
"""

import importlib.util
import json
import os
import sys
import traceback
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PERFORMERS = ("anna", "bert")


def bind():
    """Give the checkout the name `understudy`, as the tests' conftest does."""
    spec = importlib.util.spec_from_file_location("understudy_launch", ROOT / "training_cli" / "launch.py")
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


def say(text):
    # One call writes a short line whole, even if the process is killed at that moment.
    os.write(1, f"{text}\n".encode())


def save_for_ever(folder, interval):
    """Do what a training does between steps: write checkpoint, best, snapshots, document and history; no network."""
    import numpy as np
    from understudy.engine.contract.settings import TrainSettings
    from understudy.engine.training.checkpoint import ModelDocument, holds_model, now, read_arrays, read_model
    from understudy.engine.training.held_out import Measurement
    from understudy.engine.training.history import History
    from understudy.engine.training.keeper import ModelKeeper

    document = ModelDocument("quick", PERFORMERS, 32, 1.7, 0, {}, {}, [], now())
    if holds_model(folder):
        document = read_model(folder)
        read_arrays(folder, document.checkpoint)
    keeper = ModelKeeper(folder, document, TrainSettings(snapshot_minutes=0.05, snapshots_kept=2))
    keeper.prepare()
    history = History(folder / "history.jsonl", document.step)
    step = document.step
    while True:
        step += 1
        history.add(step, {"loss/anna": 1.0 / step})
        say(step)
        if step % interval:
            continue
        # The weights tell their step, so that a mixture of two checkpoints would show.
        weights = {f"encoder/{i:02d}": np.full((64, 1024), step, np.float32) for i in range(4)}
        state = {f"average/{name}": value for name, value in weights.items()}
        state |= {f"weights/{name}": value + 1 for name, value in weights.items()} | {"steps": np.asarray(step)}
        similarity = 0.4 + 0.5 * ((step * 7919) % 1000) / 1000
        measured = Measurement(step, {"anna": similarity}, {"anna": 1.0 - similarity})
        keeper.save(state, weights, {"anna": 1.0 / step}, measured, step * 0.5)


def tiny_families():
    """Narrow networks of every family's own kind: the same layers, losses, optimizers and turns, fewer channels."""
    import keras
    from understudy.engine.networks import classic
    from understudy.engine.networks.blocks import enlarge_by_two, reduce_by_two
    from understudy.engine.networks.registry import FAMILIES, quick_family
    from understudy.engine.training.recipes import RECIPES

    def encoder(channels):
        def build(policy):
            inputs = x = keras.Input((classic.FACE_SIZE, classic.FACE_SIZE, 3))
            for count in channels:
                x = reduce_by_two(x, count, 5, policy)
            x = keras.layers.Dense(16, dtype=policy)(keras.layers.Flatten(dtype=policy)(x))
            x = keras.layers.Reshape((4, 4, 8), dtype=policy)(keras.layers.Dense(128, dtype=policy)(x))
            return keras.Model(inputs, enlarge_by_two(x, 8, policy))

        return build

    def decoder(policy):
        inputs = x = keras.Input((8, 8, 8))
        for count in (8, 8, 4):
            x = enlarge_by_two(x, count, policy)
        last = keras.layers.Conv2D(3, 5, padding="same", activation="sigmoid", dtype="float32")
        return keras.Model(inputs, last(x))

    families = {"quick": quick_family(face_size=32, width=8, code=32)}
    for name, channels in (("original", (4, 8, 8, 16)), ("lowmem", (4, 8, 8))):
        families[name] = replace(FAMILIES[name], build_encoder=encoder(channels), build_decoder=decoder)
    recipes = {name: replace(RECIPES[name], warm_up=min(5, RECIPES[name].warm_up)) for name in families}
    return families, recipes


def train_on(folder, facesets, steps, interval, family="quick"):
    """Train a whole tiny model and report each step."""
    from understudy.engine.contract.jobs import FacesetPart, TrainingPerformer, TrainJob
    from understudy.engine.contract.settings import TrainSettings
    from understudy.engine.pipelines.train import train
    from understudy.engine.runtime.device import prepare_tensorflow
    from understudy.engine.runtime.reporter import Reporter

    prepare_tensorflow(deterministic=True)
    from understudy.engine.networks.registry import FAMILIES
    from understudy.engine.training.recipes import RECIPES

    families, recipes = tiny_families()
    FAMILIES.update(families)
    RECIPES.update(recipes)

    class Teller(Reporter):
        def metrics(self, step, values):
            say(step)

    settings = TrainSettings(
        family=family, maximum_steps=steps, batch_size=2, deterministic=True, save_interval=interval,
        preview_interval=1_000_000, snapshots_kept=1,
    )  # fmt: skip
    parts = tuple(TrainingPerformer(name, (FacesetPart(facesets / name),)) for name in PERFORMERS)
    train(TrainJob(folder, parts, settings=settings), Teller())


def serve():
    """Fork a victim for each line of standard input."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    from understudy.engine.pipelines import shot_preview, train  # noqa: F401 - loaded here for all victims
    from understudy.engine.training import opening  # noqa: F401 - as above

    for line in sys.stdin:
        kind, folder, *rest = json.loads(line)
        pid = os.fork()
        if not pid:
            try:
                if kind == "save":
                    save_for_ever(Path(folder), *rest)
                train_on(Path(folder), Path(rest[0]), *rest[1:])
            except BaseException:  # noqa: BLE001 the forked copy must not go on as its parent does
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        say(f"pid {pid}")
        say(f"dead {os.waitpid(pid, 0)[1]}")


if __name__ == "__main__":
    bind()
    serve()
