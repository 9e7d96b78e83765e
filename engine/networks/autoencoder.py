# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole network: the shared encoder and one decoder for each performer, with stable names for their weights."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from .registry import Family


class Autoencoder:
    """One shared encoder, one decoder for each performer.

    The first weights come from Keras' global random state; set it (`keras.utils.set_random_seed`) for a repeatable
    start.

    Attributes:
        family: The kind of network.
        performers: Performer ids, one decoder each.
        policy: Dtype policy of the arithmetic; the weights themselves are float32.
        encoder: float32 (n, S, S, 3) in 0…1 -> code.
        decoders: Performer id -> model from code to float32 (n, S, S, 3) in 0…1, or with the mask (n, S, S, 4).
    """

    def __init__(self, family: Family, performers: Sequence[str], policy: str = "float32") -> None:
        self.family = family
        self.performers = tuple(performers)
        self.policy = policy
        self.encoder = family.build_encoder(policy)
        self.decoders = {performer: family.build_decoder(policy) for performer in self.performers}

    def parts(self) -> dict[str, keras.Model]:
        """Return the models by name: "encoder", then "decoder:<performer>"."""
        return {"encoder": self.encoder, **{f"decoder:{name}": model for name, model in self.decoders.items()}}

    def weights(self) -> dict[str, keras.Variable]:
        """Return every weight by a name that doesn't depend on Keras' counters, such as "encoder/03.kernel"."""
        return {
            f"{part}/{index:02d}.{variable.name}": variable
            for part, model in self.parts().items()
            for index, variable in enumerate(model.trainable_variables)
        }

    def parameter_counts(self) -> dict[str, int]:
        """Return the number of parameters of each part and of the whole ("total")."""
        counts = {part: int(model.count_params()) for part, model in self.parts().items()}
        return {**counts, "total": sum(counts.values())}
