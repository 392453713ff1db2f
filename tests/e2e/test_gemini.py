"""The official google-genai client: plain, streamed, tools, token counts, embeddings, Live."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from google import genai
from google.genai import types

from tests.e2e.watched import Both

TEXT = 'Héllo, wörld! 你好 🌍 "q"\n— e\u0301 done.'
MODEL = "gemini-2.5-flash"
CONFIG = types.GenerateContentConfig(system_instruction="Be terse.", temperature=0.5)
WEATHER = types.FunctionDeclaration(name="get_weather", parameters_json_schema={"type": "object"})


def using(url: str, call: Callable[[genai.Client], Any]) -> Any:
    """Make a call with a client that lives as long as it."""
    with genai.Client(api_key="AIza-secret", http_options=types.HttpOptions(base_url=url)) as client:
        return call(client)


def seen(response: types.GenerateContentResponse) -> Any:
    return response.model_dump(mode="json", exclude={"sdk_http_response"})


def test_content(both: Both) -> None:
    def generate(client: genai.Client) -> Any:
        return seen(client.models.generate_content(model=MODEL, contents="Hallo", config=CONFIG))

    call = both(lambda url: using(url, generate))
    line = call.line
    assert (line["format"], line["provider"], line["operation"]) == ("gemini", "gcp.gemini", "generate_content")
    assert (line["request_model"], line["response_model"]) == (MODEL, MODEL)
    assert call.completion == TEXT
    assert [text["role"] for text in line["prompt"]] == ["system", "user"]
    assert line["usage"] == {"source": "provider", "input": 60, "output": 14}
    assert "AIza-secret" not in str(line)


def test_streamed_content(both: Both) -> None:
    def stream(client: genai.Client) -> list[Any]:
        chunks = client.models.generate_content_stream(model=MODEL, contents="Hallo", config=CONFIG)
        return [seen(chunk) for chunk in chunks]

    call = both(lambda url: using(url, stream))
    assert len(call.result) == 5
    assert call.completion == TEXT
    assert (call.line["stream"], call.line["complete"], call.line["finish_reasons"]) == (True, True, ["STOP"])


def test_async_stream(both: Both) -> None:
    async def stream(client: genai.Client) -> list[Any]:
        chunks = await client.aio.models.generate_content_stream(model=MODEL, contents="Hallo", config=CONFIG)
        return [seen(chunk) async for chunk in chunks]

    assert both(lambda url: using(url, lambda client: asyncio.run(stream(client)))).completion == TEXT


def test_tools(both: Both) -> None:
    config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[WEATHER])])

    def generate(client: genai.Client) -> Any:
        return seen(client.models.generate_content(model=MODEL, contents="Hallo", config=config))

    call = both(lambda url: using(url, generate))
    assert call.line["tool_calls"] == ["get_weather"]


def test_token_count(both: Both) -> None:
    def count(client: genai.Client) -> int | None:
        return client.models.count_tokens(model=MODEL, contents="Hallo").total_tokens

    call = both(lambda url: using(url, count))
    assert (call.result, call.line["operation"]) == (9, "count_tokens")


def test_embeddings(both: Both) -> None:
    def embed(client: genai.Client) -> Any:
        embedded = client.models.embed_content(model="gemini-embedding-001", contents="Hallo")
        return [each.values for each in embedded.embeddings or []]

    call = both(lambda url: using(url, embed))
    assert call.result == [[0.5, 0.25]]
    assert (call.line["operation"], call.line["request_model"]) == ("embeddings", "gemini-embedding-001")


@pytest.mark.parametrize("stream", [False, True])
def test_interaction(both: Both, stream: bool) -> None:
    def create(client: genai.Client) -> Any:
        made = client.interactions.create(model="gemini-3-pro-preview", input="Hallo", stream=stream)
        return [event.model_dump(mode="json") for event in made] if stream else made.model_dump(mode="json")

    call = both(lambda url: using(url, create))
    assert (call.line["format"], call.line["operation"]) == ("gemini-interactions", "generate_content")
    assert (call.completion, call.line["finish_reasons"]) == (
        "Short.Grüezi, Zürich.",
        ["completed"],
    )  # the thought first
    assert (call.line["stream"], call.line["complete"]) == (stream, True)
    assert call.line["usage"] == {"source": "provider", "input": 60, "output": 14}
