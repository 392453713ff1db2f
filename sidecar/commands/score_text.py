"""`sidewatch score` for a person: the text with its evidence in colour, each watcher's scores, and the time."""

import os
import time
from collections.abc import Mapping, Sequence
from typing import Final, TextIO

from sidecar.commands.judging import record
from watchers.watcher import Judgement, Span, Verdict, Watcher

_RESET, _BOLD, _DIM, _RED, _GREEN = "\033[0m", "\033[1m", "\033[2m", "\033[31m", "\033[32m"
# One colour a watcher, in their order; its name in the list below has the colour of its marks in the text.
_MARKS: Final = tuple(f"\033[30;{colour}m" for colour in (43, 46, 45, 42, 44, 103, 106, 105, 102, 104))
_BAR: Final = 20
_BLOCKS: Final = ("█", "·")
_PLAIN_BLOCKS: Final = ("#", ".")  # where the terminal has no others
_QUIET: Final = 0.01  # scores below are counted, not listed
_SHOWN_CHARS: Final = 60

Found = tuple[str, Span]  # "watcher/LABEL", span


def score_text(watchers: Sequence[Watcher], text: str, role: str, load_seconds: float, target: TextIO) -> None:
    """Write the whole report on one text."""
    paint = Paint(target.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb")
    bar = _BLOCKS if _shows(target, "".join(_BLOCKS)) else _PLAIN_BLOCKS
    one = record("text", text, role)
    found: list[Found] = []
    rows = []
    for watcher in watchers:  # the first text pays for tables and graphs made on first use: not this one's latency
        watcher.watch([record("warm-up", "Warm up.", role)])
    began = time.perf_counter()
    for watcher in watchers:
        start = time.perf_counter()
        (judgement,) = watcher.watch([one])
        rows.append((watcher.name, judgement, time.perf_counter() - start))
        found += [(f"{v.watcher}/{span.label}", span) for v in judgement.verdicts for span in v.spans]
    seconds = time.perf_counter() - began
    marks = {name: _MARKS[place % len(_MARKS)] for place, (name, _, _) in enumerate(rows)}
    target.write(f"{paint(_DIM, role)}  {marked(text, found, paint, marks)}\n\n")
    for name, judgement, took in rows:
        mark = marks[name] if any(verdict.spans for verdict in judgement.verdicts) else ""
        target.write("".join(_watcher_lines(name, judgement, took, paint, mark, bar)))
    flags = sum(verdict.flagged for _, judgement, _ in rows for verdict in judgement.verdicts)
    verdict = paint(_RED, f"{flags} flagged") if flags else paint(_GREEN, "nothing flagged")
    target.write(f"\n{verdict} · {len(rows)} watchers in {seconds * 1e3:.1f} ms · loaded in {load_seconds:.2f} s\n")
    places = sorted({(span.start, span.end) for _, span in found})
    target.writelines(_evidence_line(start, end, found, text) for start, end in places)


def _shows(target: TextIO, text: str) -> bool:
    try:
        text.encode(getattr(target, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


class Paint:
    """Colours a text where the terminal has colours."""

    def __init__(self, colours: bool) -> None:
        self._colours = colours

    def __call__(self, style: str, text: str) -> str:
        return f"{style}{text}{_RESET}" if self._colours else text


def marked(text: str, found: Sequence[Found], paint: Paint, marks: Mapping[str, str]) -> str:
    """Return the text with what was found marked in its watcher's colour; of marks that overlap the earlier and longer is shown."""
    result, at = "", 0
    for label, span in sorted(found, key=lambda item: (item[1].start, -item[1].end)):
        if span.start >= at:
            mark = marks[label.partition("/")[0]]
            result += visible(text[at : span.start]) + paint(mark, visible(text[span.start : span.end]))
            at = span.end
    return result + visible(text[at:])


def visible(text: str) -> str:
    """Return the text with control characters shown instead of obeyed: it may come from an attacker."""
    return "".join(char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in text)


def _watcher_lines(
    name: str, judgement: Judgement, took: float, paint: Paint, mark: str, bar: tuple[str, str]
) -> list[str]:
    head = f"{paint(mark or _BOLD, name)}{' ' * (12 - len(name))}{paint(_DIM, f'{took * 1e3:8.1f} ms')}"
    skipped = f"  {paint(_DIM, f'skipped: {judgement.skipped}')}" if judgement.skipped else ""
    shown = [verdict for verdict in judgement.verdicts if verdict.score >= _QUIET or verdict.flagged]
    quiet = len(judgement.verdicts) - len(shown)
    rest = paint(_DIM, f"  {quiet} labels below {_QUIET}") if quiet else ""
    return [f"{head}{skipped}{rest}\n"] + [
        _verdict_line(verdict, paint, bar) for verdict in sorted(shown, key=lambda v: -v.score)
    ]


def _verdict_line(verdict: Verdict, paint: Paint, blocks: tuple[str, str]) -> str:
    filled = round(verdict.score * _BAR)
    bar = blocks[0] * filled + blocks[1] * (_BAR - filled)
    limit = "masked, not flagged" if verdict.threshold >= 1 and verdict.spans else f"threshold {verdict.threshold:.3f}"
    line = f"  {verdict.label:<22} {verdict.score:6.3f}  {bar}  {limit}"
    return paint(_RED, line + "  flagged") + "\n" if verdict.flagged else line + "\n"


def _evidence_line(start: int, end: int, found: Sequence[Found], text: str) -> str:
    """One place in the text, and all that hangs on it."""
    piece = visible(text[start:end]).replace("\n", "⏎")
    piece = piece if len(piece) <= _SHOWN_CHARS else piece[:_SHOWN_CHARS] + "…"
    labels = ", ".join(f"{label} {span.score:.2f}" for label, span in found if (span.start, span.end) == (start, end))
    return f"  {start}–{end}  {piece}  {labels}\n"
