# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for this machine rather than for an edit: where the engine lies and which Python runs it."""

from pathlib import Path
from typing import Any

import bpy
from bpy.props import StringProperty

from . import environment, ids
from .environment import EngineStatus


class UNDERSTUDY_AP_preferences(bpy.types.AddonPreferences):
    """Preferences of the extension."""

    bl_idname = ids.PACKAGE

    engine_folder: StringProperty(
        name="Engine Folder",
        description="Where the engine's libraries are installed, about 2 GB; empty takes Blender's user folder",
        subtype="DIR_PATH",
    )
    engine_python: StringProperty(
        name="Engine Python",
        description="A Python that has the engine's libraries already; empty takes the installed engine",
        subtype="FILE_PATH",
    )
    host_python: StringProperty(
        name="Python for Installing",
        description="A Python 3.11 to 3.13 to install the engine with; empty takes Blender's own",
        subtype="FILE_PATH",
    )

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the paths and what is found there."""
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "engine_folder", placeholder=str(default_engine_folder()))
        layout.prop(self, "engine_python")
        layout.prop(self, "host_python", placeholder=str(environment.host_python()))
        row = layout.row()
        status = engine()
        row.label(text=status.sentence, icon="CHECKMARK" if status.is_ready else "INFO")
        row.operator(ids.Operator.ENVIRONMENT_INSTALL)
        row.operator(ids.Operator.ENVIRONMENT_CHECK)


def get() -> Any:
    """Return the preferences; None when the package runs outside of Blender's list of add-ons."""
    addon = bpy.context.preferences.addons.get(ids.PACKAGE)
    return None if addon is None else addon.preferences


def _text(name: str) -> str:
    value = getattr(get(), name, "")
    return bpy.path.abspath(value) if value else ""


def data_folder() -> Path:
    """Return the folder for what belongs to this user and machine, outside of the extension's own folder."""
    try:
        return Path(bpy.utils.extension_path_user(ids.PACKAGE))
    except ValueError:
        # A checkout bound to a plain name is no extension of Blender's.
        return Path(bpy.utils.user_resource("DATAFILES", path="understudy"))


def default_engine_folder() -> Path:
    """Return where the engine is installed when the user says nothing."""
    return data_folder() / "engine"


def engine_folder() -> Path:
    """Return where the engine is or will be installed."""
    chosen = _text("engine_folder")
    return Path(chosen) if chosen else default_engine_folder()


def engine() -> EngineStatus:
    """Return the state of the engine and the Python that runs it."""
    return environment.engine_status(engine_folder(), _text("engine_python"))


def host_python() -> Path:
    """Return the Python that creates the engine's environment."""
    return environment.host_python(_text("host_python"))


CLASSES = (UNDERSTUDY_AP_preferences,)


def register() -> None:
    """Register the preferences."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Take them back."""
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
