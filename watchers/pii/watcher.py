"""The watcher `pii`: patterns and the pack's token tags, merged into spans of one type each.

Its labels are the types. Most types flag where they are found; what ordinary texts are full of (names of people, towns
and organisations, dates, links) is marked with a span, so that logs can mask it, and flags only where the configuration
lowers that label's threshold below 1.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
import phonenumbers
import re2

from watchers.encoding import Encoder, Encoding
from watchers.look import CONTACTS, NAMES, NO_LOOK, Look, read
from watchers.options import options_of
from watchers.pii import contact, dates, documents, money, places
from watchers.pii.merge import merged
from watchers.pii.national import LABELS as NATIONAL
from watchers.pii.national import NationalIds
from watchers.pii.network import Addresses
from watchers.pii.page import Finding, Page, page
from watchers.pii.phone import COUNTRIES, Phones
from watchers.pii.trust import trusted
from watchers.registry import Order
from watchers.tags import entities
from watchers.view import pattern, view
from watchers.watcher import Judgement, Record, Screen, Skip, Span, Verdict, WatcherError

Find = Callable[[Page], Iterator[Finding]]
Entities = Callable[[Encoding, str], list[Span]]

VERSION: Final = "pii-patterns-1"
_FLAGS: Final = 0.5
_MARKS: Final = 1.0  # no pattern is that sure: a span, never a flag
# What is marked only; every other type flags.
MARKED: Final = (
    "PERSON",
    "LOCATION",
    "ORGANIZATION",
    "DATE_TIME",
    "URL",
    "USERNAME",
    "ZIP_CODE",
    "SWIFT_CODE",
    "ID_NUMBER",
    "US_EIN",
)
FLAGGED: Final = (
    "EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "BANK_NUMBER", "ROUTING_NUMBER", "CRYPTO",
    "DATE_OF_BIRTH", "STREET_ADDRESS", "GPS_COORDINATES", "IP_ADDRESS", "MAC_ADDRESS", "PASSPORT", "DRIVER_LICENSE",
    "LICENSE_PLATE", "INSURANCE_NUMBER", "MEDICAL_RECORD", "VEHICLE_ID", "DEVICE_ID", "DENIED_TERM",
)  # fmt: skip
_SUREST: Final = 0.99


class PiiOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`options` of the watcher in the configuration."""

    countries: tuple[str, ...] = COUNTRIES  # plans tried for telephone numbers without a country code, ISO 3166
    without_countries: tuple[str, ...] = ()  # whose national numbers are not looked for
    without: tuple[str, ...] = ()  # types that are not looked for
    allow: tuple[str, ...] = ()  # values that are nobody's: compared whole, in any case
    allow_patterns: tuple[str, ...] = ()  # the same as RE2 patterns, matched against the whole value
    deny: tuple[str, ...] = ()  # terms that are always found, as DENIED_TERM
    private_addresses: bool = False  # 10.0.0.0/8, 192.168.0.0/16, loopback, ... count as IP_ADDRESS
    min_score: float = 0.5  # spans below it are left out
    max_chars: int = 1_000_000  # of one text; the rest is skipped as past the budget


