# SPDX-License-Identifier: GPL-3.0-or-later
"""What `tasks.py` is made of: environments and test suites; standard library only, never shipped."""
