# SPDX-License-Identifier: GPL-3.0-or-later
"""The recipe of a training job: set the backend up, read the faces, go on where the model is, train, save."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from ..contract.jobs import TrainJob
from ..contract.messages import Done
from ..contract.project import Project, ProjectLock
from ..runtime.backend import TITLES, chosen_backend, prepare_backend
from ..runtime.device import choose_policy, describe_device
from ..runtime.reporter import Reporter
from ..runtime.stop import Stopped
from ..training.team import join_team, team_of

if TYPE_CHECKING:
    from ..training.session import TrainingSession


# Share of the time that is worth a word.
_MUCH_WAITING = 0.05


def train(job: TrainJob, reporter: Reporter) -> Done:
    """Train a model until a limit is reached or a stop is asked for.

    Args:
        job: Model folder, performers with their faces, settings.
        reporter: Receives progress, metrics, previews; says when to stop.

    Returns:
        Done; `result` holds `model` (folder), `step`, `losses` (by performer), `preview`
        (picture, empty when none was drawn yet), `preview_share` (share of this run's time that previews took),
        `waiting_share` (share of the time up to the last step in which steps waited for batches),
        `seconds` (what this run took from its first step on) and `end_seconds` (of them, after the last step). After a
        stop before the first step it holds `model` and `step` only, and nothing was written.

    Raises:
        EngineError: Whatever is wrong with faces, model or disk; see `open_session` and `TrainingSession.run`.
    """
    settings = job.settings
    # Of several processes the one that leads locks the project for all.
    locks = job.project and team_of(settings).leads
    lock = ProjectLock(Project(job.project), job.kind) if job.project and locks else contextlib.nullcontext()
    with lock:
        try:
            session = _begun(job, reporter)
        except Stopped:
            return _stopped(job, reporter)
        session.run()
        if reporter.is_stopped and not session.has_trained:
            return _stopped(job, reporter)
        reporter.artifact("model", session.folder)
    reason = " It is at its plateau." if session.is_at_plateau else ""
    if not session.has_trained and session.steps >= job.settings.maximum_steps:
        reason = f" Nothing was trained, because maximum_steps is {job.settings.maximum_steps}."
    # Nothing was drawn where it was stopped early, or where another process leads.
    share = 100.0 * session.preview_share
    shown = f" Previews took {share:.1f} % of the time." if share else ""
    if session.waiting_share > _MUCH_WAITING:
        shown += f" Steps waited for their faces for {100.0 * session.waiting_share:.0f} % of the time."
    # Nothing is left to do at the end of a run whose last step was one to save and to draw after.
    at_end = f", {spoken(session.end_s)} of it for saving and the last pictures" if session.end_s >= 0.05 else ""
    took = f" This run took {spoken(session.run_s)}{at_end}."
    return reporter.done(
        f"The model {session.folder.name} has {_counted(session.steps)}.{reason}{took}{shown}",
        {
            "model": str(session.folder),
            "step": session.steps,
            "losses": session.losses,
            "preview_share": round(session.preview_share, 4),
            "waiting_share": round(session.waiting_share, 4),
            "seconds": round(session.run_s, 1),
            "end_seconds": round(session.end_s, 1),
            "preview": str(session.preview_path) if session.preview_path.exists() else "",
        },
    )


def _begun(job: TrainJob, reporter: Reporter) -> TrainingSession:
    """Return the training, ready for its first step; nothing of the model is changed yet.

    Raises:
        EngineError: See `open_session`.
        Stopped: A stop was asked for. One process of several goes on until they agree.
    """
    job = _as_computed(job, reporter)
    settings = job.settings
    is_alone = team_of(settings).size == 1
    reporter.stage("loading", f"Loading {TITLES[chosen_backend(settings.backend)]}")
    if is_alone:
        reporter.leave_if_stopped()
    backend = prepare_backend(settings.threads, settings.deterministic, settings.memory_growth, settings.backend)
    from ..training.recipes import RECIPES

    family = settings.family
    team = join_team(settings, backend, settings.batch_size or RECIPES[family].batch_size)
    # The backend and Keras are imported here, after the first stage was reported: it takes seconds.
    from ..networks.registry import FAMILIES
    from ..training.finish import check_finish
    from ..training.opening import open_session
    from .shot_preview import open_shot_frames

    if is_alone:
        reporter.leave_if_stopped()
    if settings.finish:
        check_finish(FAMILIES[family], team.size)
        job = _forked(job, reporter)
    reporter.stage("reading", "Reading the faces")
    shots = open_shot_frames(job, FAMILIES[family], reporter)
    session = open_session(job, reporter, shots, team)
    precision = choose_policy(settings.precision, FAMILIES[family].allows_bfloat16).removeprefix("mixed_")
    reporter.stage("training", f"Training on {describe_device()}, {precision}")
    return session


def _as_computed(job: TrainJob, reporter: Reporter) -> TrainJob:
    """Return the job with the number of threads that is used, which is what stage and record tell."""
    settings = job.settings
    if not settings.deterministic:
        return job
    if settings.threads > 1:
        reporter.info(f"One processor thread computes instead of {settings.threads}: the training is deterministic.")
    return replace(job, settings=replace(settings, threads=1))


def _stopped(job: TrainJob, reporter: Reporter) -> Done:
    """End a run that was stopped before its first step."""
    from ..training.checkpoint import holds_model, read_model

    step = read_model(job.model).step if holds_model(job.model) else 0
    kept = f"The model {job.model.name} stays as it was, with {_counted(step)}." if step else "No model was written."
    return reporter.done(f"Stopped before the first step. {kept}", {"model": str(job.model), "step": step})


def _counted(steps: int) -> str:
    return f"{steps} step{'' if steps == 1 else 's'}"


def spoken(seconds: float) -> str:
    """Return a time for the user: "0.4 s", "12 s", "10 min 3 s"."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _forked(job: TrainJob, reporter: Reporter) -> TrainJob:
    """Return the job on a copy of its model, which is made when there is none yet."""
    from ..training.forking import fork_for_finish

    fork, is_new = fork_for_finish(job.model)
    text = "is a copy of the model, and" if is_new else "is there already, and"
    reporter.info(f"{fork.name} {text} is finished; {job.model.name} stays as it is.")
    return replace(job, model=fork)
