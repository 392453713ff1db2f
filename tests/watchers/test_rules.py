"""Rules: each condition, what it reads, and errors that say what to change."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchers.registry import Order
from watchers.rules import Rules, make
from watchers.schema import Schema, SchemaError
from watchers.watcher import Direction, Origin, Record, Role, WatcherError


def record(text: str, origin: Origin = Origin.USER, direction: Direction = Direction.PROMPT) -> Record:
    return Record("x", 0, text, Role.USER, origin, direction)


def rules(*given: dict[str, object]) -> Rules:
    return make(Order("rules", options={"rules": [{"label": "it", **rule} for rule in given]}))  # type: ignore[return-value]


def hits(rule: dict[str, object], text: str, origin: Origin = Origin.USER) -> list[str]:
    judgement = rules(rule).watch([record(text, origin)])[0]
    return [text[span.start : span.end] for verdict in judgement.verdicts for span in verdict.spans]


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        ({"terms": ["Project Zeus", "acme"]}, "ACME and project zeus, not acmes", ["ACME", "project zeus"]),
        ({"terms": ["café"]}, "the CAFE\u0301 and the cafe\u200b; cafes", ["CAFE", "cafe"]),
        ({"terms": ["ａｃｍｅ"]}, "a\u200bcme", ["a\u200bcme"]),
        ({"terms": ["конкурент"]}, "наш Конкурент", ["Конкурент"]),
        ({"terms": ["竞争对手"]}, "我们的竞争对手很多", ["竞争对手"]),
        ({"terms": ["конкурент"]}, "İ: наш Конкурент", ["Конкурент"]),
        ({"terms": ["acme"]}, "请用Acme产品", ["Acme"]),
        ({"terms": ["a.b"]}, "axb", []),
        ({"pattern": r"(?i)ticket-\d+"}, "😀 see TICKET-123!", ["TICKET-123"]),
        ({"pattern": r"é+"}, "\ud800 éé", ["éé"]),
        ({"pattern": r"x*"}, "abc", []),
        ({"max_chars": 5}, "1234567", ["67"]),
        ({"max_chars": 7}, "1234567", []),
        ({"min_chars": 5}, "123", ["123"]),
        (
            {"languages": ["en"]},
            "Bonjour tout le monde, comment allez-vous ?",
            ["Bonjour tout le monde, comment allez-vous ?"],
        ),
        ({"languages": ["fr", "en"]}, "Bonjour tout le monde, comment allez-vous ?", []),
        ({"languages": ["fr"]}, "ok", []),
    ],
)
def test_conditions(rule: dict[str, object], text: str, expected: list[str]) -> None:
    assert hits(rule, text) == expected


def test_a_broken_rule_flags_with_score_one() -> None:
    verdict = rules({"terms": ["acme"]}).watch([record("acme")])[0].verdicts[0]
    assert (verdict.label, verdict.score, verdict.flagged) == ("it", 1.0, True)


def test_what_no_rule_reads_is_not_applicable() -> None:
    watcher = rules(
        {"terms": ["acme"], "origins": ["completion"]}, {"label": "in", "max_chars": 3, "direction": "completion"}
    )
    prompt, answer = watcher.watch(
        [record("acme"), record("acme", Origin.COMPLETION, Direction.COMPLETION)],
    )
    assert prompt.skipped == "not_applicable"
    assert [verdict.label for verdict in answer.verdicts if verdict.flagged] == ["it", "in"]


TRANSFER = {
    "type": "object",
    "properties": {
        "amount": {"type": "number", "exclusiveMinimum": 0, "maximum": 1000},
        "to": {"type": "string", "pattern": "^[A-Z]{2}[0-9]+$", "minLength": 4, "maxLength": 34},
        "kind": {"enum": ["once", "monthly"]},
        "tags": {"type": "array", "items": {"type": ["string", "null"]}, "maxItems": 2},
        "when": {"anyOf": [{"const": "now"}, {"type": "integer", "minimum": 1}]},
    },
    "required": ["amount", "to"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('{"amount": 5, "to": "DE12", "kind": "once", "tags": ["a", null], "when": "now"}', []),
        ('{"amount": 5.0, "to": "DE12", "when": 3}', []),
        ('{"amount": 5}', ["$: lacks to"]),
        ('{"amount": true, "to": "DE12"}', ["$.amount: not number"]),
        ('{"amount": 0, "to": "DE12"}', ["$.amount: not above 0"]),
        ('{"amount": 1001, "to": "DE12"}', ["$.amount: above 1000"]),
        ('{"amount": 1, "to": "de12"}', ["$.to: does not match the pattern"]),
        ('{"amount": 1, "to": "DE1"}', ["$.to: shorter than 4"]),
        ('{"amount": 1, "to": "DE12", "kind": "never"}', ["$.kind: none of the 2 values allowed"]),
        (
            '{"amount": 1, "to": "DE12", "tags": [1, "b", "c"]}',
            ["$.tags[]: not string or null", "$.tags: more items than 2"],
        ),
        ('{"amount": 1, "to": "DE12", "when": 0}', ["$.when: none of the alternatives"]),
        ('{"amount": 1, "to": "DE12", "admin": true}', ["$.*: nothing is allowed here"]),
        ("[]", ["$: not object"]),
        ("{", ["$: no JSON"]),
        ("[" * 100_000, ["$: no JSON"]),
    ],
)
def test_arguments_are_checked_against_their_schema(arguments: str, expected: list[str]) -> None:
    assert list(Schema(TRANSFER).problems(arguments)) == expected
    assert bool(hits({"json_schema": TRANSFER}, arguments, Origin.TOOL_CALL)) == bool(expected)


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"propertyNames": {}}, "keyword 'propertyNames' is not supported"),
        ({"properties": {"a": {"type": "text"}}}, "$.properties.a.type: types are object"),
        ({"pattern": "(?=x)"}, "use RE2 syntax"),
        ({"minimum": "3"}, "$.minimum: must be a number"),
        ([], "a schema is an object"),
        ({"type": 5}, "$.type: must be a text or a list of texts"),
        ({"required": "name"}, "$.required: must be a list"),
        ({"enum": 5}, "$.enum: must be a list"),
        ({"pattern": 5}, "$.pattern: must be a text"),
        ({"anyOf": {"type": "text"}}, "$.anyOf: must be a list"),
        ({"properties": {"a": {"pattern": None}}}, "$.properties.a.pattern: must be a text"),
    ],
)
def test_a_schema_that_cannot_be_used_says_where(schema: object, expected: str) -> None:
    with pytest.raises(SchemaError) as raised:
        Schema(schema)
    assert expected in str(raised.value)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({}, "has 0 conditions; give exactly one of terms, pattern"),
        ({"max_chars": 1, "pattern": "x"}, "has 2 conditions"),
        ({"pattern": "("}, "rule 'it', pattern"),
        ({"json_schema": {"nosuch": 1}}, "rule 'it', json_schema"),
        ({"pattern": "x", "origins": ["nowhere"]}, "options"),
        ({"nosuch": 1}, "options"),
    ],
)
def test_a_rule_that_cannot_be_understood_stops_the_start(rule: dict[str, object], expected: str) -> None:
    with pytest.raises(WatcherError) as raised:
        rules(rule)
    assert expected in str(raised.value)


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_no_text_raises(text: str) -> None:
    watcher = rules(
        {"terms": ["a", "İ", "竞"]},
        {"label": "p", "pattern": "[aé]"},
        {"label": "l", "languages": ["en"]},
        {"label": "s", "json_schema": {"type": "object"}},
    )
    judgement = watcher.watch([record(text)])[0]
    assert all(0 <= span.start <= span.end <= len(text) for verdict in judgement.verdicts for span in verdict.spans)
