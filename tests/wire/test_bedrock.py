"""Bedrock Converse, JSON and binary event stream."""

from dataclasses import replace

import pytest

from sidecar.wire.decode import decode
from sidecar.wire.exchange import Media, Message, Operation, ProviderError, Role, ToolCall, Usage, UsageSource
from tests.wire.captures import (
    assert_cut_anywhere,
    assert_split_anywhere,
    body,
    capture,
    facts,
    golden,
    golden_names,
    message,
    wanted,
    without_times,
)

CASES = golden_names("bedrock-converse")
WHOLE = [case for case in CASES if "exception" not in case]
MODEL = "anthropic.claude-3-5-sonnet-20240620-v1%3A0"
ASK = {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}


@pytest.mark.parametrize("case", WHOLE)
def test_golden_facts(case: str) -> None:
    captured, decoded = golden(case)
    exchange = decode(captured)
    usage = decoded["usage"]
    assert facts(exchange) == wanted(decoded)
    assert (exchange.usage.input, exchange.usage.output) == (usage["input"], usage["output"])
    assert (exchange.format, exchange.provider) == ("bedrock-converse", "aws.bedrock")
    assert exchange.request_id == "0a1b2c3d-0000-4000-8000-0123456789ab"
    assert exchange.complete
    assert exchange.decode_error is None


@pytest.mark.parametrize("case", CASES)
def test_splits_do_not_matter(case: str) -> None:
    assert_split_anywhere(golden(case)[0])


@pytest.mark.parametrize("case", [case for case in WHOLE if "stream" in case])
def test_cut_streams_are_partial(case: str) -> None:
    assert_cut_anywhere(golden(case)[0])


def test_streamed_and_whole_are_equal() -> None:
    streamed, whole = (without_times(decode(golden(f"bedrock-converse/{name}")[0])) for name in ("stream", "json"))
    assert replace(streamed, stream=False) == whole


def test_exception_in_the_middle_of_a_stream() -> None:
    exchange = decode(golden("bedrock-converse/exception-mid-stream")[0])
    text = "Too many tokens, please wait before trying again."
    assert exchange.error == ProviderError("throttlingException", text, in_stream=True)
    assert exchange.choices[0].text == "Héllo, wörld"
    assert not exchange.complete


def test_error_answer_takes_its_type_from_the_header() -> None:
    headers = {"x-amzn-ErrorType": "ThrottlingException:http://internal.amazon.com/coral/com.amazon.bedrock/"}
    exchange = decode(capture(f"/model/{MODEL}/converse", ASK, {"message": "Slow down"}, status=429, headers=headers))
    assert exchange.error == ProviderError("ThrottlingException", "Slow down")


@pytest.mark.parametrize(
    ("segment", "model"),
    [
        (MODEL, "anthropic.claude-3-5-sonnet-20240620-v1:0"),
        ("us.amazon.nova-pro-v1:0", "us.amazon.nova-pro-v1:0"),
        (
            "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.meta.llama3-1-70b-instruct-v1%3A0",
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.meta.llama3-1-70b-instruct-v1:0",
        ),
    ],
)
def test_models_in_paths(segment: str, model: str) -> None:
    assert decode(capture(f"/model/{segment}/converse", ASK, {"stopReason": "end_turn"})).request_model == model