class Pii:
    """Finds personal data. Without an encoder it knows the structured types only."""

    model = VERSION
    by_text = True

    def __init__(
        self,
        name: str = "pii",
        options: PiiOptions | None = None,
        thresholds: Mapping[str, float] | None = None,
        encoder: Encoder | None = None,
        entities: Entities | None = None,
    ) -> None:
        self.name = name
        self._options = options = options or PiiOptions()
        defaults = dict.fromkeys((*FLAGGED, *NATIONAL), _FLAGS) | dict.fromkeys(MARKED, _MARKS)
        known = {label: score for label, score in sorted(defaults.items()) if label not in options.without}
        self.labels: Mapping[str, float] = {**known, **(thresholds or {})}
        self._encoder, self._entities = encoder, entities
        self.model = f"{VERSION}+{encoder.model}" if encoder and entities else VERSION
        marks = all(self.labels.get(label, _MARKS) >= _MARKS for label in MARKED)
        self._asked = CONTACTS if marks else NAMES  # what must not be missed: names only where they flag
        self._finders = _finders(options)
        self._allowed = _Allowed(options)
        self._denied = _terms(options.deny) if options.deny else None
        self._clean = tuple(self._verdict(label, ()) for label in self.labels)
        self._places = {label: place for place, label in enumerate(self.labels)}

    def watch(self, records: Sequence[Record]) -> list[Judgement]:
        """Return one judgement a record; patterns read up to `max_chars`, tags the token budget, the rest is skipped."""
        texts = [record.text[: self._options.max_chars] for record in records]
        looks = self._looks(texts, [record.budget_tokens for record in records])
        return [
            self._judge(text, look, Skip.BUDGET if len(text) < len(record.text) else None)
            for record, text, look in zip(records, texts, looks, strict=True)
        ]

    def spans(self, text: str, tags: Sequence[Span] = ()) -> list[Span]:
        """Return what is found in one text, in order, without overlaps."""
        laid_out = page(text)
        found = [self._span(laid_out, finding) for find in self._finders for finding in find(laid_out)]
        if self._denied:
            found += [
                self._span(laid_out, Finding(start, end, "DENIED_TERM", _SUREST))
                for start, end in laid_out.matches(self._denied)
            ]
        keep = self.labels.keys()
        least = self._options.min_score
        keep_towns = "STREET_ADDRESS" in keep
        kept = [
            span
            for span in found
            if (span.label in keep or (keep_towns and span.label == places.TOWN)) and span.score >= least
        ]
        believed = trusted(text, tags, kept)
        marked = [span for span in believed if span.label in keep and span.score >= least]
        return [span for span in merged(kept, marked, text) if not self._allowed(text[span.start : span.end])]

    def _span(self, laid_out: Page, finding: Finding) -> Span:
        start, end = laid_out.view.original(finding.start, finding.end)
        return Span(start, end, finding.label, min(finding.score, _SUREST))

    def _looks(self, texts: list[str], budgets: list[int | None]) -> list[Look]:
        """Return what the encoder read of each text for the token tags; without an encoder nothing is to be read."""
        if self._encoder is None or self._entities is None:
            return [NO_LOOK] * len(texts)
        return read(self._encoder, list(zip(texts, budgets, strict=True)), self._asked)

    def _tags(self, text: str, look: Look) -> list[Span]:
        """Return the pack's entities, and what the first stage marks where the full encoder did not look."""
        found = self._entities(look.encoding, text) if look.encoding and self._entities else []
        return sorted([*found, *look.marks], key=lambda span: span.start)

    def _judge(self, text: str, look: Look, cut: Skip | None) -> Judgement:
        if not text:
            return Judgement(skipped=Skip.EMPTY)
        tags = self._tags(text, look)
        verdicts = self._clean
        spans = self.spans(text, tags)
        if spans:
            changed = list(verdicts)
            for label in {span.label for span in spans}:
                own = tuple(span for span in spans if span.label == label)
                changed[self._places[label]] = self._verdict(label, own)
            verdicts = tuple(changed)
        if look.encoding is None and not look.whole:
            return Judgement(verdicts, Skip.OVERLOAD, Screen.DOUBTED, whole=False)
        # What patterns find is found whatever the encoder read: the first stage answers for the tags alone.
        flagged = any(tag.score >= self.labels.get(tag.label, _MARKS) for tag in trusted(text, tags, ()))
        skipped = look.encoding.skipped if look.encoding else None
        return Judgement(verdicts, skipped or cut, look.screen(flagged), look.whole)

    def _verdict(self, label: str, spans: tuple[Span, ...]) -> Verdict:
        score = max((span.score for span in spans), default=0.0)
        threshold = self.labels[label]
        return Verdict(self.name, label, score, threshold, bool(spans) and score >= threshold, self.model, spans)


class _Allowed:
    """Values that the operator said are nobody's."""

    def __init__(self, options: PiiOptions) -> None:
        self._values = frozenset(value.casefold() for value in options.allow)
        self._patterns = [pattern(source) for source in options.allow_patterns]

    def __call__(self, value: str) -> bool:
        if not self._values and not self._patterns:
            return False
        raw = value.encode("latin-1", "replace")
        return value.casefold() in self._values or any(one.fullmatch(raw) for one in self._patterns)


def _terms(terms: Sequence[str]) -> Any:
    """One pattern for all terms, as they look in the plain view."""
    plain = [
        re2.escape(view(term).data).decode("latin-1") for term in sorted(terms, key=len, reverse=True) if term.strip()
    ]
    return pattern(r"(?i)(?:^|[^A-Za-z0-9_])(" + "|".join(plain) + r")(?:$|[^A-Za-z0-9_])")


def _finders(options: PiiOptions) -> tuple[Find, ...]:
    return (
        contact.find_emails,
        contact.find_urls,
        contact.find_accounts,
        Phones(options.countries).find,
        money.find_cards,
        money.find_ibans,
        money.find_accounts,
        money.find_crypto,
        NationalIds(frozenset(options.without_countries)).find,
        documents.find_documents,
        Addresses(options.private_addresses).find,
        dates.find_dates,
        places.find_addresses,
        places.find_postal_codes,
        places.find_coordinates,
    )


def make(order: Order) -> Pii:
    """Make the watcher as the configuration orders it. Raises WatcherError with the remedy."""
    options = options_of(order, PiiOptions)
    for country in options.countries:
        if country not in phonenumbers.SUPPORTED_REGIONS:
            problem = f"options.countries: {country!r} has no telephone plan"
            raise WatcherError(order.name, problem, "use ISO 3166 codes such as US, GB, DE")
    try:
        return Pii(order.name, options, order.thresholds, order.encoder, entities if order.encoder else None)
    except re2.error as error:
        raise WatcherError(order.name, f"options.allow_patterns: {error}", "use RE2 syntax") from error
