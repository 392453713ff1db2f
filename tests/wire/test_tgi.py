"""Hugging Face TGI."""

from dataclasses import replace
from typing import Any

import pytest

from sidecar.wire.capture import Capture
from sidecar.wire.decode import decode
from sidecar.wire.exchange import Message, Operation, ProviderError, Role, Usage, UsageSource
from tests.wire.captures import assert_cut_anywhere, assert_split_anywhere, capture, without_times

ASK = {"inputs": "Hi", "parameters": {"max_new_tokens": 9, "details": True, "temperature": 0.5}}
TOKENS = [
    {"id": 1, "text": "Grü", "logprob": -0.5, "special": False},
    {"id": 2, "text": "ezi!", "logprob": -0.25, "special": False},
    {"id": 0, "text": "</s>", "logprob": -0.125, "special": True},
]
WHOLE = {
    "generated_text": "Grüezi!",
    "details": {
        "finish_reason": "eos_token",
        "generated_tokens": 3,
        "prefill": [{"id": 7, "text": "Hi", "logprob": None}, {"id": 8, "text": "!", "logprob": -1.0}],
        "tokens": TOKENS,
    },
}
DETAILS = {"finish_reason": "eos_token", "generated_tokens": 3, "input_length": 2}


def streamed() -> Capture:
    """A stream as TGI writes it: no blank after the colon."""
    events: list[dict[str, Any]] = [
        {"index": n, "token": token, "generated_text": None} for n, token in enumerate(TOKENS, 1)
    ]
    events[-1] |= {"generated_text": "Grüezi!", "details": DETAILS}
    pieces = [capture("/", "", event).response.head for event in events]
    data = [b"data:" + piece + b"\n\n" for piece in pieces]
    captured = capture("/generate_stream", ASK, b"".join(data))
    ends = [sum(map(len, data[: n + 1])) for n in range(len(data))]
    chunks = tuple((end, float(n)) for n, end in enumerate(ends, 1))
    return replace(captured, response=replace(captured.response, chunks=chunks))


def test_streamed_and_whole_are_equal() -> None:
    whole, stream = decode(capture("/generate", ASK, WHOLE)), decode(streamed())
    assert replace(without_times(stream), stream=False) == without_times(whole)
    (choice,) = whole.choices
    assert (choice.text, choice.finish_reason) == ("Grüezi!", "eos_token")
    assert (choice.logprob_sum, choice.logprob_tokens) == (-0.875, 3)
    assert whole.usage == Usage(UsageSource.PROVIDER, input=2, output=3)
    assert (whole.format, whole.operation) == ("tgi", Operation.TEXT_COMPLETION)
    assert whole.messages == (Message(Role.USER, "Hi"),)
    assert whole.parameters == (("details", "true"), ("max_new_tokens", "9"), ("temperature", "0.5"))
    assert stream.timings.output_chunk_seconds == (1.0, 2.0)


def test_splits_and_cuts() -> None:
    assert_split_anywhere(streamed())
    assert_cut_anywhere(streamed())


@pytest.mark.parametrize(
    ("target", "answer"), [("/", [{"generated_text": "Yes"}]), ("/generate", {"generated_text": "Yes"})]
)
def test_counts_in_headers(target: str, answer: object) -> None:
    headers = {"x-prompt-tokens": "4", "x-generated-tokens": "1"}
    exchange = decode(capture(target, {"inputs": "Hi"}, answer, headers=headers))
    assert (exchange.format, exchange.choices[0].text) == ("tgi", "Yes")
    assert exchange.usage == Usage(UsageSource.PROVIDER, input=4, output=1)


def test_errors() -> None:
    error = {"error": "Model is overloaded", "error_type": "overloaded"}
    exchange = decode(capture("/generate", ASK, error, status=429))
    assert exchange.error == ProviderError("overloaded", "Model is overloaded")
    broken = b'data:{"token":{"text":"He","special":false}}\n\ndata:{"error":"CUDA","error_type":"generation"}\n\n'
    stream = decode(capture("/generate_stream", ASK, broken))
    assert stream.error == ProviderError("generation", "CUDA", in_stream=True)
    assert (stream.choices[0].text, stream.complete) == ("He", False)
