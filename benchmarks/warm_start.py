# SPDX-License-Identifier: GPL-3.0-or-later
"""Show what a model of many performers gains the next training: the demo's pair, cold and from that model, in one run.

Run it as `python benchmarks/warm_start.py CLIP...`: every person in the clips becomes a performer, a base is trained on
them, then the pair from nothing and from the base with the same steps. It prints one Markdown table: at some CPU
seconds the SSIM of held-out frames, who a stranger says the swap is, and on how many frames that is the right person
(`contest`, `swap_quality`). `--base MODEL` takes a trained model instead; `--keep MODEL` keeps what was trained here.

There are no clips by default: the demo shows two people, and a base that has seen either proves nothing. Whoever might
be one of them is left out of the base.

CPU seconds are steps times the CPU cost of a step, because neighbors on the machine inflate the seconds of a long run;
give the cost of a quiet machine by `--cost`. What the start itself costs is printed and not counted.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import machine  # binds the package's name
from understudy.engine.runtime.device import choose_policy, describe_device, prepare_tensorflow

if TYPE_CHECKING:
    # It imports TensorFlow, which has to be prepared first.
    from contest import Contest, SwapJudge

_FAMILY = "quick"
_POINTS = (15, 30, 60, 120, 240)
_EVERY = 250


def train_base(clips: list[Path], model: Path, steps: int, threads: int) -> None:
    """Train a model on the people of some clips."""
    from strangers import find_strangers
    from understudy.engine.contract.jobs import TrainJob
    from understudy.engine.contract.settings import TrainSettings
    from understudy.engine.pipelines.train import train
    from understudy.engine.runtime.reporter import Reporter

    with tempfile.TemporaryDirectory() as folder:
        cast = find_strangers(clips, Path(folder) / "strangers.understudy")
        print(f"The base: {len(cast)} performers, {steps} steps", flush=True)
        settings = TrainSettings(
            family=_FAMILY,
            maximum_steps=steps,
            # As many faces in a step as the pair has.
            batch_size=max(1, 16 // len(cast)),
            save_interval=_EVERY,
            preview_interval=steps,
            threads=threads,
        )
        train(TrainJob(model, cast, settings=settings), Reporter())


def rows(contest: Contest, start: str, marks: Mapping[int, float], judges: Mapping[str, SwapJudge]) -> Iterator[str]:
    """Train a contest to the last mark; yield the table's row at each."""
    for seconds, _starved in contest.train(marks, contest.loader()):
        row = [start, f"{seconds:.0f}", str(contest.trainer.steps)]
        for found in contest.judged(judges).values():
            row += [
                " / ".join(f"{value:.3f}" for value in found.similarity),
                f"{found.swap.to_target:.3f}, {found.swap.to_source:.3f}",
                f"{found.swap.right:.2f}",
            ]
        yield "| " + " | ".join(row) + " |"


def main() -> None:
    """Train the base and the pair, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", type=Path, metavar="CLIP", help="footage of people to train the base on")
    parser.add_argument("--base", type=Path, metavar="MODEL", help="a trained model that never saw the demo's pair")
    parser.add_argument("--keep", type=Path, metavar="MODEL", help="folder for the base that is trained")
    parser.add_argument("--base-steps", type=int, default=1500)
    parser.add_argument("--points", default=",".join(map(str, _POINTS)), help="CPU seconds, in rising order")
    parser.add_argument("--cost", type=float, default=0.0, help="CPU seconds of a step with its views; 0 measures it")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if bool(arguments.clips) == (arguments.base is not None):
        parser.error("name either clips of other people than the demo's, or a base")
    prepare_tensorflow(arguments.threads)
    from contest import KINDS, Contest, open_pair
    from time_to_quality import cost_of
    from understudy.engine.training.warm_start import start_warm

    print(f"{machine.describe()}\n{describe_device()}\n")
    with tempfile.TemporaryDirectory() as folder:
        base = arguments.base or arguments.keep or Path(folder) / "base"
        if arguments.clips:
            train_base(arguments.clips, base, arguments.base_steps, arguments.threads)
        data, judges = open_pair()
        found = []
        for start in ("cold", "warm"):
            contest = Contest(_FAMILY, choose_policy("auto", allows_bfloat16=True), data, arguments.seed)
            if start == "warm":
                began = time.process_time()
                chosen = start_warm(base, contest.trainer, contest.faces)
                print(f"Who begins as whom: {chosen}; finding out took {time.process_time() - began:.1f} CPU-s.")
            elif not arguments.cost:
                measured = cost_of(contest, repeats=10)
                arguments.cost = measured.step + measured.views
                print(f"A step with its views costs {arguments.cost:.3f} CPU-s.")
            marks = {round(float(point) / arguments.cost): float(point) for point in arguments.points.split(",")}
            for row in rows(contest, start, marks, judges):
                print(row, flush=True)
                found.append(row)
    columns = "SSIM, A / B | identity: to target, to source | right"
    both = " | ".join(columns.replace(" | ", f" ({kind}) | ") + f" ({kind})" for kind in KINDS)
    print(f"\n| start | CPU-s | steps | {both} |\n" + "|---" * 9 + "|")
    print("\n".join(found))


if __name__ == "__main__":
    main()
