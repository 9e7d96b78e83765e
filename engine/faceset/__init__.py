# SPDX-License-Identifier: GPL-3.0-or-later
"""Aligned faces with their records on disk."""
