# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw held-out quality against CPU seconds: the ancestor's recipe (`original`) and ours (`quick`), in one run.

Run it from the checkout with the engine's Python: `python benchmarks/time_to_quality.py`. It makes the demo's facesets,
trains both families with their own recipes, and prints a Markdown table: own reconstruction of held-out faces (SSIM and
L1 inside the face, both families resampled to the ancestor's 64 pixels of one face square; and each at its own size),
and what a stranger says of the swap (`swap_quality`). Frames are held out between learned ones and as whole spans
(`demo_faces`); the table gives both. `--pictures` keeps a sheet of each point.

A budget of CPU seconds is turned into steps by the CPU cost of a step, measured before the training: neighbors on the
machine inflate the CPU seconds of a long run. Costs that were measured on a quiet machine can be given. The ancestor's
budget is counted in float32, as the ancestor computes; `--ancestor-precision mixed_bfloat16` does these steps faster.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import machine  # binds the package's name
import numpy as np
from understudy.engine.runtime.device import choose_policy, describe_device, prepare_tensorflow

if TYPE_CHECKING:
    # It imports TensorFlow, which has to be prepared first.
    from contest import Contest

_POINTS = {"quick": (60, 120, 240, 360, 600, 900), "original": (900, 1800, 3600, 5400, 7200)}


@dataclass(frozen=True)
class Cost:
    """CPU seconds of one step, of its views, and floating-point operations of the step in the networks."""

    step: float
    views: float
    operations: float


def cpu_of(call, repeats: int) -> float:  # noqa: ANN001 - any function without arguments
    """Return the CPU seconds of a call after two to warm up."""
    call()
    call()
    began = time.process_time()
    for _ in range(repeats):
        call()
    return (time.process_time() - began) / repeats


def operations_of(models: Sequence) -> float:
    """Return multiplications and additions of one face through Keras models, convolutions and dense layers."""
    total = 0.0
    for model in models:
        for layer in model.layers:
            kernel = getattr(layer, "kernel", None)
            if kernel is not None:
                places = np.prod(layer.output.shape[1:3]) if len(layer.output.shape) == 4 else 1
                total += 2.0 * float(np.prod(kernel.shape)) * float(places)
    return total


def matmul_peak(precision: str) -> float:
    """Return the operations a CPU second of a large matrix product."""
    import tensorflow as tf

    side = 2048
    dtype = tf.bfloat16 if precision == "mixed_bfloat16" else tf.float32
    matrix = tf.cast(tf.random.normal((side, side)), dtype)
    product = tf.function(lambda: tf.matmul(matrix, matrix))
    return 2.0 * side**3 / cpu_of(product, 5)


def cost_of(contest: Contest, repeats: int) -> Cost:
    """Measure a step; the weights are put back afterwards."""
    from understudy.engine.training.batch import make_batch

    before = contest.trainer.state()
    batch = make_batch(contest.faces, contest.plan(), 0)
    step = cpu_of(lambda: contest.trainer.step(batch.inputs, batch.targets, contest.recipe.learning_rate), repeats)
    views = cpu_of(lambda: make_batch(contest.faces, contest.plan(), 1), repeats)
    contest.trainer.restore(before)
    count = contest.recipe.batch_size * len(contest.faces)
    decoder = next(iter(contest.network.decoders.values()))
    # Backwards every product has two of its size: the gradients of its input and of its weights.
    return Cost(step, views, 3.0 * count * operations_of((contest.network.encoder, decoder)))


def given_costs(text: str) -> dict[str, float]:
    """Read `quick=0.25,original=23.4`."""
    return {name: float(value) for name, _sign, value in (part.partition("=") for part in text.split(",") if part)}


def main() -> None:
    """Train, measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", default="quick,original")
    parser.add_argument("--minutes", type=float, default=0.0, help="CPU minutes of each family instead of its own")
    parser.add_argument("--ancestor-precision", default="float32", choices=("float32", "mixed_bfloat16"))
    parser.add_argument("--costs", default="", help="CPU seconds of a step, for example quick=0.25,original=23.4")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pictures", type=Path, default=None, help="folder for the sheets")
    arguments = parser.parse_args()
    prepare_tensorflow(arguments.threads)
    from contest import KINDS, Contest, open_pair

    data, judges = open_pair()
    if arguments.pictures is not None:
        arguments.pictures.mkdir(parents=True, exist_ok=True)
    plate = judges["spans"].judge_pictures([face.picture for face in data["A"].spans])
    print(f"{machine.describe()}\n{describe_device()}\n")
    print(f"The plate itself: identity {plate.to_target:.3f} to the target, {plate.to_source:.3f} to the source.\n")
    costs = given_costs(arguments.costs)
    rows = []
    for name in arguments.families.split(","):
        precision = arguments.ancestor_precision if name != "quick" else choose_policy("auto", allows_bfloat16=True)
        contest = Contest(name, precision, data, arguments.seed)
        cost = cost_of(contest, repeats=10 if name == "quick" else 2)
        speed, peak = cost.operations / cost.step, matmul_peak(precision)
        print(
            f"{name}, {precision}: a step {cost.step:.3f} CPU-s, its views {cost.views:.3f}; {speed / 1e9:.0f} GFLOP a "
            f"CPU second, {speed / peak:.0%} of a matrix product's {peak / 1e9:.0f}",
            flush=True,
        )
        counted = Cost(costs.get(name, cost.step), cost.views, cost.operations)
        points = [arguments.minutes * 60.0] if arguments.minutes else _POINTS[name]
        marks = {round(seconds / (counted.step + counted.views)): seconds for seconds in points}
        for row in contest.rows(marks, judges, arguments.pictures):
            print(row, flush=True)
            rows.append(row)
    columns = (
        "SSIM at 64 px | L1 at 64 px | SSIM at its own size, A / B | identity: to target, to source | right | landmarks"
    )
    both = " | ".join(columns.replace(" | ", f" ({kind}) | ") + f" ({kind})" for kind in KINDS)
    print(f"\n| family | CPU-s | steps | {both} | waiting for views |\n" + "|---" * 16 + "|")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
