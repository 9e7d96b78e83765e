# SPDX-License-Identifier: GPL-3.0-or-later
"""A script that uses Blender as a module ends as any other does, whatever it left registered."""

import subprocess
import sys
from pathlib import Path

LAUNCH = Path(__file__).resolve().parents[2] / "training_cli" / "launch.py"

SCRIPT = """
import runpy, sys
runpy.run_path(sys.argv[1], run_name="understudy_launch")
import bpy, understudy
understudy.register()
understudy.unregister()
understudy.register()
bpy.ops.wm.save_as_mainfile(filepath=sys.argv[2])
print("done")
"""


def test_a_script_that_leaves_the_extension_registered_ends_without_a_word(tmp_path):
    command = [sys.executable, "-c", SCRIPT, str(LAUNCH), str(tmp_path / "Schnitt ä.blend")]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=120, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert "done" in done.stdout