def test_blocks_of_a_prompt() -> None:
    image = {"image": {"format": "png", "source": {"bytes": "AAAA"}}}
    paper = {"document": {"format": "pdf", "name": "p", "source": {"bytes": "AAAA"}}}
    plain = {"document": {"format": "txt", "name": "p", "source": {"text": "Paper."}}}
    film = {"video": {"format": "mp4", "source": {"s3Location": {"uri": "s3://b/k"}}}}
    call = {"toolUse": {"toolUseId": "t1", "name": "get_weather", "input": {"city": "Zürich"}}}
    answer = {"toolResult": {"toolUseId": "t1", "content": [{"text": "21 "}, {"json": {"unit": "C"}}, image]}}
    ask = {
        "system": [{"text": "Be terse."}, {"cachePoint": {"type": "default"}}],
        "messages": [
            {"role": "user", "content": [{"guardContent": {"text": {"text": "Look: "}}}, image, paper, plain, film]},
            {"role": "assistant", "content": [{"reasoningContent": {"reasoningText": {"text": "Hm."}}}, call]},
            {"role": "user", "content": [answer, {"text": "So?"}]},
        ],
        "inferenceConfig": {"maxTokens": 9, "stopSequences": ["x"]},
        "toolConfig": {"tools": [{"toolSpec": {"name": "get_weather"}}, {"cachePoint": {}}], "toolChoice": {"any": {}}},
    }
    exchange = decode(capture(f"/model/{MODEL}/converse", ask, {"stopReason": "end_turn"}))
    png = Media("image", "image/png", 3)
    files = (
        png,
        Media("document", "application/pdf", 3),
        Media("document", "application/txt"),
        Media("video", "video/mp4"),
    )
    assert exchange.messages == (
        Message(Role.SYSTEM, "Be terse."),
        Message(Role.USER, "Look: Paper.", media=files),
        Message(Role.ASSISTANT, tool_calls=(ToolCall("t1", "get_weather", '{"city":"Zürich"}'),), reasoning="Hm."),
        Message(Role.TOOL, '21 {"unit":"C"}', tool_call_id="t1", media=(png,)),
        Message(Role.USER, "So?"),
    )
    assert exchange.tools == ("get_weather",)
    assert exchange.parameters == (("maxTokens", "9"), ("stopSequences", '["x"]'), ("toolChoice", '{"any":{}}'))


def test_reasoning_tool_and_cache_streamed_and_whole() -> None:
    usage = {
        "inputTokens": 5,
        "outputTokens": 9,
        "totalTokens": 14,
        "cacheReadInputTokens": 7,
        "cacheWriteInputTokens": 2,
    }
    whole = {
        "output": {
            "message": {
                "role": "assistant",
                "content": [
                    {"reasoningContent": {"reasoningText": {"text": "Let me see.", "signature": "s"}}},
                    {"text": "One moment."},
                    {"toolUse": {"toolUseId": "t1", "name": "now", "input": {}}},
                ],
            }
        },
        "stopReason": "tool_use",
        "usage": usage,
    }
    events = [
        ("messageStart", {"role": "assistant"}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "Let me "}}}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "see."}}}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"signature": "s"}}}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": "One moment."}}),
        ("contentBlockStart", {"contentBlockIndex": 2, "start": {"toolUse": {"toolUseId": "t1", "name": "now"}}}),
        ("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"toolUse": {"input": ""}}}),
        ("contentBlockStop", {"contentBlockIndex": 2}),
        ("messageStop", {"stopReason": "tool_use"}),
        ("metadata", {"usage": usage, "metrics": {"latencyMs": 1}, "p": "abc"}),
    ]
    streamed = b"".join(message(name, payload) for name, payload in events)
    one = without_times(decode(capture("/model/m/converse-stream", ASK, streamed)))
    other = without_times(decode(capture("/model/m/converse", ASK, whole)))
    assert replace(one, stream=False) == other
    assert other.usage == Usage(UsageSource.PROVIDER, input=14, output=9, cached_input=7, cache_write_input=2)
    assert (other.choices[0].reasoning, other.choices[0].text) == ("Let me see.", "One moment.")
    assert other.choices[0].tool_calls == (ToolCall("t1", "now", "{}"),)


def test_token_count_is_no_generation() -> None:
    exchange = decode(capture("/model/m/count-tokens", {"input": {"converse": ASK}}, {"inputTokens": 3}))
    assert (exchange.operation, exchange.choices) == (Operation.COUNT_TOKENS, ())
    assert exchange.messages == (Message(Role.USER, "Hi"),)


@pytest.mark.parametrize("at", range(0, 900, 37))
def test_a_flipped_bit_is_noticed(at: int) -> None:
    captured, _ = golden("bedrock-converse/stream")
    data = bytearray(captured.response.head)
    data[at] ^= 0x10
    exchange = decode(replace(captured, response=body(bytes(data))))
    assert exchange.decode_error is not None
    assert exchange.decode_error != "decoder_failed"


def test_a_flipped_bit_in_a_payload_loses_that_message_alone() -> None:
    captured, decoded = golden("bedrock-converse/stream")
    at = captured.response.head.index(b'"llo"') + 1
    data = bytearray(captured.response.head)
    data[at] ^= 0x01
    exchange = decode(replace(captured, response=body(bytes(data))))
    assert exchange.decode_error == "bad_crc"
    assert exchange.choices[0].text == decoded["completion"][0].replace("llo", "")
    assert exchange.usage.output == 14
