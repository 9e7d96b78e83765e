# SPDX-License-Identifier: GPL-3.0-or-later
"""How each family is trained: the figures of its optimizer, loss, views and averages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..contract.settings import TrainSettings
from .asymmetry import is_symmetric
from .augmentation import Augmentation
from .performer_faces import PerformerFaces

# Either half of the face serves as often as the other.
_FLIPPED = 0.5


@dataclass(frozen=True)
class AdversarialShares:
    """Figures of an adversarial family's loss: the share of each part in the generators' total.

    Attributes:
        absolute: L1 of the raw face, and of the auxiliary head's picture. The ancestor's 3 is of pictures in -1…1, so
            it is 6 of ours in 0…1.
        deceiving: Each discriminator's of pictures.
        hiding: The code's identity.
        kept_code: The cosine distance of the swap's code to the original's.
        mask_size: Mean of the mask.
        mask_roughness: Differences of neighboring pixels of the mask, along each axis.
        mixing: Both parameters of the Beta distribution by which real and made pictures are mixed.
    """

    absolute: float = 6.0
    deceiving: float = 0.5
    hiding: float = 0.03
    kept_code: float = 1.0
    mask_size: float = 1e-3
    mask_roughness: float = 0.01
    mixing: float = 0.2


@dataclass(frozen=True)
class Recipe:
    """Training figures of a family.

    Attributes:
        batch_size: Faces of each performer in a step.
        learning_rate: Step size of Adam.
        beta_1: Adam's memory of the gradient.
        beta_2: Adam's memory of the squared gradient.
        augmentation: How views are made.
        absolute: Share of the L1 error in the loss.
        structural: Share of the structural dissimilarity.
        gradient: Share of the gradient error.
        is_face_weighted: Whether the loss looks at the face more than at its surroundings.
        eyes_and_mouth: Factor of the extra weight that eyes and mouth have then.
        takes_turns: Whether performers are learned one after the other, each with an optimizer of its own, as the
            ancestor does; otherwise together with one optimizer.
        warm_up: Steps over which the learning rate rises from zero.
        decay_share: Last share of the run (steps or minutes) in which the learning rate falls to zero.
        largest_gradient: Norm to which larger gradients of a step are cut, 0 for no cut.
        average: Memory of the weights' running average that the swap uses; 0 uses the weights themselves.
        oversampling: How much finer than the network sees them faces are kept in memory.
        adversarial: Figures of the loss of families with discriminators, whose only they are; None for others.
        mask: Share of the mask's error in the loss, for families that have one.
        growth_steps: Steps at each size before a growing family goes on to the next.
        fade_share: Share of those steps over which a new size is faded in.
    """

    batch_size: int
    learning_rate: float
    beta_1: float
    beta_2: float
    augmentation: Augmentation
    absolute: float = 1.0
    structural: float = 0.0
    gradient: float = 0.0
    is_face_weighted: bool = False
    eyes_and_mouth: float = 1.0
    takes_turns: bool = False
    warm_up: int = 0
    decay_share: float = 0.0
    largest_gradient: float = 0.0
    average: float = 0.0
    oversampling: float = 1.5
    adversarial: AdversarialShares | None = None
    mask: float = 0.0
    growth_steps: int = 0
    fade_share: float = 0.25


_CLASSIC = Recipe(
    batch_size=64,
    learning_rate=5e-5,
    beta_1=0.5,
    beta_2=0.999,
    augmentation=Augmentation(rotation_deg=10.0, zoom=0.05, shift=0.05, flip=0.4, jitter=5.0),
    takes_turns=True,
    # 160 pixels of a face square, as in the ancestor's 256-pixel faces.
    oversampling=2.5,
)

_ADVERSARIAL = Recipe(
    batch_size=64,
    learning_rate=2e-4,
    beta_1=0.5,
    beta_2=0.999,
    augmentation=Augmentation(rotation_deg=0.0, zoom=0.1, shift=0.0, flip=0.5, jitter=6.0),
    # 160 pixels of a face square, as in the ancestor's 256-pixel faces.
    oversampling=160 / (64 / (220 / 160)),
    adversarial=AdversarialShares(),
)

# docs/explanation/decisions/0012 tells what each of these figures gained.
_QUICK = Recipe(
    batch_size=8,
    learning_rate=1.5e-3,
    beta_1=0.9,
    beta_2=0.99,
    augmentation=Augmentation(rotation_deg=5.0, zoom=0.04, shift=0.02, flip=0.0, jitter=1.5, color=0.5),
    structural=1.0,
    gradient=1.0,
    is_face_weighted=True,
    warm_up=50,
    decay_share=0.3,
    largest_gradient=1.0,
    average=0.995,
)

# docs/explanation/decisions/0027 tells why it differs where it does.
_STUDIO = replace(
    _QUICK,
    batch_size=4,
    learning_rate=1e-3,
    augmentation=replace(_QUICK.augmentation, occluders=0.3),
    # A face square of 256 pixels at most: finer faces are rare, and a thousand of them fill the memory.
    oversampling=1.2,
    mask=0.1,
    growth_steps=4000,
)

RECIPES: dict[str, Recipe] = {
    "quick": _QUICK,
    "studio": _STUDIO,
    "studio-512": _STUDIO,
    "original": _CLASSIC,
    "lowmem": _CLASSIC,
    "gan": _ADVERSARIAL,
    "gan128": replace(
        _ADVERSARIAL,
        oversampling=_ADVERSARIAL.oversampling / 2,
        adversarial=AdversarialShares(mask_size=3e-3),
    ),
}


def augmentation_of(recipe: Recipe, settings: TrainSettings) -> Augmentation:
    """Return the family's way of making views with what the settings change in it."""
    return replace(
        recipe.augmentation,
        color=recipe.augmentation.color if settings.augment_color < 0.0 else settings.augment_color,
        light=settings.augment_light,
        blur=settings.augment_blur,
        jpeg=settings.augment_jpeg,
        occluders=recipe.augmentation.occluders if settings.augment_occluders < 0.0 else settings.augment_occluders,
        head_turn_deg=settings.augment_turn,
    )


def flips_of(recipe: Recipe, settings: TrainSettings, faces: Sequence[PerformerFaces]) -> tuple[float, ...]:
    """Return the probability of a mirrored view of each performer."""
    if settings.augment_flip == "family":
        return (recipe.augmentation.flip,) * len(faces)
    if settings.augment_flip == "never":
        return (0.0,) * len(faces)
    return tuple(_FLIPPED if is_symmetric(item) else 0.0 for item in faces)


def learning_rate_at(recipe: Recipe, base: float, step: int, run_share: float) -> float:
    """Return the learning rate: rising during the warm-up, constant, falling linearly at the end of the run.

    Args:
        recipe: Figures of the schedule.
        base: Learning rate of the constant part.
        step: Steps done so far in all.
        run_share: Share of the run that is over, 0 … 1.
    """
    rise = min(1.0, (step + 1) / recipe.warm_up) if recipe.warm_up else 1.0
    # The floor keeps the last steps worth their time.
    fall = min(1.0, max(0.02, (1.0 - run_share) / recipe.decay_share)) if recipe.decay_share else 1.0
    return base * rise * fall
