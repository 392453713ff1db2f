"""Masking: nothing that a masking watcher found leaves."""

import re
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.observer.mask import Masker, placeholder, replace_spans
from tests.observer.traffic import Words, record
from watchers.watcher import Judgement, Record, Span, Verdict

EMAIL = re.compile(r"[a-z]+@[a-z]+\.com")


class Emails(Words):
    """A real masking watcher: finds simple e-mail addresses."""

    def __init__(self) -> None:
        super().__init__("pii", "", "EMAIL_ADDRESS")

    def watch(self, records: Sequence[Record]) -> list[Judgement]:
        return [Judgement((self._found(each.text),)) for each in records]

    def _found(self, text: str) -> Verdict:
        spans = tuple(Span(found.start(), found.end(), self.label, 1.0) for found in EMAIL.finditer(text))
        return Verdict("pii", self.label, float(bool(spans)), 0.5, bool(spans), "e-1", spans)


def masker(*texts: str) -> tuple[Masker, list[Record]]:
    records = [record(text, position) for position, text in enumerate(texts)]
    return Masker(records, {"pii": Emails().watch(records)}), records


def test_spans_become_typed_placeholders() -> None:
    found, (only,) = masker("write to bob@example.com, or to eve@example.com.")
    assert found.maybe_text(only, 1_000) == "write to [EMAIL_ADDRESS], or to [EMAIL_ADDRESS]."


def test_a_value_is_masked_in_the_texts_where_it_was_not_found() -> None:
    spans = (Span(11, 17, "PERSON", 0.9),)
    records = [record("My name is Ulrike"), record("Hello Ulrike! Ulrike?", 1)]
    judged = [Judgement((Verdict("pii", "PERSON", 0.9, 0.5, True, "m", spans),)), Judgement()]
    assert Masker(records, {"pii": judged}).maybe_text(records[1], 1_000) == "Hello [PERSON]! [PERSON]?"


def test_short_values_are_masked_in_place_only() -> None:
    records = [record("I am Al"), record("Also", 1)]
    spans = (Span(5, 7, "PERSON", 0.9),)
    judged = [Judgement((Verdict("pii", "PERSON", 0.9, 0.5, True, "m", spans),)), Judgement()]
    found = Masker(records, {"pii": judged})
    assert [found.maybe_text(each, 99) for each in records] == ["I am [PERSON]", "Also"]


def test_overlapping_spans_become_one_placeholder_of_the_longest() -> None:
    spans = [Span(4, 12, "URL", 0.8), Span(0, 6, "PERSON", 0.9), Span(20, 22, "AGE", 1.0)]
    assert replace_spans("abcdefghijklmnopqrstuvwxyz", spans) == "[URL]mnopqrst[AGE]wxyz"


def test_spans_beyond_the_text_are_harmless() -> None:
    assert replace_spans("abc", [Span(5, 9, "X", 1.0), Span(2, 99, "Y", 1.0), Span(1, 1, "Z", 1.0)]) == "ab[Y]"


def test_a_text_that_was_not_read_is_withheld() -> None:
    records = [record("one"), record("two", 1)]
    judged = [Judgement(skipped="error"), Judgement()]
    found = Masker(records, {"pii": judged})
    assert [found.maybe_text(each, 99) for each in records] == [None, "two"]


def test_without_a_masking_watcher_every_text_is_withheld() -> None:
    assert Masker([record("one")], {}).maybe_text(record("one"), 99) is None


def test_the_cut_falls_after_masking() -> None:
    found, (only,) = masker("a" * 10 + " bob@example.com and bob@example.com")
    assert found.maybe_text(only, 15) == "a" * 10 + " [EMA"


def test_placeholders_are_typed() -> None:
    assert [placeholder(label) for label in ("pii/PERSON", "email address", "--")] == [
        "[PERSON]",
        "[EMAIL_ADDRESS]",
        "[MASKED]",
    ]


TEXT = st.lists(
    st.sampled_from(["bob@example.com", "eve@mail.com", "x", "@", " ", "ü", ".com", "\n", "a"]), max_size=12
)


@settings(max_examples=300, deadline=None)
@given(parts=st.lists(TEXT, min_size=1, max_size=4), chars=st.integers(1, 60))
def test_no_found_value_is_in_any_masked_text(parts: list[list[str]], chars: int) -> None:
    found, records = masker(*map("".join, parts))
    values = {match.group() for each in records for match in EMAIL.finditer(each.text)}
    for each in records:
        masked = found.maybe_text(each, chars)
        assert masked is not None
        assert len(masked) <= chars
        assert not [value for value in values if value in masked]


def test_a_value_that_is_part_of_a_placeholder_leaves_it_whole() -> None:
    text = "CARD 4111111111111111 of CARD street"
    spans = (Span(0, 4, "STREET_ADDRESS", 0.6), Span(5, 21, "CREDIT_CARD", 0.98))
    only = record(text)
    judged = [Judgement((Verdict("pii", "CREDIT_CARD", 0.98, 0.5, True, "m", spans),))]
    assert (
        Masker([only], {"pii": judged}).maybe_text(only, 1_000)
        == "[STREET_ADDRESS] [CREDIT_CARD] of [STREET_ADDRESS] street"
    )
