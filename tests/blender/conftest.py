# SPDX-License-Identifier: GPL-3.0-or-later
"""A fresh Blender for every test, kept out of the user's settings, and footage whose pictures carry their number."""

import importlib.util
import os
import sys
import tempfile
from pathlib import Path

import pytest

# Must be set before bpy is imported: the user's own add-ons and preferences stay out, and ours go nowhere.
_RESOURCES = tempfile.TemporaryDirectory(prefix="understudy blender ")
os.environ["BLENDER_USER_RESOURCES"] = _RESOURCES.name

if importlib.util.find_spec("bpy") is None:
    # The engine's environment has no Blender; `tasks.py` runs these tests in each Blender's own.
    collect_ignore_glob = ["test_*.py"]
else:
    import bpy
    from coded_footage import coded_picture, render_movie, setup_scene, write_png


@pytest.fixture(autouse=True)
def empty_blender():
    """An empty file with an edit of the size of the coded footage, in the view transform that changes nothing."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    return setup_scene(bpy.context.scene)


@pytest.fixture
def scene(empty_blender):
    return empty_blender


@pytest.fixture
def addon_with_fake_engine(monkeypatch):
    """The add-on as a checkout, with an engine that writes small results at once, and a view that looks every time."""
    import understudy
    from understudy.blender_addon import environment, jobs, process, project_view

    monkeypatch.setattr(process, "LAUNCH_FILE", Path(__file__).with_name("fake_engine.py"))
    monkeypatch.setenv(environment.PYTHON_VARIABLE, sys.executable)
    monkeypatch.setattr(project_view, "_SECONDS_BETWEEN_LOOKS", 0.0)
    understudy.register()
    yield
    jobs.queue.jobs.clear()
    understudy.unregister()


@pytest.fixture(scope="session")
def coded_pictures(tmp_path_factory):
    """Folder and names of 60 pictures that carry their number."""
    folder = tmp_path_factory.mktemp("coded pictures ä")
    names = [f"shot_{number:03d}.png" for number in range(60)]
    for number, name in enumerate(names):
        write_png(folder / name, coded_picture(number))
    return folder, names


@pytest.fixture(scope="session")
def coded_movies(coded_pictures):
    """Function from frame rate (and picture count) to a movie of the coded pictures; each is made once."""
    folder, names = coded_pictures
    made = {}

    def make(fps=25, fps_base=1.0, count=60, b_frames=2):
        key = (fps, fps_base, count, b_frames)
        if key not in made:
            path = folder / f"movie {fps} {fps_base} {count} {b_frames}.mp4"
            made[key] = render_movie(folder, names[:count], path, fps=fps, fps_base=fps_base, b_frames=b_frames)
        return made[key]

    return make
