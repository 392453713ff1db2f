"""No library of ours reports to its maker."""

import os
import subprocess
import sys


def test_loading_the_encoder_leaves_no_telemetry_session(tmp_path):
    code = "import watchers.encoder; watchers.encoder.PackEncoder()"
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(tmp_path)}, timeout=60, check=True)
    assert list(tmp_path.iterdir()) == []


def test_the_switch_is_one_that_onnxruntime_knows(tmp_path):
    code = "import watchers, glob, onnxruntime.capi as c; lib = glob.glob(c.__path__[0] + '/onnxruntime_pybind*')[0]\n"
    code += "data = open(lib, 'rb').read(); print(b'ORT_DISABLE_TELEMETRY' in data or b'events.data' not in data)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert found.stdout == "True\n"
