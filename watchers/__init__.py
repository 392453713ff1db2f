"""Judgement about the texts of LLM traffic: classifiers, patterns, leakage and drift; knows no HTTP."""

import os

# The wheels of onnxruntime report to their maker, and keep a session file in the temporary directory, unless told not
# to before they are loaded. Nothing of ours talks to anyone but the upstream.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
