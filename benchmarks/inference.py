# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare the network's part of a swap with Keras' `predict`: time, pictures, and time to the first faces of a process.

Run it from the checkout with the engine's Python: `python benchmarks/inference.py [--model FOLDER [--faces FACESET]]`.
Without a model, each family is measured with random weights, whose pictures say little; with one, its own weights, on
a faceset's faces. Without a faceset, on smooth pictures with grain: good for times, but networks answer them with what
no face shows, so that neither the error nor the precision chosen by them is a swap's. Both ways alternate, with a pause
between so that neither pays for the other's waiting threads, and medians are printed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import machine
import numpy as np
from understudy.engine.runtime.device import prepare_tensorflow
from understudy.engine.runtime.reporter import Reporter
from understudy.engine.training.checkpoint import ModelDocument, fingerprint_of, read_model, save_model

_FRESH = """
import json, runpy, sys, time
began = time.perf_counter()
sys.argv[0] = sys.argv[1]
runpy.run_path(sys.argv[1], run_name="understudy_launch")
from pathlib import Path
import numpy as np
from understudy.engine.pipelines.swap_model import load_trained
from understudy.engine.runtime.reporter import Reporter
from understudy.engine.training.checkpoint import read_model
folder = Path(sys.argv[2])
document = read_model(folder)
if sys.argv[3] == "keras":
    from understudy.engine.runtime.device import prepare_tensorflow
    prepare_tensorflow()
    from understudy.engine.training.inference import load_swapper
    swapper = load_swapper(folder)
else:
    swapper = load_trained(folder, document, Reporter(), document.performers[:1])
size = document.face_size
faces = swapper.inputs(np.zeros((1, size, size, 3), np.float32), np.zeros((1, 68, 2)), document.performers[0], ("",))
swapper.swap(faces, document.performers[0])
print(json.dumps([time.process_time(), time.perf_counter() - began]))
"""


def random_model(family: str, folder: Path) -> None:
    """Write a model with random weights."""
    import keras
    from understudy.engine.networks.autoencoder import Autoencoder
    from understudy.engine.networks.registry import FAMILIES

    keras.utils.set_random_seed(0)
    kind = FAMILIES[family]
    network = Autoencoder(kind, ("a", "b"))
    weights = {name: variable.numpy() for name, variable in network.weights().items()}
    document = ModelDocument(
        family, ("a", "b"), kind.face_size, kind.coverage, 0, {}, network.parameter_counts(), [], "",
        fingerprint=fingerprint_of(weights), sketch=kind.sketch,
    )  # fmt: skip
    save_model(folder, document, {f"weights/{name}": value for name, value in weights.items()})


def faces_of(count: int, size: int) -> np.ndarray:
    """Return smooth pictures with some grain, float32 (n, S, S, 3) in 0…1."""
    rng = np.random.default_rng(count)
    y, x = np.mgrid[0:size, 0:size] / size
    smooth = [0.5 + 0.4 * np.sin(rng.uniform(2, 9, 3) * x[..., None] + rng.uniform(2, 9, 3) * y[..., None])]
    return np.clip(np.stack(smooth * count) + rng.normal(0, 0.02, (count, size, size, 3)), 0, 1).astype(np.float32)


def faces_from(folder: Path, count: int, document: ModelDocument) -> np.ndarray:
    """Return faces of a faceset as a model sees them, evenly chosen; float32 (n, S, S, 3) in 0…1."""
    import cv2
    from understudy.engine.faceset.store import load_faceset

    faceset = load_faceset(folder)
    share = document.coverage / json.loads((folder / "faceset.json").read_text(encoding="utf-8"))["coverage"]
    pictures = []
    for index in np.linspace(0, len(faceset.records) - 1, count).astype(int):
        picture = faceset.image(faceset.records[index])
        edge = round(len(picture) * (1 - min(share, 1.0)) / 2)
        picture = picture[edge : len(picture) - edge, edge : len(picture) - edge]
        pictures.append(cv2.resize(picture, (document.face_size,) * 2, interpolation=cv2.INTER_AREA))
    return np.stack(pictures).astype(np.float32) / 255


