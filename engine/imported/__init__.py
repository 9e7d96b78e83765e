# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks that were made elsewhere: DeepFaceLive models and one-shot swappers, as ONNX files the user brings."""
