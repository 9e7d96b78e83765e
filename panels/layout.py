# SPDX-License-Identifier: GPL-3.0-or-later
"""Drawing that several panels share: wrapped sentences, buttons that say why they are grey, settings in rows."""

import re
import textwrap
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

import bpy

from ..blender_addon import ids

# Mean width of a letter of Blender's interface font at scale 1, in pixels; measured on its English texts.
_LETTER_PX = 6.0
_MARGIN_PX = 58


class SidebarPanel:
    """Mixin of every panel of the tab."""

    bl_space_type = "SEQUENCE_EDITOR"
    bl_region_type = "UI"
    bl_category = ids.TAB


def sentence(layout: bpy.types.UILayout, text: str, icon: str = "NONE") -> None:
    """Draw a sentence over as many lines as the side bar needs; labels don't wrap by themselves."""
    if not text:
        return
    column = layout.column(align=True)
    # A number and its unit stay together.
    text = re.sub(r"(?<=\d) (?=%|(?:s|px|MB|GB)\b)", "\u00a0", text)
    for number, line in enumerate(textwrap.wrap(text, _letters()) or [""]):
        icon_here = icon if number == 0 or icon == "NONE" else "BLANK1"
        column.label(text=line.replace("\u00a0", " "), icon=icon_here)


def _letters() -> int:
    # Without a window the scale is 0.
    region, scale = bpy.context.region, bpy.context.preferences.system.ui_scale or 1.0
    width = 260 if region is None or region.width < 60 else region.width
    return max(18, int((width - _MARGIN_PX * scale) / (_LETTER_PX * scale)))


def button(layout: bpy.types.UILayout, operator: ids.Operator, reason: str, text: str = "", icon: str = "NONE") -> Any:
    """Draw the main button of a step and, when it is grey, why; return its properties."""
    row = layout.row()
    row.scale_y = 1.3
    # Most reasons are the operator's own; others hold for the scene's choices only, not for a script's.
    row.enabled = not reason
    options = {"text": text} if text else {}
    properties = row.operator(operator, icon=icon, **options)
    if reason:
        sentence(layout, reason, icon="INFO")
    return properties


def settings_rows(layout: bpy.types.UILayout, group: Any, settings: type, skipped: Iterable[str] = ()) -> None:
    """Draw one row for each field of a settings dataclass."""
    layout.use_property_split = True
    layout.use_property_decorate = False
    column = layout.column()
    for item in fields(settings):
        if item.name not in skipped:
            column.prop(group, item.name)
