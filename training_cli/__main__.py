# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m understudy.training_cli`, and `python -m training_cli` in a checkout; both go through launch.py."""

import runpy
from pathlib import Path

# launch.py stays the main module, so that spawned worker processes can import it again and bind the package.
runpy.run_path(str(Path(__file__).with_name("launch.py")), run_name="__main__")
