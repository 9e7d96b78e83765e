# SPDX-License-Identifier: GPL-3.0-or-later
"""Understudy: one face stands in for another, in Blender's video sequencer. Registers its parts, imports nothing."""

__version__ = "0.1.0"


def register() -> None:
    """Register everything with Blender."""
    import atexit

    from . import blender_addon, operators, panels

    blender_addon.register()
    operators.register()
    panels.register()
    if blender_addon.is_in_a_script():
        # Blender 4.5 as a module crashes at Python's end, or never ends, while something is still registered.
        atexit.register(unregister)


def unregister() -> None:
    """Take everything back, in reverse order."""
    import atexit

    from . import blender_addon, operators, panels

    atexit.unregister(unregister)
    panels.unregister()
    operators.unregister()
    blender_addon.unregister()
