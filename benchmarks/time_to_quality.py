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
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import machine  # binds the package's name
import numpy as np
from understudy.engine.runtime.device import choose_policy, describe_device, prepare_tensorflow

COMMON_SIZE, COMMON_COVERAGE = 64, 1.0
KINDS = ("between", "spans")
_POINTS = {"quick": (60, 120, 240, 360, 600, 900), "original": (900, 1800, 3600, 5400, 7200)}
_SHOWN = 8


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


class Contest:
    """One family on the fixed facesets: its network, its faces, its steps and its measures."""

    def __init__(self, name: str, precision: str, data: dict, seed: int) -> None:
        import keras
        from demo_faces import as_performer
        from understudy.engine.networks.autoencoder import Autoencoder
        from understudy.engine.networks.registry import FAMILIES
        from understudy.engine.training.augmentation import View, make_plain_views
        from understudy.engine.training.inference import NetworkDecoder
        from understudy.engine.training.recipes import RECIPES
        from understudy.engine.training.trainer import Trainer

        self.name, self.precision, self.seed = name, precision, seed
        self.family, self.recipe = FAMILIES[name], RECIPES[name]
        self.view = View(self.family.face_size, self.family.coverage)
        self.common = View(COMMON_SIZE, COMMON_COVERAGE)
        self.data = data
        oversampling = self.recipe.oversampling
        self.faces = [
            as_performer(who, faces.learned, faces.spans, self.view, oversampling) for who, faces in data.items()
        ]
        keras.utils.set_random_seed(seed)
        self.network = Autoencoder(self.family, tuple(data), precision)
        self.trainer = Trainer(self.network, self.recipe)
        self.decode = NetworkDecoder(self.network)
        self.own, self.shared = (
            {
                (who, kind): make_plain_views([face.picture for face in held], [face.coverage for face in held], view)
                for who, faces in data.items()
                for kind, held in (("between", faces.between), ("spans", faces.spans))
            }
            for view in (self.view, self.common)
        )

    def cost(self, repeats: int) -> Cost:
        """Measure a step; the weights are put back afterwards."""
        from understudy.engine.training.loader import make_batch

        before = self.trainer.state()
        arguments = (self.faces, self.view, self.recipe.augmentation, self.recipe.batch_size, self.seed)
        batch = make_batch(*arguments, 0)
        step = cpu_of(lambda: self.trainer.step(batch.inputs, batch.targets, self.recipe.learning_rate), repeats)
        views = cpu_of(lambda: make_batch(*arguments, 1), repeats)
        self.trainer.restore(before)
        count = self.recipe.batch_size * len(self.faces)
        decoder = next(iter(self.network.decoders.values()))
        # Backwards every product has two of its size: the gradients of its input and of its weights.
        return Cost(step, views, 3.0 * count * operations_of((self.network.encoder, decoder)))

    def run(self, cost: Cost, points: Sequence[float], judges, sheets: Path | None):  # noqa: ANN001, ANN201
        """Train to the last point; yield a row of figures at each point, and how long steps waited for views."""
        from understudy.engine.training.loader import BatchLoader
        from understudy.engine.training.recipes import learning_rate_at

        marks = {round(seconds / (cost.step + cost.views)): seconds for seconds in points}
        last, waited, began = max(marks), 0.0, time.perf_counter()
        recipe = self.recipe
        loader = BatchLoader(self.faces, self.view, recipe.augmentation, recipe.batch_size, self.seed)
        with loader:
            while self.trainer.steps < last:
                asked = time.perf_counter()
                batch = loader.next_batch()
                waited += time.perf_counter() - asked
                rate = learning_rate_at(recipe, recipe.learning_rate, self.trainer.steps, self.trainer.steps / last)
                self.trainer.step(batch.inputs, batch.targets, rate)
                if self.trainer.steps in marks:
                    starved = waited / (time.perf_counter() - began)
                    yield self.row(marks[self.trainer.steps], starved, judges, sheets)

    def row(self, seconds: float, starved: float, judges, sheets: Path | None) -> str:  # noqa: ANN001
        """Return the table's row for the weights as they are."""
        from understudy.engine.training.held_out import measure

        target, source = self.data
        with self.trainer.averaged():
            rebuilt = {key: self.decode(faces, key[0]) for key, faces in self.own.items()}
            swapped = {kind: self.decode(self.own[target, kind], source) for kind in KINDS}
        own = measure(self.own, self.view, lambda _faces, key: rebuilt[key], self.trainer.steps)
        resampled = {key: self.resampled(faces) for key, faces in rebuilt.items()}
        common = measure(self.shared, self.common, lambda _faces, key: resampled[key], self.trainer.steps)
        if sheets is not None:
            self.sheet(sheets / f"{self.name}-{seconds:.0f}s.png", rebuilt, swapped["spans"])
        row = [self.name, f"{seconds:.0f}", str(self.trainer.steps)]
        for kind in KINDS:
            found = judges[kind].judge(swapped[kind], self.family.coverage)
            row += [
                f"{np.mean([common.similarity[who, kind] for who in self.data]):.3f}",
                f"{np.mean([common.absolute[who, kind] for who in self.data]):.4f}",
                " / ".join(f"{own.similarity[who, kind]:.3f}" for who in self.data),
                f"{found.to_target:.3f}, {found.to_source:.3f}",
                f"{found.right:.2f}",
                f"{found.landmarks:.3f}",
            ]
        return "| " + " | ".join([*row, f"{starved:.1%}"]) + " |"

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
        rows = [self.own[target], rebuilt[target], swapped, self.own[source], rebuilt[source]]
        picked = [row[np.linspace(0, len(row) - 1, _SHOWN).round().astype(int)] for row in rows]
        picture = np.concatenate([np.concatenate(list(row), axis=1) for row in picked], axis=0)
        cv2.imwrite(str(path), picture[..., ::-1] * 255.0)


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
    from demo_faces import DEMO, extract_clips, read_cast
    from swap_quality import SwapJudge

    with tempfile.TemporaryDirectory() as folder:
        folders = extract_clips(DEMO, Path(folder) / "facesets.understudy")
        data = {cast.name: read_cast(cast, folders) for cast in DEMO}
    target, source = data.values()
    judges = {kind: SwapJudge(getattr(target, kind), source.learned, target.learned) for kind in KINDS}
    if arguments.pictures is not None:
        arguments.pictures.mkdir(parents=True, exist_ok=True)
    plate = judges["spans"].judge_pictures([face.picture for face in target.spans])
    print(f"{machine.describe()}\n{describe_device()}\n")
    print(f"The plate itself: identity {plate.to_target:.3f} to the target, {plate.to_source:.3f} to the source.\n")
    costs = given_costs(arguments.costs)
    rows = []
    for name in arguments.families.split(","):
        precision = arguments.ancestor_precision if name != "quick" else choose_policy("auto", allows_bfloat16=True)
        contest = Contest(name, precision, data, arguments.seed)
        cost = contest.cost(repeats=10 if name == "quick" else 2)
        speed, peak = cost.operations / cost.step, matmul_peak(precision)
        print(
            f"{name}, {precision}: a step {cost.step:.3f} CPU-s, its views {cost.views:.3f}; {speed / 1e9:.0f} GFLOP a "
            f"CPU second, {speed / peak:.0%} of a matrix product's {peak / 1e9:.0f}",
            flush=True,
        )
        counted = Cost(costs.get(name, cost.step), cost.views, cost.operations)
        points = [arguments.minutes * 60.0] if arguments.minutes else _POINTS[name]
        for row in contest.run(counted, points, judges, arguments.pictures):
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
