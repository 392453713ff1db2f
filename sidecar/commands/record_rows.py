"""The exchange log as rows: what a baseline is built from when the traffic is on record.

The texts are those of the log, masked as `log.text` says: what was never written cannot be compared with.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final

from sidecar.commands.rows import Row
from sidecar.observer.drift_streams import READ
from sidecar.observer.usage_estimate import tokens
from watchers.watcher import Direction

_COMPLETION: Final = ("duration_seconds", "first_token_seconds", "output_tokens_per_second")


def from_log(lines: Iterable[Row], direction: str, route: str | None, model: str | None) -> Iterator[Row]:
    """Yield plain rows as they are, exchanges of the log as rows of one direction; the log's other lines are left out.

    A scalar or category has the name that it has in the observer's streams.
    """
    side = Direction(direction)
    for line in lines:
        if "event" not in line:
            yield line
        elif (
            line["event"] == "exchange"
            and route in (None, line.get("route"))
            and model in (None, line.get("request_model"))
        ):
            text = _newest(line.get(direction), side)
            if text is not None:
                yield {
                    "text": text["text"],
                    **_measures(line, side, text),
                    "time_seconds": _seconds(line.get("timestamp")),
                }


def _newest(texts: Any, direction: Direction) -> Row | None:
    known = [text for text in texts or () if isinstance(text, dict) and isinstance(text.get("text"), str)]
    for origin in READ[direction]:
        for text in reversed(known):
            if text.get("origin") == origin:
                return dict(text)
    return None


def _measures(line: Row, direction: Direction, text: Row) -> Row:
    # The log may hold the beginning of a text only; `chars` is its whole length.
    estimated = tokens([text["text"]]) * max(1.0, text.get("chars", 0) / max(len(text["text"]), 1))
    if direction is Direction.PROMPT:
        return {"tokens": float(estimated)}
    usage, cost = line.get("usage") or {}, line.get("cost") or {}
    said = usage.get("output") if usage.get("source") == "provider" else None
    found: Row = {"tokens": float(said if said is not None else estimated), "cost": cost.get("amount")}
    found |= {name: line.get(name) for name in _COMPLETION}
    found["tool_call_rate"] = float(bool(line.get("tool_calls")))
    found["finish_reason"] = next(iter(line.get("finish_reasons") or ()), None)
    return {name: value for name, value in found.items() if value is not None}


def _seconds(timestamp: Any) -> float:
    try:
        return datetime.fromisoformat(str(timestamp)).timestamp()
    except ValueError:
        return 0.0
