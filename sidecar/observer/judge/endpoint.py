"""One question to one OpenAI-compatible endpoint: structured output where it knows how, retries where they help.

An endpoint that refuses a `response_format` with 400 or 422 is asked with the next simpler one, and from then on always.
The key is read for each question and goes nowhere but into its header; redirects are not followed, because it would go along.
"""

import asyncio
import json
import math
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from sidecar.observer.judge.rubric import Message
from sidecar.settings import Judge, Remote

FORMATS: Final = ("json_schema", "json_object", "none")
_REFUSED: Final = (400, 422)
_AGAIN: Final = (408, 409, 425, 429, 500, 502, 503, 504, 529)
_ANSWER_BYTES: Final = 1_048_576
_LONGEST_PAUSE_SECONDS: Final = 30.0
_FIRST_PAUSE_SECONDS: Final = 0.5


class NoAnswerError(Exception):
    """There is no answer to be had. `reason`: timeout, unavailable, refused, key or malformed; `again`: worth a retry."""

    def __init__(self, reason: str, what: str = "", again: bool = False, pause_seconds: float | None = None) -> None:
        super().__init__(what or reason)
        self.reason, self.again, self.pause_seconds = reason, again, pause_seconds


@dataclass(frozen=True, slots=True)
class Answer:
    """`text`: of the first choice. Tokens as the endpoint said, None where it did not."""

    text: str
    input_tokens: int | None = None
    output_tokens: int | None = None


class Endpoint:
    """`count` is called with the outcome of each attempt: ok, timeout, connection, malformed, http_429 and its like.

    `turn` is awaited before each further request of a question: its pace counts them all; the first turn is the caller's.
    """

    def __init__(
        self,
        settings: Judge,
        session: aiohttp.ClientSession,
        count: Callable[[str], None],
        turn: Callable[[], Awaitable[None]],
    ) -> None:
        self._settings, self._session, self._count, self._turn = settings, session, count, turn
        self._url = chat_url(settings.endpoint or "")
        self._format = 0

    async def ask(self, messages: list[Message], schema: Mapping[str, Any]) -> Answer:
        """Return the answer. Raises NoAnswerError after the last attempt."""
        pause = _FIRST_PAUSE_SECONDS
        for attempt in range(self._settings.retries + 1):
            try:
                return await self._once(messages, schema)
            except NoAnswerError as error:
                if not error.again or attempt == self._settings.retries:
                    raise
                await asyncio.sleep(min(error.pause_seconds or pause, _LONGEST_PAUSE_SECONDS))
                await self._turn()
                pause *= 2
        raise AssertionError("unreachable")

    async def _once(self, messages: list[Message], schema: Mapping[str, Any]) -> Answer:
        """Ask once, or once more for each simpler format that a refusal makes necessary."""
        while True:
            used = self._format
            status, headers, body = await self._post(self._body(messages, schema, FORMATS[used]))
            if status in _REFUSED and used + 1 < len(FORMATS):
                self._count(f"http_{status}")
                self._format = max(self._format, used + 1)
                await self._turn()
                continue
            return self._read(status, headers, body)

    def _body(self, messages: list[Message], schema: Mapping[str, Any], form: str) -> dict[str, Any]:
        body = {"model": self._settings.model, "messages": messages, **self._settings.options, "stream": False}
        if form == "json_schema":
            named = {"name": "judgement", "strict": True, "schema": schema}
            body["response_format"] = {"type": "json_schema", "json_schema": named}
        elif form == "json_object":
            body["response_format"] = {"type": "json_object"}
        return body

    async def _post(self, body: Mapping[str, Any]) -> tuple[int, Mapping[str, str], bytes]:
        headers = await asyncio.to_thread(key_header, self._settings)
        timeout = aiohttp.ClientTimeout(total=self._settings.timeout_seconds)
        try:
            async with self._session.post(
                self._url, json=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                return response.status, response.headers, await _bounded(response)
        except TimeoutError as error:
            self._count("timeout")
            raise NoAnswerError("timeout", again=True) from error
        except (aiohttp.ClientError, OSError) as error:
            self._count("connection")
            raise NoAnswerError("unavailable", type(error).__name__, again=True) from error

    def _read(self, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
        if status == 200:
            try:
                answer = _answer(json.loads(body))
                self._count("ok")
                return answer
            except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
                self._count("malformed")
                raise NoAnswerError("malformed", "not a chat completion", again=True) from error
        self._count(f"http_{status}")
        if status in _AGAIN:
            raise NoAnswerError("unavailable", f"HTTP {status}", again=True, pause_seconds=_retry_after(headers))
        raise NoAnswerError("refused", f"HTTP {status}")


def chat_url(base: str) -> str:
    """Return the URL of Chat Completions below a base URL; a query (Azure's api-version) stays behind it."""
    parts = urlsplit(base)
    path = parts.path.rstrip("/")
    path = path if path.endswith("/chat/completions") else f"{path}/chat/completions"
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


def key_header(settings: Judge | Remote) -> dict[str, str]:
    """Return the header with the key, none where none is configured. Raises NoAnswerError where it cannot be had."""
    if settings.api_key_env:
        key = os.environ.get(settings.api_key_env, "")
    elif settings.api_key_file:
        try:
            key = Path(settings.api_key_file).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise NoAnswerError("key", f"{settings.api_key_file}: {type(error).__name__}") from error
    else:
        return {}
    key = key.strip()
    if not key or not key.isascii() or not key.isprintable():
        raise NoAnswerError("key", "it is empty or not a line of ASCII")
    bearer = settings.api_key_header.lower() == "authorization"
    return {settings.api_key_header: f"Bearer {key}" if bearer else key}


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(65_536):
        body += chunk
        if len(body) > _ANSWER_BYTES:
            raise aiohttp.ClientPayloadError("an answer without end")
    return bytes(body)


def _answer(body: Any) -> Answer:
    text = body["choices"][0]["message"]["content"]
    if not isinstance(text, str):
        raise TypeError(type(text).__name__)
    usage = body.get("usage") or {}
    return Answer(text, _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")))


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a Retry-After header; its form as a date is not read."""
    try:
        seconds = float(headers.get("Retry-After", ""))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
