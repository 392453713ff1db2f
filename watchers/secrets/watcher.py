"""The watcher `secrets`: credentials that belong in no prompt or completion, each with a span on itself."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import re2

from watchers.options import options_of
from watchers.pii.merge import merged
from watchers.registry import Order
from watchers.secrets import generic
from watchers.secrets.vendors import Vendors
from watchers.view import ByteView, pattern, view
from watchers.watcher import Judgement, Record, Skip, Span, Verdict, WatcherError

VERSION: Final = "secret-patterns-1"
_THRESHOLD: Final = 0.5
LABELS: Final = (
    "AUTHORIZATION", "CLOUD_KEY", "CONNECTION_STRING", "CUSTOM", "GENERIC_SECRET", "JWT", "PASSWORD", "PIN",
    "PRIVATE_KEY", "SEED_PHRASE", "VENDOR_TOKEN",
)  # fmt: skip
_VENDOR_SCORE: Final = 0.95
_CUSTOM_SCORE: Final = 0.95
# Ordinary prose has no such run of characters; without one no token can be there, only words about passwords.
_TOKEN_LIKE: Final = pattern(r"[A-Za-z0-9_+/=-]{16}")


class SecretsOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`options` of the watcher in the configuration."""

    without: tuple[str, ...] = ()  # labels that are not looked for
    allow: tuple[str, ...] = ()  # values that are no secrets
    patterns: tuple[str, ...] = ()  # own RE2 patterns: group 1, or the whole match, is a CUSTOM secret
    max_chars: int = 1_000_000


class Secrets:
    """Finds credentials."""

    model = VERSION
    by_text = True

    def __init__(
        self,
        name: str = "secrets",
        options: SecretsOptions | None = None,
        thresholds: Mapping[str, float] | None = None,
    ) -> None:
        self.name = name
        self._options = options = options or SecretsOptions()
        known = {label: _THRESHOLD for label in LABELS if label not in options.without}
        self.labels: Mapping[str, float] = {**known, **(thresholds or {})}
        self._vendors = Vendors()
        self._custom: list[Any] = [pattern(source) for source in options.patterns]
        self._clean = tuple(self._verdict(label, ()) for label in self.labels)

    def watch(self, records: Sequence[Record]) -> list[Judgement]:
        """Return one judgement a record; a long text is read up to `max_chars`, the rest skipped."""
        return [self._judge(record.text) for record in records]

    def spans(self, text: str) -> list[Span]:
        """Return what is found in one text, in order, without overlaps."""
        seen = view(text)
        lower = seen.data.lower()
        found = [_span(seen, *one) for one in generic.find(seen.data, lower)]
        if _TOKEN_LIKE.search(seen.data):
            vendors = self._vendors.find(seen.data, lower)
            found += [_span(seen, start, end, label, _VENDOR_SCORE) for start, end, label in vendors]
        for regex in self._custom:
            group = min(regex.groups, 1)
            found += [
                _span(seen, match.start(group), match.end(group), "CUSTOM", _CUSTOM_SCORE)
                for match in regex.finditer(seen.data)
            ]
        kept = [span for span in found if span.label in self.labels]
        return [span for span in merged(kept) if text[span.start : span.end] not in self._options.allow]

    def _judge(self, whole: str) -> Judgement:
        if not whole:
            return Judgement(skipped=Skip.EMPTY)
        text = whole[: self._options.max_chars]
        skipped = Skip.BUDGET if len(text) < len(whole) else None
        spans = self.spans(text)
        if not spans:
            return Judgement(self._clean, skipped)
        verdicts = (self._verdict(label, tuple(span for span in spans if span.label == label)) for label in self.labels)
        return Judgement(tuple(verdicts), skipped)

    def _verdict(self, label: str, spans: tuple[Span, ...]) -> Verdict:
        score = max((span.score for span in spans), default=0.0)
        threshold = self.labels[label]
        return Verdict(self.name, label, score, threshold, bool(spans) and score >= threshold, self.model, spans)


def _span(seen: ByteView, start: int, end: int, label: str, score: float) -> Span:
    return Span(*seen.original(start, end), label, score)


def make(order: Order) -> Secrets:
    """Make the watcher as the configuration orders it. Raises WatcherError with the remedy."""
    options = options_of(order, SecretsOptions)
    try:
        return Secrets(order.name, options, order.thresholds)
    except re2.error as error:
        raise WatcherError(order.name, f"options.patterns: {error}", "use RE2 syntax") from error
