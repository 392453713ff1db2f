"""The official anthropic client."""

import asyncio
from typing import Any

import pytest
from anthropic import Anthropic, AsyncAnthropic

from tests.e2e.server import Provider
from tests.e2e.watched import Both, Sidewatch

TEXT = 'Héllo, wörld! 你好 🌍 "q"\n— e\u0301 done.'
ASK: Any = {
    "model": "claude-new",
    "max_tokens": 64,
    "system": "Be terse.",
    "messages": [{"role": "user", "content": "Wie warm ist es in Zürich?"}],
}
TOOLS: Any = [{"name": "get_weather", "input_schema": {"type": "object"}}]


def client(url: str, **options: Any) -> Anthropic:
    return Anthropic(base_url=url, api_key="sk-ant-secret", **options)


def test_message(both: Both) -> None:
    call = both(lambda url: client(url).messages.create(**ASK).model_dump())
    line = call.line
    assert call.completion == call.result["content"][0]["text"] == TEXT
    assert (line["format"], line["provider"], line["operation"]) == ("anthropic", "anthropic", "chat")
    assert (line["request_model"], line["response_model"]) == ("claude-new", "claude-sonnet-4-5-20250929")
    assert line["usage"] == {"source": "provider", "input": 60, "output": 15, "cached_input": 0, "cache_write_input": 0}
    assert line["finish_reasons"] == ["end_turn"]
    assert line["request_id"] == "req_011rig"
    assert "sk-ant-secret" not in str(line)


def test_streamed_message(both: Both) -> None:
    def stream(url: str) -> Any:
        with client(url).messages.stream(**ASK) as events:
            pieces = list(events.text_stream)
            return pieces, events.get_final_message().model_dump()

    call = both(stream)
    assert "".join(call.result[0]) == call.completion == TEXT
    assert (call.line["stream"], call.line["complete"]) == (True, True)
    assert call.line["usage"]["output"] == 15


@pytest.mark.parametrize("stream", [False, True])
def test_tools(both: Both, stream: bool) -> None:
    def use(url: str) -> Any:
        answer: Any = client(url).messages.create(**ASK, tools=TOOLS, stream=stream)
        return [event.model_dump() for event in answer] if stream else answer.model_dump()

    call = both(use)
    assert call.line["tool_calls"] == ["get_weather", "get_time"]
    assert call.line["finish_reasons"] == ["tool_use"]


def test_async_stream(both: Both) -> None:
    async def stream(url: str) -> list[Any]:
        async with AsyncAnthropic(base_url=url, api_key="x") as asynchronous:
            events = await asynchronous.messages.create(**ASK, stream=True)
            return [event.model_dump() async for event in events]

    assert both(lambda url: asyncio.run(stream(url))).completion == TEXT


def test_token_count(both: Both) -> None:
    ask = {key: value for key, value in ASK.items() if key != "max_tokens"}
    call = both(lambda url: client(url).messages.count_tokens(**ask).input_tokens)
    assert (call.result, call.line["operation"]) == (14, "count_tokens")


def test_overload_is_tried_again_by_the_client(both: Both) -> None:
    call = both(lambda url: client(url, max_retries=2).messages.create(**{**ASK, "model": "flaky"}).id)
    assert [line["status"] for line in call.logged] == [529, 529, 200]
    assert [line["error_type"] for line in call.logged] == ["overloaded_error", "overloaded_error", None]


def test_lasting_overload(both: Both) -> None:
    call = both.refused(lambda url: client(url, max_retries=0).messages.create(**{**ASK, "model": "overloaded"}).id)
    assert call.result[1] == 529


def test_error_in_the_middle_of_a_stream(both: Both) -> None:
    ask = {**ASK, "model": "failing"}
    call = both.refused(lambda url: list(client(url, max_retries=0).messages.create(**ask, stream=True)))
    assert "Overloaded" in call.result[2]
    assert (call.line["status"], call.line["error_type"], call.line["complete"]) == (200, "overloaded_error", False)
    assert call.completion == "Héllo"


def test_cancelled_stream(provider: Provider, sidewatch: Sidewatch) -> None:
    provider.take()
    events = client(sidewatch.url).messages.create(**{**ASK, "model": "endless"}, stream=True)
    for _ in range(6):
        next(iter(events))
    events.close()
    (served,) = provider.take()
    assert served.left.wait(10)
    (line,) = sidewatch.logged(served.request.body)
    assert (line["ending"], line["complete"], line["finish_reasons"]) == ("client_gone", False, [None])
