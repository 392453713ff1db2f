"""Bedrock InvokeModel with the body of each vendor, plain and streamed."""

import base64
import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from sidecar.wire.decode import decode
from sidecar.wire.exchange import Message, Operation, ProviderError, Role, ToolCall, Usage, UsageSource
from tests.wire.captures import assert_cut_anywhere, assert_split_anywhere, body, capture, message, without_times

METRICS = {"inputTokenCount": 5, "outputTokenCount": 3, "invocationLatency": 9, "firstByteLatency": 4}
HEADERS = {"X-Amzn-Bedrock-Input-Token-Count": "5", "X-Amzn-Bedrock-Output-Token-Count": "3"}


@dataclass(frozen=True)
class Vendor:
    """One vendor's dialect. Every one of them says "Grüezi!" in 3 tokens after a prompt "Hi" of 5."""

    model: str
    request: dict[str, Any]
    whole: dict[str, Any]
    stream: list[dict[str, Any]]
    finish: str
    operation: Operation = Operation.TEXT_COMPLETION
    system: tuple[Message, ...] = field(default=())


def anthropic() -> Vendor:
    usage = {"input_tokens": 5, "output_tokens": 3}
    start = {"type": "message", "id": "msg_bdrk_1", "model": "claude-3", "content": [], "usage": {"input_tokens": 5}}
    return Vendor(
        "anthropic.claude-3-haiku-20240307-v1%3A0",
        {
            "anthropic_version": "bedrock-2023-05-31",
            "max_tokens": 9,
            "system": "Be terse.",
            "messages": [{"role": "user", "content": "Hi"}],
        },
        {**start, "content": [{"type": "text", "text": "Grüezi!"}], "stop_reason": "end_turn", "usage": usage},
        [
            {"type": "message_start", "message": start},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Grü"}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "ezi!"}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
            {"type": "message_stop", "amazon-bedrock-invocationMetrics": METRICS},
        ],
        "end_turn",
        Operation.CHAT,
        (Message(Role.SYSTEM, "Be terse."),),
    )


def titan() -> Vendor:
    piece = {"index": 0, "inputTextTokenCount": 5, "totalOutputTextTokenCount": None, "completionReason": None}
    last = {"totalOutputTextTokenCount": 3, "completionReason": "FINISH", "amazon-bedrock-invocationMetrics": METRICS}
    return Vendor(
        "amazon.titan-text-express-v1",
        {"inputText": "Hi", "textGenerationConfig": {"maxTokenCount": 9, "temperature": 0}},
        {
            "inputTextTokenCount": 5,
            "results": [{"tokenCount": 3, "outputText": "Grüezi!", "completionReason": "FINISH"}],
        },
        [{**piece, "outputText": "Grü"}, {**piece, "outputText": "ezi!", **last}],
        "FINISH",
    )


def llama() -> Vendor:
    return Vendor(
        "meta.llama3-1-70b-instruct-v1:0",
        {"prompt": "Hi", "max_gen_len": 9},
        {"generation": "Grüezi!", "prompt_token_count": 5, "generation_token_count": 3, "stop_reason": "stop"},
        [
            {"generation": "Grü", "prompt_token_count": 5, "generation_token_count": 1, "stop_reason": None},
            {"generation": "ezi!", "prompt_token_count": None, "generation_token_count": 2, "stop_reason": None},
            {
                "generation": "",
                "prompt_token_count": None,
                "generation_token_count": 3,
                "stop_reason": "stop",
                "amazon-bedrock-invocationMetrics": METRICS,
            },
        ],
        "stop",
    )


def nova() -> Vendor:
    usage = {"inputTokens": 5, "outputTokens": 3, "totalTokens": 8}
    return Vendor(
        "us.amazon.nova-lite-v1%3A0",
        {
            "schemaVersion": "messages-v1",
            "system": [{"text": "Be terse."}],
            "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
            "inferenceConfig": {"maxTokens": 9},
        },
        {
            "output": {"message": {"content": [{"text": "Grüezi!"}], "role": "assistant"}},
            "stopReason": "end_turn",
            "usage": usage,
        },
        [
            {"messageStart": {"role": "assistant"}},
            {"contentBlockDelta": {"delta": {"text": "Grü"}, "contentBlockIndex": 0}},
            {"contentBlockDelta": {"delta": {"text": "ezi!"}, "contentBlockIndex": 0}},
            {"contentBlockStop": {"contentBlockIndex": 0}},
            {"messageStop": {"stopReason": "end_turn"}},
            {"metadata": {"usage": usage, "metrics": {}}, "amazon-bedrock-invocationMetrics": METRICS},
        ],
        "end_turn",
        Operation.CHAT,
        (Message(Role.SYSTEM, "Be terse."),),
    )


