"""The official mistralai client."""

from typing import Any

import pytest
from mistralai.client import Mistral

from tests.e2e.watched import Both

TEXT = 'Héllo, wörld! 你好 🌍 "q"\n— e\u0301 done.'
MESSAGES: Any = [{"role": "user", "content": "Hallo"}]


@pytest.mark.parametrize("stream", [False, True])
def test_chat(both: Both, stream: bool) -> None:
    def chat(url: str) -> Any:
        with Mistral(api_key="mistral-secret", server_url=url) as client:
            if stream:
                events = client.chat.stream(model="mistral-small-latest", messages=MESSAGES)
                return [event.data.model_dump() for event in events]
            return client.chat.complete(model="mistral-small-latest", messages=MESSAGES).model_dump()

    call = both(chat)
    assert (call.line["format"], call.completion, call.line["complete"]) == ("openai-chat", TEXT, True)
    assert "mistral-secret" not in str(call.line)


@pytest.mark.parametrize("stream", [False, True])
def test_conversation(both: Both, stream: bool) -> None:
    def start(url: str) -> Any:
        with Mistral(api_key="mistral-secret", server_url=url) as client:
            if stream:
                events = client.beta.conversations.start_stream(model="mistral-medium-latest", inputs="Hallo")
                return [event.data.model_dump(mode="json") for event in events]
            started = client.beta.conversations.start(model="mistral-medium-latest", inputs="Hallo")
            return started.model_dump(mode="json")

    call = both(start)
    assert (call.line["format"], call.line["operation"], call.completion) == (
        "conversations",
        "chat",
        "Grüezi, Zürich.",
    )
    assert (call.line["stream"], call.line["complete"]) == (stream, True)
    assert call.line["usage"] == {"source": "provider", "input": 60, "output": 14}
