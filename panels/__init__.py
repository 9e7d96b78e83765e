# SPDX-License-Identifier: GPL-3.0-or-later
"""The tab in the sequencer's side bar: one panel for each step, in the order of the work. They only read."""


def _classes() -> tuple[type, ...]:
    from . import engine, faceset, jobs, model_import, people, performers, shots, swap, tracks, train

    return (
        *jobs.CLASSES,
        *engine.CLASSES,
        *performers.CLASSES,
        *shots.CLASSES,
        *people.CLASSES,
        *tracks.CLASSES,
        *train.CLASSES,
        *faceset.CLASSES,
        *model_import.CLASSES,
        *swap.CLASSES,
    )


def register() -> None:
    """Register all panels."""
    import bpy

    for cls in _classes():
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Take them back in reverse order."""
    import bpy

    for cls in reversed(_classes()):
        bpy.utils.unregister_class(cls)
