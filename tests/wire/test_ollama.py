"""Ollama's own API."""

from dataclasses import replace

import pytest

from sidecar.wire.decode import decode
from sidecar.wire.exchange import Media, Message, Operation, ProviderError, Role, ToolCall, Usage, UsageSource
from tests.wire.captures import (
    assert_cut_anywhere,
    assert_split_anywhere,
    capture,
    facts,
    golden,
    golden_names,
    lines,
    wanted,
    without_times,
)

CASES = golden_names("ollama")
ASK = {"model": "llama3.2", "messages": [{"role": "user", "content": "Hi"}]}
DONE = {"model": "llama3.2", "done": True, "done_reason": "stop", "prompt_eval_count": 5, "eval_count": 2}


@pytest.mark.parametrize("case", CASES)
def test_golden_facts(case: str) -> None:
    captured, decoded = golden(case)
    exchange = decode(captured)
    usage = decoded["usage"]
    assert facts(exchange) == wanted(decoded)
    assert exchange.usage == Usage(UsageSource.PROVIDER, input=usage["input"], output=usage["output"])
    assert exchange.operation is (Operation.TEXT_COMPLETION if "generate" in case else Operation.CHAT)
    assert (exchange.format, exchange.provider) == ("ollama", "ollama")
    assert exchange.complete
    assert exchange.decode_error is None


@pytest.mark.parametrize("case", CASES)
def test_splits_do_not_matter(case: str) -> None:
    assert_split_anywhere(golden(case)[0])


@pytest.mark.parametrize("case", [case for case in CASES if "stream" in case])
def test_cut_streams_are_partial(case: str) -> None:
    assert_cut_anywhere(golden(case)[0])


def test_streamed_and_whole_are_equal() -> None:
    streamed, whole = (without_times(decode(golden(f"ollama/{name}")[0])) for name in ("chat-stream", "chat"))
    assert replace(streamed, stream=False, parameters=()) == replace(whole, parameters=())


def test_a_single_line_is_a_stream_where_streaming_was_not_refused() -> None:
    line = {**DONE, "message": {"role": "assistant", "content": "Yes"}}
    assert decode(capture("/api/chat", ASK, lines(line))).stream
    assert not decode(capture("/api/chat", {**ASK, "stream": False}, line)).stream


def test_error_in_the_middle_of_a_stream() -> None:
    piece = {"model": "llama3.2", "message": {"role": "assistant", "content": "He"}, "done": False}
    exchange = decode(capture("/api/chat", ASK, lines(piece, {"error": "runner has gone"})))
    assert exchange.error == ProviderError("error", "runner has gone", in_stream=True)
    assert exchange.choices[0].text == "He"
    assert not exchange.complete


def test_unknown_model() -> None:
    exchange = decode(capture("/api/chat", ASK, {"error": "model 'x' not found"}, status=404))
    assert exchange.error is not None
    assert exchange.error.message == "model 'x' not found"


def test_cached_prompts_leave_the_count_unknown() -> None:
    last = {key: value for key, value in DONE.items() if key != "prompt_eval_count"}
    exchange = decode(capture("/api/chat", ASK, lines({**last, "message": {"content": "x"}})))
    assert exchange.usage == Usage(UsageSource.PROVIDER, output=2)


def test_thinking_and_several_calls() -> None:
    calls = [{"function": {"name": name, "arguments": {"n": 1}}} for name in ("f", "g")]
    exchange = decode(
        capture(
            "/api/chat",
            {**ASK, "think": True, "options": {"num_predict": 7, "temperature": 0.1}},
            lines(
                {"model": "m", "message": {"thinking": "Hm", "content": ""}, "done": False},
                {"model": "m", "message": {"content": "", "tool_calls": calls[:1]}, "done": False},
                {"model": "m", "message": {"content": "", "tool_calls": calls[1:]}, "done": False},
                DONE,
            ),
        )
    )
    (choice,) = exchange.choices
    assert choice.reasoning == "Hm"
    assert choice.tool_calls == (ToolCall(None, "f", '{"n":1}'), ToolCall(None, "g", '{"n":1}'))
    assert exchange.parameters == (("num_predict", "7"), ("temperature", "0.1"), ("think", "true"))


def test_messages_of_a_prompt() -> None:
    call = {"function": {"name": "f", "arguments": {"a": 1}}}
    ask = {
        "model": "llava",
        "messages": [
            {"role": "user", "content": "See", "images": ["AAAA"]},
            {"role": "assistant", "content": "", "thinking": "Hm", "tool_calls": [call]},
            {"role": "tool", "tool_name": "f", "content": "21"},
        ],
    }
    assert decode(capture("/api/chat", ask, b"")).messages == (
        Message(Role.USER, "See", media=(Media("image", None, 3),)),
        Message(Role.ASSISTANT, tool_calls=(ToolCall(None, "f", '{"a":1}'),), reasoning="Hm"),
        Message(Role.TOOL, "21", tool_call_id="f"),
    )


@pytest.mark.parametrize(
    ("target", "ask", "answer", "tokens"),
    [
        (
            "/api/embed",
            {"model": "n", "input": ["a", "b"]},
            {"model": "n", "embeddings": [[0.1]], "prompt_eval_count": 2},
            2,
        ),
        ("/api/embed", {"model": "n", "input": "a"}, {"model": "n", "embeddings": [[0.1]], "prompt_eval_count": 1}, 1),
        ("/api/embeddings", {"model": "n", "prompt": "a"}, {"embedding": [0.1]}, None),
    ],
)
def test_embeddings(target: str, ask: object, answer: object, tokens: int | None) -> None:
    exchange = decode(capture(target, ask, answer))
    assert (exchange.operation, exchange.stream, exchange.choices) == (Operation.EMBEDDINGS, False, ())
    assert exchange.messages[0] == Message(Role.USER, "a")
    assert (exchange.usage.input, exchange.usage.output) == (tokens, None)
