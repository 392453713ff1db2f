"""One reader for all providers' error objects."""

import pytest

from sidecar.wire.exchange import ProviderError
from sidecar.wire.provider_error import find, maybe_find


@pytest.mark.parametrize(
    ("body", "type_", "message"),
    [
        (
            {"error": {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"}},
            "requests",
            "slow down",
        ),
        ({"error": {"message": "m", "type": None, "code": "content_filter"}}, "content_filter", "m"),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "m"}}, "overloaded_error", "m"),
        ({"error": {"code": 400, "message": "m", "status": "INVALID_ARGUMENT"}}, "INVALID_ARGUMENT", "m"),
        ([{"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED"}}], "RESOURCE_EXHAUSTED", "m"),
        ({"error": "model 'x' not found"}, "error", "model 'x' not found"),
        ({"error": "overloaded", "error_type": "overloaded"}, "overloaded", "overloaded"),
        ({"error": {"message": "m", "code": 502}}, "502", "m"),
        ({"__type": "ThrottlingException", "message": "m"}, "ThrottlingException", "m"),
        ({"message": "invalid api token"}, "418", "invalid api token"),
        ({"detail": "Not Found"}, "418", "Not Found"),
        ({"detail": [{"loc": ["body"], "msg": "x"}]}, "418", '[{"loc":["body"],"msg":"x"}]'),
        ({"object": "error", "message": "m", "type": "BadRequestError"}, "BadRequestError", "m"),
        ("plain text", "418", "plain text"),
        (None, "418", ""),
        ([], "418", ""),
        ({"error": None}, "418", ""),
        ({"error": {}}, "418", ""),
    ],
)
def test_reads_every_shape(body, type_, message):
    assert find(body, 418) == ProviderError(type_, message)


def test_no_error_is_none():
    for body in (None, {}, {"error": None}, {"error": {}}, {"error": ""}, [], ["x"], "error", {"choices": []}):
        assert maybe_find(body) is None


def test_an_error_in_a_stream_says_so_and_is_bounded():
    found = maybe_find({"error": {"type": "t" * 1000, "message": "m" * 10_000}}, in_stream=True)
    assert found == ProviderError("t" * 100, "m" * 4096, in_stream=True)
