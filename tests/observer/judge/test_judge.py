"""The judge beside a real pipeline and a real server: what it is told, what it counts, and that nothing waits for it."""

import asyncio
import json
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from sidecar.observer.backlog import Backlog, Waiting
from sidecar.observer.errors import PartsError
from sidecar.observer.instruments import Instruments
from sidecar.observer.mask import Masker
from sidecar.observer.outcome import Outcome
from sidecar.observer.parts import Workshop
from sidecar.observer.pipeline import Pipeline
from sidecar.settings import Drift, Judge, Log, Prices, Question, Settings, Watchers, WatcherSettings
from sidecar.wire.exchange import Exchange
from tests.observer.judge.server import JudgeServer, Reply, completion, judge_server
from tests.observer.test_pipeline import Lines, Origin, talk
from tests.observer.traffic import answer, capture, chat, record

LEDGER = "sidewatch_judge_exchanges_total"
ADDRESS = "mail me: bob.miller@example.com"
CLEAN = completion({"toxicity": 0.1, "bias": 0.0, "injection": 0.0})
FLAGGED = completion({"toxicity": 0.9, "bias": 0.0, "injection": 0.0})


@dataclass
class Desk:
    """An observer's pipeline and its judge's task in one loop; `send` runs exchanges through both."""

    settings: Settings
    instruments: Instruments = field(default_factory=Instruments)
    out: Lines = field(default_factory=Lines)
    origin: Origin = field(default_factory=Origin)

    def __post_init__(self) -> None:
        self.workshop = Workshop(self.instruments, self.out)  # type: ignore[arg-type]
        self.parts = self.workshop.make(self.settings)
        self.judge = self.workshop.judge

    def pipeline(self, captures: list[Any]) -> None:
        backlog = Backlog(len(captures), 1_000_000)
        for number, captured in enumerate(captures):
            backlog.put(Waiting(captured, None, self.origin, number, 0))
        pipeline = Pipeline(
            backlog, self.parts, self.instruments, lambda origin, numbers, ledger: origin.settle(numbers, ledger)
        )
        pipeline.start()
        assert pipeline.stop(60)

    async def send(self, *captures: Any) -> None:
        await asyncio.to_thread(self.pipeline, list(captures))

    def ledger(self) -> dict[tuple[str, str], int]:
        return {labels: int(cell[0]) for labels, cell in self.instruments._cells[LEDGER].items()}

    async def settled(self, exchanges: int) -> dict[tuple[str, str], int]:
        """Wait until so many exchanges have a state."""
        async with asyncio.timeout(20):
            while sum(self.ledger().values()) < exchanges:  # noqa: ASYNC110 - it is counted, not told
                await asyncio.sleep(0.01)
        return self.ledger()

    def judged(self) -> list[dict[str, Any]]:
        return [line for line in self.out.lines if line["event"] == "judged"]


@asynccontextmanager
async def desk(*replies: Reply, log: Log = Log(), watchers: Watchers | None = None, prices: Prices = Prices(), **judge):
    async with judge_server(*replies) as server:
        values: dict[str, Any] = {"endpoint": server.url, "model": "judge-1", "sample": 1.0, "retries": 0}
        values |= {"requests_per_minute": 100_000, "timeout_seconds": 5.0} | judge
        made = Desk(
            Settings(
                upstream="https://api.openai.com",
                watchers=watchers or Watchers(enabled=["secrets"]),
                drift=Drift(enabled=False),
                judge=Judge(**values),
                log=log,
                prices=prices,
            )
        )
        task = asyncio.create_task(made.judge.run())
        try:
            yield made, server
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def sent(server: JudgeServer, index: int = 0) -> list[dict[str, str]]:
    return json.loads(server.asked[index]["messages"][1]["content"])["texts"]


async def test_an_exchange_is_asked_about_masked_counted_and_logged_without_texts() -> None:
    async with desk(Reply(body=FLAGGED)) as (made, server):
        await made.send(talk(ADDRESS, "bob.miller@example.com, noted", id="a"))
        assert await made.settled(1) == {("flagged", ""): 1}
    assert sent(server) == [
        {"role": "user", "text": "mail me: [EMAIL_ADDRESS]"},
        {"role": "assistant", "text": "[EMAIL_ADDRESS], noted"},
    ]
    [line] = made.judged()
    assert (line["exchange"], line["flagged"], line["scores"]["toxicity"]) == ("a", ["toxicity"], 0.9)
    assert "miller" not in json.dumps([line, server.asked])
    value = made.instruments.value
    assert value("sidewatch_judge_tokens_total", ("input",)) == 200
    assert value("sidewatch_judge_tokens_total", ("output",)) == 20
    assert value("sidewatch_judge_requests_total", ("ok",)) == 1
    assert value("sidewatch_judge_score", ("toxicity",)) == 1
    assert value("sidewatch_judge_question_duration_seconds") == 1


async def test_texts_are_masked_for_the_judge_where_nothing_else_needs_it() -> None:
    watchers = Watchers(enabled=["none"])
    async with desk(Reply(body=CLEAN), log=Log(text="none"), watchers=watchers) as (made, server):
        await made.send(talk(ADDRESS))
        await made.settled(1)
    assert sent(server)[0]["text"] == "mail me: [EMAIL_ADDRESS]"


