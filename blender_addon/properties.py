# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender stores for us: settings and performers in the scene, running jobs in the window manager.

The settings' properties are made from the contract's dataclasses, so defaults, ranges and help exist once.
"""

from dataclasses import Field, fields
from pathlib import Path
from typing import Any

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from ..engine.contract.project import Project
from ..engine.contract.settings import BuildSettings, ExtractSettings, PeopleSettings, SwapSettings, TrainSettings
from .project_view import view


def _property(item: Field[Any]) -> Any:
    details = item.metadata
    unit = f" ({details['unit']})" if "unit" in details else ""
    common = {
        "name": item.name.replace("_", " ").title(),
        "description": details["help"].rstrip(".") + unit,
        "default": item.default,
    }
    if "choices" in details:
        items = [(str(key), _choice_label(key), phrase) for key, phrase in details["choices"].items()]
        return EnumProperty(items=items, **{**common, "default": str(item.default)})
    limits = {short: details[name] for short, name in (("min", "minimum"), ("max", "maximum")) if name in details}
    if isinstance(item.default, bool):
        return BoolProperty(**common)
    if isinstance(item.default, int):
        return IntProperty(**common, **limits)
    if isinstance(item.default, float):
        return FloatProperty(**common, **limits, precision=1 if unit else 3)
    return StringProperty(**common, subtype="DIR_PATH" if details.get("metavar") == "MODEL" else "NONE")


def _choice_label(key: object) -> str:
    if isinstance(key, int):
        # Numbers that can't be a size or a depth leave it to the engine.
        return str(key) if key > 0 else "Auto"
    return str(key).replace("-", " ").replace("_", " ").title()


def settings_group(settings: type, name: str) -> type[bpy.types.PropertyGroup]:
    """Return a PropertyGroup with one property for each field of a settings dataclass."""
    annotations = {item.name: _property(item) for item in fields(settings)}
    return type(
        name,
        (bpy.types.PropertyGroup,),
        {"__annotations__": annotations, "__doc__": settings.__doc__, "__module__": __name__},
    )


UNDERSTUDY_PG_extract = settings_group(ExtractSettings, "UNDERSTUDY_PG_extract")
UNDERSTUDY_PG_people = settings_group(PeopleSettings, "UNDERSTUDY_PG_people")
UNDERSTUDY_PG_build = settings_group(BuildSettings, "UNDERSTUDY_PG_build")
UNDERSTUDY_PG_train = settings_group(TrainSettings, "UNDERSTUDY_PG_train")
UNDERSTUDY_PG_swap = settings_group(SwapSettings, "UNDERSTUDY_PG_swap")


class UNDERSTUDY_PG_performer(bpy.types.PropertyGroup):
    """A performer of this edit and what they agreed to."""

    name: StringProperty(name="Name", description="Name of the performer as you know them")
    performer_id: StringProperty(name="Id", description="The name as files carry it; it never changes")
    note: StringProperty(name="Consent", description="Who agreed to what, in your words; empty is no consent")
    document: StringProperty(name="Document", description="Path or reference of the signed paper")
    valid_until: StringProperty(name="Valid Until", description="Last day of the consent, YYYY-MM-DD; empty has no end")


class UNDERSTUDY_PG_assignment(bpy.types.PropertyGroup):
    """Whose face a face track shows."""

    key: StringProperty(name="Footage", description="Key of the footage")
    track: IntProperty(name="Track", description="Id of the face track in that footage")
    performer_id: StringProperty(name="Performer", description="Id of the performer")


class UNDERSTUDY_PG_rejection(bpy.types.PropertyGroup):
    """Whose face a face track doesn't show, although it looks like it."""

    key: StringProperty(name="Footage", description="Key of the footage")
    track: IntProperty(name="Track", description="Id of the face track in that footage")
    performer_id: StringProperty(name="Performer", description="Id of the performer it doesn't show")


