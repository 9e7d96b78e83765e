# SPDX-License-Identifier: GPL-3.0-or-later
"""Putting the swapped face over the plate."""
