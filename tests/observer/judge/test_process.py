"""The judge in the observer's process: asked over the network, on the pages, and no hindrance to the end."""

import json
import signal

from sidecar.settings import Drift, Judge, Settings, Watchers
from tests.observer.conftest import Connect
from tests.observer.judge.server import Reply, completion, judge_server
from tests.observer.test_process import Start, start  # noqa: F401 - a fixture
from tests.observer.traffic import answer, chat


def settings(url: str, **judge: object) -> Settings:
    return Settings(
        upstream="https://api.openai.com",
        watchers=Watchers(enabled=["secrets"]),
        drift=Drift(enabled=False),
        judge=Judge(endpoint=url, model="judge-1", sample=1.0, **judge),  # type: ignore[arg-type]
    )


async def test_an_exchange_is_judged_in_the_process_and_its_line_follows(start: Start, connect: Connect) -> None:  # noqa: F811
    reply = Reply(body=completion({"toxicity": 0.8, "bias": 0.1, "injection": 0.0}))
    async with judge_server(reply) as server:
        observer = await start(settings(server.url))
        await observer.logged("observer ready")
        worker = await connect(observer.channel)
        worker.hello()
        worker.exchange(1, chat(("user", "mail bob.miller@example.com")), answer("fine"))
        await worker.settlements(1)
        lines = [await observer.line(), await observer.line()]
        assert [line["event"] for line in lines] == ["exchange", "judged"]
        assert lines[1]["exchange"] == lines[0]["exchange"]
        assert lines[1]["flagged"] == ["toxicity"]
        page = (await observer.page("/metrics"))[2].splitlines()
        assert 'sidewatch_judge_exchanges_total{reason="",state="flagged"} 1.0' in page
        assert "sidewatch_judge_waiting 0.0" in page
        assert json.loads(server.asked[0]["messages"][1]["content"])["texts"][0]["text"] == "mail [EMAIL_ADDRESS]"
        observer.process.send_signal(signal.SIGTERM)
        assert await observer.ended() == 0


async def test_a_judge_that_does_not_answer_holds_up_neither_the_settling_nor_the_end(
    start: Start,  # noqa: F811
    connect: Connect,
) -> None:
    async with judge_server(Reply(body=completion("{}"), after_seconds=8.0)) as server:
        observer = await start(settings(server.url, timeout_seconds=60.0))
        await observer.logged("observer ready")
        worker = await connect(observer.channel)
        worker.hello()
        for number in range(20):
            worker.exchange(number + 1, chat(("user", "hello")), answer("hi"))
        assert await worker.settlements(20) == {"secrets\0clean\0": 20}
        observer.process.send_signal(signal.SIGTERM)
        assert await observer.ended() == 0
        assert len(server.asked) <= 2
