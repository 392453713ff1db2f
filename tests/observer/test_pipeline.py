"""The pipeline: whatever happens to an exchange, it ends in one state a watcher."""

import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import pytest

from sidecar.observer.backlog import Backlog, Waiting
from sidecar.observer.instruments import Instruments
from sidecar.observer.mask import Masker
from sidecar.observer.outcome import Outcome
from sidecar.observer.pace import Pace
from sidecar.observer.panel import Panel
from sidecar.observer.parts import Parts, PartsError, Workshop
from sidecar.observer.pipeline import Pipeline
from sidecar.observer.selftest import Selftest
from sidecar.settings import Drift, Log, Observer, Route, Settings, Watchers, WatcherSettings
from sidecar.wire.capture import Body, Capture
from sidecar.wire.exchange import Exchange
from tests.observer.test_panel import Poisoned
from tests.observer.traffic import Words, answer, capture, chat
from watchers.cascade import Depth
from watchers.watcher import Judgement, Record, Watcher

# Patterns alone: no model is loaded, and nothing drifts.
SETTINGS = Settings(
    upstream="https://api.openai.com", watchers=Watchers(enabled=["secrets"]), drift=Drift(enabled=False)
)
TOKEN = "ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


@dataclass(slots=True)
class Lines:
    """Where the exchange log goes."""

    lines: list[dict[str, Any]] = field(default_factory=list)

    def write(self, line: bytes) -> None:
        self.lines.append(json.loads(line))


class Origin:
    """A worker's ledger."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.ledger: Counter[str] = Counter()

    def settle(self, numbers: list[int], ledger: dict[str, int]) -> None:
        self.numbers += numbers
        self.ledger.update(ledger)


@dataclass(slots=True)
class Bench:
    """A pipeline with its surroundings; `judge` runs exchanges through it, in batches."""

    settings: Settings = SETTINGS
    watchers: Sequence[Watcher] | None = None
    instruments: Instruments = field(default_factory=Instruments)
    out: Lines = field(default_factory=Lines)
    origin: Origin = field(default_factory=Origin)

    def parts(self) -> Parts:
        made = Workshop(self.instruments, self.out).make(self.settings)  # type: ignore[arg-type]
        return made if self.watchers is None else replace(made, panel=Panel(self.watchers, self.instruments))

    def judge(
        self, captures: Sequence[Capture], incomplete: str | None = None, selftest: Selftest | None = None
    ) -> None:
        parts, backlog = self.parts(), Backlog(len(captures), 1_000_000)  # made first: loading is not waiting
        for number, captured in enumerate(captures):
            backlog.put(Waiting(captured, incomplete, self.origin, number, 0))
        settle = lambda origin, numbers, ledger: origin.settle(numbers, ledger)  # noqa: E731
        pipeline = Pipeline(backlog, parts, self.instruments, settle, selftest)
        pipeline.start()
        assert pipeline.stop(60)


def talk(text: str, reply: str = "fine", **changes: Any) -> Capture:
    return capture(chat(("user", text)), answer(reply), **changes)


def test_an_exchange_is_judged_logged_counted_and_settled() -> None:
    bench = Bench()
    bench.judge([talk(f"use {TOKEN}", id="a"), talk("hello", id="b")])
    assert bench.origin.numbers == [0, 1]
    assert bench.origin.ledger == {"secrets\0flagged\0": 1, "secrets\0clean\0": 1}
    assert bench.out.lines[0]["prompt"][0]["text"] == "use [VENDOR_TOKEN]"
    assert bench.out.lines[0]["cost"] == {"amount": 0.0035, "currency": "USD"}
    flag = ("secrets", "VENDOR_TOKEN", "prompt", "default")
    assert bench.instruments.value("sidewatch_flags_total", flag) == 1


def test_a_batch_is_judged_in_one_call_and_at_most_so_many() -> None:
    watcher = Words("fruit", "apple")
    settings = Settings(
        upstream="http://x",
        drift=Drift(enabled=False),
        observer=Observer(batch_exchanges=3),
        watchers=Watchers(enabled=["none"]),
    )
    Bench(settings, [watcher]).judge([talk("one", id=str(number)) for number in range(7)])
    assert watcher.batches == [6, 6, 2]


def test_a_route_says_how_to_decode() -> None:
    route = Route(name="default", upstream="https://llm.internal", format="openai-chat", provider="acme")
    bench = Bench(Settings(routes=[route], drift=Drift(enabled=False), watchers=Watchers(enabled=["none"])))
    bench.judge([talk("hello", target="/odd")])
    assert (bench.out.lines[0]["format"], bench.out.lines[0]["provider"]) == ("openai-chat", "acme")


@pytest.mark.parametrize(
    ("captured", "incomplete", "state"),
    [
        (talk("hello"), "channel_full", "skipped\0truncated"),
        (replace(talk("hello"), response=Body(b'{"cut', size=10_000)), None, "skipped\0truncated"),
        (capture(b"not json at all {", b"neither"), None, "skipped\0decode_error"),
        (capture(b"", b'{"object": "list", "data": []}', method="GET", target="/v1/models"), None, "skipped\0no_text"),
        (talk(f"use {TOKEN}"), "channel_full", "flagged\0"),
    ],
    ids=["incomplete", "truncated", "malformed", "no text", "flagged all the same"],
)
def test_what_was_not_read_in_full_is_not_clean(captured: Capture, incomplete: str | None, state: str) -> None:
    bench = Bench()
    bench.judge([captured], incomplete)
    assert list(bench.origin.ledger) == [f"secrets\0{state}"]


def test_unknown_formats_may_be_read_or_counted_only() -> None:
    odd = capture(f'{{"question": "use {TOKEN}"}}'.encode(), b'{"reply": "no"}', target="/ask")
    reading, counting = (
        Bench(),
        Bench(
            Settings(
                upstream="http://x",
                watchers=Watchers(enabled=["secrets"]),
                drift=Drift(enabled=False),
                observer=Observer(unknown_formats="count"),
            )
        ),
    )
    reading.judge([odd])
    counting.judge([odd])
    assert reading.origin.ledger["secrets\0flagged\0"] == 1
    assert counting.origin.ledger == {"secrets\0skipped\0unknown_format": 1}
    assert counting.out.lines[0]["prompt"] == []


class Flaky(Words):
    """Raises at random, and sometimes answers nonsense."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "apple")
        self.random = random.Random(7)

    def watch(self, records: Sequence[Record]) -> list[Judgement]:
        chance = self.random.random()
        if chance < 0.3:
            raise MemoryError
        return super().watch(records)[: None if chance < 0.6 else -1]