def cohere_command() -> Vendor:
    return Vendor(
        "cohere.command-text-v14",
        {"prompt": "Hi", "max_tokens": 9},
        {"id": "1", "prompt": "Hi", "generations": [{"id": "2", "text": "Grüezi!", "finish_reason": "COMPLETE"}]},
        [
            {"is_finished": False, "text": "Grü"},
            {"is_finished": False, "text": "ezi!"},
            {"is_finished": True, "finish_reason": "COMPLETE", "amazon-bedrock-invocationMetrics": METRICS},
        ],
        "COMPLETE",
    )


def cohere_command_r() -> Vendor:
    whole = {"response_id": "r1", "text": "Grüezi!", "generation_id": "g1", "finish_reason": "COMPLETE"}
    return Vendor(
        "cohere.command-r-plus-v1%3A0",
        {"message": "Hi", "preamble": "Be terse.", "max_tokens": 9},
        whole,
        [
            {"event_type": "stream-start", "is_finished": False},
            {"event_type": "text-generation", "is_finished": False, "text": "Grü"},
            {"event_type": "text-generation", "is_finished": False, "text": "ezi!"},
            {
                "event_type": "stream-end",
                "is_finished": True,
                "finish_reason": "COMPLETE",
                "response": whole,
                "amazon-bedrock-invocationMetrics": METRICS,
            },
        ],
        "COMPLETE",
        Operation.CHAT,
        (Message(Role.SYSTEM, "Be terse."),),
    )


def mistral_text() -> Vendor:
    return Vendor(
        "mistral.mixtral-8x7b-instruct-v0:1",
        {"prompt": "Hi", "max_tokens": 9},
        {"outputs": [{"text": "Grüezi!", "stop_reason": "stop"}]},
        [
            {"outputs": [{"text": "Grü", "stop_reason": None}]},
            {"outputs": [{"text": "ezi!", "stop_reason": "stop"}], "amazon-bedrock-invocationMetrics": METRICS},
        ],
        "stop",
    )


