# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding, fitting, following and recognizing faces."""
