# SPDX-License-Identifier: GPL-3.0-or-later
"""See bpy/__init__.pyi."""
