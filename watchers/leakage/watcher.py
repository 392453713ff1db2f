"""The watcher `leakage`: reads all texts of an exchange together and says what crossed a border.

The records of one exchange must be in one batch; records of other exchanges beside them change nothing. Personal data
in a completion is echoed where the prompt already held it, from a tool where only a tool's result or a document did, and
new where neither did: memorised or invented. Personal data in a prompt is on its way out to the provider.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import numpy as np

from watchers.encoding import Encoder
from watchers.leakage.canaries import LEAST_CHARS, Canaries
from watchers.leakage.overlap import LEAST_WORDS, grams, overlap, words
from watchers.letters import letters
from watchers.options import options_of
from watchers.pii.watcher import MARKED, Pii, PiiOptions
from watchers.registry import Order
from watchers.watcher import Direction, Judgement, Origin, Record, Skip, Span, Verdict, WatcherError

VERSION: Final = "leakage-1"
# An echo gives the user back what the user said: it is marked, and flags only if the configuration asks for it.
LABELS: Final[Mapping[str, float]] = {
    "pii_out": 0.5,
    "pii_echoed": 1.0,
    "pii_from_tool": 0.5,
    "pii_new": 0.5,
    "system_prompt": 0.5,
    "canary": 0.5,
}
_TOOL: Final = frozenset({Origin.TOOL_RESULT})
_CANARY_SCORE: Final = 0.99
# Cosine of a completion with the system prompt: unrelated pairs are below 0.5, answers on the prompt's subject below
# 0.75, paraphrases of the prompt itself above 0.85.
_NEAR, _SAME = 0.8, 0.96
_EMBEDDED_WORDS: Final = 20


class LeakageOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`options` of the watcher in the configuration; `pii`: as of the watcher `pii`, whose own count where there are none."""

    canaries: tuple[str, ...] = ()
    pii: PiiOptions = PiiOptions(without=MARKED)
    max_chars: int = 200_000  # of one text


@dataclass(frozen=True, slots=True)
class _Texts:
    """Texts and their `letters`, whatever the formatting."""

    texts: tuple[str, ...]
    letters: bytes

    def hold(self, value: str) -> bool:
        plain = letters(value).lower
        if not plain.isascii():  # letters of other scripts all look alike there
            return any(value.casefold() in text.casefold() for text in self.texts)
        return bool(plain) and plain in self.letters


@dataclass(frozen=True, slots=True)
class _Exchange:
    """What the records of one exchange hold, for comparison."""

    prompt: "_Texts"
    tools: "_Texts"
    secret: set[int]  # n-grams of the system prompt that nothing else in the prompt holds
    system: str
    system_tokens: int | None  # what may be read of it


