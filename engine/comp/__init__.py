# SPDX-License-Identifier: GPL-3.0-or-later
"""The swapped face over the plate: colors, matte, placement. Pure arrays; files only in `record`."""
