"""The demo's model provider: OpenAI Chat Completions and Responses, Anthropic Messages; streamed word by word or plain.

It answers with what the app put into the header `x-demo-answer` (a real model would think of something), at a
model's pace: a moment until the first word, then word by word. `python -m sidecar.demo.provider` prints its port.
"""

import asyncio
import contextlib
import itertools
import json
import random
import re
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from aiohttp import web

ANSWER_HEADER: Final = "x-demo-answer"
PACE_KEY: Final = web.AppKey("pace", float)
_CHARS_PER_TOKEN: Final = 4
_numbers = itertools.count(1)

Json = dict[str, Any]
Events = Iterator[tuple[str, Json]]


@dataclass(frozen=True, slots=True)
class Call:
    """One request: what every wire format needs to answer it."""

    number: int
    body: Json
    answer: str
    input_tokens: int

    @property
    def words(self) -> list[str]:
        return re.findall(r"\S+\s*", self.answer) or [""]

    @property
    def output_tokens(self) -> int:
        return max(1, len(self.answer) // _CHARS_PER_TOKEN)

    @property
    def model(self) -> str:
        return str(self.body.get("model"))


def chat_plain(call: Call) -> Json:
    """Answer POST /v1/chat/completions."""
    choice = {"index": 0, "message": {"role": "assistant", "content": call.answer, "refusal": None}, "logprobs": None}
    return _chat(call, "chat.completion") | {
        "choices": [choice | {"finish_reason": "stop"}],
        "usage": _chat_usage(call),
    }


def chat_events(call: Call) -> Events:
    """Answer it with stream: true."""
    base = _chat(call, "chat.completion.chunk")
    for delta in [{"role": "assistant", "content": ""}, *({"content": word} for word in call.words)]:
        yield "", base | {"choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}]}
    yield "", base | {"choices": [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}]}
    if (call.body.get("stream_options") or {}).get("include_usage"):
        yield "", base | {"choices": [], "usage": _chat_usage(call)}


def _chat(call: Call, kind: str) -> Json:
    head = {"id": f"chatcmpl-demo{call.number}", "object": kind, "created": int(time.time()), "model": call.model}
    return head | {"service_tier": "default", "system_fingerprint": "fp_demo0001"}


def _chat_usage(call: Call) -> Json:
    return {
        "prompt_tokens": call.input_tokens,
        "completion_tokens": call.output_tokens,
        "total_tokens": call.input_tokens + call.output_tokens,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


def responses_plain(call: Call) -> Json:
    """Answer POST /v1/responses."""
    text = {"type": "output_text", "text": call.answer, "annotations": [], "logprobs": []}
    item = {
        "id": f"msg_{call.number}",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [text],
    }
    usage = {
        "input_tokens": call.input_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": call.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": call.input_tokens + call.output_tokens,
    }
    return _response(call, "completed") | {"output": [item], "usage": usage}


def responses_events(call: Call) -> Events:
    """Answer it with stream: true."""
    name, place = f"msg_{call.number}", {"output_index": 0, "content_index": 0, "item_id": f"msg_{call.number}"}
    item = {"id": name, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    done = responses_plain(call)
    part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    events: list[Json] = [
        {"type": "response.created", "response": _response(call, "in_progress")},
        {"type": "response.in_progress", "response": _response(call, "in_progress")},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.content_part.added", "part": part, **place},
        *({"type": "response.output_text.delta", "delta": word, "logprobs": [], **place} for word in call.words),
        {"type": "response.output_text.done", "text": call.answer, "logprobs": [], **place},
        {"type": "response.content_part.done", "part": done["output"][0]["content"][0], **place},
        {"type": "response.output_item.done", "output_index": 0, "item": done["output"][0]},
        {"type": "response.completed", "response": done},
    ]
    for number, event in enumerate(events):
        yield event["type"], event | {"sequence_number": number}


def _response(call: Call, status: str) -> Json:
    return {
        "id": f"resp_demo{call.number}",
        "object": "response",
        "created_at": int(time.time()),
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": call.model,
        "output": [],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": None,
    }


def messages_plain(call: Call) -> Json:
    """Answer POST /v1/messages."""
    return _message(call) | {
        "content": [{"type": "text", "text": call.answer}],
        "stop_reason": "end_turn",
        "usage": _message_usage(call, call.output_tokens),
    }


def messages_events(call: Call) -> Events:
    """Answer it with stream: true."""
    yield "message_start", {"message": _message(call)}
    yield "content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}}
    yield "ping", {}
    for word in call.words:
        yield "content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": word}}
    yield "content_block_stop", {"index": 0}
    stop = {"stop_reason": "end_turn", "stop_sequence": None}
    yield "message_delta", {"delta": stop, "usage": {"output_tokens": call.output_tokens}}
    yield "message_stop", {}


def _message(call: Call) -> Json:
    head = {"id": f"msg_demo{call.number}", "type": "message", "role": "assistant", "model": call.model, "content": []}
    return head | {"stop_reason": None, "stop_sequence": None, "usage": _message_usage(call, 1)}


def _message_usage(call: Call, output_tokens: int) -> Json:
    cache = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    return {"input_tokens": call.input_tokens, **cache, "output_tokens": output_tokens, "service_tier": "standard"}


def endpoint(
    plain: Callable[[Call], Json], events: Callable[[Call], Events]
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return the handler of one API."""

    async def handle(request: web.Request) -> web.StreamResponse:
        raw = await request.text()
        answer = unquote(request.headers.get(ANSWER_HEADER, "")) or "I am only a demonstration, but a cheerful one."
        call = Call(next(_numbers), json.loads(raw), answer, max(1, len(raw) // _CHARS_PER_TOKEN))
        pace = request.app[PACE_KEY]
        await asyncio.sleep(pace * random.uniform(6, 14))
        headers = {"x-request-id": f"req_demo{call.number}"}
        if not call.body.get("stream"):
            await asyncio.sleep(pace * len(call.words))
            return web.json_response(plain(call), headers=headers)
        response = web.StreamResponse(headers=headers | {"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        with contextlib.suppress(ConnectionResetError):  # the app left, at Ctrl-C for example: nobody to write to
            async for event in _paced(events(call), pace):
                await response.write(event)
            if request.path.endswith("/chat/completions"):
                await response.write(b"data: [DONE]\n\n")
        return response

    return handle


async def _paced(events: Events, pace: float) -> AsyncIterator[bytes]:
    for name, data in events:
        if name:
            data = {"type": name} | data
            yield f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
        else:
            yield f"data: {json.dumps(data)}\n\n".encode()
        await asyncio.sleep(random.expovariate(1 / pace))


async def _models(_request: web.Request) -> web.Response:
    models = [{"id": name, "object": "model", "created": 0, "owned_by": "demo"} for name in ("gpt-4o-mini",)]
    return web.json_response({"object": "list", "data": models})


def application(pace_seconds: float) -> web.Application:
    """Return the provider; `pace_seconds` is the mean time between two words."""
    app = web.Application(client_max_size=1 << 24)
    app[PACE_KEY] = pace_seconds
    app.router.add_post("/v1/chat/completions", endpoint(chat_plain, chat_events))
    app.router.add_post("/v1/responses", endpoint(responses_plain, responses_events))
    app.router.add_post("/v1/messages", endpoint(messages_plain, messages_events))
    app.router.add_get("/v1/models", _models)
    return app


async def _main(pace_seconds: float) -> None:
    runner = web.AppRunner(application(pace_seconds), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().connect_read_pipe(lambda: _EndWithParent(), sys.stdin)
    await asyncio.Event().wait()


class _EndWithParent(asyncio.Protocol):
    """The demo holds our standard input open: when it is gone, so are we."""

    def eof_received(self) -> None:
        sys.exit(0)


if __name__ == "__main__":
    asyncio.run(_main(float(sys.argv[1]) if len(sys.argv) > 1 else 0.02))
