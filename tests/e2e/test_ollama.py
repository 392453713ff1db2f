"""The official ollama client."""

import asyncio
from typing import Any

import pytest
from ollama import AsyncClient, Client

from tests.e2e.watched import Both

TEXT = 'Héllo, wörld! 你好 🌍 "q"\n— e\u0301 done.'
MESSAGES: Any = [{"role": "system", "content": "Be terse."}, {"role": "user", "content": "Hallo"}]
TOOLS: Any = [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}]


@pytest.mark.parametrize("stream", [False, True])
def test_chat(both: Both, stream: bool) -> None:
    def chat(url: str) -> Any:
        answer: Any = Client(url).chat(model="llama3.2", messages=MESSAGES, stream=stream)
        return [chunk.model_dump() for chunk in answer] if stream else answer.model_dump()

    call = both(chat)
    line = call.line
    assert (line["format"], line["provider"], line["stream"]) == ("ollama", "ollama", stream)
    assert (call.completion, line["complete"], line["finish_reasons"]) == (TEXT, True, ["stop"])
    assert line["usage"] == {"source": "provider", "input": 66, "output": 14}


def test_async_stream_with_tools(both: Both) -> None:
    async def chat(url: str) -> Any:
        answer = await AsyncClient(url).chat(model="llama3.2", messages=MESSAGES, tools=TOOLS, stream=True)
        return [chunk.model_dump() async for chunk in answer]

    assert both(lambda url: asyncio.run(chat(url))).line["tool_calls"] == ["get_weather"]


def test_generate(both: Both) -> None:
    call = both(lambda url: [each.response for each in Client(url).generate("llama3.2", "Hallo", stream=True)])
    assert "".join(call.result) == call.completion == TEXT
    assert call.line["operation"] == "text_completion"


def test_embed(both: Both) -> None:
    call = both(lambda url: Client(url).embed("nomic-embed-text", "Hallo").embeddings)
    assert (call.line["operation"], call.line["usage"]) == ("embeddings", {"source": "provider", "input": 3})


def test_unknown_path(both: Both) -> None:
    assert both.refused(lambda url: Client(url).show("llama3.2")).result[:2] == ("ResponseError", 404)
