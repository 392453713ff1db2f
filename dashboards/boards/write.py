"""Every dashboard by its file's name."""

from pathlib import Path
from typing import Final

from dashboards.boards.board import encoded
from dashboards.boards.cost import cost
from dashboards.boards.drift import drift
from dashboards.boards.health import health
from dashboards.boards.overview import overview
from dashboards.boards.safety import safety

FOLDER: Final = Path(__file__).parents[1] / "json"
BOARDS: Final = {"overview": overview, "safety": safety, "drift": drift, "cost": cost, "health": health}


def render(name: str) -> str:
    """Return the text of dashboards/json/NAME.json."""
    return encoded(BOARDS[name]())
