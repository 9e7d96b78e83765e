# SPDX-License-Identifier: GPL-3.0-or-later
"""Swaps put into an edit, and where they show in its pictures."""

import numpy as np
from coded_footage import render_frame
from swap_folder import COLOR, RADIUS, write_swap
from understudy.blender_addon.insertion import insert_swap
from understudy.blender_addon.strips import strip_shot


def swap_into(scene, strip, folder, **details):
    shot = strip_shot(scene, strip)
    return insert_swap(scene, strip, shot, write_swap(folder, shot.used, **details))


def swapped_pixels(scene, swap, frame, folder):
    """Return where the swap shows (bool), after checking that everything else is the plate, bit for bit."""
    shown = render_frame(scene, frame, folder)[..., :3].astype(int)
    swap.mute = True
    plate = render_frame(scene, frame, folder)[..., :3].astype(int)
    swap.mute = False
    is_swap = np.abs(shown - COLOR).max(axis=-1) <= 1
    distance = np.hypot(*(np.indices(shown.shape[:2])[::-1] - np.reshape(center_of(is_swap), (2, 1, 1))))
    outside = distance > RADIUS + 3
    outside[0, -1] = False  # Blender leaves this corner under a mask uninitialized in some versions
    assert (shown[outside] == plate[outside]).all()
    return is_swap


def center_of(is_swap):
    assert is_swap.any()
    rows, columns = np.nonzero(is_swap)
    return columns.mean(), rows.mean()
