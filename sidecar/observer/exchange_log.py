"""The exchange log: one structured line an exchange on stdout.

Texts are masked, left out or raw, as configured; of verdicts it holds scores and offsets, never the matched text.
The query of the target, headers, error messages and the end user's own name are left out: they may carry anything.
"""

import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import structlog

from sidecar.observer.labels import hashed
from sidecar.observer.mask import Masker
from sidecar.observer.outcome import Outcome, State
from sidecar.settings import Log
from watchers.drift import DriftEvent
from watchers.watcher import Direction, Record, Verdict

TEXTS: Final = 8  # times `text_chars`: all texts of one direction together, the newest first
MAX_TEXTS: Final = 256  # of one direction
DIGITS: Final = 6  # of times and scores

Fields = dict[str, Any]  # what is rendered, not read again


class ExchangeLog:
    """A sink. `write` gets each rendered line with its newline."""

    def __init__(self, settings: Log, write: Callable[[bytes], None], colors: bool = False) -> None:
        self._settings = settings
        console = settings.format == "console"
        self._fields = brief if console else fields
        last = structlog.dev.ConsoleRenderer(colors=colors, sort_keys=False, pad_event_to=0) if console else _json
        self._log: structlog.stdlib.BoundLogger = structlog.wrap_logger(
            _Lines(write), processors=[last], wrapper_class=structlog.BoundLogger
        )

    def emit(self, outcome: Outcome, masker: Masker) -> None:
        if not self._settings.exchanges:
            return
        line = self._fields(outcome)
        if self._settings.text != "none":
            line |= self._texts(outcome, masker)
        self._log.info("exchange", **line)

    def judged(self, found: Fields) -> None:
        """Write one judgement of the judge; it holds no text."""
        if self._settings.exchanges:
            self._log.info("judged", timestamp=_iso(time.time()), **found)

    def drift(self, event: DriftEvent) -> None:
        """Write one change of a stream's level."""
        stream = event.stream
        self._log.info(
            "drift",
            timestamp=_iso(time.time()),
            route=stream.route,
            model=stream.model,
            direction=stream.direction,
            label=stream.label,
            level=event.level,
            previous=event.previous,
            index=event.index,
            since_index=event.since_index,
            effect=_rounded(event.effect),
            evidence=_rounded(event.evidence),
            reason=event.reason,
        )

    def _texts(self, outcome: Outcome, masker: Masker) -> Fields:
        by_direction = {
            name: [record for record in outcome.records if record.direction is direction]
            for name, direction in (("prompt", Direction.PROMPT), ("completion", Direction.COMPLETION))
        }
        return {name: self._kept(records, masker) for name, records in by_direction.items()}

    def _kept(self, records: Sequence[Record], masker: Masker) -> list[Fields]:
        """Return the texts in wire order; the oldest are left out when there are too many."""
        room, kept = TEXTS * self._settings.text_chars, []
        for record in reversed(records[-MAX_TEXTS:]):
            chars = min(self._settings.text_chars, room)
            text = record.text[:chars] if self._settings.text == "raw" else masker.maybe_text(record, chars)
            room -= len(text or "")
            kept.append(_text(record, text))
        return kept[::-1]


def _text(record: Record, text: str | None) -> Fields:
    found: Fields = {"position": record.position, "role": record.role, "origin": record.origin}
    found |= {"chars": len(record.text), "text": text}
    return found if text is not None else found | {"withheld": "not_masked"}


