# SPDX-License-Identifier: GPL-3.0-or-later
"""The adversarial finish: a small discriminator beside the error, for skin that isn't smoother than a photograph's.

It sees faces only: beside the mask the made picture is replaced by the real one, so what a narrow code can't know, the
background, isn't held against the network. Its say is small, and what it sees in pairs of real and made pictures has to
be alike too (feature matching, Salimans et al. 2016, section 3.1), which keeps it from inventing other faces.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from ..contract.errors import EngineError, ErrorCode
from ..networks.autoencoder import Autoencoder, named_weights
from ..networks.patch_judge import build_patch_judge
from ..networks.registry import Family
from .face_weight import face_area
from .growing import Rebuilding, rebuilding_player
from .player import Batch, Extra, Losses, Pictures, Player, adam, reconstruction_player
from .recipes import RECIPES, Recipe

JUDGE = "judge"
# Share of the learning rate: the network has learned already.
RATE_SHARE = 0.2

_WIDTH = 32
# docs/explanation/decisions/0032 has what these three gain. Shares in the loss, beside an error of about 0.2: the
# verdicts', and that of the features' likeness.
_VERDICT = 0.3
_LIKENESS = 0.5
# The judge knows nothing at first: at the network's own rate it still guessed after 300 steps.
_JUDGE_PACE = 5.0


def check_finish(family: Family, processes: int) -> None:
    """Refuse a finish where it can't be; called before a model is copied for it.

    Raises:
        EngineError: `settings_invalid`.
    """
    recipe = RECIPES[family.name]
    if recipe.takes_turns or recipe.adversarial is not None:
        why = f"The family {family.name} has no adversarial finish"
    elif processes > 1:
        why = f"A finish is trained by one process, not by {processes}"
    else:
        return
    raise EngineError(
        ErrorCode.SETTINGS_INVALID, f"{why}.", "Turn the setting finish off, or finish a model of quick or studio."
    )


def finish_players(network: Autoencoder, recipe: Recipe, width: int = _WIDTH) -> tuple[Player, ...]:
    """Return the players of a finish: the network, then its judge.

    Args:
        network: What is finished.
        recipe: Figures of the error and the optimizers.
        width: Channels of the judge's first convolution.
    """
    judge = build_patch_judge(width, network.policy)
    rebuild = Rebuilding(network) if network.family.sizes else lambda batch: _rebuilt(network, batch)
    mask = None if network.family.has_mask else _face_mask(network.family)

    def deceive(batch: Batch, pictures: Pictures) -> keras.KerasTensor:
        *alike, verdicts = _judge_pairs(judge, *_faces(network, batch, pictures, mask))
        likeness = sum(ops.mean(ops.abs(real - made)) for real, made in alike)
        return _VERDICT * ops.mean(ops.square(verdicts[1] - 1.0)) + _LIKENESS * likeness

    def tell_apart(batch: Batch) -> Losses:
        pictures = {name: ops.stop_gradient(made) for name, made in rebuild(batch).items()}
        real, made = _judge_pairs(judge, *_faces(network, batch, pictures, mask))[-1]
        # Least squares (Mao et al. 2017, eq. 9).
        total = 0.5 * (ops.mean(ops.square(real - 1.0)) + ops.mean(ops.square(made)))
        return total, {JUDGE: total}

    weights = named_weights({JUDGE: judge.weights})
    return (
        _rebuilder(network, recipe, rebuild, deceive),
        Player(JUDGE, weights, adam(recipe, weights), tell_apart, pace=_JUDGE_PACE),
    )


def _rebuilt(network: Autoencoder, batch: Batch) -> Pictures:
    """Return every performer's pictures, of a network whose pictures have one size."""
    inputs, names = batch["inputs"], network.performers
    codes = ops.split(network.encoder(ops.reshape(inputs, (-1, *inputs.shape[2:])), training=True), len(names), axis=0)
    return {name: network.decoders[name](code, training=True) for name, code in zip(names, codes, strict=True)}


def _rebuilder(network: Autoencoder, recipe: Recipe, rebuild: Callable[[Batch], Pictures], deceive: Extra) -> Player:
    if network.family.sizes:
        return rebuilding_player(network, recipe, rebuild, deceive)
    return reconstruction_player(network, recipe, network.performers, deceive)


def _face_mask(family: Family) -> keras.KerasTensor:
    """Return where the judge looks at a face of a family without masks, float32 (1, S, S, 1)."""
    return ops.convert_to_tensor(face_area(family.face_size, family.coverage).astype(np.float32)[None, ..., None])


def _faces(
    network: Autoencoder, batch: Batch, pictures: Pictures, mask: keras.KerasTensor | None
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Return the real faces of the whole cast and the made ones, which differ inside the masks only.

    Args:
        network: What made them.
        batch: Has the real ones, and their masks where `mask` is None.
        pictures: The made ones.
        mask: Where faces are, the same for all; or None.
    """
    targets = batch["targets"]
    wanted = ops.reshape(targets, (-1, *targets.shape[2:]))
    made = ops.concatenate([pictures[name] for name in network.performers], axis=0)
    real, where = wanted[..., :3], wanted[..., 3:] if mask is None else mask
    return real, real + (made[..., :3] - real) * where


def _judge_pairs(
    judge: keras.Model, real: keras.KerasTensor, made: keras.KerasTensor
) -> list[tuple[keras.KerasTensor, keras.KerasTensor]]:
    """Return the judge's features and verdicts of both, in pairs."""
    found = judge(ops.concatenate([real, made], axis=0), training=True)
    pairs = []
    for values in found:
        of_real, of_made = ops.split(values, 2, axis=0)
        pairs.append((of_real, of_made))
    return pairs
