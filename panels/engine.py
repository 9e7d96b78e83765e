# SPDX-License-Identifier: GPL-3.0-or-later
"""Step 1: the engine is there and works."""

import bpy

from ..blender_addon import ids, preferences, readiness
from ..engine.contract.environment import EnvironmentState
from .layout import SidebarPanel, button, sentence

_INSTALL_TEXTS = {
    EnvironmentState.MISSING: "Install Engine",
    EnvironmentState.INCOMPLETE: "Go On Installing",
    EnvironmentState.OUTDATED: "Update Engine",
}


class SEQUENCER_PT_understudy_engine(SidebarPanel, bpy.types.Panel):
    """State of the engine and what to do about it."""

    bl_idname = ids.Panel.ENGINE
    bl_label = "1  Engine"

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        """Draw the state, so that it shows when the panel is closed."""
        self.layout.label(icon="CHECKMARK" if preferences.engine().is_ready else "ERROR")

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the state and the buttons that fit it."""
        layout, engine = self.layout, preferences.engine()
        sentence(layout, f"{engine.sentence}.")
        if engine.is_ready:
            row = layout.row(align=True)
            row.operator(ids.Operator.ENVIRONMENT_CHECK, icon="VIEWZOOM")
            row.operator(ids.Operator.PREFERENCES_OPEN, text="", icon="PREFERENCES")
            if not engine.is_chosen:
                row.operator(ids.Operator.ENVIRONMENT_REMOVE, text="", icon="TRASH")
        else:
            if not engine.is_chosen:
                reason = readiness.install_reason(context)
                button(layout, ids.Operator.ENVIRONMENT_INSTALL, reason, _INSTALL_TEXTS[engine.state], "IMPORT")
            layout.operator(ids.Operator.PREFERENCES_OPEN, icon="PREFERENCES")


class SEQUENCER_PT_understudy_engine_report(SidebarPanel, bpy.types.Panel):
    """What the last check found."""

    bl_idname = ids.Panel.ENGINE_REPORT
    bl_parent_id = ids.Panel.ENGINE
    bl_label = "Last Check"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether the engine was checked in this session."""
        return bool(context.window_manager.understudy.engine_report)

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the findings."""
        for line in context.window_manager.understudy.engine_report.splitlines():
            sentence(self.layout, line)


CLASSES = (SEQUENCER_PT_understudy_engine, SEQUENCER_PT_understudy_engine_report)
