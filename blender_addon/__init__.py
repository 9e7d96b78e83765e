# SPDX-License-Identifier: GPL-3.0-or-later
"""What the add-on keeps: preferences, properties, pictures and jobs. Operators and panels stand on it."""

is_registered = False


def is_in_a_script() -> bool:
    """Whether Python runs Blender, as a module, rather than Blender Python."""
    import bpy

    return bool(bpy.app.module)


def register() -> None:
    """Register the parts, each before what needs it."""
    from . import face_overlay, frame_maps, jobs, mask_refresh, preferences, previews, properties

    preferences.register()
    properties.register()
    previews.register()
    jobs.register()
    mask_refresh.register()
    frame_maps.register()
    face_overlay.register()
    global is_registered
    is_registered = True


def unregister() -> None:
    """Take the parts back in reverse order; running jobs are stopped first."""
    from . import face_overlay, frame_maps, jobs, mask_refresh, preferences, previews, properties

    face_overlay.unregister()
    frame_maps.unregister()
    mask_refresh.unregister()
    jobs.unregister()
    previews.unregister()
    properties.unregister()
    preferences.unregister()
    global is_registered
    is_registered = False
