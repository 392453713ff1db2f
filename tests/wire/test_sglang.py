"""SGLang's native API."""

from dataclasses import replace
from typing import Any

from sidecar.wire.capture import Capture
from sidecar.wire.decode import decode
from sidecar.wire.exchange import Message, Operation, Role, Usage, UsageSource
from tests.wire.captures import assert_cut_anywhere, assert_split_anywhere, capture, sse, without_times

ASK = {"text": "Hi", "sampling_params": {"temperature": 0, "max_new_tokens": 9}}


def meta(completion: int, finish: str | None = None) -> dict[str, Any]:
    reason = {"type": finish, "matched": 2} if finish else None
    return {
        "id": "s1",
        "finish_reason": reason,
        "prompt_tokens": 5,
        "completion_tokens": completion,
        "cached_tokens": 1,
    }


WHOLE = {"text": "Grüezi!", "meta_info": meta(3, "stop")}
CUMULATIVE = [{"text": "Grü", "meta_info": meta(1)}, {"text": "Grüezi", "meta_info": meta(2)}, WHOLE]


def streamed(events: list[Any]) -> Capture:
    captured = capture("/generate", {**ASK, "stream": True}, sse(*events, "[DONE]"))
    chunks = tuple((len(sse(*events[:n])), float(n)) for n in range(1, len(events) + 1))
    return replace(captured, response=replace(captured.response, chunks=chunks))


def test_cumulative_stream_and_whole_are_equal() -> None:
    whole, stream = decode(capture("/generate", ASK, WHOLE)), decode(streamed(CUMULATIVE))
    assert replace(without_times(stream), stream=False) == without_times(whole)
    assert (whole.choices[0].text, whole.choices[0].finish_reason) == ("Grüezi!", "stop")
    assert whole.usage == Usage(UsageSource.PROVIDER, input=5, output=3, cached_input=1)
    assert (whole.format, whole.operation, whole.response_id) == ("sglang", Operation.TEXT_COMPLETION, "s1")
    assert whole.messages == (Message(Role.USER, "Hi"),)
    assert stream.timings.output_chunk_seconds == (1.0, 2.0, 3.0)
    assert_split_anywhere(streamed(CUMULATIVE))
    assert_cut_anywhere(streamed(CUMULATIVE))


def test_incremental_stream() -> None:
    events = [{**each, "text": text} for each, text in zip(CUMULATIVE, ("Grü", "ezi", "!"), strict=True)]
    assert decode(streamed(events)).choices[0].text == "Grüezi!"


def test_samples_share_the_tokens_of_their_prompt() -> None:
    ask = {"text": ["a", "b"], "sampling_params": {"n": 2}}
    exchange = decode(capture("/generate", ask, [WHOLE, WHOLE, WHOLE, WHOLE]))
    assert [choice.index for choice in exchange.choices] == [0, 1, 2, 3]
    assert exchange.usage == Usage(UsageSource.PROVIDER, input=10, output=12, cached_input=2)
    assert exchange.messages == (Message(Role.USER, "a"), Message(Role.USER, "b"))


def test_token_ids_alone() -> None:
    exchange = decode(capture("/generate", {"input_ids": [1, 2], "sampling_params": {}}, WHOLE))
    assert (exchange.format, exchange.messages, exchange.choices[0].text) == ("sglang", (), "Grüezi!")


def test_a_flood_of_events_ends_in_time() -> None:
    flood = sse({"text": "abcdefghij"}) * 60_000
    assert decode(capture("/generate", {**ASK, "stream": True}, flood)).decode_error is None
