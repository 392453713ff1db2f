"""Any value in any place: no decoder fails on it, whole or streamed, in the request or in the answer."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.wire.capture import Capture
from sidecar.wire.decode import decode
from sidecar.wire.exchange import Exchange
from tests.wire import test_bedrock_invoke, test_cohere, test_sglang, test_tgi
from tests.wire.captures import body, capture, golden, golden_names, lines, message, sse

FORMATS = ("anthropic", "gemini", "bedrock-converse", "ollama", "openai-chat", "openai-responses")
VALUES: tuple[Any, ...] = (None, True, -1, 1e300, 2**70, "x", "", [], [None, 5, "x", [], {}], {}, {"x": [{"y": None}]})

Build = Callable[[list[Any]], bytes]


def replaced(value: Any) -> Iterator[Any]:
    """Give `value` with one of its nodes replaced by each of VALUES, for every node."""
    yield from VALUES
    if isinstance(value, dict):
        for key, item in value.items():
            yield from ({**value, key: other} for other in replaced(item))
            yield {other_key: item for other_key, item in value.items() if other_key != key}
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from ([*value[:at], other, *value[at + 1 :]] for other in replaced(item))


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return (value.get("type"), *((key, shape(item)) for key, item in value.items()))
    return tuple(map(shape, value)) if isinstance(value, list) else type(value)


def different(events: list[Any]) -> list[Any]:
    """Return one event of each shape: the others would only repeat the same replacements."""
    return list({shape(event): event for event in events}.values())


def parts(captured: Capture) -> tuple[list[Any], Build]:
    """Return the JSON values of a response, and what puts them together again."""
    data = captured.response.head
    if data.startswith((b"event:", b"data:")):
        payloads = [line[5:].strip() for line in data.splitlines() if line.startswith(b"data:")]
        return different([json.loads(each) for each in payloads if each != b"[DONE]"]), lambda events: sse(*events)
    if captured.target.endswith(":streamGenerateContent"):
        return different(json.loads(data)), lambda events: json.dumps(events).encode()
    try:
        return [json.loads(data)], lambda events: json.dumps(events[0]).encode()
    except ValueError:
        return different([json.loads(line) for line in data.splitlines()]), lambda events: lines(*events)


def survives(captured: Capture) -> None:
    exchange = decode(captured)
    assert exchange.decode_error != "decoder_failed", captured.response.head[:2000]
    assert msgspec.convert(msgspec.to_builtins(exchange), Exchange) == exchange  # every field of its declared type


def fixtures() -> dict[str, Capture]:
    goldens = {case: golden(case)[0] for case in golden_names(*FORMATS)}
    found = {case: each for case, each in goldens.items() if "eventstream" not in str(each.response_headers)}
    found |= {
        "cohere-stream": test_cohere.chat(test_cohere.CALLED),
        "cohere": capture("/v2/chat", test_cohere.ASK, test_cohere.CALLED_WHOLE),
        "cohere-v1": capture(
            "/v1/chat", test_cohere.V1, {"text": "x", "tool_calls": [{"name": "f", "parameters": {}}]}
        ),
        "tgi": capture("/generate", test_tgi.ASK, test_tgi.WHOLE),
        "tgi-stream": test_tgi.streamed(),
        "sglang": capture("/generate", test_sglang.ASK, test_sglang.WHOLE),
        "sglang-stream": test_sglang.streamed(test_sglang.CUMULATIVE),
        "sagemaker": capture("/endpoints/e/invocations", test_tgi.ASK, test_tgi.WHOLE),
    }
    for name, vendor in test_bedrock_invoke.VENDORS.items():
        found[f"invoke-{name}"] = capture(f"/model/{vendor.model}/invoke", vendor.request, vendor.whole)
    return found


FIXTURES = fixtures()


@pytest.mark.parametrize("name", FIXTURES)
def test_in_requests(name: str) -> None:
    captured = replace(FIXTURES[name], response=body(b""))
    for other in replaced(json.loads(captured.request.head)):
        survives(replace(captured, request=body(json.dumps(other).encode())))


@pytest.mark.parametrize("name", FIXTURES)
def test_in_answers(name: str) -> None:
    captured = replace(FIXTURES[name], request=body(b"{}") if "invoke" not in name else FIXTURES[name].request)
    events, build = parts(captured)
    for at, event in enumerate(events):
        for other in replaced(event):
            survives(replace(captured, response=body(build([*events[:at], other, *events[at + 1 :]]))))


@pytest.mark.parametrize("name", test_bedrock_invoke.VENDORS)
def test_in_chunks_of_bedrock(name: str) -> None:
    vendor = test_bedrock_invoke.VENDORS[name]
    for event in vendor.stream:
        for other in replaced(event):
            data = test_bedrock_invoke.chunk(other) * 2
            survives(capture(f"/model/{vendor.model}/invoke-with-response-stream", vendor.request, data))


@pytest.mark.parametrize("name", ["contentBlockStart", "contentBlockDelta", "messageStop", "metadata", "messageStart"])
def test_in_events_of_converse(name: str) -> None:
    payload = {
        "contentBlockIndex": 0,
        "start": {"toolUse": {"toolUseId": "t", "name": "f"}},
        "delta": {"text": "x", "toolUse": {"input": "{"}, "reasoningContent": {"text": "r"}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 1, "outputTokens": 2, "cacheReadInputTokens": 3},
    }
    for other in replaced(payload):
        survives(capture("/model/m/converse-stream", {}, message(name, other) * 2))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "text", "content"]), inner),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from(sorted(FIXTURES)), data=st.binary(max_size=200), at=st.integers(0, 3000), value=JSON)
def test_garbage_in_the_middle(name: str, data: bytes, at: int, value: Any) -> None:
    captured = FIXTURES[name]
    whole = captured.response.head
    for garbage in (data, json.dumps(value).encode()):
        survives(replace(captured, response=body(whole[:at] + garbage + whole[at:])))
