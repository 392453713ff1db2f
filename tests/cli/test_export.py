"""`sidewatch watchers export`: what inference servers read. That they do is tested live."""

import hashlib
import json
import re
from pathlib import Path

import pytest
import yaml

from sidecar.cli import main
from sidecar.config import load
from watchers.pack import BUNDLED, read

PACK = read(BUNDLED)
NAME = f"sidewatch-{PACK.model}"
LABELS = sum(len(names) for names in PACK.heads.values())


def test_tritons_repository_has_the_graph_and_its_tensors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watchers", "export", "--format", "triton", str(tmp_path / "models")]) == 0
    model = tmp_path / "models" / NAME
    assert sorted(str(file.relative_to(model)) for file in model.rglob("*") if file.is_file()) == [
        "1/model.onnx",
        "config.pbtxt",
    ]
    assert hashlib.sha256((model / "1/model.onnx").read_bytes()).hexdigest().startswith(PACK.model)
    config = (model / "config.pbtxt").read_text()
    assert f'name: "{NAME}"' in config
    assert 'backend: "onnxruntime"' in config
    assert 'input [ { name: "ids" data_type: TYPE_INT64 dims: [ 1, -1 ] } ]' in config
    assert f'output [ {{ name: "scores" data_type: TYPE_FP32 dims: [ 1, {LABELS} ] }} ]' in config
    assert f"{model}: the graph of pack {PACK.version} ({PACK.model})" in capsys.readouterr().out


def test_mlservers_repository_brings_its_runtime_along(tmp_path: Path) -> None:
    assert main(["watchers", "export", "--format", "mlserver", str(tmp_path)]) == 0
    settings = json.loads((tmp_path / NAME / "model-settings.json").read_text())
    assert (settings["name"], settings["implementation"]) == (NAME, f"sidewatch_{PACK.model}.Graph")
    assert settings["inputs"][1] == {"name": "case", "datatype": "INT64", "shape": [1, -1]}
    source = (tmp_path / NAME / f"sidewatch_{PACK.model}.py").read_text()
    compile(source, "runtime", "exec")
    assert f'Parameters(pack="{PACK.model}")' in source


def test_another_name_is_said_as_a_setting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watchers", "export", "--format", "triton", "--name", "watch", str(tmp_path)]) == 0
    assert (tmp_path / "watch/config.pbtxt").read_text().startswith('name: "watch"\n')
    assert "set watchers.remote.model: watch" in capsys.readouterr().out


def test_a_pack_or_a_directory_that_cannot_be_used_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["watchers", "export", "--format", "triton", "--pack", str(tmp_path), str(tmp_path / "m")]) == 2
    assert main(["watchers", "export", "--format", "triton", str(tmp_path / "file")]) == 1
    assert "Not a directory" in capsys.readouterr().err


def test_the_settings_in_the_documentation_are_ones_that_sidewatch_takes(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/remote.md").read_text()
    block = next(text for text in re.findall(r"```yaml\n(.*?)```", page, re.S) if text.startswith("watchers:"))
    for file in re.findall(r"/etc/sidewatch/inference/\S+(?=\}|\s)", block):
        (tmp_path / Path(file).name.rstrip("}")).write_text("x")
    written = block.replace("/etc/sidewatch/inference", str(tmp_path))
    (tmp_path / "sidewatch.yaml").write_text("upstream: https://api.openai.com\n" + written)
    remote = load(str(tmp_path / "sidewatch.yaml"), {}).watchers.remote
    assert remote.endpoint == yaml.safe_load(block)["watchers"]["remote"]["endpoint"]
    assert (remote.deadline_seconds, remote.fallback) == (2.0, "local")