def test_the_ledger_is_conserved_whatever_watchers_and_traffic_do() -> None:
    watchers = [Flaky("flaky"), Words("fruit", "apple"), Poisoned("poisoned", "apple")]
    wild = random.Random(3)
    captures = []
    for number in range(400):
        request, reply = chat(("user", wild.choice(["apple", "pear", ""]))), answer("apple")
        mangled = wild.choice([request, request[: wild.randrange(len(request))], wild.randbytes(50)])
        captures.append(
            capture(mangled, reply, id=str(number), target=wild.choice(["/v1/chat/completions", "/", "/x?y"]))
        )
    bench = Bench(watchers=watchers)
    bench.judge(captures)
    assert sorted(bench.origin.numbers) == list(range(400))
    for watcher in watchers:
        states = {key: count for key, count in bench.origin.ledger.items() if key.startswith(f"{watcher.name}\0")}
        assert sum(states.values()) == 400, states
    assert len(bench.out.lines) == 400


def test_a_flag_that_a_conversation_replays_is_counted_once() -> None:
    first = chat(("user", "an apple"))
    second = chat(("user", "an apple"), ("assistant", "yes"), ("user", "more"))
    unseen = chat(("user", "another apple"), ("assistant", "yes"), ("user", "more"))
    bench = Bench(watchers=[Words("fruit", "apple")])
    bench.judge(
        [capture(request, answer("yes"), id=str(number)) for number, request in enumerate([first, second, unseen])]
    )
    assert bench.instruments.value("sidewatch_flags_total", ("fruit", "word", "prompt", "default")) == 2
    assert bench.origin.ledger == {"fruit\0flagged\0": 3}


LONG = "The committee met again on Tuesday and talked about the budget for the new bridge. " * 30


def test_the_token_budget_is_one_for_the_whole_exchange() -> None:
    """Three texts of 510 tokens: each alone fits 1,000 tokens, together they do not."""
    settings = Settings(
        upstream="http://x",
        watchers=Watchers(enabled=["toxicity"]),
        drift=Drift(enabled=False),
        log=Log(text="none"),
        observer=Observer(text_tokens=1_000),
    )
    alone, together = Bench(settings), Bench(settings)
    alone.judge([talk(LONG)])
    together.judge([capture(chat(("system", LONG), ("user", LONG)), answer(LONG))])
    assert alone.origin.ledger == {"toxicity\0clean\0": 1}
    assert together.origin.ledger == {"toxicity\0skipped\0budget": 1}


def test_history_past_the_budget_is_not_missed_twice() -> None:
    settings = Settings(
        upstream="http://x",
        watchers=Watchers(enabled=["toxicity"]),
        drift=Drift(enabled=False),
        observer=Observer(text_tokens=1_000),
    )
    first = capture(chat(("user", LONG)), answer("Yes."), id="a")
    turns = [("user", LONG), ("assistant", "Yes."), ("user", LONG.replace("bridge", "tunnel"))]
    second = capture(chat(*turns), answer("No."), id="b")
    seen, unseen = Bench(settings), Bench(settings)
    seen.judge([first, second])
    unseen.judge([second])
    assert seen.origin.ledger == {"toxicity\0clean\0": 2}
    assert unseen.origin.ledger == {"toxicity\0skipped\0budget": 1}


class Broken:
    """A sink that fails."""

    def emit(self, *_: object) -> None:
        raise ValueError("prompt text")


