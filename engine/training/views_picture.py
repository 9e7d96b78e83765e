# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture of what the network sees: stored face, input and target of the first training step of each performer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .augmentation import Augmentation, View, make_plain_views
from .batch import BatchPlan, make_batch, pick_faces
from .network_inputs import pictures_of
from .performer_faces import PerformerFaces

COLUMNS = 12
_GAP = 4


def views_picture(
    faces: Sequence[PerformerFaces],
    view: View,
    preset: Augmentation,
    flips: Sequence[float],
    seed: int,
    columns: int = COLUMNS,
) -> NDArray[np.uint8]:
    """Draw some rows for each performer: the stored faces, what the encoder sees of them, what should come out.

    What the encoder sees are two rows where it is given sketches: outline and brows are drawn in red, eyes in green,
    mouths in blue.

    Args:
        faces: One entry for each performer.
        view: What the network sees.
        preset: How views are made.
        flips: Probability of a mirrored view of each performer.
        seed: Start of the random numbers.
        columns: Faces of each performer.

    Returns:
        uint8 (h, w, 3) RGB.
    """
    batch = make_batch(faces, BatchPlan(view, preset, columns, seed, tuple(flips)), 0)
    blocks = []
    for number, performer in enumerate(faces):
        picked = pick_faces(len(performer.learned), columns, 0, (seed, 1, number))
        plain = make_plain_views([performer.learned[i] for i in picked], performer.learned_coverage[picked], view)
        inputs = batch.inputs[number]
        seen = (pictures_of(inputs), *([_colored(inputs[..., 3:])] if inputs.shape[-1] > 3 else []))
        rows = [np.concatenate(list(row), axis=1) for row in (plain, *seen, batch.targets[number][..., :3])]
        blocks.append(np.pad(np.concatenate(rows), ((0, _GAP), (0, 0), (0, 0))))
    return (np.clip(np.concatenate(blocks)[:-_GAP], 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)


def _colored(sketches: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return sketches (n, S, S, 4) as pictures."""
    lines = np.maximum(sketches[..., 0], sketches[..., 1])
    return np.stack([lines, sketches[..., 2], sketches[..., 3]], axis=-1)
