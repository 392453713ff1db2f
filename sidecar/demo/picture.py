"""What the demo has seen so far: counts and rows from the lines of Sidewatch's exchange log. Pure: no clock, no I/O."""

import json
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any, Final

ROWS: Final = 14
_EVIDENCE_CHARS: Final = 110

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One exchange as the table shows it; `text` is masked."""

    time: str
    wire: str
    model: str
    tokens: str
    milliseconds: int
    flags: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Drift:
    """One change of a stream's level."""

    stream: str
    level: str
    after_shift: bool
    line: Line


@dataclass(slots=True)
class Picture:
    """`planted`, `found` and `false_alarms` compare what the app put in with what was flagged."""

    exchanges: int = 0
    streamed: int = 0
    tokens: int = 0
    cost: float = 0.0
    currency: str = "USD"
    flags: Counter[str] = field(default_factory=Counter)
    coverage: dict[str, Counter[str]] = field(default_factory=dict)
    planted: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    benign: int = 0
    false_alarms: Counter[str] = field(default_factory=Counter)
    shifted: int = 0  # exchanges since the topic changed
    levels: dict[str, str] = field(default_factory=dict)  # stream -> level
    drifts: list[Drift] = field(default_factory=list)
    rows: deque[Row] = field(default_factory=lambda: deque(maxlen=ROWS))
    evidence: deque[Row] = field(default_factory=lambda: deque(maxlen=ROWS))

    def feed(self, text: str) -> Row | Drift | None:
        """Take one line of the log; return what it was about."""
        line = json.loads(text)
        return self._drift(line) if line["event"] == "drift" else self._exchange(line)

    def _exchange(self, line: Line) -> Row:
        flagged = tuple(sorted({f"{v['watcher']}/{v['label']}" for v in line["verdicts"]}))
        self.exchanges += 1
        self.streamed += line["stream"]
        self.tokens += sum(line["usage"].get(kind) or 0 for kind in ("input", "output"))
        self.cost += line["cost"]["amount"] if line["cost"] else 0.0
        self.flags.update({verdict["watcher"] for verdict in line["verdicts"]})
        for watcher, state in line["coverage"].items():
            self.coverage.setdefault(watcher, Counter())[state] += 1
        self._compare(line["labels"].get("planted", ""), {verdict["watcher"] for verdict in line["verdicts"]})
        self.shifted += line["labels"].get("topic") == "code"
        row = Row(
            line["timestamp"][11:19],
            line["format"] + (" ≋" if line["stream"] else ""),
            line["request_model"] or "",
            f"{line['usage'].get('input', 0)}+{line['usage'].get('output', 0)}",
            round(1000 * (line["first_token_seconds"] or line["duration_seconds"])),
            flagged,
            evidence(line),
        )
        self.rows.append(row)
        if flagged:
            self.evidence.append(row)
        return row

    def _compare(self, planted: str, flagged: set[str]) -> None:
        if planted:
            self.planted[planted] += 1
            self.found[planted] += planted in flagged
        else:
            self.benign += 1
            self.false_alarms.update(flagged)

    def _drift(self, line: Line) -> Drift:
        stream = f"{line['route']} {line['model']} {line['direction']}s"
        self.levels[stream] = line["level"]
        drift = Drift(stream, line["level"], self.shifted > 0, line)
        self.drifts.append(drift)
        return drift


def evidence(line: Line) -> str:
    """Return the masked text that was flagged first, else the newest user text; one line of it."""
    texts = [*line.get("prompt", ()), *line.get("completion", ())]
    flagged = {verdict["position"] for verdict in line["verdicts"] if verdict["fresh"]}
    wanted = [text for text in texts if text["position"] in flagged] or [t for t in texts if t["origin"] == "user"][-1:]
    if not wanted or wanted[0]["text"] is None:
        return ""
    mark = "" if wanted[0]["origin"] == "user" else f"[{wanted[0]['origin'].replace('_', ' ')}] "
    text = mark + " ".join(wanted[0]["text"].split())
    return text if len(text) <= _EVIDENCE_CHARS else text[:_EVIDENCE_CHARS] + "…"