def test_a_sink_that_fails_costs_neither_the_others_nor_the_settling(capsys: pytest.CaptureFixture[str]) -> None:
    bench = Bench()
    parts = replace(bench.parts(), metrics=Broken())  # type: ignore[arg-type]
    through(bench, parts, [talk("hello", id=str(number)) for number in range(3)])
    assert len(bench.out.lines) == 3
    assert bench.origin.ledger["secrets\0clean\0"] == 3
    assert bench.instruments.value("sidewatch_sink_errors_total", ("metrics", "ValueError")) == 3
    printed = capsys.readouterr().out
    assert printed.count("sink failed") == 1
    assert "prompt text" not in printed


class Unpriced:
    """Prices that fail at one model."""

    def maybe_cost(self, exchange: Exchange) -> None:
        if exchange.request_model == "bad":
            raise KeyError(exchange.request_model)


def through(bench: Bench, parts: Parts, captures: list[Capture]) -> None:
    backlog = Backlog(10, 1_000)
    pipeline = Pipeline(backlog, parts, bench.instruments, lambda origin, *settled: origin.settle(*settled))
    for number, captured in enumerate(captures):
        backlog.put(Waiting(captured, None, bench.origin, number, 0))
    pipeline.start()
    assert pipeline.stop(60)


class Hasty(Pace):
    """A pace that fails once."""

    failed = False

    def depth(self, waiting: int, age_seconds: float) -> Depth:
        if not self.failed:
            self.failed = True
            raise ZeroDivisionError
        return super().depth(waiting, age_seconds)


def test_what_fails_between_two_batches_does_not_end_the_thread() -> None:
    bench = Bench(msgspec.structs.replace(SETTINGS, observer=Observer(batch_exchanges=4)))
    parts = replace(bench.parts(), pace=Hasty(SETTINGS.observer))
    through(bench, parts, [talk("hello", id=str(number)) for number in range(10)])
    assert bench.origin.numbers == [4, 5, 6, 7, 8, 9]  # the first batch is counted as lost when its session ends
    assert bench.instruments.value("sidewatch_sink_errors_total", ("pipeline", "ZeroDivisionError")) == 1


def test_an_exchange_that_cannot_be_read_costs_its_batch_nothing() -> None:
    bench = Bench()
    captures = [capture(chat(("user", "hello"), model=model), answer("hi"), id=model) for model in ("a", "bad", "b")]
    through(bench, replace(bench.parts(), prices=Unpriced()), captures)  # type: ignore[arg-type]
    assert [line["exchange"] for line in bench.out.lines] == ["a", "b"]
    assert bench.origin.ledger == {"secrets\0clean\0": 2, "secrets\0skipped\0error": 1}
    assert bench.instruments.value("sidewatch_sink_errors_total", ("pipeline", "KeyError")) == 1


def test_a_text_whose_masking_fails_is_withheld_and_the_exchange_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    def masker(_: Parts, outcome: Outcome) -> Masker:
        return Masker(outcome.records, {"secrets": [1 / 0]} if outcome.capture.id == "1" else {"secrets": []})  # type: ignore[list-item]

    bench = Bench()
    monkeypatch.setattr(Parts, "masker", masker)
    through(bench, bench.parts(), [talk("hello", id=str(number)) for number in range(3)])
    assert [line["prompt"][0]["text"] for line in bench.out.lines] == ["hello", None, "hello"]
    assert bench.origin.ledger == {"secrets\0clean\0": 3}


def test_texts_are_masked_though_no_masking_watcher_is_enabled() -> None:
    bench = Bench(Settings(upstream="http://x", watchers=Watchers(enabled=["none"]), drift=Drift(enabled=False)))
    bench.judge([talk("mail bob.miller@example.com")])
    assert bench.out.lines[0]["prompt"][0]["text"] == "mail [EMAIL_ADDRESS]"
    assert bench.out.lines[0]["coverage"] == {}
    assert bench.origin.ledger == {}


def test_an_estimate_is_marked_and_priced() -> None:
    bench = Bench()
    bench.judge([capture(chat(("user", "four" * 10)), answer("word" * 25, usage=None))])
    assert bench.out.lines[0]["usage"] == {"source": "estimated", "input": 14, "output": 25}
    assert bench.out.lines[0]["cost"]["amount"] == pytest.approx(0.000285)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Watchers(enabled=["nosuch"]), "there is no watcher of type 'nosuch'"),
        (
            Watchers(enabled=["pii"], settings={"pii": WatcherSettings(thresholds={"SHOE_SIZE": 0.5})}),
            "no label 'SHOE_SIZE'",
        ),
        (Watchers(enabled=["bias"], pack="/nowhere"), "/nowhere/pack.json"),
    ],
)
def test_settings_that_cannot_be_used_say_so(settings: Watchers, expected: str) -> None:
    with pytest.raises(PartsError) as raised:
        Bench(Settings(upstream="http://x", watchers=settings, log=Log())).parts()
    assert expected in str(raised.value)


def test_a_drift_option_that_is_not_known_says_so() -> None:
    with pytest.raises(PartsError, match="windwo"):
        Bench(
            Settings(upstream="http://x", watchers=Watchers(enabled=["none"]), drift=Drift(options={"windwo": 3}))
        ).parts()
