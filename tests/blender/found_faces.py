# SPDX-License-Identifier: GPL-3.0-or-later
"""What an extraction would have left in the project folder: made-up face tracks in the engine's file formats."""

import json

import numpy as np

# Brows, nose, eyes and lips in a face of size 1, roughly where they are in a person; the jaw closes below.
_ANGLES = np.linspace(0, np.pi, 17)
_JAW = np.stack([-0.5 * np.cos(_ANGLES), 0.5 * np.sin(_ANGLES)], axis=1)
_BROWS = np.stack([np.r_[np.linspace(-0.42, -0.08, 5), np.linspace(0.08, 0.42, 5)], np.full(10, -0.45)], axis=1)
_NOSE = np.array([[0, y] for y in (-0.3, -0.22, -0.14, -0.05)] + [[x, 0.02] for x in np.linspace(-0.1, 0.1, 5)])


def _ring(x, y, width, height, count):
    angles = np.linspace(np.pi, -np.pi, count, endpoint=False)
    return np.stack([x + width * np.cos(angles), y - height * np.sin(angles)], axis=1)


FACE = np.concatenate(
    [_JAW, _BROWS, _NOSE, _ring(-0.22, -0.28, 0.09, 0.04, 6), _ring(0.22, -0.28, 0.09, 0.04, 6)]
    + [_ring(0, 0.22, 0.18, 0.08, 12), _ring(0, 0.22, 0.12, 0.03, 8)]
)


def landmarks_at(centers, size=100.0):
    """Return float32 (n, 68, 2) landmarks of a face of `size` px around each center."""
    return (FACE * size + np.asarray(centers, float)[:, None]).astype(np.float32)


def track_values(frames, centers, size=100.0, bridged=()):
    """Return the arrays of one track as tracks.npz names them."""
    landmarks = landmarks_at(centers, size)
    return {
        "frames": np.asarray(frames, np.int32),
        "landmarks": landmarks,
        "boxes": np.concatenate([landmarks.min(axis=1), landmarks.max(axis=1)], axis=1),
        "bridged": np.isin(frames, list(bridged)),
        "size": np.full(len(frames), size, np.float32),
    }


def write_found(folder, path, tracks, size=(512, 512), pictures=(), frame_count=72):
    """Write footage.json and tracks.npz.

    Args:
        folder: The footage's folder in the project.
        path: The movie, or the folder of the pictures.
        tracks: `track_values` by track id.
        size: Width and height of the pictures.
        pictures: Names of the pictures of a sequence.
        frame_count: Pictures of the footage.
    """
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {f"{number}/{name}": values for number, track in tracks.items() for name, values in track.items()}
    np.savez(folder / "tracks.npz", ids=np.array(sorted(tracks), np.int32), **arrays)
    summaries = [
        {
            "id": number,
            "first": int(track["frames"][0]),
            "last": int(track["frames"][-1]),
            "frames": len(track["frames"]),
            "thumbnail": f"t{number:02d}.png",
        }
        for number, track in sorted(tracks.items())
    ]
    document = {
        "schema": "understudy.footage",
        "version": 2,
        "key": folder.name,
        "footage": {"path": str(path), "pictures": list(pictures), "rate": None},
        "width": size[0],
        "height": size[1],
        "rate": "25",
        "frame_count": frame_count,
        "ranges": [[0, frame_count]],
        "tracks": summaries,
    }
    (folder / "footage.json").write_text(json.dumps(document), encoding="utf-8")
