"""Text completions, fill-in-the-middle and llama.cpp's own endpoint."""

import json

import pytest

from sidecar.wire.decode import decode
from sidecar.wire.exchange import Choice, Message, Operation, Role, Usage, UsageSource


@pytest.fixture
def decoded(capture_of):
    def made(request, response, target="/v1/completions"):
        body = json.dumps(response).encode() if isinstance(response, dict) else response
        return decode(capture_of(body, request, target=target))

    return made


def test_a_whole_and_a_streamed_completion_are_equal(decoded, sse):
    request = {"model": "m", "prompt": "Once", "max_tokens": 5, "echo": False}
    usage = {"prompt_tokens": 1, "completion_tokens": 3}
    logprobs = {"tokens": ["a", "b"], "token_logprobs": [None, -0.5]}
    whole = {"id": "c", "object": "text_completion", "model": "m1", "usage": usage, "choices": [
        {"index": 0, "text": " upon a", "finish_reason": "length", "logprobs": logprobs}]}  # fmt: skip
    parts = [
        {"id": "c", "model": "m1", "choices": [{"index": 0, "text": text, "finish_reason": None}]}
        for text in (" up", "on a")
    ]
    last = {
        "id": "c",
        "model": "m1",
        "choices": [{"index": 0, "text": "", "finish_reason": "length", "logprobs": logprobs}],
    }
    one = decoded(request, whole)
    two = decoded(request, sse(*parts, last, {"id": "c", "model": "m1", "choices": [], "usage": usage}))
    assert (
        one.choices
        == two.choices
        == (Choice(text=" upon a", finish_reason="length", logprob_sum=-0.5, logprob_tokens=1),)
    )
    assert one.usage == two.usage == Usage(UsageSource.PROVIDER, input=1, output=3)
    assert one.messages == (Message(Role.USER, "Once"),)
    assert one.operation is Operation.TEXT_COMPLETION
    assert one.format == "openai-completions"
    assert one.parameters == (("echo", "false"), ("max_tokens", "5"))


@pytest.mark.parametrize(
    ("prompt", "texts"),
    [(["a", "b"], ["a", "b"]), ([1, 2, 3], []), ([[1, 2], [3]], []), (None, []), (7, []), ({"a": 1}, [])],
)
def test_prompts_of_every_kind(prompt, texts, decoded):
    exchange = decoded({"model": "m", "prompt": prompt}, {})
    assert [message.text for message in exchange.messages] == texts


def test_fill_in_the_middle_answers_like_a_chat(decoded):
    request = {"model": "codestral", "prompt": "def f(", "suffix": "return a"}
    response = {"id": "f", "object": "chat.completion", "choices": [
        {"index": 0, "message": {"content": "a):"}, "finish_reason": "stop"}]}  # fmt: skip
    exchange = decoded(request, response, "/v1/fim/completions")
    assert [message.text for message in exchange.messages] == ["def f(", "return a"]
    assert exchange.choices == (Choice(text="a):", finish_reason="stop"),)


def test_llama_cpp(decoded, sse):
    end = {"content": "", "stop": True, "stop_type": "limit", "tokens_evaluated": 4, "tokens_predicted": 2}
    streamed = decoded(
        {"prompt": "x"},
        sse({"content": "a", "stop": False}, {"content": "b", "stop": False}, end, done=False),
        "/completion",
    )
    whole = decoded({"prompt": "x"}, end | {"content": "ab"}, "/completion")
    assert streamed.choices == whole.choices == (Choice(text="ab", finish_reason="limit"),)
    assert streamed.usage == whole.usage == Usage(UsageSource.PROVIDER, input=4, output=2)
    assert whole.provider == "llama.cpp"
    infill = decoded({"input_prefix": "a", "input_suffix": "b"}, end | {"content": "x"}, "/infill")
    assert [message.text for message in infill.messages] == ["a", "b"]
