# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading footage, reading and writing pictures, and their color and marks."""
