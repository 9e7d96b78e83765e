# SPDX-License-Identifier: GPL-3.0-or-later
"""Operator for models that were made elsewhere: note who made one and what its licence allows."""

import datetime
import textwrap

import bpy
from bpy.props import StringProperty

from ..blender_addon import ids, job_requests, readiness
from ..blender_addon.project_view import view
from ..blender_addon.sequencer import sequencer_scene
from ..engine.contract.imported_model import LICENCE_QUESTION, answer_licence
from .base import Described

_DIALOG_PX = 500
_DIALOG_LETTERS = 76


class UNDERSTUDY_OT_model_licence(Described, bpy.types.Operator):
    """Answer the licence question of a network that was made elsewhere."""

    bl_idname = ids.Operator.MODEL_LICENCE
    bl_label = "Note Licence"
    bl_description = "Write down who made this network and what its licence allows; every swap with it says so"
    # It writes into the project folder, which Blender's undo doesn't reach.
    bl_options = {"REGISTER"}

    model: StringProperty(name="Model", description="Name of the model; empty takes the scene's", options={"SKIP_SAVE"})
    made_by: StringProperty(name="Made By", description="Who made the network", options={"SKIP_SAVE"})
    allows: StringProperty(name="Allows", description="What its licence allows, in your words", options={"SKIP_SAVE"})

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why there is no question to answer; a script's own choice is checked when it runs."""
        return "" if bpy.app.background else readiness.licence_reason(context)

    def _name(self, context: bpy.types.Context) -> str:
        return self.model.strip() or sequencer_scene(context).understudy.model

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Show what is noted already."""
        found = view(job_requests.project_of_edit()).model(self._name(context))
        if found is not None and found.licence is not None:
            self.made_by, self.allows = found.licence.made_by, found.licence.allows
        return context.window_manager.invoke_props_dialog(self, width=_DIALOG_PX)

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the question and the fields of its answer."""
        layout = self.layout
        layout.label(text=self._name(context), icon="FILE_BLANK")
        lines = layout.column(align=True)
        for line in textwrap.wrap(LICENCE_QUESTION, _DIALOG_LETTERS):
            lines.label(text=line)
        fields = layout.column()
        fields.use_property_split = True
        fields.prop(self, "made_by")
        fields.prop(self, "allows")

    def run(self, context: bpy.types.Context) -> str:
        """Store the answer in the model's folder."""
        project = job_requests.project_of_edit()
        name = self._name(context)
        model = answer_licence(project.model(name), self.made_by, self.allows, datetime.date.today())
        view(project).forget()
        return f"{name}: {model.licence.sentence}."


CLASSES = (UNDERSTUDY_OT_model_licence,)