async def test_raw_texts_go_out_only_where_the_settings_say_so() -> None:
    async with desk(Reply(body=CLEAN), text="raw") as (made, server):
        await made.send(talk(ADDRESS))
        await made.settled(1)
    assert sent(server)[0]["text"] == ADDRESS


async def test_disagreement_with_the_watchers_is_counted_in_both_directions() -> None:
    terms = WatcherSettings(options={"rules": [{"label": "terms", "terms": ["apple"]}]})
    watchers = Watchers(enabled=["rules"], settings={"rules": terms})
    rubric = {
        "fruit": Question(ask="Is there an apple?", watcher="rules/terms"),
        "stone": Question(ask="Is there a stone?", watcher="nobody"),
    }
    answers = [Reply(body=completion({"fruit": fruit, "stone": 0})) for fruit in (0.9, 0.1, 0.9, 0.1)]
    async with desk(*answers, watchers=watchers, rubric=rubric, concurrency=1) as (made, _):
        for number, text in enumerate(("an apple", "an apple", "a pear", "a pear")):
            await made.send(talk(text, id=str(number)))
            await made.settled(number + 1)
    verdicts = {
        labels: int(cell[0]) for labels, cell in made.instruments._cells["sidewatch_judge_verdicts_total"].items()
    }
    assert verdicts == {
        ("fruit", "flagged", "flagged", "random"): 1,
        ("fruit", "clean", "flagged", "random"): 1,
        ("fruit", "flagged", "clean", "random"): 1,
        ("fruit", "clean", "clean", "random"): 1,
        ("stone", "clean", "none", "random"): 4,
    }
    assert [line["differing"] for line in made.judged()] == [[], ["fruit"], ["fruit"], []]


async def test_a_slow_judge_holds_up_nothing_and_what_does_not_fit_is_dropped_and_counted() -> None:
    slow = Reply(body=CLEAN, after_seconds=3.0)
    async with desk(slow, queue_exchanges=3, concurrency=2, timeout_seconds=0.2) as (made, _):
        began = time.monotonic()
        await made.send(*(talk("hello", id=str(number)) for number in range(50)))
        assert time.monotonic() - began < 2.5  # 50 exchanges; one answer takes 3 s
        assert made.origin.ledger == {"secrets\0clean\0": 50}
        ledger = await made.settled(50)
    assert set(ledger) == {("skipped", "queue_full"), ("skipped", "timeout")}
    assert 3 <= ledger["skipped", "timeout"] <= 10


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(429, {"error": {}}), "unavailable"),
        (Reply(500, b"oops"), "unavailable"),
        (Reply(401, {"error": {}}), "refused"),
        (Reply(body=b"{broken"), "malformed"),
        (Reply(body=completion("I would rather not say.")), "unreadable"),
        (Reply(body=completion({"toxicity": 0.1, "bias": "low", "injection": 0})), "unreadable"),
        (Reply(body=completion({"toxicity": 0.1})), "unreadable"),
    ],
    ids=["429", "500", "401", "broken JSON", "prose", "wrong type", "labels missing"],
)
async def test_without_a_judgement_the_ledger_says_why_and_the_next_is_asked(reply: Reply, reason: str) -> None:
    async with desk(reply, Reply(body=CLEAN), concurrency=1) as (made, _):
        await made.send(talk("one", id="1"))
        await made.settled(1)
        await made.send(talk("two", id="2"))
        assert await made.settled(2) == {("skipped", reason): 1, ("clean", ""): 1}


async def test_a_sample_is_asked_about_and_the_rest_is_counted() -> None:
    brief = Reply(body=CLEAN, after_seconds=0.02)
    async with desk(brief, sample=0.3, queue_exchanges=500, concurrency=4) as (made, server):
        await made.send(*(talk("hello", id=f"x{number}") for number in range(400)))
        ledger = await made.settled(400)
    assert ledger["clean", ""] == len(server.asked)
    assert 80 < ledger["clean", ""] < 160
    assert server.most_under_way == 4
    assert sum(ledger.values()) == 400


async def test_flagged_exchanges_can_be_sampled_beside_and_are_told_apart() -> None:
    token = "ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    async with desk(Reply(body=CLEAN), sample=0.0, sample_flagged=1.0) as (made, _):
        await made.send(talk(f"use {token}", id="1"), talk("hello", id="2"))
        assert await made.settled(2) == {("clean", ""): 1, ("skipped", "not_sampled"): 1}
    assert made.judged()[0]["sample"] == "flagged"


async def test_a_flag_in_the_history_is_not_sampled_again() -> None:
    token = "ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    turns = [("user", f"use {token}"), ("assistant", "done")]
    async with desk(Reply(body=CLEAN), sample=0.0, sample_flagged=1.0) as (made, _):
        await made.send(
            capture(chat(*turns[:1]), answer("done"), id="1"),
            capture(chat(*turns, ("user", "thanks")), answer("bye"), id="2"),
        )
        assert await made.settled(2) == {("clean", ""): 1, ("skipped", "not_sampled"): 1}
    assert made.judged()[0]["exchange"] == "1"


