"""Every dashboard is drawn with Grafana's own components, from what the tests before it left in Prometheus."""

import shutil
from pathlib import Path

import pytest

from dashboards.boards.write import BOARDS
from tests.live.pictures import DRAW, draw
from tests.live.stack import Stack

pytestmark = [pytest.mark.live, pytest.mark.timeout(400)]


def test_every_dashboard_can_be_drawn(live: Stack, tmp_path: Path) -> None:
    if not (DRAW.parent / "node_modules").exists():
        pytest.skip("run npm install in tests/live/draw")
    if shutil.which("chromium") is None:
        pytest.skip("chromium is not installed")
    draw(live, tmp_path, 15)
    assert {file.stem for file in tmp_path.glob("*.webp")} == set(BOARDS)
