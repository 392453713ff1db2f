"""Assistants: runs streamed and polled, threads and messages."""

import json

import pytest

from sidecar.wire.decode import decode
from sidecar.wire.exchange import Choice, Message, Operation, ProviderError, Role, ToolCall, Usage, UsageSource

RUN = {"id": "run_1", "object": "thread.run", "thread_id": "t_1", "model": "gpt", "status": "completed",
       "usage": {"prompt_tokens": 5, "completion_tokens": 2}}  # fmt: skip


def stream(*events):
    return (
        "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events).encode()
        + b"event: done\ndata: [DONE]\n\n"
    )


def delta(text):
    return {
        "object": "thread.message.delta",
        "delta": {"content": [{"index": 0, "type": "text", "text": {"value": text}}]},
    }


def step(**call):
    details = {"type": "tool_calls", "tool_calls": [{"index": 0, "type": "function", **call}]}
    return {"object": "thread.run.step.delta", "delta": {"step_details": details}}


@pytest.fixture
def decoded(capture_of):
    def made(request, response, target, **more):
        body = json.dumps(response).encode() if isinstance(response, dict) else response
        return decode(capture_of(body, request, target=target, **more))

    return made


def test_a_streamed_run(decoded):
    events = stream(
        ("thread.created", {"id": "t_1", "object": "thread"}),
        ("thread.run.created", RUN | {"status": "queued", "usage": None}),
        ("thread.message.delta", delta("Hel")),
        ("thread.message.delta", delta("lo")),
        ("thread.run.completed", RUN),
    )
    request = {
        "assistant_id": "a",
        "stream": True,
        "instructions": "Be brief.",
        "thread": {"messages": [{"role": "user", "content": "hi"}]},
    }
    exchange = decoded(request, events, "/v1/threads/runs")
    assert exchange.operation is Operation.CHAT
    assert exchange.choices == (Choice(text="Hello", finish_reason="completed"),)
    assert exchange.messages == (Message(Role.SYSTEM, "Be brief."), Message(Role.USER, "hi"))
    assert exchange.usage == Usage(UsageSource.PROVIDER, input=5, output=2)
    assert (exchange.response_id, exchange.conversation_id, exchange.response_model) == ("run_1", "t_1", "gpt")
    assert exchange.stream


def test_tool_calls_of_a_run_streamed_and_polled(decoded):
    calls = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}]
    waiting = RUN | {"status": "requires_action", "required_action": {"submit_tool_outputs": {"tool_calls": calls}}}
    events = stream(
        ("thread.run.step.delta", step(id="c", function={"name": "f", "arguments": ""})),
        ("thread.run.step.delta", step(function={"arguments": '{"a"'})),
        ("thread.run.step.delta", step(function={"arguments": ":1}"})),
        ("thread.run.requires_action", waiting),
    )
    streamed = decoded({"stream": True}, events, "/v1/threads/t_1/runs")
    polled = decoded(b"", waiting, "/v1/threads/t_1/runs/run_1", method="GET")
    assert streamed.choices == polled.choices
    assert polled.choices == (Choice(tool_calls=(ToolCall("c", "f", '{"a":1}'),), finish_reason="requires_action"),)
    assert polled.operation is Operation.OTHER


def test_tool_outputs(decoded):
    request = {"tool_outputs": [{"tool_call_id": "c", "output": "42"}]}
    exchange = decoded(request, RUN, "/v1/threads/t_1/runs/run_1/submit_tool_outputs")
    assert exchange.messages == (Message(Role.TOOL, "42", tool_call_id="c"),)
    assert exchange.operation is Operation.CHAT


def test_messages_are_sent_and_read_again(decoded):
    sent = decoded({"role": "user", "content": "hi"}, {"object": "thread.message"}, "/v1/threads/t_1/messages")
    assert sent.messages == (Message(Role.USER, "hi"),)
    page = {"object": "list", "data": [
        {"object": "thread.message", "role": "assistant", "content": [{"type": "text", "text": {"value": "Hello"}}]},
        {"object": "thread.message", "role": "user", "content": [{"type": "text", "text": {"value": "hi"}}]},
    ]}  # fmt: skip
    read = decoded(b"", page, "/v1/threads/t_1/messages", method="GET")
    assert read.choices == (Choice(text="Hello"),)
    assert read.format == "openai-assistants"


def test_errors(decoded):
    failed = RUN | {"status": "failed", "last_error": {"code": "rate_limit_exceeded", "message": "m"}}
    assert decoded(b"", failed, "/v1/threads/t/runs/r", method="GET").error == ProviderError("rate_limit_exceeded", "m")
    events = stream(("error", {"message": "m", "type": "server_error"}))
    assert decoded({"stream": True}, events, "/v1/threads/t/runs").error == ProviderError(
        "server_error", "m", in_stream=True
    )
