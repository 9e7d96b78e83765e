# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators for the engine: install, check, remove, and the way to its preferences."""

import bpy

from ..blender_addon import ids, job_requests, readiness
from ..blender_addon.job_request import JobRequest
from .base import Described, JobOperator


class UNDERSTUDY_OT_environment_install(JobOperator, bpy.types.Operator):
    """Install the engine's libraries in their own folder; what an interrupted installation left is used."""

    bl_idname = ids.Operator.ENVIRONMENT_INSTALL
    bl_label = "Install Engine"
    bl_description = "Fetch the engine's libraries into their own folder, outside of Blender; about 2 GB, once"
    bl_options = {"REGISTER"}

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why the engine can't be installed now."""
        return readiness.install_reason(context)

    def requests(self, context: bpy.types.Context) -> list[JobRequest]:
        """Return the installation."""
        return [job_requests.environment_request("install")]


class UNDERSTUDY_OT_environment_check(JobOperator, bpy.types.Operator):
    """Say what the engine is made of and whether each part works."""

    bl_idname = ids.Operator.ENVIRONMENT_CHECK
    bl_label = "Check Engine"
    bl_description = "Report the engine's versions, device and models, and try whether each of them works"
    bl_options = {"REGISTER"}

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why the engine can't be checked now."""
        return readiness.check_reason(context)

    def requests(self, context: bpy.types.Context) -> list[JobRequest]:
        """Return the check."""
        return [job_requests.check_request()]


class UNDERSTUDY_OT_environment_remove(JobOperator, bpy.types.Operator):
    """Delete the engine's libraries; performers, models and swaps stay."""

    bl_idname = ids.Operator.ENVIRONMENT_REMOVE
    bl_label = "Remove Engine"
    bl_description = "Delete the engine's libraries from this machine; your performers, models and swaps stay"
    bl_options = {"REGISTER"}

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why the engine can't be removed now."""
        return readiness.remove_reason(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask before deleting."""
        return context.window_manager.invoke_confirm(self, event)

    def requests(self, context: bpy.types.Context) -> list[JobRequest]:
        """Return the removal."""
        return [job_requests.environment_request("remove")]


class UNDERSTUDY_OT_preferences_open(Described, bpy.types.Operator):
    """Open the extension's preferences."""

    bl_idname = ids.Operator.PREFERENCES_OPEN
    bl_label = "Preferences"
    bl_description = "Open the extension's preferences: where the engine lies and which Python runs it"
    bl_options = {"REGISTER"}

    def run(self, context: bpy.types.Context) -> str:
        """Open Blender's preferences at this extension."""
        bpy.ops.preferences.addon_show(module=ids.PACKAGE)
        return ""


CLASSES = (
    UNDERSTUDY_OT_environment_install,
    UNDERSTUDY_OT_environment_check,
    UNDERSTUDY_OT_environment_remove,
    UNDERSTUDY_OT_preferences_open,
)
