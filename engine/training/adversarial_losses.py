# SPDX-License-Identifier: GPL-3.0-or-later
"""The losses of the adversarial families: mixed-up least squares, whose code it is, the code kept, the mask's form.

All functions take float32 tensors and return a scalar. Made and real pictures are never judged alone but mixed, λ parts
of the real one and 1 - λ of the made one (mixup, Zhang et al. 2018), with a λ drawn for each picture and each
discriminator from Beta(0.2, 0.2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
from keras import ops

Tensor = keras.KerasTensor
Judge = Callable[[Tensor], Tensor]


def _mixed(real: Tensor, made: Tensor, share: Tensor) -> Tensor:
    share = ops.reshape(share, (-1, 1, 1, 1))
    return share * real + (1.0 - share) * made


def _miss(scores: Tensor, wanted: Tensor) -> Tensor:
    """Return the mean squared distance of scores (n, h, w, 1) to what is wanted of each sample (n,)."""
    return ops.mean(ops.square(scores - ops.reshape(wanted, (-1, 1, 1, 1))))


def judging_loss(judge: Judge, real: Tensor, made: Tensor, share: Tensor) -> Tensor:
    """Return how far a discriminator is from telling each mixture's share of the real picture.

    Args:
        judge: The discriminator.
        real: Pictures (n, S, S, c).
        made: The generator's, of the same shape.
        share: λ of each picture for this discriminator, (n,) in 0…1.
    """
    return _miss(judge(_mixed(real, made, share)), share)


def deceiving_loss(judge: Judge, real: Tensor, made: Tensor, share: Tensor) -> Tensor:
    """Return how far a generator is from making a discriminator see each mixture's parts exchanged.

    The mixture and what is wanted of it belong together: `share` has to be this very discriminator's. The ancestor took
    the first one's λ for the second too.

    Args:
        judge: The discriminator.
        real: Pictures (n, S, S, c).
        made: The generator's, of the same shape.
        share: λ of each picture for this discriminator, (n,) in 0…1.
    """
    return _miss(judge(_mixed(real, made, share)), 1.0 - share)


def _whose(logits: Tensor) -> Tensor:
    """Return the log-probability of each performer, (n, performers), from the code judge's (n, performers - 1)."""
    return ops.log_softmax(ops.concatenate([ops.zeros_like(logits[:, :1]), logits], axis=1), axis=1)


def code_judging_loss(logits: Sequence[Tensor]) -> Tensor:
    """Return the code discriminator's cross-entropy: whose face is each code of?

    Args:
        logits: For each performer what the discriminator says of their codes, (n, performers - 1).
    """
    found = [-ops.mean(_whose(own)[:, number]) for number, own in enumerate(logits)]
    return sum(found[1:], found[0]) / len(found)


def code_hiding_loss(logits: Sequence[Tensor]) -> Tensor:
    """Return the encoder's share: how far the codes are from being taken for the other performers'.

    With it the code holds pose, expression and light, but no identity (domain-adversarial, Ganin et al. 2016).

    Args:
        logits: For each performer what the discriminator says of their codes, (n, performers - 1).
    """
    count = len(logits)
    found = []
    for number, own in enumerate(logits):
        whose = _whose(own)
        others = ops.sum(whose, axis=1) - whose[:, number]
        found.append(-ops.mean(others) / (count - 1))
    return sum(found[1:], found[0]) / count


def code_distance(one: Tensor, other: Tensor) -> Tensor:
    """Return the mean cosine distance of codes (n, length) of length one each: 0 the same, 2 opposite."""
    return 1.0 - ops.mean(ops.sum(one * other, axis=1))


def mask_size(mask: Tensor) -> Tensor:
    """Return the mean of masks (n, S, S, 1) in 0…1."""
    return ops.mean(ops.abs(mask))


def mask_roughness(mask: Tensor) -> Tensor:
    """Return the mean absolute difference of neighboring pixels of masks (n, S, S, 1), of both axes together."""
    across = ops.mean(ops.abs(mask[:, :, 1:] - mask[:, :, :-1]))
    down = ops.mean(ops.abs(mask[:, 1:] - mask[:, :-1]))
    return across + down


def masked_result(face: Tensor, mask: Tensor, under: Tensor) -> Tensor:
    """Return mask·face + (1 - mask)·under: the made face over the network's input.

    Args:
        face: (n, S, S, 3).
        mask: (n, S, S, 1) in 0…1.
        under: (n, S, S, 3).
    """
    return mask * face + (1.0 - mask) * under