class UNDERSTUDY_PG_picture(bpy.types.PropertyGroup):
    """A picture that says what a performer looks like, or who isn't the performer."""

    performer_id: StringProperty(name="Performer", description="Id of the performer")
    path: StringProperty(
        name="Picture",
        description="Picture file; its largest face counts",
        subtype="FILE_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    is_them: BoolProperty(name="Shows Them", description="It shows the performer, not somebody else", default=True)


def model_names(_: Any, _context: bpy.types.Context, text: str) -> list[str]:
    """Return the models in the project folder whose name holds `text`; any other name can be typed as well."""
    if not bpy.data.filepath:
        return []
    models = view(Project.beside(Path(bpy.data.filepath))).models()
    return [item.name for item in models if text.casefold() in item.name.casefold()]


class UNDERSTUDY_PG_scene(bpy.types.PropertyGroup):
    """What an edit knows: its performers, who is on which face, and the settings of each step."""

    performers: CollectionProperty(type=UNDERSTUDY_PG_performer)
    active_performer: IntProperty(name="Performer", description="The performer that Assign takes")
    assignments: CollectionProperty(type=UNDERSTUDY_PG_assignment)
    rejections: CollectionProperty(type=UNDERSTUDY_PG_rejection)
    pictures: CollectionProperty(type=UNDERSTUDY_PG_picture)
    handles: IntProperty(
        name="Handles",
        description="Extra frames that are searched before and after the used ones (frames)",
        default=5,
        min=0,
        max=1000,
    )
    model: StringProperty(
        name="Model",
        description="Name of the model to train and to swap with",
        default="Model",
        maxlen=48,
        search=model_names,
        search_options={"SUGGESTION"},
    )
    identity_model: StringProperty(
        name="Identity Model",
        description="ArcFace network (ONNX) that reads identities from pictures; only one-shot networks need it",
        subtype="FILE_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    source: StringProperty(name="Source", description="Who shall appear")
    target: StringProperty(name="Target", description="Whose face in the footage is replaced")
    extract: PointerProperty(type=UNDERSTUDY_PG_extract)
    people: PointerProperty(type=UNDERSTUDY_PG_people)
    use_training_sets: BoolProperty(
        name="Train on Training Sets",
        description="Train on the chosen faces only, for performers whose training set was built from their faces as "
        "they are now",
        default=True,
    )
    build: PointerProperty(type=UNDERSTUDY_PG_build)
    train: PointerProperty(type=UNDERSTUDY_PG_train)
    swap: PointerProperty(type=UNDERSTUDY_PG_swap)


class UNDERSTUDY_PG_job(bpy.types.PropertyGroup):
    """One job as the panels show it; written by `jobs.publish` only."""

    uid: StringProperty()
    kind: StringProperty()
    title: StringProperty()
    state: StringProperty()
    stage: StringProperty()
    permille: IntProperty()
    text: StringProperty()
    summary: StringProperty()
    hint: StringProperty()
    helper: StringProperty()
    warning: StringProperty()
    can_save: BoolProperty()
    note: StringProperty()
    figures: StringProperty()
    outlook: StringProperty()
    folder: StringProperty()
    preview: StringProperty()


def _redraw(_: Any, context: bpy.types.Context) -> None:
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "SEQUENCE_EDITOR":
                area.tag_redraw()


class UNDERSTUDY_PG_runtime(bpy.types.PropertyGroup):
    """What lasts as long as Blender runs."""

    jobs: CollectionProperty(type=UNDERSTUDY_PG_job)
    engine_report: StringProperty(name="Engine", description="What the last check of the engine found")
    show_faces: BoolProperty(
        name="Show Faces",
        description="Draw boxes, landmarks and numbers of the chosen shots' faces over the preview",
        default=False,
        update=_redraw,
    )
    active_face: IntProperty(
        name="Face", description="Number of the face track that buttons and the mouse work on", min=0, update=_redraw
    )


CLASSES = (
    UNDERSTUDY_PG_extract,
    UNDERSTUDY_PG_people,
    UNDERSTUDY_PG_build,
    UNDERSTUDY_PG_train,
    UNDERSTUDY_PG_swap,
    UNDERSTUDY_PG_performer,
    UNDERSTUDY_PG_assignment,
    UNDERSTUDY_PG_rejection,
    UNDERSTUDY_PG_picture,
    UNDERSTUDY_PG_scene,
    UNDERSTUDY_PG_job,
    UNDERSTUDY_PG_runtime,
)


def register() -> None:
    """Register the groups and hang them on Blender's types."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.understudy = PointerProperty(type=UNDERSTUDY_PG_scene)
    bpy.types.WindowManager.understudy = PointerProperty(type=UNDERSTUDY_PG_runtime, options={"SKIP_SAVE"})


def unregister() -> None:
    """Take everything back; what a file has stored stays in it."""
    del bpy.types.WindowManager.understudy
    del bpy.types.Scene.understudy
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
