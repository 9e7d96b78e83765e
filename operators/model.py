# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators for models that were made elsewhere: bring one in, note who made it and what its licence allows."""

import datetime
import textwrap
from pathlib import Path

import bpy
from bpy.props import EnumProperty, FloatProperty, StringProperty

from ..blender_addon import ids, job_requests, readiness
from ..blender_addon.import_request import BY_NAME, Brought, import_request, shown_performers
from ..blender_addon.job_request import JobRequest
from ..blender_addon.project_view import view
from ..blender_addon.sequencer import sequencer_scene
from ..engine.contract.errors import EngineError
from ..engine.contract.imported_model import (
    ALIGNMENTS,
    DEFAULT_FACE_TYPE,
    DEFAULT_MORPH,
    KINDS,
    LICENCE_QUESTION,
    answer_licence,
)
from .base import Described, JobOperator

_DIALOG_PX = 500
_DIALOG_LETTERS = 76
_SUFFIXES = (".dfm", ".onnx")
# Mean width of a letter of Blender's interface font at scale 1, and what the file browser's side bar takes beside it.
_LETTER_PX, _MARGIN_PX = 6.6, 50

_KIND_ITEMS = [
    (BY_NAME, "By File Name", "A name that ends in .dfm is a DeepFaceLive model, any other a one-shot network"),
    *((name, {"dfm": "DeepFaceLive"}.get(name, name.title()), text) for name, text in KINDS.items()),
]
_FACE_TYPE_ITEMS = [
    (name, name.replace("_", " ").title(), text) for name, text in ALIGNMENTS.items() if name != "arcface"
]


class UNDERSTUDY_OT_model_import(JobOperator, bpy.types.Operator):
    """Make a model of a network that was made elsewhere, and choose it."""

    bl_idname = ids.Operator.MODEL_IMPORT
    bl_label = "Import Network"
    bl_description = (
        "Bring in a network made elsewhere, a DeepFaceLive model (.dfm) or a one-shot swapper (.onnx), as a model of "
        "this project; the file is copied and never run as code"
    )
    # What it changes in the edit, the chosen model, is an undo step of its own when the job is over.
    bl_options = {"REGISTER"}

    filepath: StringProperty(
        name="File", description="The DFM or ONNX file", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )
    filter_glob: StringProperty(
        name="Files", description="Which files are shown", default="*.dfm;*.onnx", options={"HIDDEN", "SKIP_SAVE"}
    )
    model: StringProperty(
        name="Name", description="Name of the model; empty takes the file's", maxlen=48, options={"SKIP_SAVE"}
    )
    network: EnumProperty(
        name="Kind", description="What kind of network it is", items=_KIND_ITEMS, options={"SKIP_SAVE"}
    )
    performer: StringProperty(
        name="Shows",
        description="Whom it shows; for a one-shot network empty takes everybody with reference pictures",
        options={"SKIP_SAVE"},
    )
    face_type: EnumProperty(
        name="Face Type",
        description="DeepFaceLab's face type of the training",
        items=_FACE_TYPE_ITEMS,
        default=DEFAULT_FACE_TYPE,
        options={"SKIP_SAVE"},
    )
    morph: FloatProperty(
        name="Morph",
        description="How far the shape follows the performer, for networks that can be told",
        default=DEFAULT_MORPH,
        min=0.0,
        max=1.0,
        options={"SKIP_SAVE"},
    )
    identity_model: StringProperty(
        name="Identity Model",
        description="ArcFace network (ONNX) that reads identities from pictures; empty takes the scene's",
        options={"SKIP_SAVE"},
    )
    made_by: StringProperty(name="Made By", description="Who made the network", options={"SKIP_SAVE"})
    allows: StringProperty(name="Allows", description="What its licence allows, in your words", options={"SKIP_SAVE"})

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why no network can be brought in."""
        return readiness.edit_reason(context) if bpy.app.background else readiness.import_reason(context)

    def _brought(self) -> Brought:
        return Brought(
            Path(bpy.path.abspath(self.filepath)),
            self.model,
            self.network,
            self.performer.strip(),
            self.identity_model,
            self.face_type,
            self.morph,
            self.made_by,
            self.allows,
        )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask for the file; what else is to be known is asked beside it."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def check(self, context: bpy.types.Context) -> bool:
        """Let the file browser tell which file is chosen, and draw anew."""
        return True

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the questions in the file browser's side bar."""
        layout, settings, brought = self.layout, sequencer_scene(context).understudy, self._brought()
        layout.use_property_split, layout.use_property_decorate = True, False
        if brought.file.suffix.lower() not in _SUFFIXES:
            _draw_lines(layout, "Choose a DeepFaceLive model (.dfm) or a one-shot swapper (.onnx).", "INFO")
            return
        layout.prop(self, "model", placeholder=brought.model_name)
        layout.prop(self, "network")
        layout.prop_search(self, "performer", settings, "performers", icon="USER")
        if brought.network == "dfm":
            layout.prop(self, "face_type")
            layout.prop(self, "morph", slider=True)
        else:
            layout.prop(self, "identity_model", placeholder=settings.identity_model)
        try:
            names = {item.performer_id: item.name for item in settings.performers}
            shown = [names[item.performer] for item in shown_performers(settings, brought)]
            _draw_lines(layout, f"It will show {', '.join(shown)}.", "USER")
        except EngineError as error:
            _draw_lines(layout, str(error), "ERROR")
        box = layout.box()
        _draw_lines(box, LICENCE_QUESTION, "QUESTION")
        box.prop(self, "made_by")
        box.prop(self, "allows")

    def requests(self, context: bpy.types.Context) -> list[JobRequest]:
        """Return the import."""
        return [import_request(context, self._brought())]


def _draw_lines(layout: bpy.types.UILayout, text: str, icon: str) -> None:
    scale = bpy.context.preferences.system.ui_scale or 1.0
    width = 300 if bpy.context.region is None else bpy.context.region.width
    letters = max(20, int((width - _MARGIN_PX * scale) / (_LETTER_PX * scale)))
    column = layout.column(align=True)
    for number, line in enumerate(textwrap.wrap(text, letters)):
        column.label(text=line, icon="BLANK1" if number else icon)


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


CLASSES = (UNDERSTUDY_OT_model_import, UNDERSTUDY_OT_model_licence)
