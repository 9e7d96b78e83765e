# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a model is chosen, and where a network made elsewhere becomes one."""

from typing import Any

import bpy

from ..blender_addon import ids, readiness
from ..blender_addon.sequencer import sequencer_scene
from .layout import SidebarPanel, button, sentence


def draw_model(layout: bpy.types.UILayout, settings: Any) -> None:
    """Draw the field of the model with the button that brings one in."""
    row = layout.row(align=True)
    row.prop(settings, "model")
    row.operator(ids.Operator.MODEL_IMPORT, text="", icon="IMPORT")


class SEQUENCER_PT_understudy_model_import(SidebarPanel, bpy.types.Panel):
    """A network that was made elsewhere."""

    bl_idname = ids.Panel.MODEL_IMPORT
    bl_parent_id = ids.Panel.TRAIN
    bl_label = "Network Made Elsewhere"
    bl_options = {"DEFAULT_CLOSED"}
    # Below the training's own settings.
    bl_order = 2

    def draw(self, context: bpy.types.Context) -> None:
        """Draw what it is, the button, and what only one-shot networks need."""
        layout, settings = self.layout, sequencer_scene(context).understudy
        sentence(layout, "A DeepFaceLive model or a one-shot swapper that you have can be the model of a swap.")
        button(layout, ids.Operator.MODEL_IMPORT, readiness.import_reason(context), "Import Network", "IMPORT")
        column = layout.column()
        column.use_property_split, column.use_property_decorate = True, False
        column.prop(settings, "identity_model")
        sentence(layout, "One-shot swappers need the identity model to read the performers' reference pictures.")


CLASSES = (SEQUENCER_PT_understudy_model_import,)
