# SPDX-License-Identifier: GPL-3.0-or-later
"""A process that trains with another backend what the test trained with TensorFlow, and tells what came out as JSON."""

import importlib.util
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "engine"))
spec = importlib.util.spec_from_file_location("understudy_launch", ROOT / "training_cli" / "launch.py")
spec.loader.exec_module(importlib.util.module_from_spec(spec))


def load(path):
    import numpy as np

    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}


def loss_precision(backend):
    """Return with what precision the products of the loss and of its gradient are computed, each kind once."""
    if backend == "torch":
        import torch

        return [torch.get_float32_matmul_precision()]
    import jax
    import numpy as np
    from understudy.engine.training.losses import gradient_error, structural_dissimilarity

    faces, weight = np.zeros((1, 32, 32, 3), np.float32), np.ones((32, 32, 1), np.float32)

    def loss(prediction):
        return structural_dissimilarity(prediction, faces, weight) + gradient_error(prediction, faces, weight)

    def products(program):
        for step in program.eqns:
            if step.primitive.name == "dot_general":
                yield from (item.name.lower() for item in step.params["precision"])
            for value in step.params.values():
                inner = getattr(value, "jaxpr", None)
                if inner is not None:
                    yield from products(getattr(inner, "jaxpr", inner))

    return sorted(set(products(jax.make_jaxpr(jax.grad(loss))(faces).jaxpr)))


def memory_error(backend, trainer):
    """Return what a trainer makes of the backend's own error for a full memory."""

    def full(_batch):
        if backend == "torch":
            import torch

            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        import jax

        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 2147483648 bytes.")

    from dataclasses import replace

    from player_scenes import batch_of
    from understudy.engine.training.trainer import Trainer

    hungry = Trainer(trainer.network, trainer.recipe, players=[replace(trainer.players[0], loss=full)])
    try:
        hungry.step(*batch_of(0), 1e-3)
    except MemoryError as error:
        return str(error)
    return "no error"


def main(backend, folder):
    from understudy.engine.runtime.backend import prepare_backend
    from understudy.engine.runtime.device import choose_policy, describe_device

    prepare_backend(deterministic=True, setting=backend)
    import numpy as np
    from narrow_trainers import FAMILIES, losses_of, narrow_trainer
    from player_scenes import batch_of, learn, make_trainer
    from understudy.engine.training.inference import NetworkDecoder

    said = {"device": describe_device(), "policy": choose_policy("auto", True)}
    trainer = make_trainer("judge")
    trainer.restore(load(folder / "start.npz"))
    said["losses"] = learn(trainer)
    np.savez(folder / "there.npz", **trainer.state())
    trainer.restore(load(folder / "here.npz"))
    with trainer.averaged():
        np.save(folder / "faces.npy", NetworkDecoder(trainer.network)(batch_of(0)[0][0], "bert"))
    said["next"] = learn(trainer, 1)
    said["loss_precision"] = loss_precision(backend)
    said["families"] = {}
    for name in FAMILIES:
        narrow = narrow_trainer(name)
        narrow.restore(load(folder / f"{name}.npz"))
        said["families"][name] = losses_of(narrow)
    said["memory"] = memory_error(backend, trainer)
    said["others"] = [name for name in ("tensorflow", "torch", "jax") if name != backend and sys.modules.get(name)]
    (folder / "said.json").write_text(json.dumps(said))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
