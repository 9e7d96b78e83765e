# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's command line: thin shells over the library."""
