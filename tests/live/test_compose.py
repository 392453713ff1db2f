"""The laptop's files before the tools that read them: promtool for Prometheus, docker-compose for the services."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.live.tools import tool

pytestmark = pytest.mark.live


def run(*command: str, cwd: Path | str = ".") -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=cwd, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_promtool_takes_the_configuration_with_the_rules(tmp_path: Path) -> None:
    shutil.copy("compose/prometheus.yaml", tmp_path)
    shutil.copy("dashboards/rules.yaml", tmp_path)
    found = run(tool("promtool"), "check", "config", "prometheus.yaml", cwd=tmp_path)
    assert "1 rule files found" in found


def test_docker_compose_takes_the_services() -> None:
    text = run(tool("docker-compose"), "-f", "compose/compose.yaml", "config")
    assert "sidewatch:latest" in text
    assert "stop_grace_period" in text
