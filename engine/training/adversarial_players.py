# SPDX-License-Identifier: GPL-3.0-or-later
"""The two players of an adversarial family's step: the discriminators, and the generators that deceive them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from ..networks.autoencoder import Autoencoder, named_weights
from ..networks.discriminators import build_code_judge, build_picture_judge
from ..networks.gan import CODE, SIDE_FEATURES, build_side_head
from . import adversarial_losses as losses
from .perceptual import PerceptualLoss
from .player import Batch, Losses, Player, adam
from .recipes import AdversarialShares, Recipe

Tensor = keras.KerasTensor

JUDGES, GENERATORS = "discriminators", "generators"
# Each performer's pictures are judged by two discriminators, and each has a λ of its own.
_RESULT, _FACE = 0, 1


@dataclass(frozen=True)
class _Made:
    """What the generators made of one performer's faces.

    Attributes:
        under: The network's input (n, S, S, 3).
        target: What should come out (n, S, S, 3).
        code: The faces' code (n, length).
        features: What the decoders see.
        face: The raw face (n, S, S, 3).
        mask: (n, S, S, 1).
        side: The auxiliary head's picture (n, s, s, 3), or None.
    """

    under: Tensor
    target: Tensor
    code: Tensor
    features: Tensor
    face: Tensor
    mask: Tensor
    side: Tensor | None

    @property
    def real_pair(self) -> Tensor:
        """The real face beside the input, six channels."""
        return ops.concatenate([self.target, self.under], axis=-1)

    @property
    def made_pair(self) -> Tensor:
        """The masked result beside the input, six channels."""
        return ops.concatenate([losses.masked_result(self.face, self.mask, self.under), self.under], axis=-1)


class AdversarialGame:
    """A network with everything that only its training needs: discriminators and auxiliary heads.

    Args:
        network: Of a family with a layout and judges.
        shares: Figures of the loss.
        perceptual: Compares faces by features too, or None.
    """

    def __init__(
        self, network: Autoencoder, shares: AdversarialShares, perceptual: PerceptualLoss | None = None
    ) -> None:
        layout, judges = network.family.layout, network.family.judges
        if layout is None or judges is None:
            raise ValueError(f"The family {network.family.name} has no discriminators.")
        self.network = network
        self._shares = shares
        self._perceptual = perceptual
        names, policy, size = network.performers, network.policy, layout.face_size
        encoder = network.encoder
        self._coder = keras.Model(encoder.input, [encoder.get_layer(CODE).output, encoder.output])
        self.code_judge = build_code_judge(layout.code, len(names), judges.code, policy)
        self.result_judges = {name: build_picture_judge(size, 2, judges.result, policy) for name in names}
        self.face_judges = {name: build_picture_judge(size, 1, judges.face, policy) for name in names}
        self.side_heads: dict[str, keras.Model] = {}
        self._side_features: dict[str, keras.Model] = {}
        if layout.side_doublings:
            self.side_heads = {name: build_side_head(layout, policy) for name in names}
            for name, decoder in network.decoders.items():
                outputs = [decoder.output, decoder.get_layer(SIDE_FEATURES).output]
                self._side_features[name] = keras.Model(decoder.input, outputs)
        self._side_factor = size // layout.side_size if layout.side_doublings else 1

    def judge_variables(self) -> dict[str, keras.Variable]:
        """Return the discriminators' weights, each network's under its own name."""
        return _named(
            {
                **{f"judge:{name}": model for name, model in self.result_judges.items()},
                **{f"face_judge:{name}": model for name, model in self.face_judges.items()},
                "code_judge": self.code_judge,
            }
        )

    def generator_variables(self) -> dict[str, keras.Variable]:
        """Return the weights of encoder, decoders and auxiliary heads."""
        return {**self.network.weights(), **_named({f"side:{name}": model for name, model in self.side_heads.items()})}

    def judging(self, batch: Batch) -> Losses:
        """Return the discriminators' loss."""
        total = 0.0
        made = self._make(batch)
        shares = ops.unstack(batch[JUDGES])
        for (name, one), share in zip(made.items(), shares, strict=True):
            pair, face = ops.stop_gradient(one.made_pair), ops.stop_gradient(one.face)
            total += losses.judging_loss(self.result_judges[name], one.real_pair, pair, share[:, _RESULT])
            total += losses.judging_loss(self.face_judges[name], one.target, face, share[:, _FACE])
        total += losses.code_judging_loss([self.code_judge(ops.stop_gradient(one.code)) for one in made.values()])
        return total, {JUDGES: total}

    def generating(self, batch: Batch) -> Losses:
        """Return the generators' loss, and the mean absolute error of each performer's raw face."""
        shares = self._shares
        made = self._make(batch)
        total = shares.hiding * losses.code_hiding_loss([self.code_judge(one.code) for one in made.values()])
        total += shares.kept_code * self._swapped_code_distance(made)
        found = {}
        for (name, one), share in zip(made.items(), ops.unstack(batch[GENERATORS]), strict=True):
            pair = losses.deceiving_loss(self.result_judges[name], one.real_pair, one.made_pair, share[:, _RESULT])
            face = losses.deceiving_loss(self.face_judges[name], one.target, one.face, share[:, _FACE])
            found[name] = ops.mean(ops.abs(one.face - one.target))
            total += shares.deceiving * (pair + face) + shares.absolute * (found[name] + self._side_error(one))
            total += shares.mask_size * losses.mask_size(one.mask)
            total += shares.mask_roughness * losses.mask_roughness(one.mask)
            if self._perceptual is not None:
                total += self._perceptual(one.face, one.target)
        return total, {**found, GENERATORS: total}

    def _make(self, batch: Batch) -> dict[str, _Made]:
        """Let each performer's decoder rebuild that performer's faces."""
        names = self.network.performers
        under, targets = ops.unstack(batch["inputs"]), ops.unstack(batch["targets"])
        # One call of the encoder for all performers: large batches use the processor better.
        codes, features = self._coder(ops.concatenate(under), training=True)
        parts = zip(names, under, targets, ops.split(codes, len(names)), ops.split(features, len(names)), strict=True)
        return {name: self._made(name, *part) for name, *part in parts}

    def _made(self, name: str, under: Tensor, target: Tensor, code: Tensor, features: Tensor) -> _Made:
        if self.side_heads:
            drawn, side_features = self._side_features[name](features, training=True)
            side = self.side_heads[name](side_features, training=True)
        else:
            drawn, side = self.network.decoders[name](features, training=True), None
        # Targets of families whose faces have masks carry them as a fourth channel; here the network finds its own.
        return _Made(under, target[..., :3], code, features, drawn[..., :3], drawn[..., 3:], side)

    def _side_error(self, one: _Made) -> Tensor | float:
        if one.side is None:
            return 0.0
        # Keras on JAX fails where the strides are left to it.
        factor = self._side_factor
        small = ops.average_pool(one.target, factor, strides=factor, data_format="channels_last")
        return ops.mean(ops.abs(one.side - small))

    def _swapped_code_distance(self, made: dict[str, _Made]) -> Tensor:
        """Return how far a swapped face's code is from the original's.

        Every performer's faces are drawn as the next performer's and encoded again: pose, expression and light shall
        survive the swap (the semantic consistency of Royer et al. 2017).
        """
        names = self.network.performers
        swapped = [
            self.network.decoders[names[(number + 1) % len(names)]](made[name].features, training=True)[..., :3]
            for number, name in enumerate(names)
        ]
        codes, _features = self._coder(ops.concatenate(swapped), training=True)
        original = ops.concatenate([made[name].code for name in names])
        # The swap is to keep the code, not the code to follow the swap.
        return len(names) * losses.code_distance(codes, ops.stop_gradient(original))


