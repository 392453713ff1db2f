"""Judgement: classifiers, rules, leakage, drift. Knows texts and roles; knows nothing of HTTP or of the sidecar."""

import os

# The wheels of onnxruntime report to their maker, and keep a session file in the temporary directory, unless told not
# to before they are loaded. Nothing of ours talks to anyone but the upstream.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
