# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a button is grey: for each step of the work the first thing that is missing, as a sentence; empty when ready.

Operators use these as their poll message and panels as the line under a grey button, so both say the same.
"""

from __future__ import annotations

from typing import Any

import bpy

from ..engine.contract.environment import EnvironmentState
from ..engine.contract.errors import EngineError
from ..engine.contract.fitness import TrackFitness
from . import casting, jobs, preferences, shots
from .footage_clip import find_clip
from .job_requests import project_of_edit
from .project_view import FoundFootage, ProjectView, correction_count, view
from .sequencer import sequencer_scene, visible_frames


def edit_reason(context: bpy.types.Context) -> str:
    """Return why no job can be started in this edit."""
    if not hasattr(context.scene, "understudy"):
        return "Understudy is not registered"
    engine = preferences.engine()
    if not engine.is_ready:
        return f"{engine.sentence}; see Engine above"
    if not bpy.data.filepath:
        return "Save the .blend first; the project folder is made beside it"
    return ""


def install_reason(context: bpy.types.Context) -> str:
    """Return why the engine can't be installed now."""
    if not bpy.app.online_access:
        return "Allow Online Access in Preferences > System; the libraries come from the Python package index"
    if any(job.request.kind == "environment" and not job.is_over for job in jobs.queue.jobs):
        return "The engine is being installed"
    if not jobs.queue.is_idle:
        return "Wait until the running jobs have ended"
    return ""


def check_reason(context: bpy.types.Context) -> str:
    """Return why the engine can't be checked now."""
    engine = preferences.engine()
    return "" if engine.is_ready else engine.sentence


def remove_reason(context: bpy.types.Context) -> str:
    """Return why the engine can't be removed now."""
    engine = preferences.engine()
    if engine.is_chosen:
        return "The engine's Python is your own; remove it yourself"
    if engine.state is EnvironmentState.MISSING:
        return engine.sentence
    return "" if jobs.queue.is_idle else "Wait until the running jobs have ended"


def shots_reason(context: bpy.types.Context, name: str = "") -> str:
    """Return why no shots are chosen."""
    strips = shots.chosen_strips(context, name)
    if not strips:
        return f"There is no strip “{name}”" if name else "Select a movie or image strip"
    if not any(strip.type in shots.SHOT_KINDS for strip in strips):
        return f"“{strips[0].name}” is not a movie or image strip"
    return ""


def extract_reason(context: bpy.types.Context, name: str = "") -> str:
    """Return why no faces can be extracted."""
    return edit_reason(context) or shots_reason(context, name)


def found_in(context: bpy.types.Context, strip: Any) -> FoundFootage | None:
    """Return what was found in a strip's footage, or None."""
    project = _view()
    location = shots.location_of(strip)
    return None if project is None or location is None else project.footage(location)


def fitness_in(found: FoundFootage, track: int) -> TrackFitness | None:
    """Return the fitness of a face track, or None where it isn't known."""
    project = _view()
    return None if project is None else project.fitness(found.key).get(track)


def _view() -> ProjectView | None:
    try:
        return view(project_of_edit())
    except EngineError:
        return None


def assign_reason(context: bpy.types.Context, name: str = "") -> str:
    """Return why no face can be assigned."""
    if not sequencer_scene(context).understudy.performers:
        return "Add a performer first"
    reason = shots_reason(context, name)
    if reason:
        return reason
    found = [item for item in (found_in(context, strip) for strip in shots.chosen_strips(context, name)) if item]
    if not found:
        return "Extract the faces of this shot first"
    if not any(item.tracks for item in found):
        return "No face was found in this shot"
    return ""


def people_reason(context: bpy.types.Context) -> str:
    """Return why nobody can be looked for in all shots."""
    reason = edit_reason(context)
    if reason:
        return reason
    project = _view()
    if project is None or not project.has_footage:
        return "Extract the faces of some shots first"
    if any(job.request.kind == "people" and not job.is_over for job in jobs.queue.jobs):
        return "The faces of all shots are being compared"
    return ""


def suggestions_reason(context: bpy.types.Context) -> str:
    """Return why there is nothing to accept or to reject."""
    project = _view()
    people = None if project is None else project.people()
    if people is None:
        return "Find the performers in all shots first"
    # Every button asks this on every redraw, so it doesn't look into what is answered already.
    return "" if people.suggestions or people.contested else "The search suggested nobody"


def build_reason(context: bpy.types.Context, name: str = "") -> str:
    """Return why no training set can be built with the scene's own choices."""
    reason = edit_reason(context)
    if reason:
        return reason
    settings = sequencer_scene(context).understudy
    source = casting.find_performer(settings, settings.source)
    target = casting.find_performer(settings, settings.target)
    if source is None or target is None:
        return "Choose who shall appear and whose face is replaced"
    if not casting.tracks_by_footage(settings, source.performer_id):
        return f"Assign faces to {source.name} first"
    return shots_reason(context, name) or _cast_reason(context, name, target)


def tracks_reason(context: bpy.types.Context, name: str = "") -> str:
    """Return why no face track can be corrected."""
    reason = edit_reason(context) or shots_reason(context, name)
    if reason:
        return reason
    if not any(found_in(context, strip) for strip in shots.chosen_strips(context, name)):
        return "Extract the faces of this shot first"
    return ""


def frame_reason(context: bpy.types.Context) -> str:
    """Return why nothing can be corrected at the playhead."""
    reason = tracks_reason(context)
    if reason:
        return reason
    frame = sequencer_scene(context).frame_current
    if not any(frame in visible_frames(strip) for strip in shots.chosen_strips(context)):
        return "Move the playhead into the selected shot"
    return ""


