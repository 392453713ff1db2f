"""WebSockets: the official clients of OpenAI Realtime and Gemini Live through the real processes."""

import asyncio
import ssl
from pathlib import Path
from typing import Any, Self

import pytest
from google import genai
from google.genai import types
from openai import OpenAI

from tests.e2e import certificate
from tests.e2e.server import LoopThread, Provider
from tests.e2e.tap import Connection
from tests.e2e.watched import Sidewatch, wait_until
from tests.e2e.websocket import BINARY, TEXT, Sessions

USAGE = {"total_tokens": 12, "input_tokens": 9, "output_tokens": 3}
ITEM = {"id": "i1", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Grüezi!"}]}
RESPONSE = {"object": "realtime.response", "id": "r1", "status": "completed", "output": [ITEM], "usage": USAGE}


def openai_script(message: dict[str, Any]) -> list[dict[str, Any]]:
    if message["type"] != "response.create":
        return []
    place = {"response_id": "r1", "item_id": "i1", "output_index": 0, "content_index": 0}
    return [
        {"type": "response.created", "event_id": "e2", "response": {"id": "r1", "status": "in_progress", "output": []}},
        {"type": "response.output_text.delta", "event_id": "e3", **place, "delta": "Grü"},
        {"type": "response.output_text.delta", "event_id": "e4", **place, "delta": "ezi!"},
        {"type": "response.done", "event_id": "e5", "response": RESPONSE},
    ]


def gemini_script(message: dict[str, Any]) -> list[dict[str, Any]]:
    if "setup" in message:
        return [{"setupComplete": {}}]
    usage = {"promptTokenCount": 9, "responseTokenCount": 3, "totalTokenCount": 12}
    return [
        {"serverContent": {"modelTurn": {"parts": [{"text": "Grü"}]}}},
        {"serverContent": {"modelTurn": {"parts": [{"text": "ezi!"}]}}},
        {"serverContent": {"turnComplete": True}, "usageMetadata": usage},
    ]


class Stage:
    """A provider of WebSocket sessions with a Sidewatch in front."""

    def __init__(self, loop: LoopThread, sessions: Sessions, tls: ssl.SSLContext | None = None) -> None:
        self.sessions = sessions
        self.provider = Provider(lambda request: pytest.fail(request.target), sessions.serve)
        loop.run(self.provider.start())
        self.sidewatch = Sidewatch("--upstream", f"http://127.0.0.1:{self.provider.port}")
        loop.run(self.sidewatch.tap.start(tls))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sidewatch.stop()

    def line(self) -> dict[str, Any]:
        """Return the log line of the session, after the bytes of both sides were found equal."""
        (connection,) = self.sidewatch.tap.connections
        wait_until(lambda: connection.up.endswith(self.sessions.up) and connection.down.endswith(self.sessions.down))
        assert after_head(connection) == (bytes(self.sessions.up), bytes(self.sessions.down))
        (line,) = self.sidewatch.log.wait(event="exchange")
        return line


def after_head(connection: Connection) -> tuple[bytes, bytes]:
    return bytes(connection.up).partition(b"\r\n\r\n")[2], bytes(connection.down).partition(b"\r\n\r\n")[2]


def talk_to_openai(url: str) -> list[Any]:
    content: Any = [{"type": "input_text", "text": "Hallo"}]
    events: list[Any] = []
    with OpenAI(api_key="sk-secret", base_url=f"{url}/v1").realtime.connect(model="gpt-realtime") as connection:
        connection.session.update(session={"type": "realtime", "instructions": "Be terse."})
        connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
        connection.response.create()
        while not events or events[-1].type != "response.done":
            events.append(connection.recv())
    return events


async def talk_to_gemini(url: str, trusting: ssl.SSLContext) -> list[str]:
    options = types.HttpOptions(base_url=url, api_version="v1beta", async_client_args={"ssl": trusting})
    live = genai.Client(api_key="AIza-secret", http_options=options).aio.live
    config = types.LiveConnectConfig(response_modalities=[types.Modality.TEXT], system_instruction="Be terse.")
    async with live.connect(model="gemini-live-2.5-flash", config=config) as session:
        await session.send_client_content(turns=types.Content(role="user", parts=[types.Part(text="Hallo")]))
        return [message.text async for message in session.receive() if message.text]


def assert_logged(line: dict[str, Any]) -> None:
    assert (line["operation"], line["status"], line["complete"]) == ("realtime", 101, True)
    assert [text["text"] for text in line["prompt"]] == ["Be terse.", "Hallo"]
    assert [text["text"] for text in line["completion"]] == ["Grüezi!"]
    assert line["usage"] == {"source": "provider", "input": 9, "output": 3}
    assert "secret" not in str(line)


def test_openai_realtime(loop: LoopThread) -> None:
    greeting = {"type": "session.created", "event_id": "e1", "session": {"type": "realtime", "model": "gpt-realtime"}}
    with Stage(loop, Sessions(openai_script, [greeting], TEXT)) as stage:
        events = talk_to_openai(stage.sidewatch.url)
        line = stage.line()
    assert events[0].type == "session.created"
    assert [event.delta for event in events if event.type == "response.output_text.delta"] == ["Grü", "ezi!"]
    assert (line["format"], line["request_model"]) == ("openai-realtime", "gpt-realtime")
    assert_logged(line)


def test_gemini_live(loop: LoopThread, tmp_path: Path) -> None:
    """This client speaks TLS only, so something in front of Sidewatch has to end it: here the tap does."""
    server, trusting = certificate.contexts(tmp_path)
    with Stage(loop, Sessions(gemini_script, [], BINARY), server) as stage:
        texts = asyncio.run(talk_to_gemini(f"https://localhost:{stage.sidewatch.tap.port}", trusting))
        line = stage.line()
    assert texts == ["Grü", "ezi!"]
    assert (line["format"], line["request_model"]) == ("gemini-live", "gemini-live-2.5-flash")
    assert stage.sessions.targets[0].endswith(
        "/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
    )
    assert_logged(line)
