"""Tolerant JSON and getters that never raise."""

import time

import pytest

from sidecar.wire import json_text
from sidecar.wire.json_text import JsonError


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"a": [1, 2.5, null, true, "\\u00e9"]}', {"a": [1, 2.5, None, True, "é"]}),
        (b"\xef\xbb\xbf{}", {}),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'"\\ud83d"', "\ud83d"),
        (b'"a\xffb"', "a\ufffdb"),
        (b'"a\tb"', "a\tb"),
        (b"9007199254740993", 9007199254740993),
        (b"123456789012345678901234567890", 1.2345678901234568e29),
        (b"Infinity", float("inf")),
        ('{"text": "é"}', {"text": "é"}),
    ],
)
def test_loads_what_servers_send(data, expected):
    assert json_text.load(data) == expected


def test_loads_not_a_number():
    value = json_text.load(b'{"logprob": NaN, "n": 1}')
    assert value["n"] == 1
    assert value["logprob"] != value["logprob"]


@pytest.mark.parametrize(
    "data", [b"", b"{", b"nope", b'{"a": 1} x', b"[" * 1_000_000, b'{"a":' * 500_000, b"1" * 5000 + b"x", b"\x00"]
)
def test_refuses_what_is_not_json_quickly(data):
    start = time.perf_counter()
    with pytest.raises(JsonError):
        json_text.load(data)
    assert json_text.maybe_load(data) is None
    assert time.perf_counter() - start < 1


def test_a_number_of_a_million_digits_costs_little():
    start = time.perf_counter()
    assert json_text.maybe_load(b'{"n": NaN, "i": ' + b"1" * 1_000_000 + b"}") is not None
    assert time.perf_counter() - start < 1


def test_dumps_compactly_and_keeps_text():
    assert json_text.dump({"a": [1, "é"]}) == '{"a":[1,"é"]}'
    assert json_text.dump('{"as": "written"}') == '{"as": "written"}'
    assert json_text.dump({"a": "\ud83d"}) == '{"a":"\ud83d"}'
    assert json_text.dump({"n": 2**70}) == '{"n":1180591620717411303424}'
    assert json_text.dump([1, 2, 3], 4) == "[1,2"


def test_dumps_nothing_of_what_is_too_deep():
    assert json_text.dump(json_text.load(b"[" * 1000 + b"]" * 1000)) in ("", "[" * 1000 + "]" * 1000)


BODY = {
    "text": "hello",
    "empty": "",
    "number": 7,
    "half": 0.5,
    "true": True,
    "null": None,
    "list": [{"a": 1}, "x", None, {"b": 2}],
    "object": {"inner": ["zero", "one"]},
    "huge": 1e300,
    "negative": -1,
    "nan": float("nan"),
}


def test_at_follows_keys_and_indices():
    assert json_text.at(BODY, "object", "inner", 1) == "one"
    assert json_text.at(BODY, "object", "inner", -1) == "one"
    for path in [("object", "inner", 5), ("object", "inner", "x"), ("text", 0), ("null", "a"), ("absent",), (0,)]:
        assert json_text.at(BODY, *path) is None
    assert json_text.at([1], True) is None or json_text.at([1], True) == 1


def test_text_is_a_string_or_empty():
    assert json_text.text(BODY, "text") == "hello"
    for name in BODY.keys() - {"text"}:
        assert json_text.text(BODY, name) == ""


def test_maybe_text_is_a_non_empty_string_or_none():
    assert json_text.maybe_text(BODY, "text") == "hello"
    assert json_text.maybe_text(BODY, "number") == "7"
    for name in ("empty", "true", "null", "list", "object", "absent"):
        assert json_text.maybe_text(BODY, name) is None


def test_containers_are_empty_where_the_type_is_wrong():
    assert json_text.items(BODY, "list") == [{"a": 1}, "x", None, {"b": 2}]
    assert json_text.objects(BODY, "list") == [{"a": 1}, {"b": 2}]
    assert json_text.objects(BODY, "object") == [{"inner": ["zero", "one"]}]
    assert json_text.obj(BODY, "object") == {"inner": ["zero", "one"]}
    for name in ("text", "null", "number", "absent"):
        assert json_text.items(BODY, name) == []
        assert json_text.objects(BODY, name) == []
        assert json_text.obj(BODY, name) == {}


def test_counts_are_whole_and_not_negative():
    assert json_text.count(BODY, "number") == 7
    assert json_text.count({"n": 12.0}, "n") == 12
    for name in ("true", "null", "text", "huge", "negative", "nan", "absent"):
        assert json_text.count(BODY, name) is None


def test_numbers_are_finite():
    assert json_text.number(BODY, "half") == 0.5
    assert json_text.number(BODY, "negative") == -1.0
    for name in ("true", "null", "text", "nan", "huge", "absent"):
        assert json_text.number(BODY, name) is None


def test_flags_are_booleans():
    assert json_text.flag(BODY, "true") is True
    assert json_text.flag(BODY, "number") is None
