# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run talks to whoever started it, and how the machine's devices are set up."""
