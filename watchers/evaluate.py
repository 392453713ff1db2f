"""How good watchers are on labelled rows, with intervals and by slice; and thresholds from benign traffic.

A row is a mapping: `text`, optionally `role` (user), `origin`, `slice` (a name), and `labels`: "watcher/label" or a
bare label to 0, 1 or an annotator share. A label that a row does not name is unknown there, not absent.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from watchers import metrics
from watchers.metrics import Scores, Truth
from watchers.watcher import Direction, Origin, Record, Role, Watcher

BATCH: Final = 64
ORIGINS: Final = {
    Role.SYSTEM: Origin.SYSTEM,
    Role.USER: Origin.USER,
    Role.ASSISTANT: Origin.COMPLETION,
    Role.TOOL: Origin.TOOL_RESULT,
}
SHORT, LONG = 120, 600  # characters: slices by length
FIGURES: Final[Mapping[str, Callable[[Truth, Scores], float]]] = {
    "auroc": metrics.auroc,
    "average_precision": metrics.average_precision,
    "recall_at_1%": lambda truth, scores: metrics.recall_at(truth, scores, 0.01),
    "recall_at_0.1%": lambda truth, scores: metrics.recall_at(truth, scores, 0.001),
    "calibration_error": lambda truth, scores: metrics.calibration_error(truth.astype(np.float64), scores),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One label on one slice. `figures`: name -> value; `intervals`: 95% by bootstrap. NaN where undefined."""

    label: str
    slice: str
    rows: int
    positives: int
    threshold: float
    figures: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Report:
    lines: tuple[Line, ...]
    unjudged: int  # rows that no asked watcher judged

    def as_json(self) -> str:
        return json.dumps(_finite(asdict(self)), indent=1)

    def as_text(self) -> str:
        names = [
            "auroc",
            "average_precision",
            "f1",
            "recall",
            "false_positives",
            "recall_at_1%",
            "recall_at_0.1%",
            "calibration_error",
        ]
        head = f"{'label':28} {'slice':16} {'rows':>6} {'pos':>6}  " + "  ".join(f"{name[:17]:>17}" for name in names)
        return "\n".join([head, *(_text(line, names) for line in self.lines)])

    def below(self, minimum: Mapping[str, Mapping[str, float]]) -> list[str]:
        """What misses a minimum {label: {figure: least}} over all rows, for an exit code; NaN misses."""
        whole = {line.label: line.figures for line in self.lines if line.slice == "all"}
        return [
            f"{label}: {name} is {whole.get(label, {}).get(name, math.nan):.4f}, at least {least} asked"
            for label, wanted in minimum.items()
            for name, least in wanted.items()
            if not whole.get(label, {}).get(name, math.nan) >= least
        ]


def record(row: Mapping[str, Any], number: int) -> Record:
    """The record that a row stands for. Raises ValueError for an unknown role or origin."""
    role = Role(row.get("role", "user"))
    origin = Origin(row["origin"]) if "origin" in row else ORIGINS[role]
    direction = (
        Direction.COMPLETION if origin in (Origin.COMPLETION, Origin.REASONING, Origin.TOOL_CALL) else Direction.PROMPT
    )
    return Record(str(number), 0, str(row["text"]), role, origin, direction)


def evaluate(rows: Iterable[Mapping[str, Any]], watchers: Sequence[Watcher], rounds: int = 200) -> Report:
    """Judge the rows and compare with their labels; `rounds` of bootstrap for the intervals (0: none)."""
    listed = list(rows)
    records = [record(row, number) for number, row in enumerate(listed)]
    lines: list[Line] = []
    judged = np.zeros(len(listed), dtype=bool)
    for watcher in watchers:
        scores = score(watcher, records)
        judged |= ~np.isnan(next(iter(scores.values())))
        for label, threshold in watcher.labels.items():
            lines.extend(_lines(f"{watcher.name}/{label}", label, threshold, listed, scores[label], rounds))
    return Report(tuple(lines), int((~judged).sum()))


