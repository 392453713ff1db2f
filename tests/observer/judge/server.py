"""A real HTTP server that speaks Chat Completions, well or badly: each request takes the next reply of a list."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


def completion(content: object, **more: object) -> dict[str, Any]:
    """Return a chat completion whose text is `content`, as JSON where it is no text."""
    text = content if isinstance(content, str) else json.dumps(content)
    usage = {"prompt_tokens": 200, "completion_tokens": 20, "total_tokens": 220}
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {"id": "c", "object": "chat.completion", "model": "judge-1", "choices": [choice], "usage": usage, **more}


@dataclass(slots=True)
class Reply:
    status: int = 200
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)
    after_seconds: float = 0.0


@dataclass(slots=True)
class JudgeServer:
    """`replies` in order, the last one again and again; `asked`: bodies of the requests, `headers`: theirs."""

    url: str
    replies: list[Reply]
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(await request.json())
        self.headers.append(dict(request.headers))
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await asyncio.sleep(reply.after_seconds)
        finally:
            self.under_way -= 1
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        return web.Response(status=reply.status, body=body, headers=reply.headers)


@asynccontextmanager
async def judge_server(*replies: Reply) -> AsyncIterator[JudgeServer]:
    """Serve on a free port of the loopback address."""
    app = web.Application()
    runner = web.AppRunner(app)
    made = JudgeServer("", list(replies))
    app.router.add_post("/v1/chat/completions", made.answer)
    app.router.add_post("/elsewhere/chat/completions", made.answer)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    host, port = site._server.sockets[0].getsockname()[:2]  # type: ignore[attr-defined]
    made.url = f"http://{host}:{port}/v1"
    try:
        yield made
    finally:
        await runner.cleanup()
