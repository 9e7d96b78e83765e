# SPDX-License-Identifier: GPL-3.0-or-later
"""Convex regions of an aligned face: where a mask lies, how deep a pixel is inside it, where a ray leaves it.

Every mask of the project is convex (squares, hulls and what they share), so its exact distance to the edge is the
smallest distance to its edge lines. That costs no raster, moves with fractions of a pixel from frame to frame, and
gives the outline for an editor's spline from the same numbers as the soft edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

# Depth of a region without edges; larger than any picture.
_EVERYWHERE = 1e6


@dataclass(frozen=True)
class ConvexRegion:
    """The points `p` for which `normals @ p + offsets >= 0` holds for every edge.

    Attributes:
        normals: Unit normals that point inside, shape (edges, 2), float64.
        offsets: Distances of the edges from the origin, shape (edges,), float64, pixels.
    """

    normals: np.ndarray
    offsets: np.ndarray

    def grown(self, distance: float) -> ConvexRegion:
        """Return the region with every edge moved outwards by `distance` pixels; negative shrinks it."""
        return ConvexRegion(self.normals, self.offsets + distance)

    def shared_with(self, other: ConvexRegion) -> ConvexRegion:
        """Return what both regions hold."""
        return ConvexRegion(
            np.concatenate([self.normals, other.normals]), np.concatenate([self.offsets, other.offsets])
        )

    def depth(self, size: int) -> np.ndarray:
        """Return how far each pixel center lies inside.

        Args:
            size: Side of the square raster; pixel centers are at integers.

        Returns:
            Distances to the nearest edge in pixels, shape (size, size), float32; negative outside.
        """
        axis = np.arange(size, dtype=np.float32)
        depth = np.full((size, size), _EVERYWHERE, np.float32)
        for (x, y), offset in zip(self.normals.astype(np.float32), self.offsets.astype(np.float32), strict=True):
            np.minimum(depth, (axis * x)[None, :] + (axis * y + offset)[:, None], out=depth)
        return depth

    def exits(self, center: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """Return how far rays from a point inside reach before they leave the region.

        Args:
            center: Start of the rays, shape (2,).
            directions: Unit vectors, shape (rays, 2).

        Returns:
            Lengths, shape (rays,), float64, pixels; 0 for a ray that starts outside.
        """
        depths = self.normals @ center + self.offsets
        speeds = directions @ self.normals.T
        reach = np.where(speeds < -1e-9, depths / np.maximum(-speeds, 1e-9), _EVERYWHERE)
        return np.clip(np.min(reach, axis=1, initial=_EVERYWHERE), 0.0, _EVERYWHERE)


def hull_region(points: np.ndarray) -> ConvexRegion:
    """Return the convex hull of points of shape (n, 2).

    Points on one line, or fewer than three, give a region that holds nothing but (at most) that line.
    """
    corners = cv2.convexHull(np.ascontiguousarray(points, np.float32)).reshape(-1, 2).astype(np.float64)
    if len(corners) < 3:
        return ConvexRegion(np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([-_EVERYWHERE, -_EVERYWHERE]))
    return _polygon_region(corners)


def _polygon_region(corners: np.ndarray) -> ConvexRegion:
    edges = np.roll(corners, -1, axis=0) - corners
    lengths = np.hypot(edges[:, 0], edges[:, 1])
    corners, edges = corners[lengths > 1e-6], edges[lengths > 1e-6] / lengths[lengths > 1e-6, None]
    normals = np.stack([-edges[:, 1], edges[:, 0]], axis=1)
    offsets = -np.sum(normals * corners, axis=1)
    # OpenCV's orientation depends on the points; the hull's own middle tells which side is inside.
    if np.min(normals @ corners.mean(axis=0) + offsets) < 0:
        normals, offsets = -normals, -offsets
    return ConvexRegion(normals, offsets)


def square_region(size: float) -> ConvexRegion:
    """Return the square whose pixel areas cover a raster of `size`: from -0.5 to size - 0.5 on both axes."""
    normals = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    return ConvexRegion(normals, np.array([0.5, size - 0.5, 0.5, size - 0.5]))


def picture_region(width: int, height: int, image_to_face: np.ndarray) -> ConvexRegion:
    """Return the part of an aligned face that shows the picture rather than what lies outside of its frame.

    Args:
        width: Width of the picture in pixels.
        height: Height of the picture in pixels.
        image_to_face: Similarity, shape (2, 3).
    """
    corners = np.array([[-0.5, -0.5], [width - 0.5, -0.5], [width - 0.5, height - 0.5], [-0.5, height - 0.5]])
    return _polygon_region(corners @ image_to_face[:, :2].T + image_to_face[:, 2])
