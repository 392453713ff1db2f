"""One rule: how recording rules and alerts are written, and the PromQL that several of them share."""

from typing import Any, Final

Rule = dict[str, Any]
RUNBOOKS: Final = "https://github.com/sidewatch/sidewatch/blob/main/dashboards/runbooks.md"


def record(name: str, expr: str) -> Rule:
    return {"record": name, "expr": expr}


def alert(name: str, expr: str, severity: str, summary: str, *, hold: str | None = None, **labels: str) -> Rule:
    """Return an alert. `severity`: critical wakes somebody, warning is for the working day, info for a list."""
    rule: Rule = {"alert": name, "expr": expr}
    if hold:
        rule["for"] = hold
    rule["labels"] = {"severity": severity} | labels
    rule["annotations"] = {"summary": summary, "runbook_url": f"{RUNBOOKS}#{name.lower()}"}
    return rule


def objective(name: str) -> str:
    """Return the PromQL of an objective as a scalar."""
    return f"scalar(max(sidewatch:objective:{name}))"


def grown(series: str, window: str) -> str:
    """Return the PromQL of a counter's growth, the first event of a new series included.

    `increase` misses it: a series that is born with its first event has never been 0. Such a series grew by its value, if
    it was nowhere to be seen in the day before: after a gap in the scrapes it was.
    """
    return f"(({series} unless last_over_time({series}[1d] offset {window})) or increase({series}[{window}]))"


def quantile(share: float, metric: str, by: str) -> str:
    return f"histogram_quantile({share}, sum by ({by}, le) (rate({metric}_bucket[5m])))"
