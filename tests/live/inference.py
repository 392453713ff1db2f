"""Real inference servers with the exported pack, installed from PyPI beside the other tools; what cannot be had is skipped."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import onnxruntime
import pytest

from sidecar.cli import main
from tests.live.stack import free_port, running, wait_for
from watchers.pack import BUNDLED, read

CACHE: Final = Path(os.environ.get("SIDEWATCH_TOOLS", Path.home() / ".cache/sidewatch-tools"))
# MLServer 1.7.1 starts its workers in a way that uvloop 0.22 refuses.
MLSERVER: Final = ("mlserver==1.7.1", "uvloop<0.22", f"onnxruntime=={onnxruntime.__version__}")
TRITON: Final = (
    "nvidia-pytriton==0.7.0"  # Triton 2.51 in a wheel: its core and its Python backend, no ONNX Runtime backend
)
# Its Python backend gives empty tensors with numpy 2.
TRITON_MODEL: Final = ("numpy<2", f"onnxruntime=={onnxruntime.__version__}")
INSTALL_SECONDS: Final = 900

# Triton's Python backend running the graph where the ONNX Runtime backend would; all else is what the export wrote.
PYTHON_MODEL: Final = """
import os, sys
sys.path.insert(0, os.environ["MODEL_PATH"])
import onnxruntime
import triton_python_backend_utils as triton

OUTPUTS = ("scores", "tags", "mean")

class TritonPythonModel:
    def initialize(self, args):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        file = os.path.join(args["model_repository"], args["model_version"], "model.onnx")
        self.session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    def execute(self, requests):
        return [self.one(request) for request in requests]

    def one(self, request):
        feed = {name: triton.get_input_tensor_by_name(request, name).as_numpy() for name in ("ids", "case")}
        values = self.session.run(OUTPUTS, feed)
        return triton.InferenceResponse([triton.Tensor(*pair) for pair in zip(OUTPUTS, values)])
"""


def installed(name: str, *packages: str, target: Sequence[str] | None = None) -> Path:
    """Return a virtual environment with the packages, or a plain directory of them where `target` gives pip's options.

    Skips where pip fails.
    """
    where = CACHE / name
    if (where / "installed").exists() and (where / "installed").read_text() == " ".join(packages):
        return where
    shutil.rmtree(where, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if target is not None:
        pip += ["--target", str(where), *target]
    else:
        subprocess.run([sys.executable, "-m", "venv", str(where)], check=True)
        pip[0] = str(where / "bin/python")
    done = subprocess.run([*pip, *packages], capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if done.returncode:
        pytest.skip(f"pip cannot install {' '.join(packages)}: {done.stderr.strip().splitlines()[-1:]}")
    (where / "installed").write_text(" ".join(packages))
    return where


def exported(kind: str, folder: Path) -> Path:
    """Write the model repository with the command that users run; return the model's folder in it."""
    assert main(["watchers", "export", "--format", kind, str(folder / "models")]) == 0
    return folder / "models" / f"sidewatch-{read(BUNDLED).model}"


def ready(url: str, model: str) -> bool:
    with urllib.request.urlopen(f"{url}/v2/models/{model}/ready", timeout=5) as response:
        return bool(response.status == 200)


@contextlib.contextmanager
def mlserver(folder: Path, port: int) -> Iterator[str]:
    """Run MLServer on the exported repository until it is ready."""
    model, url = exported("mlserver", folder), f"http://127.0.0.1:{port}"
    ports = {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
    (model.parent / "settings.json").write_text(json.dumps({"host": "127.0.0.1", "parallel_workers": 1, **ports}))
    command = [str(installed("mlserver", *MLSERVER) / "bin/mlserver"), "start", str(model.parent)]
    with running(command, folder, cwd=folder):
        wait_for(lambda: ready(url, model.name), 90, "MLServer's model")
        yield url


@contextlib.contextmanager
def triton(folder: Path, port: int) -> Iterator[str]:
    """Run Triton on the exported repository, its backend replaced by Python's, until it is ready."""
    wheel = installed("pytriton", TRITON, target=["--no-deps"])
    server = wheel / "pytriton/tritonserver"
    stub = server / f"python_backend_stubs/3.{sys.version_info.minor}/triton_python_backend_stub"
    libraries = {"LD_LIBRARY_PATH": str(wheel / "nvidia_pytriton.libs")}
    linked = subprocess.run(["ldd", stub], env=os.environ | libraries, capture_output=True, text=True, check=False)
    if linked.returncode or "not found" in linked.stdout:
        pytest.skip(f"Triton's Python backend does not run here: {linked.stdout or linked.stderr}")
    model = exported("triton", folder)
    config = model / "config.pbtxt"
    config.write_text(config.read_text().replace('backend: "onnxruntime"', 'backend: "python"'))
    (model / "1/model.py").write_text(PYTHON_MODEL)
    shutil.copytree(server / "backends", folder / "backends", dirs_exist_ok=True)
    shutil.copy(stub, folder / "backends/python")
    command = [
        str(server / "bin/tritonserver"),
        f"--model-repository={model.parent}",
        f"--backend-directory={folder / 'backends'}",
        "--http-address=127.0.0.1",
        f"--http-port={port}",
        "--allow-grpc=false",
        "--allow-metrics=false",
    ]
    packages = {"MODEL_PATH": str(installed("triton-model", *TRITON_MODEL, target=()))}
    with running(command, folder, env=os.environ | libraries | packages):
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: ready(url, model.name), 60, "Triton's model")
        yield url


Serve = Callable[[Path, int], contextlib.AbstractContextManager[str]]
SERVERS: Final[dict[str, Serve]] = {"mlserver": mlserver, "triton": triton}
