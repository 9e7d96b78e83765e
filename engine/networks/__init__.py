# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks in Keras: no files, no faces."""
