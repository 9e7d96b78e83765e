# SPDX-License-Identifier: GPL-3.0-or-later
"""A swap folder as the engine writes it, with pictures of one color and an outline that travels over the plate."""

import json

import numpy as np
from coded_footage import HEIGHT, WIDTH, write_png

COLOR = (200, 40, 10)
RADIUS = 12.0


def center(media_frame):
    """Where the face is: to the right and down, and back."""
    return 20.0 + 1.5 * media_frame, 20.0 + 12 * np.sin(media_frame / 9)


def write_swap(
    folder,
    media_frames,
    tracks=(1,),
    width=WIDTH,
    height=HEIGHT,
    color=COLOR,
    feather=0.0,
    absent=(),
    target="bert",
    apart=40,
):
    """Write pictures, swap.json and outlines.npz; track t lies `apart` px times (t - 1) further to the right."""
    folder.mkdir(parents=True, exist_ok=True)
    frames = sorted(set(media_frames))
    picture = np.empty((height, width, 4), np.uint8)
    picture[:] = (*color, 255)
    for frame in frames:
        write_png(folder / f"{frame:06d}.png", picture)
    angles = np.arange(16) / 16 * 2 * np.pi  # clockwise on screen, as y runs down
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1) * RADIUS
    points = np.array([[ring + center(f) + (apart * (t - 1), 0) for t in tracks] for f in frames], np.float32)
    present = np.array([[f not in absent for _ in tracks] for f in frames])
    np.savez(
        folder / "outlines.npz",
        media_frames=np.array(frames, np.int32),
        tracks=np.array(tracks, np.int32),
        points=points.reshape(len(frames), len(tracks), 16, 2),
        present=present.reshape(len(frames), len(tracks)),
        feather_px=np.full((len(frames), len(tracks)), feather, np.float32),
    )
    report = {
        "schema": "understudy.swap",
        "version": 1,
        "key": "plate-0123456789ab",
        "footage": {},
        "model": "anna-bert",
        "family": "quick",
        "step": 1200,
        "model_fingerprint": "abc123",
        "settings": {"mask": "extended-hull"},
        "assignments": [{"track": t, "source": "anna", "target": target, "consent": "given"} for t in tracks],
        "width": width,
        "height": height,
        "engine_version": "0.1.0",
        "created": "2026-01-01T00:00:00",
    }
    (folder / "swap.json").write_text(json.dumps(report), encoding="utf-8")
    return folder