def timed(call: Callable[[], Any]) -> tuple[Any, np.ndarray]:
    """Return what a call returns and its CPU and wall milliseconds."""
    # Threads wait busily for some milliseconds after their last work.
    time.sleep(0.05)
    cpu, wall = time.process_time(), time.perf_counter()
    result = call()
    return result, np.array([time.process_time() - cpu, time.perf_counter() - wall]) * 1e3


def measure(folder: Path, rounds: int, faceset: Path | None = None) -> list[str]:
    """Return the rows of a model."""
    import keras
    from understudy.engine.pipelines.swap_model import load_trained
    from understudy.engine.training.chosen_weights import read_inference_weights
    from understudy.engine.training.inference import assign_weights, build_network

    document = read_model(folder)
    source, size = document.performers[0], document.face_size
    network = build_network(document, "float32")
    assign_weights(network, read_inference_weights(folder, document)[0], folder)
    inputs = keras.Input((size, size, network.family.channels))
    model = keras.Model(inputs, network.decoders[source](network.encoder(inputs)))
    swapper = load_trained(folder, document, Reporter(), (source,))

    def some(count: int) -> np.ndarray:
        faces = faces_from(faceset, count, document) if faceset else faces_of(count, size)
        # Where the features are doesn't matter for the time.
        return swapper.inputs(faces, np.full((count, 68, 2), size / 2.0), source, ("",) * count)

    # The second batch of a performer decides the precision.
    for _ in range(2):
        swapper.swap(some(8), source)
    rows = []
    for count in (1, 8):
        faces = some(count)
        keras_ms, our_ms, difference = [], [], 0.0
        for turn in range(rounds + 1):
            expected, by_keras = timed(
                lambda faces=faces, count=count: model.predict(faces, batch_size=count, verbose=0)
            )
            (ours, _masks), by_us = timed(lambda faces=faces: swapper.swap(faces, source))
            difference = max(difference, float(np.abs(ours - expected).max()))
            if turn:  # the first is for loading and tracing
                keras_ms.append(by_keras / count)
                our_ms.append(by_us / count)
        theirs, mine = np.median(keras_ms, axis=0), np.median(our_ms, axis=0)
        cells = [f"{a:.1f} | {b:.1f} | {a / b:.1f}" for a, b in zip(theirs, mine, strict=True)]
        rows.append(f"| {document.family} | {count} | {' | '.join(cells)} | {difference * 255:.3f} |")
    return rows


def fresh(folder: Path, way: str) -> str:
    """Return CPU and wall seconds of a fresh process up to its first face."""
    launch = Path(__file__).resolve().parents[1] / "training_cli" / "launch.py"
    command = [sys.executable, "-c", _FRESH, str(launch), str(folder), way]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    cpu, wall = json.loads(done.stdout.splitlines()[-1])
    return f"{cpu:.2f} | {wall:.2f}"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, metavar="FOLDER", help="a trained model instead of random weights")
    parser.add_argument("--faces", type=Path, metavar="FACESET", help="faces to swap instead of smooth pictures")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    print(machine.describe(), "\n")
    prepare_tensorflow()
    with tempfile.TemporaryDirectory() as temporary:
        folders = [arguments.model] if arguments.model else []
        if not folders:
            from understudy.engine.networks.registry import FAMILIES

            folders = [Path(temporary) / family for family in FAMILIES]
            for folder in folders:
                random_model(folder.name, folder)
        print("| family | batch | predict, CPU ms | ours | ratio | predict, wall ms | ours | ratio | error × 255 |")
        print("|---|---|---|---|---|---|---|---|---|")
        for folder in folders:
            print("\n".join(measure(folder, arguments.rounds, arguments.faces)), flush=True)
        print("\n| fresh process to the first face | way | CPU s | wall s |\n|---|---|---|---|")
        for folder in folders:
            for way in ("ours", "keras"):
                print(f"| {read_model(folder).family} | {way} | {fresh(folder, way)} |", flush=True)


if __name__ == "__main__":
    main()