def _named(models: dict[str, keras.Model]) -> dict[str, keras.Variable]:
    return named_weights({part: model.trainable_variables for part, model in models.items()})


def mixing_shares(seed: int, player: int, mixing: float, step: int, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Draw the λ of a player's step; the same arguments give the same ones, whatever came before.

    Args:
        seed: Start of the random numbers.
        player: Number of the player.
        mixing: Both parameters of the Beta distribution.
        step: Number of the step.
        shape: Performers and faces of each.

    Returns:
        float32 (performers, batch, 2) in 0…1: for each face one for each discriminator of pictures.
    """
    random = np.random.default_rng([seed, 3, step, player])
    return random.beta(mixing, mixing, (*shape, 2)).astype(np.float32)


def adversarial_players(
    network: Autoencoder, recipe: Recipe, seed: int, perceptual: PerceptualLoss | None = None
) -> tuple[Player, Player]:
    """Return the players of a step, discriminators first.

    Args:
        network: Of a family with discriminators.
        recipe: Figures; `adversarial` has to be there.
        seed: Start of the random numbers.
        perceptual: Compares faces by features too, or None.
    """
    if recipe.adversarial is None:
        raise ValueError(f"The recipe of {network.family.name} has no adversarial figures.")
    mixing = recipe.adversarial.mixing
    game = AdversarialGame(network, recipe.adversarial, perceptual)

    def player(number: int, name: str, variables: dict[str, keras.Variable], loss: Callable[[Batch], Losses]) -> Player:
        def draws(step: int, shape: tuple[int, int]) -> dict[str, NDArray[np.float32]]:
            return {name: mixing_shares(seed, number, mixing, step, shape)}

        return Player(name, variables, adam(recipe, variables), loss, draws=draws)

    return (
        player(0, JUDGES, game.judge_variables(), game.judging),
        player(1, GENERATORS, game.generator_variables(), game.generating),
    )
