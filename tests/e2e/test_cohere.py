"""The official cohere client."""

from typing import Any

import cohere
import pytest

from tests.e2e.watched import Both

MESSAGES: Any = [{"role": "user", "content": "Hallo"}]


@pytest.mark.parametrize("stream", [False, True])
def test_chat(both: Both, stream: bool) -> None:
    def chat(url: str) -> Any:
        client = cohere.ClientV2(api_key="co-secret", base_url=url)
        if stream:
            return [event.model_dump() for event in client.chat_stream(model="command-a-03-2025", messages=MESSAGES)]
        return client.chat(model="command-a-03-2025", messages=MESSAGES).model_dump()

    call = both(chat)
    line = call.line
    assert (line["format"], line["provider"], line["stream"]) == ("cohere", "cohere", stream)
    assert (call.completion, line["complete"], line["finish_reasons"]) == ("Grüezi, Zürich.", True, ["COMPLETE"])
    assert line["usage"] == {"source": "provider", "input": 71, "output": 6}
    assert "co-secret" not in str(line)