async def test_what_is_repeated_keeps_the_pace_too() -> None:
    busy = Reply(503, b"", {"Retry-After": "0.01"})
    async with desk(busy, busy, Reply(body=CLEAN), requests_per_minute=150, retries=2) as (made, server):
        began = time.monotonic()
        await made.send(talk("hello"))
        assert await made.settled(1) == {("clean", ""): 1}
    assert len(server.asked) == 3
    assert time.monotonic() - began >= 0.8  # the third turn comes after 2 x 400 ms


async def test_the_days_budget_ends_the_questions_and_not_the_watching() -> None:
    # A question reserves about 1,000 tokens (half its characters and max_tokens) and takes 220.
    async with desk(Reply(body=CLEAN), tokens_per_day=1_700, concurrency=1) as (made, server):
        await made.send(*(talk("hello", id=str(number)) for number in range(8)))
        await made.settled(8)
        made.judge.refresh_gauges()
    ledger = made.ledger()
    assert ledger["clean", ""] == len(server.asked)
    assert 1 <= len(server.asked) < 8
    assert ledger["skipped", "budget"] == 8 - len(server.asked)
    assert 220 * len(server.asked) <= 1_700
    assert made.instruments.value("sidewatch_judge_budget_left_ratio") == 1 - 220 * len(server.asked) / 1_700


async def test_a_budget_in_money_needs_a_price_and_is_kept(tmp_path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text("- {model: judge-*, input: 1000, output: 1000}\n")  # a tenth of a cent a token
    priced = Prices(file=str(file), currency="EUR")
    async with desk(Reply(body=CLEAN), cost_per_day=1.7, concurrency=1, prices=priced) as (made, server):
        await made.send(*(talk("hello", id=str(number)) for number in range(8)))
        await made.settled(8)
    asked = len(server.asked)
    assert 1 <= asked < 8
    assert made.instruments.value("sidewatch_judge_cost_total", ("EUR",)) == pytest.approx(0.22 * asked)
    assert made.ledger()["skipped", "budget"] == 8 - asked
    with pytest.raises(PartsError, match="no price of model 'unheard-of' is known"):
        Desk(Settings(upstream="http://x", judge=Judge(endpoint="http://y/v1", model="unheard-of", cost_per_day=1.0)))


async def test_questions_are_put_at_the_pace_that_is_set() -> None:
    async with desk(Reply(body=CLEAN), requests_per_minute=600, concurrency=8) as (made, _):
        began = time.monotonic()
        await made.send(*(talk("hello", id=str(number)) for number in range(6)))
        await made.settled(6)
    assert time.monotonic() - began >= 0.5  # the sixth turn comes after 5 x 100 ms


async def test_what_waits_at_the_end_or_comes_after_it_is_counted_as_stopped() -> None:
    async with desk(Reply(body=CLEAN, after_seconds=3.0), concurrency=1) as (made, server):
        await made.send(*(talk("hello", id=str(number)) for number in range(5)))
        async with asyncio.timeout(10):
            while not server.asked:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    await made.send(talk("late", id="late"))
    assert made.ledger() == {("skipped", "stopped"): 6}


async def test_a_reload_changes_the_judge_and_keeps_what_was_used_today() -> None:
    async with desk(Reply(body=CLEAN), concurrency=1) as (made, server):
        await made.send(talk("hello", id="1"))
        await made.settled(1)
        async with judge_server(Reply(body=completion({"calm": 1}))) as other:
            changed = Judge(
                endpoint=other.url, model="judge-2", sample=1.0, rubric={"calm": Question(ask="Is it calm?")},
                requests_per_minute=100_000,
            )  # fmt: skip
            made.parts = made.workshop.make(
                Settings(
                    upstream="http://x",
                    watchers=Watchers(enabled=["secrets"]),
                    drift=Drift(enabled=False),
                    judge=changed,
                )
            )
            await made.send(talk("hello", id="2"))
            assert await made.settled(2) == {("clean", ""): 1, ("flagged", ""): 1}
            assert (other.asked[0]["model"], len(server.asked)) == ("judge-2", 1)
        made.judge.refresh_gauges()
    assert made.instruments.value("sidewatch_judge_budget_left_ratio") == pytest.approx(1 - 440 / 1_000_000)


async def test_a_text_that_could_not_be_masked_stays_here() -> None:
    async with desk(Reply(body=CLEAN)) as (made, server):
        one = record("hello")
        outcome = Outcome(talk("hello"), Exchange("openai-chat"), (one,))
        made.judge.emit(outcome, Masker([one], {}))
        assert await made.settled(1) == {("skipped", "withheld"): 1}
    assert server.asked == []


async def test_the_settings_are_refused_where_the_judge_could_only_fail() -> None:
    base = {"endpoint": "http://127.0.0.1:9/v1", "model": "m"}
    with pytest.raises(PartsError, match="the API key cannot be had"):
        Desk(Settings(upstream="http://x", judge=Judge(**base, api_key_env="NO_SUCH_KEY")))
