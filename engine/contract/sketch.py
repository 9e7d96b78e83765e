# SPDX-License-Identifier: GPL-3.0-or-later
"""The form of a face's sketch, which is drawn from landmarks on one side and read by networks on the other."""

from __future__ import annotations

SKETCH_CHANNELS = 4
"""Outline and nose, brows, eyes, mouth."""

SKETCH_FORM = 2
"""What is drawn, by number, which models keep: 1 had eyes as their landmarks say; 0 is no sketch."""
