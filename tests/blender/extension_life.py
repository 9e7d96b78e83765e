# SPDX-License-Identifier: GPL-3.0-or-later
"""Run as a program in its own Blender: install a zip as an extension, use it, and say what it left behind as JSON."""

import importlib
import json
import os
import sys
import threading

zip_path, resources = sys.argv[-2:]
os.environ["BLENDER_USER_RESOURCES"] = resources

import bpy  # noqa: E402 - reads its folders when it is imported

# isort: split
import addon_utils  # noqa: E402 - Blender's own, to be found once bpy is there

MODULE = "bl_ext.user_default.understudy"
HEAVY = {"tensorflow", "keras", "cv2", "dlib", "av", "skimage", "scipy", "PIL"}


def registered():
    """Everything an add-on can leave in Blender, as sets of names."""
    found = {f"types.{name}" for name in dir(bpy.types)}
    found |= {f"ops.{group}.{name}" for group in dir(bpy.ops) for name in dir(getattr(bpy.ops, group))}
    for name in dir(bpy.types):
        kind = getattr(bpy.types, name)
        if name in ("Scene", "WindowManager", "Strip", "Object"):
            found |= {f"{name}.{key}" for key in (*dir(kind), *kind.bl_rna.properties.keys())}
    for name in dir(bpy.app.handlers):
        value = getattr(bpy.app.handlers, name)
        if isinstance(value, list):
            found |= {f"{name}: {function.__module__}.{function.__qualname__}" for function in value}
    found |= {f"path {path}" for path in sys.path}
    found |= {f"thread {thread.name}" for thread in threading.enumerate()}
    return found


# So that Blender's own lists are there before the first look.
importlib.import_module("bpy.utils.previews")
before = registered()
bpy.ops.extensions.package_install_files(filepath=zip_path, repo="user_default", enable_on_install=True, overwrite=True)
enabled = registered()
rounds = []
for _ in range(2):
    addon_utils.disable(MODULE, default_set=True)
    rounds.append(sorted(registered() ^ before))
    addon_utils.enable(MODULE, default_set=True)
    rounds.append(sorted(registered() ^ enabled))
preferences = bpy.context.preferences.addons[MODULE].preferences
answer = {
    "rounds": rounds,
    "added": sorted(enabled - before),
    "family": bpy.context.scene.understudy.train.family,
    "engine_folder": preferences.engine_folder,
    "data_folder": str(sys.modules[f"{MODULE}.blender_addon.preferences"].data_folder()),
    "warnings": addon_utils._extensions_warnings_get().get(MODULE, []),
    "heavy": sorted({name.partition(".")[0] for name in sys.modules} & HEAVY),
    "is_enabled": addon_utils.check(MODULE),
}
addon_utils.disable(MODULE, default_set=True)
print("ANSWER " + json.dumps(answer))