def mistral_chat() -> Vendor:
    def piece(text: str, reason: str | None) -> dict[str, Any]:
        return {"choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "stop_reason": reason}]}

    return Vendor(
        "mistral.mistral-large-2407-v1%3A0",
        {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 9},
        piece("Grüezi!", "stop"),
        [piece("Grü", None), {**piece("ezi!", "stop"), "amazon-bedrock-invocationMetrics": METRICS}],
        "stop",
        Operation.CHAT,
    )


VENDORS = {
    each.__name__: each()
    for each in (anthropic, titan, llama, nova, cohere_command, cohere_command_r, mistral_text, mistral_chat)
}
everyone = pytest.mark.parametrize("vendor", VENDORS.values(), ids=VENDORS.keys())


def chunk(value: Any) -> bytes:
    data = base64.b64encode(json.dumps(value, ensure_ascii=False).encode()).decode()
    return message("chunk", {"bytes": data, "p": "abcdef"})


def streamed(vendor: Vendor) -> Any:
    pieces = [chunk(each) for each in vendor.stream]
    captured = capture(f"/model/{vendor.model}/invoke-with-response-stream", vendor.request, b"".join(pieces))
    ends = [sum(map(len, pieces[: n + 1])) for n in range(len(pieces))]
    chunks = tuple((end, float(n)) for n, end in enumerate(ends, 1))
    return replace(captured, response=replace(captured.response, chunks=chunks))


@everyone
def test_whole_answer(vendor: Vendor) -> None:
    exchange = decode(capture(f"/model/{vendor.model}/invoke", vendor.request, vendor.whole, headers=HEADERS))
    (choice,) = exchange.choices
    assert (choice.text, choice.finish_reason) == ("Grüezi!", vendor.finish)
    assert exchange.messages == (*vendor.system, Message(Role.USER, "Hi"))
    assert exchange.usage == Usage(UsageSource.PROVIDER, input=5, output=3)
    assert (exchange.format, exchange.provider, exchange.operation) == (
        "bedrock-invoke",
        "aws.bedrock",
        vendor.operation,
    )
    assert exchange.request_model == vendor.model.replace("%3A", ":")
    assert len(exchange.parameters) >= 1
    assert exchange.complete
    assert exchange.decode_error is None


@everyone
def test_streamed_and_whole_are_equal(vendor: Vendor) -> None:
    whole = decode(capture(f"/model/{vendor.model}/invoke", vendor.request, vendor.whole, headers=HEADERS))
    exchange = decode(streamed(vendor))
    assert exchange.stream
    assert replace(without_times(exchange), stream=False) == without_times(whole)
    assert len(exchange.timings.output_chunk_seconds) == 2


@everyone
def test_splits_do_not_matter(vendor: Vendor) -> None:
    assert_split_anywhere(streamed(vendor))


@everyone
def test_cut_streams_are_partial(vendor: Vendor) -> None:
    assert_cut_anywhere(streamed(vendor))


def test_tool_of_anthropic_on_bedrock() -> None:
    vendor = VENDORS["anthropic"]
    block = {"type": "tool_use", "id": "toolu_bdrk_1", "name": "f", "input": {"a": 1}}
    exchange = decode(capture(f"/model/{vendor.model}/invoke", vendor.request, {**vendor.whole, "content": [block]}))
    assert exchange.choices[0].tool_calls == (ToolCall("toolu_bdrk_1", "f", '{"a":1}'),)


@pytest.mark.parametrize(
    ("model", "ask", "answer", "tokens"),
    [
        ("amazon.titan-embed-text-v2:0", {"inputText": "Hi"}, {"embedding": [0.1], "inputTextTokenCount": 2}, 2),
        ("cohere.embed-english-v3", {"texts": ["Hi"], "input_type": "search_query"}, {"embeddings": [[0.1]]}, 5),
    ],
)
def test_embeddings(model: str, ask: object, answer: object, tokens: int) -> None:
    headers = {"X-Amzn-Bedrock-Input-Token-Count": "5"}
    exchange = decode(capture(f"/model/{model}/invoke", ask, answer, headers=headers))
    assert (exchange.operation, exchange.choices) == (Operation.EMBEDDINGS, ())
    assert exchange.messages == (Message(Role.USER, "Hi"),)
    assert exchange.usage == Usage(UsageSource.PROVIDER, input=tokens)


def test_exception_and_bad_base64_in_a_stream() -> None:
    vendor = VENDORS["llama"]
    target = f"/model/{vendor.model}/invoke-with-response-stream"
    failed = message("modelStreamErrorException", {"message": "Broken"}, kind="exception")
    exchange = decode(capture(target, vendor.request, chunk(vendor.stream[0]) + failed))
    assert exchange.error == ProviderError("modelStreamErrorException", "Broken", in_stream=True)
    assert (exchange.choices[0].text, exchange.complete) == ("Grü", False)
    spoilt = decode(capture(target, vendor.request, message("chunk", {"bytes": "%%%"}) + chunk(vendor.stream[1])))
    assert (spoilt.decode_error, spoilt.choices[0].text) == ("bad_base64", "ezi!")


def test_error_answer() -> None:
    headers = {"x-amzn-errortype": "ValidationException"}
    vendor = VENDORS["titan"]
    exchange = decode(
        capture(f"/model/{vendor.model}/invoke", vendor.request, {"message": "Malformed"}, status=400, headers=headers)
    )
    assert exchange.error == ProviderError("ValidationException", "Malformed")


def test_a_cut_request_still_names_its_vendor() -> None:
    vendor = VENDORS["titan"]
    whole = json.dumps(vendor.request).encode()
    captured = capture(f"/model/{vendor.model}/invoke", b"", vendor.whole)
    exchange = decode(replace(captured, request=replace(body(whole[:14]), size=len(whole))))
    assert exchange.choices[0].text == "Grüezi!"
    assert not exchange.complete
