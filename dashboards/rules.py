"""Recording rules and alerts as one file, made for the objectives that it is given.

Objectives are recorded as constant series, so that an operator (or the chart) changes one number and not forty
expressions; one that is a bucket's bound (`latency_seconds`) stands in the expressions, and needs the file made anew.

`python -m dashboards.rules` writes rules.yaml. With `--objective NAME=VALUE` or `--window LONG=SHORT` it prints another one
instead: windows are shortened where a test, or a demonstration, cannot wait for hours.
"""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

import yaml

from dashboards.alerts import alerts
from dashboards.fleet import recorded_fleet
from dashboards.levels import burn_alerts, flag_alerts, recorded_flags, recorded_levels
from dashboards.recorded import recorded
from dashboards.rule import Rule, record

FILE: Final = Path(__file__).parent / "rules.yaml"


@dataclass(frozen=True, slots=True)
class Objectives:
    """What is promised, and what counts as too much."""

    availability: float = 0.99  # share of exchanges that the upstream answered whole and without a 5xx
    latency: float = 0.95  # share with a first byte within `latency_seconds`
    latency_seconds: float = 10.24  # a bound of sidewatch_first_byte_seconds
    coverage: float = 0.99  # share of exchange x watcher that was inspected, of those that could be
    flag_rate: float = 3.0  # flags an exchange, in multiples of the watcher's own last week
    drift_effect: float = 0.0  # a drift with less than this many times its natural variation stays silent
    backlog_seconds: float = 60.0  # how far the observer may be behind
    budget_per_day: float = 0.0  # in the price catalogue's currency; 0: no budget


def groups(objectives: Objectives | None = None) -> list[dict[str, Any]]:
    """Return the content of rules.yaml: objectives first, so that the chart can replace them."""
    chosen = objectives or Objectives()
    constants = [record(f"sidewatch:objective:{name}", f"vector({value:g})") for name, value in asdict(chosen).items()]
    seconds = chosen.latency_seconds
    return [
        {"name": "sidewatch-objectives", "rules": constants},
        {"name": "sidewatch-levels", "rules": [*recorded_levels(seconds)]},
        {"name": "sidewatch-recorded", "rules": [*recorded(), *recorded_flags()]},
        {"name": "sidewatch-fleet-drift", "rules": [*recorded_fleet()]},
        {"name": "sidewatch-burn", "rules": [*burn_alerts(seconds), *flag_alerts()]},
        {"name": "sidewatch-alerts", "rules": [*alerts()]},
    ]


def shortened(
    tree: Sequence[dict[str, Any]], windows: Mapping[str, str], hold: str | None = None
) -> list[dict[str, Any]]:
    """Return the groups with other windows and offsets, `hold` for every `for`, and nothing else changed."""
    return [group | {"rules": [_shortened(rule, windows, hold) for rule in group["rules"]]} for group in tree]


def _shortened(rule: Rule, windows: Mapping[str, str], hold: str | None) -> Rule:
    def other(found: re.Match[str]) -> str:
        return found[1] + windows.get(found[2], found[2]) + found[3]

    expr = re.sub(r"(\[)(\w+)(\])", other, rule["expr"])
    changed = {"expr": re.sub(r"(\boffset )(\w+)()", other, expr)}
    if hold and "for" in rule:
        changed["for"] = hold
    return rule | changed


def render(
    objectives: Objectives | None = None, windows: Mapping[str, str] | None = None, hold: str | None = None
) -> str:
    """Return the text of a rules file."""
    head = "# Written by `make dashboards` from dashboards/rules.py: change that.\n"
    return head + yaml.safe_dump(
        {"groups": shortened(groups(objectives), windows or {}, hold)}, sort_keys=False, width=1000
    )


def _pairs(given: Sequence[str]) -> dict[str, str]:
    return {name: value for name, _, value in (pair.partition("=") for pair in given)}


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m dashboards.rules", description="Write rules.yaml, or print another."
    )
    names = ", ".join(field.name for field in fields(Objectives))
    parser.add_argument("--objective", action="append", default=[], metavar="NAME=VALUE", help=f"one of {names}")
    parser.add_argument("--window", action="append", default=[], metavar="LONG=SHORT", help="for example 1h=1m")
    parser.add_argument("--hold", metavar="DURATION", help="how long an alert holds before it fires, all of them")
    given = parser.parse_args(arguments)
    if not (given.objective or given.window or given.hold):
        FILE.write_text(render())
        return
    chosen = {name: float(value) for name, value in _pairs(given.objective).items()}
    sys.stdout.write(render(replace(Objectives(), **chosen), _pairs(given.window), given.hold))


if __name__ == "__main__":
    main(sys.argv[1:])
