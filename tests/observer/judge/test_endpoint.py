"""The judge's client against a real server: structured output and its fallbacks, retries, limits, the key."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from sidecar.observer.judge.endpoint import Answer, Endpoint, NoAnswerError, chat_url, key_header
from sidecar.settings import Judge
from tests.observer.judge.server import JudgeServer, Reply, completion, judge_server

MESSAGES = [{"role": "user", "content": "?"}]
SCHEMA = {"type": "object"}
GOOD = Reply(body=completion({"rude": 0.5}))


async def anytime() -> None:
    """No pace."""


@asynccontextmanager
async def asking(*replies: Reply, **settings: object) -> AsyncIterator[tuple[JudgeServer, Callable, list[str]]]:
    """Yield the server, a function that asks it once, and the counted outcomes of attempts."""
    counted: list[str] = []
    async with judge_server(*replies) as server, aiohttp.ClientSession() as session:
        values: dict = {"endpoint": server.url, "model": "judge-1", "timeout_seconds": 2.0, **settings}
        endpoint = Endpoint(Judge(**values), session, counted.append, anytime)
        yield server, lambda: endpoint.ask(MESSAGES, SCHEMA), counted


async def test_a_good_answer_comes_with_its_tokens() -> None:
    async with asking(GOOD) as (server, ask, counted):
        assert await ask() == Answer('{"rude": 0.5}', 200, 20)
    assert counted == ["ok"]
    body = server.asked[0]
    assert (body["model"], body["temperature"], body["max_tokens"], body["stream"]) == ("judge-1", 0, 300, False)
    wanted = {"name": "judgement", "strict": True, "schema": SCHEMA}
    assert body["response_format"] == {"type": "json_schema", "json_schema": wanted}


async def test_own_options_replace_the_defaults() -> None:
    async with asking(GOOD, options={"max_completion_tokens": 50}) as (server, ask, _):
        await ask()
    assert server.asked[0]["max_completion_tokens"] == 50
    assert not {"temperature", "max_tokens"} & server.asked[0].keys()


async def test_an_endpoint_without_structured_output_is_asked_in_a_simpler_form_from_then_on() -> None:
    refusal = Reply(400, {"error": {"message": "response_format is not supported"}})
    async with asking(refusal, refusal, GOOD) as (server, ask, counted):
        assert (await ask()).text == '{"rude": 0.5}'
        await ask()
    forms = [body.get("response_format", {}).get("type") for body in server.asked]
    assert forms == ["json_schema", "json_object", None, None]
    assert counted == ["http_400", "http_400", "ok", "ok"]


async def test_a_request_that_every_form_is_refused_for_is_given_up() -> None:
    async with asking(Reply(400, {"error": {}})) as (server, ask, _):
        with pytest.raises(NoAnswerError) as caught:
            await ask()
    assert (caught.value.reason, len(server.asked)) == ("refused", 3)


async def test_too_many_requests_are_repeated_after_the_time_that_the_server_says() -> None:
    busy = Reply(429, {"error": {}}, {"Retry-After": "0.05"})
    async with asking(busy, busy, GOOD) as (_, ask, counted):
        assert (await ask()).input_tokens == 200
    assert counted == ["http_429", "http_429", "ok"]


async def test_retries_end() -> None:
    async with asking(Reply(503, b"", {"Retry-After": "0.01"}), retries=2) as (server, ask, counted):
        with pytest.raises(NoAnswerError) as caught:
            await ask()
    assert (caught.value.reason, len(server.asked)) == ("unavailable", 3)
    assert counted == ["http_503"] * 3


@pytest.mark.parametrize("status", [401, 403, 404, 302])
async def test_what_will_not_get_better_is_not_repeated(status: int) -> None:
    moved = {"Location": "/elsewhere/chat/completions"} if status == 302 else {}
    async with asking(Reply(status, b"", moved)) as (server, ask, _):
        with pytest.raises(NoAnswerError) as caught:
            await ask()
    assert (caught.value.reason, len(server.asked)) == ("refused", 1)


async def test_a_slow_answer_is_given_up() -> None:
    slow = Reply(body=completion("{}"), after_seconds=1.0)
    async with asking(slow, timeout_seconds=0.1, retries=0) as (_, ask, counted):
        with pytest.raises(NoAnswerError) as caught:
            await ask()
    assert (caught.value.reason, counted) == ("timeout", ["timeout"])


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    async with aiohttp.ClientSession() as session:
        settings = Judge(endpoint="http://127.0.0.1:9/v1", model="m", retries=0)
        with pytest.raises(NoAnswerError) as caught:
            await Endpoint(settings, session, lambda outcome: None, anytime).ask(MESSAGES, SCHEMA)
    assert caught.value.reason == "unavailable"


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"", [], {"choices": []}, {"choices": [{"message": {"content": None}}]}, None, {"choices": ["x"]}],
)
async def test_what_is_no_chat_completion_is_malformed(body: object) -> None:
    async with asking(Reply(body=body), retries=0) as (_, ask, counted):
        with pytest.raises(NoAnswerError) as caught:
            await ask()
    assert (caught.value.reason, counted) == ("malformed", ["malformed"])


async def test_an_answer_without_end_is_cut() -> None:
    async with asking(Reply(body=b"x" * 3_000_000), retries=0) as (_, ask, _counted):
        with pytest.raises(NoAnswerError) as caught:
            await ask()
    assert caught.value.reason == "unavailable"


async def test_usage_that_is_not_said_or_absurd_is_none() -> None:
    for usage in (None, {}, {"prompt_tokens": "many", "completion_tokens": -1}):
        async with asking(Reply(body=completion("{}", usage=usage))) as (_, ask, _counted):
            assert await ask() == Answer("{}", None, None)


async def test_the_key_is_read_anew_for_each_question_and_is_in_one_header_only(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("first-key\n")
    async with asking(GOOD, api_key_file=str(file)) as (server, ask, _):
        await ask()
        file.write_text("second-key")
        await ask()
    assert [headers["Authorization"] for headers in server.headers] == ["Bearer first-key", "Bearer second-key"]


def test_the_key_comes_from_the_environment_or_a_file_and_some_want_another_header(monkeypatch, tmp_path) -> None:
    monkeypatch.setitem(os.environ, "JUDGE_KEY", "abc")
    assert key_header(Judge(api_key_env="JUDGE_KEY")) == {"Authorization": "Bearer abc"}
    assert key_header(Judge(api_key_env="JUDGE_KEY", api_key_header="api-key")) == {"api-key": "abc"}
    assert key_header(Judge()) == {}
    for settings in (Judge(api_key_env="NOT_SET_ANYWHERE"), Judge(api_key_file=str(tmp_path / "missing"))):
        with pytest.raises(NoAnswerError):
            key_header(settings)
    broken = tmp_path / "broken"
    broken.write_bytes(b"a\nb")
    with pytest.raises(NoAnswerError, match="a line of ASCII"):
        key_header(Judge(api_key_file=str(broken)))


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions"),
        ("https://api.openai.com/v1/", "https://api.openai.com/v1/chat/completions"),
        ("http://h:1/v1/chat/completions", "http://h:1/v1/chat/completions"),
        ("https://x.openai.azure.com/openai/deployments/d?api-version=1",
         "https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=1"),
    ],
)  # fmt: skip
def test_the_path_is_put_before_a_query(base: str, url: str) -> None:
    assert chat_url(base) == url
