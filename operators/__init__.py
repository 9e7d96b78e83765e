# SPDX-License-Identifier: GPL-3.0-or-later
"""The operators: thin shells that collect, call and report."""


def _classes() -> tuple[type, ...]:
    from . import environment, faces, faceset, frames, job, model, people, performer, swap, tracking, tracks, train

    return (
        *environment.CLASSES,
        *performer.CLASSES,
        *faces.CLASSES,
        *frames.CLASSES,
        *people.CLASSES,
        *faceset.CLASSES,
        *tracks.CLASSES,
        *tracking.CLASSES,
        *train.CLASSES,
        *model.CLASSES,
        *swap.CLASSES,
        *job.CLASSES,
    )


def register() -> None:
    """Register all operators."""
    import bpy

    for cls in _classes():
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Take them back in reverse order."""
    import bpy

    for cls in reversed(_classes()):
        bpy.utils.unregister_class(cls)