def fields(outcome: Outcome) -> Fields:
    """Return everything but the texts."""
    capture, exchange = outcome.capture, outcome.exchange
    return {
        "timestamp": _timestamp(outcome),
        "exchange": capture.id,
        "route": capture.route,
        "method": capture.method,
        "path": capture.target.partition("?")[0],
        "status": capture.status,
        "ending": capture.ending,
        "format": exchange.format,
        "provider": exchange.provider,
        "operation": exchange.operation,
        "request_model": exchange.request_model,
        "response_model": exchange.response_model,
        "stream": exchange.stream,
        "labels": dict(outcome.labels),
        **_timings(outcome),
        "usage": _usage(outcome),
        "cost": {"amount": outcome.cost.amount, "currency": outcome.cost.currency} if outcome.cost else None,
        "finish_reasons": [choice.finish_reason for choice in exchange.choices],
        "tool_calls": [call.name for choice in exchange.choices for call in choice.tool_calls],
        "error_type": outcome.error_type() or None,
        "decode_error": exchange.decode_error,
        "complete": exchange.complete,
        "capture_incomplete": outcome.incomplete,
        "request_bytes": capture.request.size,
        "response_bytes": capture.response.size,
        "request_sha256": capture.request_sha256,
        "response_id": exchange.response_id,
        "request_id": exchange.request_id,
        "system_fingerprint": exchange.system_fingerprint,
        "conversation_id": exchange.conversation_id,
        "user_hash": hashed(exchange.user) if exchange.user else None,
        "coverage": {name: f"{c.state}/{c.reason}" if c.reason else c.state for name, c in outcome.coverage.items()},
        "verdicts": [_verdict(record, verdict) for record, verdict in outcome.flags()],
    }


def brief(outcome: Outcome) -> Fields:
    """Return what a person reads on a terminal."""
    capture, exchange, usage = outcome.capture, outcome.exchange, outcome.exchange.usage
    flags = sorted({f"{verdict.watcher}/{verdict.label}" for _, verdict in outcome.flags()})
    skipped = sorted(name for name, covered in outcome.coverage.items() if covered.state is State.SKIPPED)
    return {
        "at": _timestamp(outcome)[11:23],
        "status": capture.status or capture.ending,
        "path": capture.target.partition("?")[0],
        "model": exchange.response_model or exchange.request_model,
        "seconds": round(capture.ended_seconds, 3),
        "tokens": f"{usage.input or 0}+{usage.output or 0}",
        **({"flags": flags} if flags else {}),
        **({"skipped": skipped} if skipped else {}),
    }


def _timestamp(outcome: Outcome) -> str:
    return _iso(outcome.capture.started_unix_seconds + outcome.capture.ended_seconds)


def _iso(unix_seconds: float) -> str:
    return datetime.fromtimestamp(unix_seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _timings(outcome: Outcome) -> Fields:
    timings = outcome.exchange.timings
    return {
        "duration_seconds": _rounded(outcome.capture.ended_seconds),
        "first_byte_seconds": _rounded(timings.first_byte_seconds),
        "first_token_seconds": _rounded(timings.first_token_seconds),
        "output_tokens_per_second": _rounded(outcome.output_tokens_per_second()),
        "proxy_seconds": _rounded(outcome.capture.proxy_seconds),
    }


def _usage(outcome: Outcome) -> Fields:
    usage = outcome.exchange.usage
    counts = {
        "input": usage.input,
        "output": usage.output,
        "cached_input": usage.cached_input,
        "cache_write_input": usage.cache_write_input,
        "reasoning": usage.reasoning,
    }
    return {"source": usage.source, **{name: count for name, count in counts.items() if count is not None}}


def _verdict(record: Record, verdict: Verdict) -> Fields:
    spans = [
        {"start": span.start, "end": span.end, "label": span.label, "score": _rounded(span.score)}
        for span in verdict.spans
    ]
    return {
        "watcher": verdict.watcher,
        "label": verdict.label,
        "score": _rounded(verdict.score),
        "threshold": _rounded(verdict.threshold),
        "position": record.position,
        "direction": record.direction,
        "origin": record.origin,
        "fresh": record.fresh,
        "model": verdict.model,
        "spans": spans,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)


class _Lines:
    """What structlog hands a rendered line to."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write

    def info(self, line: str | bytes) -> None:
        data = line if isinstance(line, bytes) else line.encode("utf-8", "backslashreplace")
        self._write(data + b"\n")


def _json(_logger: object, _method: str, event: structlog.typing.EventDict) -> bytes:
    try:
        return orjson.dumps(event, option=orjson.OPT_SERIALIZE_NUMPY)
    except TypeError:  # a lone surrogate, which JSON can escape and UTF-8 cannot hold
        return json.dumps(event, default=str).encode("ascii")
