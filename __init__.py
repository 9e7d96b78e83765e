# SPDX-License-Identifier: GPL-3.0-or-later
"""Understudy: one face stands in for another, in Blender's video sequencer. Registers its parts, imports nothing."""

__version__ = "0.1.0"


def register() -> None:
    """Register everything with Blender."""
    from . import blender_addon, operators, panels

    blender_addon.register()
    operators.register()
    panels.register()


def unregister() -> None:
    """Take everything back, in reverse order."""
    from . import blender_addon, operators, panels

    panels.unregister()
    operators.unregister()
    blender_addon.unregister()
