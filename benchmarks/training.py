# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure training and swapping: CPU seconds of a step, of making its batch, and of a swapped face; steps a second.

Run it from the checkout with the engine's Python: `python benchmarks/training.py [--families quick,original]`, on
another backend with KERAS_BACKEND set. It trains on random pictures, because only the time is of interest, and prints
two Markdown tables; a family that grows trains at its largest size. The second tells what share of the chip's
arithmetic training uses: the multiplications and additions of the network's convolutions and dense layers, three times
those of the forward pass, against the ones of large matrix products in the same number format, both in CPU seconds on a
CPU and in seconds on a card. Its last column comes from steps whose batches are made beside them, as in a training: by
processes on a card, by a thread on a CPU, or by what `--feed processes:12` names. What the
batches cost by themselves is measured by `benchmarks/feeding.py`, without a card.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import math
import os
import platform
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from feeding import family_plan, random_faces
from understudy.engine.runtime.backend import prepare_backend
from understudy.engine.runtime.device import choose_policy, computes_on_card, describe_device

_MATRIX_CPU, _MATRIX_GPU = 1024, 8192
_PRODUCTS = 8
_WARM_UP = 3


def busy_seconds() -> float:
    """Return the CPU seconds of this process, or on a card the seconds of the clock."""
    if computes_on_card():
        return time.perf_counter()
    times = os.times()
    return times.user + times.system


def forward_operations(model: Any) -> int:
    """Return the multiplications and additions of one face's way through a model's convolutions and dense layers."""
    total = 0
    for layer in model.layers:
        if hasattr(layer, "layers"):
            total += forward_operations(layer)
            continue
        kernel = getattr(layer, "kernel", None)
        if kernel is not None:
            places = math.prod(layer.output.shape[1:-1])
            total += 2 * math.prod(kernel.shape) * (places if len(kernel.shape) == 4 else 1)
    return total


def matrix_peak(precision: str) -> float:
    """Return the operations a second of large matrix products, the best of three rounds."""
    import keras

    side = _MATRIX_GPU if computes_on_card() else _MATRIX_CPU
    kind = "bfloat16" if "bfloat16" in precision else "float32"
    one = keras.ops.cast(keras.random.normal((side, side)) / side**0.5, kind)
    best = 0.0
    for _ in range(4):
        before, x = busy_seconds(), one
        for _ in range(_PRODUCTS):
            x = keras.ops.matmul(x, one)
        # Looking at a value waits for all of them.
        keras.ops.convert_to_numpy(keras.ops.cast(x[0, 0], "float32"))
        best = max(best, _PRODUCTS * 2 * side**3 / max(1e-9, busy_seconds() - before))
    return best


def cpu_seconds(call: Callable[[], object], repeats: int) -> float:
    """Return the CPU seconds of this process for one call, after one call to warm up."""
    call()
    before = os.times()
    for _ in range(repeats):
        call()
    after = os.times()
    return (after.user + after.system - before.user - before.system) / repeats


def measure_family(
    name: str, precision: str, batch_size: int, repeats: int, feed: Callable[[list[Any]], Any]
) -> dict[str, float]:
    """Return what a step, its batch and a swapped face cost, and the share of time that steps wait for batches."""
    from understudy.engine.contract.settings import TrainSettings
    from understudy.engine.networks.autoencoder import Autoencoder
    from understudy.engine.networks.registry import FAMILIES
    from understudy.engine.training.batch import make_batch
    from understudy.engine.training.inference import NetworkDecoder
    from understudy.engine.training.loader import BatchLoader
    from understudy.engine.training.opening import make_trainer
    from understudy.engine.training.recipes import RECIPES

    family, recipe = FAMILIES[name], RECIPES[name]
    plan = family_plan(family, batch_size)
    size = plan.batch_size
    faces = random_faces(family, recipe.oversampling)
    network = Autoencoder(family, ("a", "b"), precision)
    trainer = make_trainer(network, recipe, TrainSettings(family=name, growth_steps=1))
    # Past the last size of a family that grows.
    trainer.steps = len(family.sizes)
    batch = make_batch(faces, plan, 0)
    decode = NetworkDecoder(network)
    single = NetworkDecoder(network, chunk=1)
    step = partial(trainer.step, batch.inputs, batch.targets, recipe.learning_rate)
    for _ in range(_WARM_UP):
        step()
    began, busy = time.perf_counter(), busy_seconds()
    for _ in range(repeats):
        step()
    took, busy = (time.perf_counter() - began) / repeats, (busy_seconds() - busy) / repeats
    with BatchLoader(feed(faces), plan) as loader:
        fed = fed_seconds(loader, trainer, recipe.learning_rate, repeats)
    each = forward_operations(network.encoder) + forward_operations(network.decoders["a"])
    return {
        "took": took,
        "fed": fed,
        "operations": 3.0 * each * 2 * size / busy,
        "batch": size,
        "step": cpu_seconds(step, repeats),
        "views": cpu_seconds(lambda: make_batch(faces, plan, 1), repeats),
        "swap_8": cpu_seconds(lambda: decode(batch.inputs[0][:8], "b"), 4 * repeats) * 125.0,
        "swap_1": cpu_seconds(lambda: single(batch.inputs[0][:1], "b"), 4 * repeats) * 1000.0,
    }