def undo_reason(context: bpy.types.Context) -> str:
    """Return why there is no correction to take back."""
    reason = tracks_reason(context)
    if reason:
        return reason
    found = [item for item in (found_in(context, strip) for strip in shots.chosen_strips(context)) if item]
    return "" if any(correction_count(item) for item in found) else "This footage has no corrections"


def tracking_reason(context: bpy.types.Context) -> str:
    """Return why no tracking data can be written."""
    reason = shots_reason(context)
    if reason:
        return reason
    found = [item for item in (found_in(context, strip) for strip in shots.chosen_strips(context)) if item]
    if not found:
        return "Extract the faces of this shot first"
    return "" if any(item.tracks for item in found) else "No face was found in this shot"


def tracking_read_reason(context: bpy.types.Context) -> str:
    """Return why no tracking data can be read."""
    reason = tracks_reason(context)
    if reason:
        return reason
    strips = [strip for strip in shots.chosen_strips(context) if strip.type in shots.SHOT_KINDS]
    return "" if any(find_clip(strip) for strip in strips) else "This footage has no movie clip; write tracking data"


def train_reason(context: bpy.types.Context) -> str:
    """Return why no model can be trained."""
    reason = edit_reason(context)
    if reason:
        return reason
    settings = sequencer_scene(context).understudy
    if not settings.model.strip():
        return "Give the model a name"
    if any(job.request.kind == "train" and not job.is_over for job in jobs.queue.jobs):
        return "A training is running; stop it in the panel Jobs when the preview is good"
    if not settings.performers:
        return "Add two performers first"
    cast = [item for item in settings.performers if casting.tracks_by_footage(settings, item.performer_id)]
    if len(cast) < 2:
        return f"Assign faces to two performers; {len(cast)} of {len(settings.performers)} have some"
    return ""


def model_reason(context: bpy.types.Context) -> str:
    """Return why the scene's model can't be trained on with the scene's own choices; empty for a new one."""
    settings, project = sequencer_scene(context).understudy, _view()
    model = None if project is None or not settings.model.strip() else project.model(settings.model)
    if model is None:
        return ""
    if model.is_imported:
        return f"“{settings.model}” was made elsewhere and can't be trained on; type another name for a new model"
    if model.family and model.family != settings.train.family:
        return f"“{settings.model}” has the network {model.family}: choose that one, or type another name"
    cast = {item.performer_id for item in settings.performers if casting.tracks_by_footage(settings, item.performer_id)}
    if model.performers and set(model.performers) != cast:
        names = {item.performer_id: item.name for item in settings.performers}
        known = ", ".join(names.get(identity, identity) for identity in model.performers)
        return f"“{settings.model}” has learned {known}: type another name to learn these performers"
    return ""


def import_reason(context: bpy.types.Context) -> str:
    """Return why no network can be brought in."""
    reason = edit_reason(context)
    if reason:
        return reason
    return "" if sequencer_scene(context).understudy.performers else "Add the performer whom the network shows first"


def licence_reason(context: bpy.types.Context) -> str:
    """Return why there is no licence question to answer for the scene's model."""
    settings, project = sequencer_scene(context).understudy, _view()
    model = None if project is None or not settings.model.strip() else project.model(settings.model)
    return "" if model is not None and model.is_imported else f"“{settings.model}” is no network made elsewhere"


def swap_reason(context: bpy.types.Context, name: str = "") -> str:
    """Return why nothing can be swapped with the scene's own choices."""
    reason = edit_reason(context)
    if reason:
        return reason
    settings = sequencer_scene(context).understudy
    project = _view()
    model = None if project is None else project.model(settings.model)
    if model is None:
        return f"Train the model “{settings.model}” first"
    source = casting.find_performer(settings, settings.source)
    target = casting.find_performer(settings, settings.target)
    if source is None or target is None:
        return "Choose who shall appear and whose face is replaced"
    if source == target:
        return "Source and target are the same performer"
    if model.performers and source.performer_id not in model.performers:
        return f"The model “{settings.model}” doesn't know {source.name}; train one that does"
    return shots_reason(context, name) or _cast_reason(context, name, target)


def _cast_reason(context: bpy.types.Context, name: str, target: Any) -> str:
    settings = sequencer_scene(context).understudy
    for strip in shots.chosen_strips(context, name):
        found = found_in(context, strip)
        if found is not None and target.performer_id in casting.assigned(settings, found.key).values():
            return ""
    return f"No face in the selected shots is assigned to {target.name}"


def swaps_reason(context: bpy.types.Context, name: str = "") -> str:
    """Return why there is no swap to show, hide or remove."""
    return "" if shots.shots_with_swap(context, name) else "Select a shot that has a swap, or the swap itself"


def insert_reason(context: bpy.types.Context, name: str = "") -> str:
    """Return why no finished frames can be put into the edit."""
    if not bpy.data.filepath:
        return "Save the .blend first"
    return shots_reason(context, name)


def save_reason() -> str:
    """Return why no checkpoint can be written now."""
    job = jobs.queue.current
    if job is None:
        return "No training is running"
    if job.request.kind != "train":
        return f"Only a training can save and go on; what runs is “{job.request.title}”"
    return "" if job.can_save else "The training is stopping and saves anyway"


def stop_reason(context: bpy.types.Context) -> str:
    """Return why there is nothing to stop."""
    return "No job is running" if jobs.queue.is_idle else ""
