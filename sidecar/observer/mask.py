"""Masks texts before a sink sees them: what the PII and secrets watchers found becomes `[EMAIL_ADDRESS]` and the like.

A value found in one text is masked in all texts of its exchange, also where the watcher missed it: found with its
context in the prompt, it may come back without it in the completion. A text that a masking watcher failed
to read is withheld: no text leaves unmasked because something broke.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from watchers.watcher import Judgement, Record, Skip, Span

VALUE_CHARS: Final = 4  # a shorter value is masked where it was found only: elsewhere it may mean anything
VALUES: Final = 512  # of one exchange that are looked for in its other texts
UNREAD: Final = (Skip.ERROR, Skip.OVERLOAD, Skip.MODEL_UNAVAILABLE)


class Masker:
    """Masks the texts of one exchange. `judgements`: of each masking watcher, one a record, in order."""

    def __init__(self, records: Sequence[Record], judgements: Mapping[str, Sequence[Judgement]]) -> None:
        self._spans: list[list[Span]] = [[] for _ in records]
        self._withheld = [not judgements] * len(records)
        for judged in judgements.values():
            for index, judgement in enumerate(judged):
                self._spans[index] += (span for verdict in judgement.verdicts for span in verdict.spans)
                self._withheld[index] |= judgement.skipped in UNREAD
        self._values = _values(records, self._spans)
        used = {placeholder(span.label) for spans in self._spans for span in spans}
        self._placeholders = re.compile("|".join(map(re.escape, sorted(used))) or r"(?!)")

    def maybe_text(self, record: Record, chars: int) -> str | None:
        """Return at most `chars` characters of the record's text, masked; None where it is withheld."""
        if self._withheld[record.position]:
            return None
        longest = max(map(len, self._values), default=0)  # a value across the cut is seen whole
        return self.mask(replace_spans(record.text[: chars + longest], self._spans[record.position]))[:chars]

    def mask(self, text: str) -> str:
        """Return any other text of the exchange with every found value replaced."""
        for value, instead in self._values.items():
            if value in text:
                text = self._replaced(text, value, instead)
        return text

    def _replaced(self, text: str, value: str, instead: str) -> str:
        """Replace a value everywhere but in placeholders: `CARD` is no part of `[CREDIT_CARD]`."""
        parts, at = [], 0
        for found in self._placeholders.finditer(text):
            parts += [text[at : found.start()].replace(value, instead), found[0]]
            at = found.end()
        return "".join([*parts, text[at:].replace(value, instead)])


def _values(records: Sequence[Record], spans: Sequence[Sequence[Span]]) -> dict[str, str]:
    """Return found value -> placeholder, longest first."""
    found: dict[str, str] = {}
    for record, found_there in zip(records, spans, strict=True):
        for span in found_there:
            value = record.text[span.start : span.end].strip()
            if len(value) >= VALUE_CHARS and len(found) < VALUES:
                found.setdefault(value, placeholder(span.label))
    return dict(sorted(found.items(), key=lambda item: -len(item[0])))


def replace_spans(text: str, spans: Iterable[Span]) -> str:
    """Return `text` with each run of overlapping spans replaced by its longest one's placeholder."""
    parts, at = [], 0
    for run in _runs(span for span in spans if span.start < min(span.end, len(text))):
        longest = max(run, key=lambda span: (span.end - span.start, span.score))
        parts += [text[at : run[0].start], placeholder(longest.label)]
        at = max(span.end for span in run)
    return "".join([*parts, text[at:]])


def _runs(spans: Iterable[Span]) -> list[list[Span]]:
    runs: list[list[Span]] = []
    end = -1
    for span in sorted(spans, key=lambda span: (span.start, span.end)):
        if span.start < end:
            runs[-1].append(span)
        else:
            runs.append([span])
        end = max(end, span.end)
    return runs


def placeholder(label: str) -> str:
    """Return `[EMAIL_ADDRESS]` for "email address" or "pii/EMAIL_ADDRESS"."""
    return f"[{re.sub(r'[^A-Z0-9]+', '_', label.rsplit('/', 1)[-1].upper()).strip('_') or 'MASKED'}]"