class Leakage:
    """Finds what leaks, exchange by exchange."""

    def __init__(
        self,
        name: str = "leakage",
        options: LeakageOptions | None = None,
        thresholds: Mapping[str, float] | None = None,
        encoder: Encoder | None = None,
    ) -> None:
        self.name = name
        self.model = f"{VERSION}+{encoder.model}" if encoder else VERSION
        self.labels: Mapping[str, float] = {**LABELS, **(thresholds or {})}
        self._options = options or LeakageOptions()
        self._pii = Pii(options=self._options.pii)
        self._canaries = Canaries(self._options.canaries)
        self._encoder = encoder

    def watch(self, records: Sequence[Record]) -> list[Judgement]:
        """Return one judgement a record; each exchange's records are compared with one another only."""
        groups: dict[str, list[Record]] = defaultdict(list)
        for record in records:
            groups[record.exchange].append(record)
        exchanges = {key: self._exchange(group) for key, group in groups.items()}
        return [self._judge(record, exchanges[record.exchange]) for record in records]

    def _exchange(self, group: list[Record]) -> _Exchange:
        prompt = [record for record in group if record.direction is Direction.PROMPT]
        system = "\n".join(self._text(record) for record in prompt if record.origin is Origin.SYSTEM)
        rest = [record for record in prompt if record.origin is not Origin.SYSTEM]
        secret = grams(system) if len(words(system)) >= LEAST_WORDS else set()
        if secret and any(record.direction is Direction.COMPLETION for record in group):
            for record in rest:
                secret -= grams(self._text(record))
        said = [record for record in prompt if record.origin not in _TOOL]
        tools = [record for record in rest if record.origin in _TOOL]
        return _Exchange(self._joined(said), self._joined(tools), secret, system, _budget(prompt))

    def _joined(self, records: list[Record]) -> _Texts:
        texts = tuple(self._text(record) for record in records)
        return _Texts(texts, b"\n".join(letters(text).lower for text in texts))

    def _text(self, record: Record) -> str:
        return record.text[: self._options.max_chars]

    def _judge(self, record: Record, exchange: _Exchange) -> Judgement:
        text = self._text(record)
        if not text:
            return Judgement(skipped=Skip.EMPTY)
        found: dict[str, list[Span]] = {label: [] for label in self.labels}
        for span in self._pii.spans(text):
            found[_way(record, text[span.start : span.end], exchange)].append(span)
        scores = {label: max((span.score for span in spans), default=0.0) for label, spans in found.items()}
        skipped = Skip.BUDGET if len(text) < len(record.text) else None
        if record.direction is Direction.COMPLETION:
            self._canary(text, found, scores)
            skipped = self._system(text, record.budget_tokens, exchange, found, scores) or skipped
        verdicts = tuple(self._verdict(label, scores[label], tuple(found[label])) for label in self.labels)
        return Judgement(verdicts, skipped)

    def _canary(self, text: str, found: dict[str, list[Span]], scores: dict[str, float]) -> None:
        for start, end in self._canaries.find(letters(text)):
            found["canary"].append(Span(start, end, "canary", _CANARY_SCORE))
            scores["canary"] = _CANARY_SCORE

    def _system(
        self,
        text: str,
        budget: int | None,
        exchange: _Exchange,
        found: dict[str, list[Span]],
        scores: dict[str, float],
    ) -> Skip | None:
        """Compare with the system prompt; return why the meanings were not compared, None where they were or need not be."""
        if not exchange.secret:
            return None
        copied, skipped = overlap(exchange.secret, text), None
        alike = self._likeness(text, budget, exchange) if self._encoder and copied.score < 1.0 else 0.0
        if alike is None:
            alike, skipped = 0.0, Skip.MODEL_UNAVAILABLE
        scores["system_prompt"] = max(copied.score, alike)
        if copied.words:
            found["system_prompt"].append(Span(copied.start, copied.end, "system_prompt", copied.score))
        elif alike >= self.labels["system_prompt"]:
            found["system_prompt"].append(Span(0, len(text), "system_prompt", alike))
        return skipped

    def _likeness(self, text: str, budget: int | None, exchange: _Exchange) -> float | None:
        """A paraphrase or a translation shares no words: compare meanings, of texts long enough to have one.

        None where the model could not be had.
        """
        system = exchange.system
        if self._encoder is None or min(len(words(text)), len(words(system))) < _EMBEDDED_WORDS:
            return 0.0
        one, two = self._encoder.encode([text, system], [budget, exchange.system_tokens])
        if one.unavailable or two.unavailable:
            return None
        cosine = float(np.dot(one.embedding, two.embedding))
        return round(min(1.0, max(0.0, (cosine - _NEAR) / (_SAME - _NEAR))), 4)

    def _verdict(self, label: str, score: float, spans: tuple[Span, ...]) -> Verdict:
        threshold = self.labels[label]
        return Verdict(self.name, label, score, threshold, score >= threshold and score > 0, self.model, spans)


def _budget(prompt: list[Record]) -> int | None:
    """Tokens that may be read of the system texts together; None where none of them has a budget of its own."""
    system = [record.budget_tokens for record in prompt if record.origin is Origin.SYSTEM]
    given = [budget for budget in system if budget is not None]
    return sum(given) if given else None


def _way(record: Record, value: str, exchange: _Exchange) -> str:
    """Which border the value crossed."""
    if record.direction is Direction.PROMPT:
        return "pii_out"
    if exchange.prompt.hold(value):
        return "pii_echoed"
    return "pii_from_tool" if exchange.tools.hold(value) else "pii_new"


def make(order: Order) -> Leakage:
    """Make the watcher as the configuration orders it. Raises WatcherError with the remedy."""
    options = options_of(order, LeakageOptions)
    if "pii" not in order.options:  # whose an address is, is the same question here
        pii = options_of(replace(order, options=order.others.get("pii", {})), PiiOptions)
        options = msgspec.structs.replace(options, pii=msgspec.structs.replace(pii, without=(*MARKED, *pii.without)))
    # Letters of other scripts all look alike to the search: any text in the script would be a find.
    sizes = [sum(byte < 0x80 for byte in letters(canary).data) for canary in options.canaries]
    if sizes and min(sizes) < LEAST_CHARS:
        remedy = f"give at least {LEAST_CHARS} letters from a to z or digits, random ones"
        raise WatcherError(order.name, f"options.canaries: one has {min(sizes)}", remedy)
    return Leakage(order.name, options, order.thresholds, order.encoder)
