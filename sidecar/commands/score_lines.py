"""`sidewatch score --jsonl`: lines in, lines out, in order, as they come."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, TextIO

from sidecar.commands.judging import ROLES, record
from watchers.watcher import Judgement, Watcher

BATCH_LINES: Final = 32
_READ_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Line:
    """One line of input: a text to score, or the error that it is."""

    id: Any
    text: str = ""
    role: str = "user"
    error: str | None = None


def score_lines(watchers: Sequence[Watcher], source: BinaryIO, target: TextIO) -> int:
    """Score every line of `source`; return how many could not be read.

    What has arrived is scored at once, in batches of at most `BATCH_LINES`, so that a slow writer gets
    its answers line by line and a file is read at full speed.
    """
    errors = 0
    for batch in batches(source):
        for answer in score_batch(watchers, batch):
            errors += "error" in answer
            target.write(json.dumps(answer) + "\n")
        target.flush()
    return errors


def batches(source: BinaryIO) -> Iterator[list[Line]]:
    """Yield the lines that are there, at most `BATCH_LINES` at a time; blank ones are left out."""
    number, rest = 0, b""
    while True:
        data = os.read(source.fileno(), _READ_BYTES)
        *lines, rest = (rest + data).split(b"\n")
        if not data:
            lines, rest = [rest], b""
        parsed = [parse(line, number + index) for index, line in enumerate(lines, 1) if line.strip()]
        number += len(lines)
        yield from (parsed[start : start + BATCH_LINES] for start in range(0, len(parsed), BATCH_LINES))
        if not data:
            return


def parse(line: bytes, number: int) -> Line:
    """Return a line's text, or what is wrong with it."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        kind = "not UTF-8" if isinstance(error, UnicodeDecodeError) else "not JSON"
        return Line(None, error=f"line {number}: {kind}")
    if not isinstance(data, dict):
        return Line(None, error=f"line {number}: expected an object with id, text and role")
    name, text, role = data.get("id"), data.get("text"), data.get("role", "user")
    if not isinstance(text, str):
        return Line(name, error=f"line {number}: text: expected a string")
    if role not in ROLES:
        return Line(name, error=f"line {number}: role: expected one of {', '.join(ROLES)}")
    return Line(name, text, role)


def score_batch(watchers: Sequence[Watcher], lines: Sequence[Line]) -> list[dict[str, Any]]:
    """Return one answer a line, in order."""
    good = [line for line in lines if line.error is None]
    records = [record(str(index), line.text, line.role) for index, line in enumerate(good)]
    judged = {watcher.name: watcher.watch(records) for watcher in watchers} if records else {}
    by_line = iter([{name: answers[index] for name, answers in judged.items()} for index in range(len(good))])
    # Every label has a score in every answer: 0 where a watcher does not read such a text, and `skipped` says so.
    unread = {f"{watcher.name}/{label}": 0.0 for watcher in watchers for label in watcher.labels}
    return [
        {"id": line.id, "error": line.error} if line.error is not None else answer(line.id, next(by_line), unread)
        for line in lines
    ]


def answer(name: Any, judged: dict[str, Judgement], unread: dict[str, float]) -> dict[str, Any]:
    """Return the object written for one text; `unread` holds the score of each label that was not judged."""
    verdicts = [verdict for judgement in judged.values() for verdict in judgement.verdicts]
    spans = [
        {"start": span.start, "end": span.end, "label": f"{verdict.watcher}/{span.label}", "score": score(span.score)}
        for verdict in verdicts
        for span in verdict.spans
    ]
    result: dict[str, Any] = {
        "id": name,
        "scores": unread | {f"{verdict.watcher}/{verdict.label}": score(verdict.score) for verdict in verdicts},
        "flags": [f"{verdict.watcher}/{verdict.label}" for verdict in verdicts if verdict.flagged],
        "spans": sorted(spans, key=lambda span: (span["start"], span["end"], span["label"])),
    }
    skipped = {watcher: str(judgement.skipped) for watcher, judgement in judged.items() if judgement.skipped}
    return {**result, "skipped": skipped} if skipped else result


def score(value: float) -> float:
    """Return a probability with the digits that mean something."""
    return round(float(value), 6)
