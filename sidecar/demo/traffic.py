"""The demo's app: the official OpenAI and Anthropic clients, pointed at Sidewatch, several calls at a time."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from sidecar.demo.provider import ANSWER_HEADER
from sidecar.demo.script import SYSTEM, Ask

OPENAI_MODEL: Final = "gpt-4o-mini"
ANTHROPIC_MODEL: Final = "claude-sonnet-5-5"
PLANTED_HEADER: Final = "x-demo-planted"
TOPIC_HEADER: Final = "x-demo-topic"
APP_HEADER: Final = "x-demo-app"
_TIMEOUT_SECONDS: Final = 30.0


@dataclass(slots=True)
class Sent:
    """What the app counted itself: `wrong` are answers that differ from what the provider was to say."""

    calls: int = 0
    failed: int = 0
    wrong: int = 0


class App:
    """Sends the calls of a plan through `proxy` (http://HOST:PORT). `done` is called after each one."""

    def __init__(self, proxy: str, at_once: int, done: Callable[[], None] = lambda: None) -> None:
        self.sent = Sent()
        self._openai = AsyncOpenAI(base_url=f"{proxy}/v1", api_key="demo-key", max_retries=0, timeout=_TIMEOUT_SECONDS)
        self._anthropic = AsyncAnthropic(
            base_url=f"{proxy}/anthropic", api_key="demo-key", max_retries=0, timeout=_TIMEOUT_SECONDS
        )
        self._gate = asyncio.Semaphore(at_once)
        self._done = done

    async def run(self, asks: Iterable[Ask]) -> None:
        """Send all, in order, never more than `at_once` at a time."""
        async with asyncio.TaskGroup() as group:
            for ask in asks:
                await self._gate.acquire()
                group.create_task(self._send(ask))

    async def close(self) -> None:
        """Close the clients' connections."""
        await self._openai.close()
        await self._anthropic.close()

    async def _send(self, ask: Ask) -> None:
        wire = WIRES[ask.number % len(WIRES)]
        headers = {ANSWER_HEADER: quote(ask.answer), APP_HEADER: "mobile" if ask.number % 3 else "web"}
        headers[TOPIC_HEADER] = ask.topic
        if ask.planted:
            headers[PLANTED_HEADER] = ask.planted
        self.sent.calls += 1
        try:
            answer = await wire(self, ask, headers)
            self.sent.wrong += answer != ask.answer
        except Exception:  # whatever a client raises: the demo counts it and shows the count
            self.sent.failed += 1
        finally:
            self._gate.release()
            self._done()

    async def chat_stream(self, ask: Ask, headers: dict[str, str]) -> str:
        """OpenAI Chat Completions, streamed."""
        stream = await self._openai.chat.completions.create(
            model=OPENAI_MODEL,
            messages=chat_messages(ask),
            stream=True,
            stream_options={"include_usage": True},
            extra_headers=headers,
        )
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])

    async def chat_plain(self, ask: Ask, headers: dict[str, str]) -> str:
        """OpenAI Chat Completions, in one piece."""
        answer = await self._openai.chat.completions.create(
            model=OPENAI_MODEL,
            messages=chat_messages(ask),
            extra_headers=headers,
        )
        return answer.choices[0].message.content or ""

    async def responses_stream(self, ask: Ask, headers: dict[str, str]) -> str:
        """OpenAI Responses, streamed."""
        stream = await self._openai.responses.create(
            model=OPENAI_MODEL, instructions=SYSTEM, input=turns(ask), stream=True, extra_headers=headers
        )
        return "".join([event.delta async for event in stream if event.type == "response.output_text.delta"])

    async def messages_stream(self, ask: Ask, headers: dict[str, str]) -> str:
        """Anthropic Messages, streamed."""
        async with self._anthropic.messages.stream(
            model=ANTHROPIC_MODEL,
            max_tokens=500,
            system=SYSTEM,
            messages=message_turns(ask),
            extra_headers=headers,
        ) as stream:
            return await stream.get_final_text()

    async def messages_plain(self, ask: Ask, headers: dict[str, str]) -> str:
        """Anthropic Messages, in one piece."""
        answer = await self._anthropic.messages.create(
            model=ANTHROPIC_MODEL,
            max_tokens=500,
            system=SYSTEM,
            messages=message_turns(ask),
            extra_headers=headers,
        )
        return "".join(block.text for block in answer.content if block.type == "text")


def turns(ask: Ask) -> Any:
    """Return the conversation in the plain form; a fetched document stands before the question."""
    before = [
        {"role": role, "content": text}
        for prompt, answer in ask.history
        for role, text in (("user", prompt), ("assistant", answer))
    ]
    document = f"{ask.prompt}\n\nThe page says:\n{ask.tool_result}" if ask.tool_result else ask.prompt
    return [*before, {"role": "user", "content": document}]


def chat_messages(ask: Ask) -> Any:
    """Return OpenAI's messages; a document comes as the answer of a tool."""
    system = {"role": "system", "content": SYSTEM}
    if not ask.tool_result:
        return [system, *turns(ask)]
    call = {"id": "call_1", "type": "function", "function": {"name": "fetch_page", "arguments": '{"page": 1}'}}
    return [
        system,
        {"role": "user", "content": ask.prompt},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": ask.tool_result},
    ]


def message_turns(ask: Ask) -> Any:
    """Return Anthropic's messages; a document comes as a tool_result block."""
    if not ask.tool_result:
        return turns(ask)
    use = {"type": "tool_use", "id": "toolu_1", "name": "fetch_page", "input": {"page": 1}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": ask.tool_result}
    return [
        {"role": "user", "content": ask.prompt},
        {"role": "assistant", "content": [use]},
        {"role": "user", "content": [result]},
    ]


# In turn: most of the traffic is one stream of drift (route and model), the rest shows the other wire format.
WIRES: Final = (
    App.chat_stream,
    App.chat_plain,
    App.responses_stream,
    App.chat_stream,
    App.messages_stream,
    App.chat_stream,
    App.chat_plain,
    App.messages_plain,
)
