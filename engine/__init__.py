# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine: a library that finds, learns and swaps faces, without Blender.

Conventions: pixel coordinates are x right, y down, with pixel centers at integers; engine images are RGB, shape
(height, width, 3), float32 in 0…1 while computing, in the encoding of the footage; frame ranges are half-open.
"""
