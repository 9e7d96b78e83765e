# SPDX-License-Identifier: GPL-3.0-or-later
"""Learning: data, augmentation, losses, steps, checkpoints."""
