# SPDX-License-Identifier: GPL-3.0-or-later
"""Start the engine's command line from exactly this copy of the code.

Blender runs `<engine python> -I -u -X utf8 launch.py run <job.json>`. The folder above this file is bound to the name
`understudy`, whatever the folder is called, and nothing is put on `sys.path`: the engine's environment holds
third-party libraries only.
"""

import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# An older Python may be what the user has; it would fail on the first import without telling why. So this file keeps to
# what Python 3.4 understands.
if sys.version_info < (3, 11):  # noqa: UP036
    sys.stderr.write("Understudy's engine needs Python 3.11 or newer, this is " + sys.version.split()[0] + ".\n")
    sys.exit(3)


def _bind() -> None:
    if "understudy" in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(
        "understudy", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(str(ROOT) + " holds no copy of Understudy")
    module = importlib.util.module_from_spec(spec)
    sys.modules["understudy"] = module
    spec.loader.exec_module(module)


# At module level: processes spawned by multiprocessing import this file again and need the binding too.
_bind()

if __name__ == "__main__":
    try:
        from understudy.training_cli.main import main  # pyright: ignore[reportMissingImports] - bound above

        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        # Before the program watches for it there is nothing to save; 130 is the shell's number for it.
        sys.exit(130)