def score(watcher: Watcher, records: Sequence[Record]) -> dict[str, Scores]:
    """Scores (records,) of each label; NaN where the watcher did not judge."""
    found = {label: np.full(len(records), np.nan) for label in watcher.labels}
    for first in range(0, len(records), BATCH):
        for at, judgement in enumerate(watcher.watch(records[first : first + BATCH]), first):
            for verdict in judgement.verdicts:
                found[verdict.label][at] = verdict.score
    return found


def calibrate(scores_benign: Scores, rate: float) -> float:
    """The threshold that a new benign text exceeds with a probability of at most `rate`.

    Split conformal: the ⌈(n + 1)(1 − rate)⌉-th smallest of n benign scores, valid for any distribution when the new
    text is exchangeable with them. Raises ValueError when n is too small for the rate (n + 1 < 1 / rate).
    Source: Vovk, Gammerman, Shafer, Algorithmic Learning in a Random World, 2005.
    """
    count = len(scores_benign)
    place = math.ceil((count + 1) * (1 - rate) - 1e-9)
    if place > count:
        raise ValueError(
            f"{count} benign texts are too few for a rate of {rate:g}: at least {math.ceil(1 / rate) - 1} are needed"
        )
    return float(np.nextafter(np.sort(scores_benign)[place - 1], np.inf))


def _lines(
    name: str, label: str, threshold: float, rows: list[Mapping[str, Any]], scores: Scores, rounds: int
) -> list[Line]:
    wanted = np.array([_wanted(row, name, label) for row in rows], dtype=np.float64)
    known = ~np.isnan(wanted) & ~np.isnan(scores)
    if not known.any():
        return []
    slices = np.array([_slices(row) for row in rows], dtype=object)
    made = [_line(name, "all", threshold, wanted[known], scores[known], rounds)]
    for part in sorted({part for found in slices[known] for part in found}):
        chosen = known & np.array([part in found for found in slices])
        made.append(_line(name, part, threshold, wanted[chosen], scores[chosen], 0))
    return made


def _wanted(row: Mapping[str, Any], name: str, label: str) -> float:
    labels = row.get("labels", {})
    value = labels.get(name, labels.get(label))
    return math.nan if value is None else float(value)


def _slices(row: Mapping[str, Any]) -> tuple[str, ...]:
    size = len(str(row["text"]))
    length = "short" if size < SHORT else "long" if size > LONG else "medium"
    return (f"length={length}", *((f"slice={row['slice']}",) if "slice" in row else ()))


def _line(name: str, part: str, threshold: float, wanted: Scores, scores: Scores, rounds: int) -> Line:
    truth = wanted > 0.5
    figures = {kind: figure(truth, scores) for kind, figure in FIGURES.items()} | _at(truth, scores >= threshold)
    intervals = {kind: metrics.interval(truth, scores, FIGURES[kind], rounds) for kind in FIGURES} if rounds else {}
    return Line(name, part, len(truth), int(truth.sum()), threshold, figures, intervals)


def _at(truth: Truth, flagged: Truth) -> dict[str, float]:
    """Figures at the shipped threshold."""
    recall = float(flagged[truth].mean()) if truth.any() else math.nan
    false = float(flagged[~truth].mean()) if not truth.all() else math.nan
    return {"f1": metrics.f1(truth, flagged) if truth.any() else math.nan, "recall": recall, "false_positives": false}


def _text(line: Line, names: Sequence[str]) -> str:
    cells = [_cell(line.figures[name], line.intervals.get(name)) for name in names]
    return f"{line.label:28} {line.slice:16} {line.rows:6} {line.positives:6}  " + "  ".join(
        f"{cell:>17}" for cell in cells
    )


def _cell(value: float, interval: tuple[float, float] | None) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.3f}" + (f" {interval[0]:.2f}–{interval[1]:.2f}" if interval else "")


def _finite(value: Any) -> Any:
    """NaN is no JSON: null stands for it."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
