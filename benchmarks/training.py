# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure training and swapping: CPU seconds of a step, of making its batch, and of a swapped face.

Run it from the checkout with the engine's Python: `python benchmarks/training.py [--families quick,original]`.
It trains on random pictures, because only the time is of interest, and prints a Markdown table.
"""

from __future__ import annotations

import argparse
import os
import platform
import runpy
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.argv[0] = str(ROOT / "training_cli" / "launch.py")
runpy.run_path(sys.argv[0], run_name="understudy_launch")

from understudy.engine.runtime.device import (  # noqa: E402 - the package has its name only after launch.py ran
    choose_policy,
    describe_device,
    prepare_tensorflow,
)

_FACES = 64


def cpu_seconds(call: Callable[[], object], repeats: int) -> float:
    """Return the CPU seconds of this process for one call, after one call to warm up."""
    call()
    before = os.times()
    for _ in range(repeats):
        call()
    after = os.times()
    return (after.user + after.system - before.user - before.system) / repeats


def measure_family(name: str, precision: str, batch_size: int, repeats: int) -> dict[str, float]:
    """Return CPU seconds of a step and of making its batch, and CPU milliseconds of a swapped face."""
    from understudy.engine.networks.autoencoder import Autoencoder
    from understudy.engine.networks.registry import FAMILIES
    from understudy.engine.training.augmentation import View
    from understudy.engine.training.dataset import PerformerFaces
    from understudy.engine.training.inference import NetworkDecoder
    from understudy.engine.training.loader import make_batch
    from understudy.engine.training.recipes import RECIPES
    from understudy.engine.training.trainer import Trainer

    family, recipe = FAMILIES[name], RECIPES[name]
    size = batch_size or recipe.batch_size
    view = View(family.face_size, family.coverage)
    side = round(view.size / view.coverage * recipe.oversampling * 2.0)
    random = np.random.default_rng(0)
    pictures = tuple(random.integers(0, 256, (side, side, 3), np.uint8) for _ in range(_FACES))
    coverage = np.full(_FACES, 2.0)
    faces = [PerformerFaces(who, pictures, pictures[:8], coverage, coverage[:8], "", ()) for who in ("a", "b")]
    network = Autoencoder(family, ("a", "b"), precision)
    trainer = Trainer(network, recipe)
    batch = make_batch(faces, view, recipe.augmentation, size, 0, 0)
    decode = NetworkDecoder(network)
    single = NetworkDecoder(network, chunk=1)
    return {
        "batch": size,
        "step": cpu_seconds(lambda: trainer.step(batch.inputs, batch.targets, recipe.learning_rate), repeats),
        "views": cpu_seconds(lambda: make_batch(faces, view, recipe.augmentation, size, 0, 1), repeats),
        "swap_8": cpu_seconds(lambda: decode(batch.targets[0][:8], "b"), 4 * repeats) * 125.0,
        "swap_1": cpu_seconds(lambda: single(batch.targets[0][:1], "b"), 4 * repeats) * 1000.0,
    }


def main() -> None:
    """Measure the families asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--families", default="quick,lowmem,original")
    parser.add_argument("--batch-size", type=int, default=0, help="0 takes each family's own")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    prepare_tensorflow(arguments.threads)
    import keras
    import tensorflow as tf

    print(f"{describe_device()}; Python {platform.python_version()}, Keras {keras.__version__}, TF {tf.__version__}")
    print("| family | precision | batch | step, CPU-s | its views, CPU-s | swap, 8 faces, CPU ms each | 1 face |")
    print("|---|---|---|---|---|---|---|")
    for name in arguments.families.split(","):
        for precision in dict.fromkeys(("float32", choose_policy("auto", allows_bfloat16=True))):
            began = time.monotonic()
            found = measure_family(name, precision, arguments.batch_size, arguments.repeats)
            figures = f"{found['step']:.3f} | {found['views']:.3f} | {found['swap_8']:.1f} | {found['swap_1']:.1f}"
            print(f"| {name} | {precision} | {found['batch']:.0f} | {figures} |", flush=True)
            print(f"  ({time.monotonic() - began:.0f} s wall)", file=sys.stderr)


if __name__ == "__main__":
    main()