def fed_seconds(loader: Any, trainer: Any, learning_rate: float, repeats: int) -> float:
    """Return the seconds of a step with its batch, once the batches made before are used up."""
    began = 0.0
    for number in range(2 * repeats):
        if number == repeats:
            began = time.perf_counter()
        batch = loader.next_batch()
        trainer.step(batch.inputs, batch.targets, learning_rate)
    return (time.perf_counter() - began) / repeats


def main() -> None:
    """Measure the families asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--families", default="quick,lowmem,original")
    parser.add_argument("--batch-size", type=int, default=0, help="0 takes each family's own")
    parser.add_argument("--precisions", default="", help="number formats; float32 and the device's own by default")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--feed", default="", help="who makes batches, as threads:4; by default as in a training")
    arguments = parser.parse_args()
    backend = prepare_backend(arguments.threads)
    import keras
    from understudy.engine.training.feeding import choose_feeding, processes, threads

    def feed(faces: list[Any]) -> Any:
        """Return who makes batches."""
        kind, _, count = arguments.feed.partition(":")
        return (
            {"threads": threads, "processes": processes}[kind](faces, int(count))
            if kind
            else choose_feeding(faces, print)
        )

    versions = f"Keras {keras.__version__}, {backend} {importlib.metadata.version(backend)}"
    print(f"{describe_device()}; Python {platform.python_version()}, {versions}")
    print("| family | precision | batch | step, CPU-s | its views, CPU-s | swap, 8 faces, CPU ms each | 1 face |")
    print("|---|---|---|---|---|---|---|")
    rates = []
    peaks: dict[str, float] = {}
    usual = ("float32", choose_policy("auto", allows_bfloat16=True))
    for name in arguments.families.split(","):
        for precision in dict.fromkeys(arguments.precisions.split(",") if arguments.precisions else usual):
            began = time.monotonic()
            found = measure_family(name, precision, arguments.batch_size, arguments.repeats, feed)
            figures = f"{found['step']:.3f} | {found['views']:.3f} | {found['swap_8']:.1f} | {found['swap_1']:.1f}"
            print(f"| {name} | {precision} | {found['batch']:.0f} | {figures} |", flush=True)
            peak = peaks.setdefault(precision, matrix_peak(precision))
            rate, share = 1.0 / found["took"], found["operations"] / peak
            figures = f"{rate:.2f} | {2 * found['batch'] * rate:.1f} | {found['operations'] / 1e9:.1f} | {share:.0%}"
            figures += f" | {1.0 / found['fed']:.2f}"
            rates.append(f"| {name}, {found['batch']:.0f} + {found['batch']:.0f} | {precision} | {figures} |")
            print(f"  ({time.monotonic() - began:.0f} s wall)", file=sys.stderr)

    peak = ", ".join(f"{precision} {value / 1e9:.0f}" for precision, value in peaks.items())
    print(f"\nLarge matrix products: {peak} thousand million operations a second.\n")
    columns = "steps a second | faces a second | 10⁹ operations a second | share of the peak | steps a second, fed"
    print(f"| family | precision | {columns} |")
    print("|---|---|---|---|---|---|---|", *rates, sep="\n")


if __name__ == "__main__":
    main()
