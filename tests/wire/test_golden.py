"""Recorded exchanges of every format: right, and the same however the bytes are cut or packed."""

import dataclasses
import gzip
import json
import random
import zlib

import brotli
import pytest
import zstandard

from sidecar.wire.decode import decode
from sidecar.wire.exchange import Exchange, Role, Timings, UsageSource


def _untimed(exchange: Exchange) -> Exchange:
    return dataclasses.replace(exchange, timings=Timings())


def _messages(exchange: Exchange) -> list[list[str]]:
    return [[message.role.value, message.text] for message in exchange.messages if message.role is not Role.SYSTEM]


def test_says_what_was_asked(golden):
    exchange = decode(golden.capture())
    prompt = golden.decoded.get("prompt", {})
    assert exchange.format == golden.format
    assert exchange.decode_error is None
    assert exchange.complete or "error_mid_stream" in golden.decoded
    if "request_model" in golden.decoded:
        assert exchange.request_model == golden.decoded["request_model"]
    if prompt:
        assert [m.text for m in exchange.messages if m.role is Role.SYSTEM] == prompt["system"]
        assert _messages(exchange) == prompt["messages"]
        assert list(exchange.tools) == prompt["tools"]


def test_says_what_was_answered(golden):
    expected = golden.decoded
    if "completion" not in expected:
        pytest.skip("an error")
    exchange = decode(golden.capture())
    choices = exchange.choices
    assert exchange.stream is expected["stream"]
    assert exchange.response_model == expected["response_model"]
    # The fixtures count a refusal as the completion, too; an Exchange keeps them apart.
    assert [choice.text or choice.refusal for choice in choices] == expected["completion"]
    assert [choice.reasoning for choice in choices if choice.reasoning] == expected["reasoning"]
    assert [choice.refusal for choice in choices if choice.refusal] == expected.get("refusal", [])
    assert [choice.finish_reason for choice in choices] == expected["finish"]
    calls = [
        (call.id, call.name, json.loads(call.arguments or "{}")) for choice in choices for call in choice.tool_calls
    ]
    wanted = [(call.get("id"), call["name"], json.loads(call["arguments"])) for call in expected["tool_calls"]]
    assert [(name, arguments) for _, name, arguments in calls] == [(name, arguments) for _, name, arguments in wanted]
    assert all(call_id == wanted_id for (call_id, *_), (wanted_id, *_) in zip(calls, wanted, strict=True) if wanted_id)


def test_counts_tokens_under_one_vocabulary(golden):
    usage, expected = decode(golden.capture()).usage, golden.decoded.get("usage")
    if not expected:
        assert usage.source is UsageSource.MISSING or "error_mid_stream" in golden.decoded
        return
    excluded = golden.format in ("anthropic", "bedrock-converse")  # these leave the cache out of their input count
    cached, written = expected.get("cached") or 0, expected.get("cache_write") or 0
    assert usage.source is UsageSource.PROVIDER
    assert usage.input == expected["input"] + (cached + written if excluded else 0)
    assert (usage.cached_input or 0) == cached
    assert (usage.cache_write_input or 0) == written
    thoughts = (expected.get("reasoning") or 0) if golden.format == "gemini" else 0
    assert usage.output in (expected["output"], expected["output"] + thoughts)


def test_says_what_went_wrong(golden):
    error = decode(golden.capture()).error
    if golden.decoded.get("error"):
        assert error is not None
        assert not error.in_stream
        assert error.type
        assert error.message
    elif golden.decoded.get("error_mid_stream"):
        assert error is not None
        assert error.in_stream
    else:
        assert error is None


def test_every_way_of_cutting_gives_the_same(golden, cuts):
    whole = _untimed(decode(golden.capture([golden.response])))
    for pieces in cuts(golden.response, random_cuts=10):
        assert _untimed(decode(golden.capture(pieces))) == whole


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "deflate"])
def test_packed_and_cut_gives_the_same(golden, encoding):
    pack = {"gzip": gzip.compress, "br": brotli.compress, "zstd": zstandard.compress, "deflate": zlib.compress}[
        encoding
    ]
    packed = pack(golden.response)
    whole = _untimed(decode(golden.capture([golden.response])))
    chance = random.Random(7)
    splits = {1, len(packed) - 1, *(chance.randrange(1, len(packed)) for _ in range(6))}
    for pieces in (
        [packed],
        [packed[at : at + 1] for at in range(len(packed))],
        *([packed[:at], packed[at:]] for at in splits),
    ):
        assert _untimed(decode(golden.capture(pieces, encoding=encoding))) == whole


def test_each_piece_of_output_has_the_time_it_arrived(golden):
    exchange = decode(golden.capture())
    times = exchange.timings.output_chunk_seconds
    assert exchange.timings.duration_seconds == 100.0
    assert exchange.timings.first_byte_seconds == 1.0
    if not exchange.stream or "completion" not in golden.decoded:
        return
    assert exchange.timings.first_token_seconds == times[0]
    assert list(times) == sorted(set(times))  # the fixtures send each event as a piece of its own
    assert times[-1] <= len(golden.pieces())
