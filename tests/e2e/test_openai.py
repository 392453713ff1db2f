"""The official openai client: chat, Responses, embeddings; plain, streamed, with tools, refused, cancelled."""

import asyncio
from typing import Any

import pytest
from openai import AsyncOpenAI, AzureOpenAI, OpenAI

from tests.e2e.server import Provider
from tests.e2e.watched import Both, Sidewatch

TEXT = 'Héllo, wörld! 你好 🌍 "q"\n— e\u0301 done.'
MESSAGES: Any = [{"role": "system", "content": "Be terse."}, {"role": "user", "content": "Wie warm ist es in Zürich?"}]
TOOLS: Any = [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}]


def client(url: str, **options: Any) -> OpenAI:
    return OpenAI(base_url=f"{url}/v1", api_key="sk-secret", **options)


def test_chat(both: Both) -> None:
    call = both(lambda url: client(url).chat.completions.create(model="gpt-4o", messages=MESSAGES).model_dump())
    assert call.completion == call.result["choices"][0]["message"]["content"]
    line = call.line
    assert (line["format"], line["operation"], line["request_model"]) == ("openai-chat", "chat", "gpt-4o")
    assert (line["status"], line["ending"], line["complete"], line["stream"]) == (200, "complete", True, False)
    assert (line["decode_error"], line["error_type"]) == (None, None)
    assert line["usage"]["source"] == "provider"
    assert line["usage"]["input"] == call.result["usage"]["prompt_tokens"]
    assert [text["role"] for text in line["prompt"]] == ["system", "user"]
    assert line["prompt"][1]["text"] == "Wie warm ist es in Zürich?"
    assert "sk-secret" not in str(line)


@pytest.mark.parametrize("tools", [None, TOOLS])
def test_streamed_chat(both: Both, tools: Any) -> None:
    more = {"tools": tools} if tools else {}

    def stream(url: str) -> list[Any]:
        chunks = client(url).chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True, **more)
        return [chunk.model_dump() for chunk in chunks]

    call = both(stream)
    assert len(call.result) > 3
    assert (call.line["stream"], call.line["complete"]) == (True, True)
    assert call.line["first_token_seconds"] > 0
    if tools:
        assert call.line["tool_calls"] == ["get_weather", "get_time"]
    else:
        text = "".join(chunk["choices"][0]["delta"]["content"] or "" for chunk in call.result if chunk["choices"])
        assert call.completion == text == TEXT


def test_async_streams_at_once(both: Both) -> None:
    async def one(asynchronous: AsyncOpenAI) -> list[Any]:
        chunks = await asynchronous.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
        return [chunk.model_dump() async for chunk in chunks]

    async def several(url: str) -> list[Any]:
        async with AsyncOpenAI(base_url=f"{url}/v1", api_key="x") as asynchronous:
            return await asyncio.gather(*(one(asynchronous) for _ in range(8)))

    call = both(lambda url: asyncio.run(several(url)))
    assert len(call.served) == len(call.logged) == 8
    assert {line["complete"] for line in call.logged} == {True}


@pytest.mark.parametrize("stream", [False, True])
def test_responses(both: Both, stream: bool) -> None:
    def respond(url: str) -> Any:
        answer: Any = client(url).responses.create(
            model="gpt-4.1", input="Hallo", instructions="Be terse.", stream=stream
        )
        return [event.model_dump() for event in answer] if stream else answer.model_dump()

    call = both(respond)
    assert (call.line["format"], call.line["stream"], call.completion) == ("openai-responses", stream, TEXT)
    assert call.line["usage"]["output"] > 0


@pytest.mark.parametrize("stream", [False, True])
def test_compressed_answers(both: Both, stream: bool) -> None:
    def chat(url: str) -> Any:
        answer: Any = client(url).chat.completions.create(model="packed", messages=MESSAGES, stream=stream)
        return [chunk.model_dump() for chunk in answer] if stream else answer.model_dump()

    call = both(chat)
    assert call.served[0].body[:2] == b"\x1f\x8b"
    assert (call.completion, call.line["complete"]) == (TEXT, True)


def test_azure(both: Both) -> None:
    def chat(url: str) -> Any:
        azure = AzureOpenAI(azure_endpoint=url, api_key="azure-secret", api_version="2024-10-21")
        return azure.chat.completions.create(model="my-deployment", messages=MESSAGES).model_dump()

    line = both(chat).line
    assert line["path"] == "/openai/deployments/my-deployment/chat/completions"
    assert (line["provider"], line["request_model"]) == ("azure.ai.openai", "my-deployment")
    assert "azure-secret" not in str(line)


def test_embeddings(both: Both) -> None:
    call = both(lambda url: client(url).embeddings.create(model="text-embedding-3-small", input="Hallo").model_dump())
    assert call.result["data"][0]["embedding"] == [1.0, 2.0, 3.0]
    assert (call.line["operation"], call.line["usage"]) == ("embeddings", {"source": "provider", "input": 3})


def test_refusals_are_tried_again_by_the_client(both: Both) -> None:
    call = both(lambda url: client(url, max_retries=2).chat.completions.create(model="flaky", messages=MESSAGES).id)
    assert [each.reply.status for each in call.served] == [429, 429, 200]
    assert [line["status"] for line in call.logged] == [429, 429, 200]
    assert [line["error_type"] for line in call.logged] == ["requests", "requests", None]
    assert [each.request.header("x-stainless-retry-count") for each in call.served] == ["0", "1", "2"]


def test_lasting_refusal(both: Both) -> None:
    call = both.refused(
        lambda url: client(url, max_retries=0).chat.completions.create(model="overloaded", messages=MESSAGES).id
    )
    assert call.result[:2] == ("RateLimitError", 429)


def test_unknown_path(both: Both) -> None:
    call = both.refused(lambda url: client(url, max_retries=0).post("/strange", body={"x": 1}, cast_to=object))
    assert call.result[:2] == ("NotFoundError", 404)
    assert call.line["format"] == "unknown"


def test_cancelled_stream(provider: Provider, sidewatch: Sidewatch) -> None:
    provider.take()
    chunks = client(sidewatch.url).chat.completions.create(model="endless", messages=MESSAGES, stream=True)
    first = [next(iter(chunks)).choices[0].delta.content for _ in range(8)]
    chunks.close()
    (served,) = provider.take()
    assert served.left.wait(10)
    (line,) = sidewatch.logged(served.request.body)
    assert (line["ending"], line["complete"], line["finish_reasons"]) == ("client_gone", False, [None])
    assert "".join(text["text"] for text in line["completion"]).startswith("".join(part or "" for part in first))
