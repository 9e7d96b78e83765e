# SPDX-License-Identifier: GPL-3.0-or-later
"""MediaPipe's BlazeFace detector, full range: picture in, boxes and keypoints out.

The network sees a picture fitted into 192 x 192 with values in -1…1 and answers, for each cell of a 48 x 48 grid, a
logit and 16 numbers: box center and size, then six keypoints (right eye, left eye, nose tip, mouth, right and left ear
opening), all in input pixels, centers relative to the cell's center (Bazarevsky et al. 2019, and MediaPipe's published
graph of the full range model). Faces much smaller than the picture are lost in 192 pixels; where the whole picture
shows no face or only small ones, four overlapping tiles are searched as well.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .detection import Detection, suppress_doubles
from .geometry import box_overlap
from .models import load_network

_SIDE = 192
_GRID = 48
_KEYPOINTS = 6
# Below this share of the picture's long side a face has fewer than 20 of the 192 input pixels and is found unsurely.
_SMALL_FACE = 0.11
# Two tiles a side, each covering this share of it, so that a face on the seam is whole in one of them.
_TILE_SHARE = 0.6


class BlazeFaceDetector:
    """Finds faces with BlazeFace.

    Args:
        confidence: Lowest score that counts, 0…1.
        minimum_size: Smallest side of a face box in pixels.

    Raises:
        EngineError: `detector_unavailable` or `library_missing`.
    """

    def __init__(self, confidence: float, minimum_size: int) -> None:
        self._run = load_network("blazeface")
        self._confidence = confidence
        self._minimum_size = minimum_size
        cells = (np.arange(_GRID) + 0.5) / _GRID * _SIDE
        self._centers = np.stack(np.meshgrid(cells, cells), axis=-1).reshape(-1, 2)

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """Return the faces of an RGB picture (h, w, 3), best first."""
        height, width = image.shape[:2]
        found = self._detect_once(image, 0, 0)
        small = _SMALL_FACE * max(height, width)
        if not found or min(_side(item) for item in found) < small:
            for x, y, tile in _tiles(image):
                found += self._detect_once(tile, x, y)
        found = [item for item in found if _side(item) >= self._minimum_size]
        return suppress_doubles(found)

    def _detect_once(self, image: NDArray[np.uint8], left: int, top: int) -> list[Detection]:
        height, width = image.shape[:2]
        scale = _SIDE / max(height, width)
        pad_x, pad_y = (_SIDE - width * scale) / 2, (_SIDE - height * scale) / 2
        # Pixel centers at integers on both sides: the half pixels keep the pictures' corners together.
        matrix = np.array(
            [[scale, 0, pad_x + 0.5 * scale - 0.5], [0, scale, pad_y + 0.5 * scale - 0.5]], dtype=np.float64
        )
        raw, logits = self._run(_network_input(image, matrix, scale))
        scores = 1 / (1 + np.exp(-np.clip(logits[0, :, 0], -80, 80)))
        chosen = np.flatnonzero(scores >= self._confidence)
        if not len(chosen):
            return []
        points = raw[0, chosen].reshape(-1, 2 + _KEYPOINTS, 2).astype(np.float64)
        sizes = points[:, 1].copy()
        points = np.delete(points, 1, axis=1) + self._centers[chosen, None, :]
        # The network counts from the corner of its input, the picture from the center of its first pixel.
        points = (points - 0.5 - matrix[:, 2]) / scale + (left, top)
        return _merge(points, sizes / scale, scores[chosen])


def _network_input(image: NDArray[np.uint8], matrix: NDArray[np.float64], scale: float) -> NDArray[np.float32]:
    height, width = image.shape[:2]
    if scale < 0.5:
        # Area averaging first: a warp alone would skip most pixels of a large picture.
        reduced = cv2.resize(
            image, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA
        )
        step_x, step_y = reduced.shape[1] / width, reduced.shape[0] / height
        matrix = matrix @ np.array(
            [[1 / step_x, 0, 0.5 / step_x - 0.5], [0, 1 / step_y, 0.5 / step_y - 0.5], [0, 0, 1]]
        )
        image = np.asarray(reduced, np.uint8)
    fitted = cv2.warpAffine(image, matrix, (_SIDE, _SIDE), flags=cv2.INTER_LINEAR)
    return (fitted.astype(np.float32) / 127.5 - 1)[None]


def _merge(points: NDArray[np.float64], sizes: NDArray[np.float64], scores: NDArray[np.float64]) -> list[Detection]:
    # Neighboring cells answer for the same face; their weighted mean is steadier than the best one alone.
    boxes = np.concatenate([points[:, 0] - sizes / 2, points[:, 0] + sizes / 2], axis=1)
    order = np.argsort(-scores, kind="stable")
    merged = []
    while len(order):
        same = box_overlap(boxes[order[:1]], boxes[order])[0] > 0.3
        same[0] = True
        group = order[same]
        weights = scores[group] / scores[group].sum()
        merged.append(
            Detection(
                box=(weights @ boxes[group]).astype(np.float32),
                score=float(scores[order[0]]),
                keypoints=np.tensordot(weights, points[group, 1:], axes=1).astype(np.float32),
            )
        )
        order = order[~same]
    return merged


def _tiles(image: NDArray[np.uint8]) -> list[tuple[int, int, NDArray[np.uint8]]]:
    height, width = image.shape[:2]
    tile_height, tile_width = round(height * _TILE_SHARE), round(width * _TILE_SHARE)
    return [
        (x, y, image[y : y + tile_height, x : x + tile_width])
        for y in (0, height - tile_height)
        for x in (0, width - tile_width)
    ]


def _side(item: Detection) -> float:
    return float(min(item.box[2] - item.box[0], item.box[3] - item.box[1]))
