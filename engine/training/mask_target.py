# SPDX-License-Identifier: GPL-3.0-or-later
"""What a mask head learns to return: where the face is, without what hides it.

A faceset's records hold the landmarks of each face and how much of it was hidden. The target is the outline of the
landmarks with the forehead, a little larger than the face, because the swap multiplies its own matte with the mask and
would soften every edge twice otherwise. Where a record says that the face is hidden, the faces of its track are watched
once more to find where.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ..faces.forehead import forehead_points
from ..faces.head_grid import COVERAGE, SIDE
from ..faces.occlusion import OcclusionWatch
from ..faceset.record import FaceRecord
from .face_weight import face_area

Picture = NDArray[np.uint8]

# A mask has no detail that this many pixels wouldn't show.
MASK_SIDE = 128
# Width of the soft edge around the outline, as a share of the face square's side.
_EDGE = 0.05
# Faces with a smaller guess are free: it is never quite 0 (decision 0020).
_HIDDEN_FACE = 0.15
# A pixel this likely hidden begins to be left out, and one this likely is left out.
_DOUBTED, _HIDDEN = 0.4, 0.6


class MaskTargets:
    """Makes the masks of the faces of one faceset.

    Args:
        records: What is known of the faces whose masks will be made.
    """

    def __init__(self, records: Sequence[FaceRecord]) -> None:
        self._doubted = {item.track for item in records if item.track >= 0 and item.occlusion >= _HIDDEN_FACE}
        self._watches: dict[int, OcclusionWatch] = {}

    def make(self, record: FaceRecord, image: Picture) -> Picture:
        """Return the next face's mask; a track's faces come in the order of the footage.

        Args:
            record: What is known of the face.
            image: The aligned face, uint8 (size, size, 3) RGB.

        Returns:
            uint8 (128, 128, 1) over the face's own square; 255 shows the face.
        """
        mask = _shape(record)
        if record.track in self._doubted and not record.is_plain:
            hidden = _hidden(self._watches.setdefault(record.track, OcclusionWatch()), record, image)
            if record.occlusion >= _HIDDEN_FACE:
                mask = mask * (1.0 - hidden)
        return np.rint(255.0 * mask).astype(np.uint8)[..., None]


def _shape(record: FaceRecord) -> NDArray[np.float32]:
    """Return where the face is, float32 (128, 128) in 0…1."""
    if record.landmarks is None or record.image_to_face is None:
        return face_area(MASK_SIDE, record.coverage).astype(np.float32)
    points = record.landmarks.astype(np.float64) @ record.image_to_face[:, :2].T + record.image_to_face[:, 2]
    points = np.concatenate([points, forehead_points(points)])
    # Twice as fine, so that the edge lies where it should to a fraction of a pixel.
    side = 2 * MASK_SIDE
    corners = cv2.convexHull(((points + 0.5) * (side / record.size) - 0.5).astype(np.float32))
    drawn = np.zeros((side, side), np.float32)
    # Coordinates far outside of the raster would overflow OpenCV's integers.
    cv2.fillConvexPoly(drawn, np.clip(corners, -4 * side, 4 * side).round().astype(np.int32), 1.0)
    edge = _EDGE * side / record.coverage
    inside = cv2.copyMakeBorder(drawn, 1, 1, 1, 1, cv2.BORDER_REPLICATE) > 0.5
    distance = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    soft = np.clip(1.0 - distance / max(edge, 1.0), 0.0, 1.0).astype(np.float32)
    return np.asarray(cv2.resize(soft, (MASK_SIDE, MASK_SIDE), interpolation=cv2.INTER_AREA), np.float32)


def _hidden(watch: OcclusionWatch, record: FaceRecord, image: Picture) -> NDArray[np.float32]:
    """Watch the next face of a track; return what hides it, float32 (128, 128) in 0…1."""
    scale = image.shape[0] / record.coverage * COVERAGE / SIDE
    shift = (image.shape[0] - 1) / 2 - scale * (SIDE - 1) / 2
    to_image = np.array([[scale, 0.0, shift], [0.0, scale, shift]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    face = cv2.warpAffine(image, to_image, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    likely = watch.look_where(np.asarray(face, np.uint8), record.yaw, record.pitch)
    left_out = np.clip((likely - _DOUBTED) / (_HIDDEN - _DOUBTED), 0.0, 1.0).astype(np.float32)
    scale = MASK_SIDE / record.coverage * COVERAGE / SIDE
    shift = (MASK_SIDE - 1) / 2 - scale * (SIDE - 1) / 2
    to_mask = np.array([[scale, 0.0, shift], [0.0, scale, shift]])
    return np.asarray(cv2.warpAffine(left_out, to_mask, (MASK_SIDE, MASK_SIDE), flags=cv2.INTER_LINEAR), np.float32)
