# SPDX-License-Identifier: GPL-3.0-or-later
"""One recipe for each job: the order of the steps, no arithmetic."""
