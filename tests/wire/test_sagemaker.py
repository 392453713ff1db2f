"""SageMaker endpoints: other formats inside."""

from typing import Any

import pytest

from sidecar.wire.decode import decode
from sidecar.wire.exchange import Message, Operation, ProviderError, Role, Usage, UsageSource
from tests.wire.captures import capture, lines, message, sse

TARGET = "/endpoints/llama-3/invocations"
INPUTS = {"inputs": "Hi", "parameters": {"max_new_tokens": 9, "details": True}}
CHAT = {"messages": [{"role": "user", "content": "Hi"}], "model": "m", "stream": True}
LAST = {
    "token": {"id": 2, "text": "ezi!", "logprob": -0.5, "special": False},
    "generated_text": "Grüezi!",
    "details": {"finish_reason": "length", "generated_tokens": 2, "input_length": 5},
}


def parts(data: bytes, step: int) -> bytes:
    """Return an event stream whose payload parts cut `data` anywhere, also within a character."""
    cuts = range(0, len(data), step)
    return b"".join(message("PayloadPart", data[at : at + step]) for at in cuts)


@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_tgi_inside_a_stream(step: int) -> None:
    data = sse({"token": {"id": 1, "text": "Grü", "logprob": -0.25, "special": False}}, LAST)
    exchange = decode(capture(f"{TARGET}-response-stream", INPUTS, parts(data, step)))
    (choice,) = exchange.choices
    assert (choice.text, choice.finish_reason, choice.logprob_sum) == ("Grüezi!", "length", -0.75)
    assert exchange.usage == Usage(UsageSource.PROVIDER, input=5, output=2)
    assert (exchange.format, exchange.provider, exchange.stream) == ("sagemaker", "aws.sagemaker", True)
    assert exchange.operation is Operation.TEXT_COMPLETION
    assert exchange.messages == (Message(Role.USER, "Hi"),)
    assert exchange.complete


@pytest.mark.parametrize("step", [1, 10_000])
def test_chat_inside_a_stream(step: int) -> None:
    def piece(text: str, reason: str | None = None) -> dict[str, Any]:
        return {
            "object": "chat.completion.chunk",
            "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": reason}],
        }

    data = sse(piece("Grü"), piece("ezi!", "stop"), "[DONE]")
    exchange = decode(capture(f"{TARGET}-response-stream", CHAT, parts(data, step)))
    assert (exchange.choices[0].text, exchange.choices[0].finish_reason) == ("Grüezi!", "stop")
    assert exchange.operation is Operation.CHAT


def test_json_lines_inside_a_stream() -> None:
    data = lines({"token": {"text": "Grü", "special": False}}, LAST)
    exchange = decode(capture(f"{TARGET}-response-stream", INPUTS, parts(data, 5)))
    assert exchange.choices[0].text == "Grüezi!"


def test_whole_answers() -> None:
    tgi = decode(capture(TARGET, INPUTS, [{"generated_text": "Grüezi!"}]))
    assert tgi.choices[0].text == "Grüezi!"
    answer = {"object": "chat.completion", "choices": [{"message": {"content": "Grüezi!"}, "finish_reason": "stop"}]}
    chat = decode(capture("/serving-endpoints/dbrx/invocations", {**CHAT, "stream": False}, answer))
    assert (chat.format, chat.choices[0].text) == ("sagemaker", "Grüezi!")


def test_model_errors() -> None:
    broken = message("ModelStreamError", {"Message": "x"}, kind="exception")
    exchange = decode(capture(f"{TARGET}-response-stream", INPUTS, parts(sse({"token": {"text": "Grü"}}), 50) + broken))
    assert exchange.error == ProviderError("ModelStreamError", "", in_stream=True)
    assert (exchange.choices[0].text, exchange.complete) == ("Grü", False)


def test_a_body_of_no_known_format() -> None:
    exchange = decode(capture(TARGET, b"1.5,2.5\n", b"0.25"))
    assert exchange.format == "sagemaker"
    assert exchange.choices == ()
