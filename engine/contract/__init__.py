# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender's side and the engine agree on. Standard library only; read by both sides' Python."""
