# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole network: the shared encoder and one decoder for each performer, with stable names for their weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import keras

from .registry import Family
from .trunk import Trunk, own_variables

ENCODER, TRUNK = "encoder", "trunk"


class Autoencoder:
    """One shared encoder, one decoder for each performer, and in some families a trunk that the decoders share.

    The first weights come from Keras' global random state; set it (`keras.utils.set_random_seed`) for a repeatable
    start.

    Attributes:
        family: The kind of network.
        performers: Performer ids, one decoder each.
        policy: Dtype policy of the arithmetic; the weights themselves are float32.
        encoder: float32 (n, S, S, channels of the family) in 0…1 -> code.
        trunk: What the decoders share, or None.
        decoders: Performer id -> model from code to float32 (n, S, S, 3) in 0…1, or (n, S, S, 4) with a mask.
    """

    def __init__(self, family: Family, performers: Sequence[str], policy: str = "float32") -> None:
        self.family = family
        self.performers = tuple(performers)
        self.policy = policy
        self.encoder = family.build_encoder(policy)
        self.trunk: Trunk | None = family.build_trunk(policy) if family.build_trunk else None
        self.decoders = {performer: family.decoder(policy, self.trunk) for performer in self.performers}

    def parts(self) -> dict[str, list[keras.Variable]]:
        """Return the variables of each part: "encoder", "trunk" where there is one, then "decoder:<performer>"."""
        if self.trunk is None:
            own = {f"decoder:{name}": model.weights for name, model in self.decoders.items()}
            return {ENCODER: self.encoder.weights, **own}
        own = {f"decoder:{name}": own_variables(model) for name, model in self.decoders.items()}
        return {ENCODER: self.encoder.weights, TRUNK: self.trunk.variables, **own}

    def weights(self) -> dict[str, keras.Variable]:
        """Return every weight by a name that doesn't depend on Keras' counters, such as "encoder/03.kernel"."""
        return named_weights(self.parts())

    def parameter_counts(self) -> dict[str, int]:
        """Return the number of parameters of each part and of the whole ("total")."""
        counts = {
            part: sum(math.prod(variable.shape) for variable in variables) for part, variables in self.parts().items()
        }
        return {**counts, "total": sum(counts.values())}


def named_weights(parts: Mapping[str, Sequence[keras.Variable]]) -> dict[str, keras.Variable]:
    """Return the weights of parts by "<part>/<number>.<kind>", as checkpoints name them."""
    return {
        f"{part}/{index:02d}.{variable.name}": variable
        for part, variables in parts.items()
        for index, variable in enumerate(variables)
    }
