# SPDX-License-Identifier: GPL-3.0-or-later
"""Step 2: who is in the edit, and what they agreed to."""

from typing import Any

import bpy

from ..blender_addon import casting, ids
from ..blender_addon.sequencer import sequencer_scene
from .layout import SidebarPanel, sentence

_CONSENT = {"given": "Consent noted", "expired": "Consent has expired", "missing": "No consent noted"}


class UNDERSTUDY_UL_performers(bpy.types.UIList):
    """The performers with their consent and the number of their face tracks."""

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        data: Any,
        item: Any,
        icon: int,
        active_data: Any,
        active_property: str,
        index: int = 0,
        flt_flag: int = 0,
    ) -> None:
        """Draw one performer."""
        row = layout.row()
        row.label(text=item.name, icon=casting.CONSENT_ICONS[casting.consent_state(item)])
        count = sum(len(tracks) for tracks in casting.tracks_by_footage(data, item.performer_id).values())
        side = row.row()
        side.alignment = "RIGHT"
        side.label(text=f"{count} face track{'' if count == 1 else 's'}")


class SEQUENCER_PT_understudy_performers(SidebarPanel, bpy.types.Panel):
    """The cast."""

    bl_idname = ids.Panel.PERFORMERS
    bl_label = "2  Performers"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the list and the consent of the active performer."""
        layout, settings = self.layout, sequencer_scene(context).understudy
        if not settings.performers:
            sentence(layout, "Add the people of this edit: who shall appear, and who is in the footage.")
            layout.operator(ids.Operator.PERFORMER_ADD, icon="ADD")
            return
        row = layout.row()
        row.template_list(
            "UNDERSTUDY_UL_performers", "", settings, "performers", settings, "active_performer", rows=3, maxrows=6
        )
        side = row.column(align=True)
        side.operator(ids.Operator.PERFORMER_ADD, text="", icon="ADD")
        side.operator(ids.Operator.PERFORMER_REMOVE, text="", icon="REMOVE")
        if 0 <= settings.active_performer < len(settings.performers):
            _draw_consent(layout, settings.performers[settings.active_performer])


def _draw_consent(layout: bpy.types.UILayout, item: Any) -> None:
    state = casting.consent_state(item)
    until = f" until {item.valid_until}" if item.valid_until and state == "given" else ""
    row = layout.row()
    row.label(text=f"{_CONSENT[state]}{until}", icon=casting.CONSENT_ICONS[state])
    row.operator(ids.Operator.PERFORMER_CONSENT, text="Note", icon="GREASEPENCIL").performer = item.name


CLASSES = (UNDERSTUDY_UL_performers, SEQUENCER_PT_understudy_performers)
