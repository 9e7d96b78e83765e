# SPDX-License-Identifier: GPL-3.0-or-later
"""Fitting newly found face tracks to those a footage has already, so that a face keeps its id from search to search."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
from numpy.typing import NDArray

from .geometry import SAME_FACE, SAME_PLACE, box_of, box_overlap
from .identity import DIFFERENT_PERSON, identity_distance
from .smoothing import steady_landmarks
from .tracks import FaceTrack


def join_tracks(
    old: Sequence[FaceTrack], new: Sequence[FaceTrack], strength: float
) -> tuple[list[FaceTrack], dict[int, int]]:
    """Join new tracks to old ones where one ends in the frame before the other begins, at the same place.

    Args:
        old: Tracks of frames searched before.
        new: Tracks of other frames of the same footage, with ids of their own.
        strength: How strongly joined tracks are steadied.

    Returns:
        All tracks, ascending by id, and the new ids that became old ones.
    """
    joined = {track.id: track for track in old}
    names: dict[int, int] = {}
    for track in sorted(new, key=lambda item: item.first):
        # Old partners only: new tracks that touch each other were told apart by the search, at a cut.
        partner = next((joined[item.id] for item in old if _continues(joined[item.id], track)), None)
        if partner is None:
            joined[track.id] = track
            continue
        first, second = (partner, track) if partner.last < track.first else (track, partner)
        joined[partner.id] = _concatenate(partner.id, first, second, strength)
        names[track.id] = partner.id
    return sorted(joined.values(), key=lambda item: item.id), names


def keep_ids(old: Sequence[FaceTrack], new: Sequence[FaceTrack]) -> tuple[list[FaceTrack], dict[int, int]]:
    """Give tracks of a repeated search the ids they had before, where they show the same face in the same frames.

    Args:
        old: Tracks of the earlier search.
        new: Tracks of the same footage searched anew, with ids that no old one has.

    Returns:
        The new tracks, ascending by id, and the new ids that became old ones.
    """
    names: dict[int, int] = {}
    votes = Counter({(track.id, other.id): _shared_frames(track, other) for track in new for other in old})
    for (fresh, known), shared in votes.most_common():
        if shared and fresh not in names and known not in names.values():
            names[fresh] = known
    renamed = [replace(track, id=names.get(track.id, track.id)) for track in new]
    return sorted(renamed, key=lambda item: item.id), names


def _continues(known: FaceTrack, track: FaceTrack) -> bool:
    if known.last + 1 == track.first:
        here, there = known.boxes[-1], track.boxes[0]
    elif track.last + 1 == known.first:
        here, there = known.boxes[0], track.boxes[-1]
    else:
        return False
    is_same_person = identity_distance(known.identity, track.identity) <= DIFFERENT_PERSON
    return is_same_person and box_overlap(here, there)[0, 0] > SAME_PLACE


def _concatenate(track: int, first: FaceTrack, second: FaceTrack, strength: float) -> FaceTrack:
    both = {
        item.name: np.concatenate([getattr(first, item.name), getattr(second, item.name)])
        for item in fields(FaceTrack)
        if item.name not in ("id", "identity")
    }
    both["landmarks"] = steady_landmarks(both["raw_landmarks"], strength)
    both["boxes"] = np.stack([box_of(item) for item in both["landmarks"]])
    longer: NDArray[np.float32] = max(first, second, key=lambda item: len(item.frames)).identity
    return FaceTrack(id=track, identity=longer, **both)


def _shared_frames(first: FaceTrack, second: FaceTrack) -> int:
    frames, here, there = np.intersect1d(first.frames, second.frames, return_indices=True)
    overlaps = [box_overlap(first.boxes[i], second.boxes[j])[0, 0] for i, j in zip(here, there, strict=True)]
    return int(np.sum(np.array(overlaps) > SAME_FACE)) if len(frames) else 0
