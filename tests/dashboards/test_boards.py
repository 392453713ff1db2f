"""The committed dashboards are the code's, ask for metrics that exist, explain themselves, and lead to each other."""

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.boards.write import BOARDS, render
from tests.dashboards.queries import FILES, Asked, asked, board, filled, panels
from tests.dashboards.test_rules import RUNBOOKS, metrics_in, series_names

boards = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
LABELS = {"gen_ai_request_model", "gen_ai_token_type"}
# Labels with as many values as the users have routes, models, apps or pods: a graph by one of them takes the top few.
UNBOUNDED = {"route", "model", "gen_ai_request_model", "value", "pod", "instance", "label", "error", "alertname"}


def test_there_are_five() -> None:
    assert {file.stem for file in FILES} == set(BOARDS) == {"overview", "safety", "drift", "cost", "health"}


@boards
def test_the_committed_file_is_what_the_code_writes(file: Path) -> None:
    assert file.read_text() == render(file.stem), "run make dashboards"


@boards
def test_the_chart_ships_the_same_file(file: Path) -> None:
    assert Path("helm/sidewatch/files/dashboards", file.name).read_text() == file.read_text()


def test_the_chart_ships_no_other() -> None:
    assert {path.name for path in Path("helm/sidewatch/files/dashboards").glob("*.json")} == {f.name for f in FILES}


@boards
def test_grafanas_own_types_read_all_of_it(file: Path) -> None:
    register_default_plugins()
    tree = board(file)
    for mark in tree["annotations"]["list"]:  # Grafana reads these two, its published schema leaves them out
        del mark["titleFormat"], mark["textFormat"]
    assert json.loads(json.dumps(Dashboard.from_json(tree), cls=JSONEncoder)) == tree


@pytest.mark.parametrize("query", [*asked()], ids=lambda query: f"{query.board}-{query.panel}")
def test_a_query_parses_and_names_metrics_that_exist(query: Asked) -> None:
    assert "$" not in query.expr
    assert metrics_in(query.expr) - LABELS <= series_names()
    assert metrics_in(query.expr) - LABELS or "ALERTS{" in query.expr


@boards
def test_every_panel_says_what_it_tells_and_in_which_unit(file: Path) -> None:
    for panel in panels(file):
        assert len(panel["description"]) >= 20, panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"], panel["title"]
        assert all(target["legendFormat"] for target in panel["targets"])


@boards
def test_no_panel_can_drown_in_series(file: Path) -> None:
    for panel in panels(file):
        for target in panel["targets"]:
            assert not grouped(target["expr"]) & UNBOUNDED or "topk(" in target["expr"] or panel["type"] == "table"


def grouped(expr: str) -> set[str]:
    return {label for by in re.findall(r"by \(([^)]*)\)", result(expr)) for label in by.split(", ")}


def result(expr: str) -> str:
    """Return the expression without what an outer aggregation takes in."""
    return re.sub(r"^(sum|min|max|count)\((?:.*)\)", "", expr)


@boards
def test_panels_fill_the_grid_without_overlap(file: Path) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in board(file)["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        taken |= cells


@boards
def test_no_section_leaves_a_hole(file: Path) -> None:
    everything = board(file)["panels"]
    for top, below in pairwise([*(panel for panel in everything if panel["type"] == "row"), None]):
        at = top["gridPos"]["y"] + 1
        end = below["gridPos"]["y"] if below else max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in everything)
        places = [p["gridPos"] for p in everything if at <= p["gridPos"]["y"] < end]
        assert sum(place["w"] * place["h"] for place in places) == 24 * (end - at), top["title"]


def test_uids_are_stable() -> None:
    assert [board(file)["uid"] for file in FILES] == [f"sidewatch-{file.stem}" for file in FILES]


@boards
def test_ids_are_unique(file: Path) -> None:
    ids = [panel["id"] for panel in board(file)["panels"]]
    assert len(set(ids)) == len(ids)


@boards
def test_every_variable_that_is_asked_for_is_there_and_used(file: Path) -> None:
    there = {variable["name"] for variable in board(file)["templating"]["list"]}
    used = {name for name in re.findall(r"\$\{?([a-z]+)", file.read_text()) if name != "__"}
    assert used == there


@boards
def test_links_lead_to_the_other_dashboards_and_to_headings_that_exist(file: Path) -> None:
    headings = {heading.lower() for heading in re.findall(r"^## (\w+)$", RUNBOOKS, re.MULTILINE)}
    links: list[dict[str, Any]] = [link for panel in panels(file) for link in panel.get("links", [])]
    assert {link["url"].partition("#")[2] for link in links} <= headings
    assert links
    dashboards, runbooks = board(file)["links"]
    assert dashboards["tags"] == ["sidewatch"]
    assert dashboards["includeVars"]
    assert runbooks["url"].endswith("dashboards/runbooks.md")


@boards
def test_changes_are_marked(file: Path) -> None:
    assert [mark["name"] for mark in board(file)["annotations"]["list"]] == ["Drift", "Observer restarted", "Release"]


def test_filling_in_leaves_no_variable() -> None:
    expr = 'x{namespace=~"$namespace"}[$__rate_interval]'
    assert filled(expr) == 'x{namespace=~".*"}[30s]'
