"""The committed dashboards as Grafana would ask them: panels, and queries with the variables filled in."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path("dashboards/json")
FILES = sorted(FOLDER.glob("*.json"))
SHORT, LONG = "30s", "2m"
GRAFANA = {"$__rate_interval": SHORT, "$__range": LONG, "$__interval": SHORT}
VARIABLES = ("namespace", "route", "model", "watcher", "label", "value")


@dataclass(frozen=True, slots=True)
class Asked:
    """One query: where it stands, and its PromQL."""

    board: str
    panel: str
    expr: str


def board(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def panels(file: Path) -> list[dict[str, Any]]:
    """Return a dashboard's panels without the headings of rows."""
    return [panel for panel in board(file)["panels"] if panel["type"] != "row"]


def filled(expr: str) -> str:
    """Return the PromQL with every variable at All."""
    for variable, value in GRAFANA.items():
        expr = expr.replace(variable, value)
    for variable in VARIABLES:
        expr = expr.replace(f"${variable}", ".*")
    return expr


def asked() -> Iterator[Asked]:
    """Yield every query of every panel, and those behind the marks for changes."""
    for file in FILES:
        for panel in panels(file):
            for target in panel["targets"]:
                yield Asked(file.stem, panel["title"], filled(target["expr"]))
        for mark in board(file)["annotations"]["list"]:
            yield Asked(file.stem, f"mark: {mark['name']}", filled(mark["expr"]))
