"""The judge: a sink that asks a sample of exchanges about, in its own time; nothing ever waits for it.

`emit` is called in the pipeline's thread and only puts: a bounded queue, past it the exchange is dropped and counted. The
questions are asked by a few tasks of the observer's event loop, at a bounded pace and within a daily budget. Every
exchange that comes here ends in exactly one state of the judge's own ledger (`sidewatch_judge_exchanges_total`).
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import structlog

from sidecar.observer.instruments import Instruments
from sidecar.observer.judge.allowance import Allowance, Pace, Use
from sidecar.observer.judge.endpoint import Answer, Endpoint, NoAnswerError
from sidecar.observer.judge.rubric import (
    RUBRIC,
    Message,
    UnreadableAnswerError,
    messages,
    read,
    schema,
    shortened,
)
from sidecar.observer.mask import Masker
from sidecar.observer.outcome import Outcome, State
from sidecar.observer.prices import Prices
from sidecar.proxy.connect import tls_context
from sidecar.settings import Judge as JudgeSettings
from sidecar.settings import Question
from sidecar.wire import providers
from sidecar.wire.exchange import Exchange, Usage, UsageSource
from watchers.watcher import Direction, Record

log = structlog.get_logger(__name__)

ANSWER_TOKENS: Final = 1_000  # reserved where `options` does not bound the answer
CHARS_A_TOKEN: Final = 2  # a reservation's: fewer than any language needs on average, so that the budget holds
_HASHES: Final = float(1 << 64)
_REST_SECONDS: Final = 5.0  # after an error that nobody foresaw

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """An exchange that waits for its judgement. `watchers`: label -> what the watcher beside it said."""

    exchange: str
    route: str
    sample: str  # random or flagged
    texts: list[tuple[str, str]]
    watchers: Mapping[str, str]


class Judge:
    """Outlives reloads: `settings`, `prices` and `record` are replaced together by `configure`."""

    def __init__(self, instruments: Instruments) -> None:
        self._to = instruments
        self._waiting: deque[Case] = deque()
        self._closed = False
        self._ready: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._generation = 0
        self._settings = JudgeSettings()
        self._allowance = Allowance(None, None)
        self._pace = Pace(1, time.monotonic)
        self._prices: Prices | None = None
        self._record: Callable[[Fields], None] = lambda fields: None  # noqa: ARG005
        self._told: set[str] = set()

    def configure(self, settings: JudgeSettings, prices: Prices, record: Callable[[Fields], None]) -> None:
        """Take new settings; what waits is asked about under them, and today's use still counts."""
        self._prices, self._record = prices, record
        if settings != self._settings:
            self._settings, self._told = settings, set()
            self._allowance.tokens_per_day, self._allowance.cost_per_day = (
                settings.tokens_per_day,
                settings.cost_per_day,
            )
            self._pace.per_minute = settings.requests_per_minute
            self._generation += 1
            self._wake()

    @property
    def rubric(self) -> Mapping[str, Question]:
        return self._settings.rubric or RUBRIC

    def emit(self, outcome: Outcome, masker: Masker) -> None:
        """Take the exchange, or say in the ledger why not."""
        sample = self._sampled(outcome)
        if sample is None:
            return self._skip("not_sampled")
        if self._closed:
            return self._skip("stopped")
        if len(self._waiting) >= self._settings.queue_exchanges:
            return self._skip("queue_full")
        records = [record for record in outcome.records if _is_new(record)]
        texts = self._texts(records, masker)
        if texts is None or not texts:
            return self._skip("withheld" if texts is None else "no_text")
        case = Case(outcome.capture.id, outcome.capture.route, sample, texts, self._beside(outcome, records))
        self._waiting.append(case)
        self._wake()
        return None

    def _sampled(self, outcome: Outcome) -> str | None:
        """Choose by the exchange's id, so that a choice can be repeated; those chosen at random are told apart.

        A flag that the conversation's history replays was another exchange's.
        """
        drawn = int.from_bytes(blake2b(outcome.capture.id.encode(), digest_size=8).digest(), "big") / _HASHES
        if drawn < self._settings.sample:
            return "random"
        if drawn < self._settings.sample_flagged and any(
            record.position in outcome.fresh for record, _ in outcome.flags()
        ):
            return "flagged"
        return None

    def _texts(self, records: list[Record], masker: Masker) -> list[tuple[str, str]] | None:
        """Return role and text within the limit; None where one was not masked and must be."""
        limit, raw = self._settings.text_chars, self._settings.text == "raw"
        texts = []
        for record in records:
            text = record.text[: limit + 1] if raw else masker.maybe_text(record, limit + 1)
            if text is None:
                return None
            texts.append((str(record.role), text))
        return shortened(texts, limit)

    def _beside(self, outcome: Outcome, records: list[Record]) -> dict[str, str]:
        """Return what the watchers said of the same texts: flagged, clean, skipped; none where there is no such watcher."""
        positions = {record.position for record in records}
        flagged = {
            name
            for record, verdict in outcome.flags()
            if record.position in positions
            for name in (verdict.watcher, f"{verdict.watcher}/{verdict.label}")
        }
        said = {}
        for label, question in self.rubric.items():
            name = question.watcher or label
            covered = outcome.coverage.get(name.partition("/")[0])
            if covered is None:
                said[label] = "none"
            elif name in flagged:
                said[label] = "flagged"
            else:
                said[label] = "skipped" if covered.state is State.SKIPPED else "clean"
        return said

    def _skip(self, reason: str) -> None:
        self._to.add("sidewatch_judge_exchanges_total", ("skipped", reason))

    def _wake(self) -> None:
        loop, ready = self._loop, self._ready
        if loop is not None and ready is not None and not loop.is_closed():
            loop.call_soon_threadsafe(ready.set)

    def refresh_gauges(self) -> None:
        """Set what is only known when somebody looks."""
        if self._settings.endpoint:
            self._to.set("sidewatch_judge_waiting", (), len(self._waiting))
            self._to.set("sidewatch_judge_budget_left_ratio", (), self._allowance.left_share(time.time()))

    async def run(self) -> None:
        """Ask until cancelled; what waits then is counted as stopped."""
        self._loop, self._ready = asyncio.get_running_loop(), asyncio.Event()
        try:
            while True:
                try:
                    await self._generation_of_tasks(self._ready)
                except Exception as error:  # the boundary: the observer goes on whatever happens here
                    self._tell("error", type(error).__name__)
                    await asyncio.sleep(_REST_SECONDS)
        finally:
            self._closed = True
            while self._waiting:
                self._waiting.popleft()
                self._skip("stopped")

    async def _generation_of_tasks(self, ready: asyncio.Event) -> None:
        """Ask under one set of settings, until others come."""
        settings, generation = self._settings, self._generation
        if not settings.endpoint:
            await ready.wait()
            ready.clear()
            return
        tls = await asyncio.to_thread(tls_context, settings.tls)
        connector = aiohttp.TCPConnector(ssl=tls, limit=settings.concurrency)
        async with aiohttp.ClientSession(connector=connector, trust_env=True) as session:
            endpoint = Endpoint(settings, session, self._count_attempt, self._turn)
            async with asyncio.TaskGroup() as group:
                for _ in range(settings.concurrency):
                    group.create_task(self._ask_while(generation, settings, endpoint, ready))

    async def _ask_while(
        self, generation: int, settings: JudgeSettings, endpoint: Endpoint, ready: asyncio.Event
    ) -> None:
        while generation == self._generation:
            if self._waiting:
                await self._ask(self._waiting.popleft(), settings, endpoint)
                continue
            ready.clear()
            if not self._waiting and generation == self._generation:  # nothing came between the look and the clearing
                await ready.wait()

    async def _ask(self, case: Case, settings: JudgeSettings, endpoint: Endpoint) -> None:
        """Ask about one exchange; whatever happens, it is counted once."""
        reason = "stopped"
        try:
            await self._turn()
            asked = messages(self.rubric, case.texts)
            most = self._most(settings, asked)
            if self._allowance.reserve(most, time.time()):
                reason = await self._answered(case, asked, most, settings, endpoint)
            else:
                reason = "budget"
        except Exception as error:  # the boundary: one exchange costs the judge no other
            reason = "error"
            self._tell(reason, type(error).__name__)
        finally:
            if reason:
                self._skip(reason)

    async def _turn(self) -> None:
        await asyncio.sleep(self._pace.wait_seconds())

    async def _answered(
        self, case: Case, asked: list[Message], most: Use, settings: JudgeSettings, endpoint: Endpoint
    ) -> str:
        """Return why there is no judgement, "" where there is one. What was reserved is settled in any case."""
        used, rubric, began = most, self.rubric, time.monotonic()
        try:
            answer = await endpoint.ask(asked, schema(rubric))
            used = self._used(settings, answer, most)
            self._judged(case, rubric, read(rubric, answer.text), time.monotonic() - began)
        except NoAnswerError as error:
            if error.reason not in ("timeout", "malformed"):  # those may have been billed
                used = Use()
            self._tell(error.reason, str(error))
            return error.reason
        except UnreadableAnswerError as error:
            self._tell("unreadable", str(error))
            return "unreadable"
        finally:
            self._allowance.settle(most, used, time.time())
            self._to.observe("sidewatch_judge_question_duration_seconds", (), [time.monotonic() - began])
        return ""

    def _judged(self, case: Case, rubric: Mapping[str, Question], scores: Mapping[str, float], seconds: float) -> None:
        flagged = {label for label, score in scores.items() if score >= rubric[label].threshold}
        for label, score in scores.items():
            said = "flagged" if label in flagged else "clean"
            beside = case.watchers.get(label, "none")  # a label that a reload brought has none
            self._to.observe("sidewatch_judge_score", (label,), [score])
            self._to.add("sidewatch_judge_verdicts_total", (label, said, beside, case.sample))
        self._to.add("sidewatch_judge_exchanges_total", ("flagged" if flagged else "clean", ""))
        differing = [
            label
            for label, said in case.watchers.items()
            if said in ("flagged", "clean") and (said == "flagged") != (label in flagged)
        ]
        self._record(
            {
                "exchange": case.exchange,
                "route": case.route,
                "model": self._settings.model,
                "sample": case.sample,
                "scores": dict(scores),
                "flagged": sorted(flagged),
                "watchers": dict(case.watchers),
                "differing": differing,
                "seconds": round(seconds, 3),
            }
        )

    def _most(self, settings: JudgeSettings, asked: list[Message]) -> Use:
        bound = settings.options.get("max_tokens") or settings.options.get("max_completion_tokens")
        output = bound if isinstance(bound, int) else ANSWER_TOKENS
        return self._use(settings, sum(len(one["content"]) for one in asked) // CHARS_A_TOKEN, output)

    def _used(self, settings: JudgeSettings, answer: Answer, most: Use) -> Use:
        """Return and count what an answer took: as the endpoint said, else what was reserved."""
        if answer.input_tokens is None or answer.output_tokens is None:
            self._to.add("sidewatch_judge_tokens_total", ("reserved",), most.tokens)
            used = most
        else:
            self._to.add("sidewatch_judge_tokens_total", ("input",), answer.input_tokens)
            self._to.add("sidewatch_judge_tokens_total", ("output",), answer.output_tokens)
            used = self._use(settings, answer.input_tokens, answer.output_tokens)
        if self._prices is not None and used.cost:
            self._to.add("sidewatch_judge_cost_total", (self._prices.currency,), used.cost)
        return used

    def _use(self, settings: JudgeSettings, input_tokens: int, output_tokens: int) -> Use:
        return Use(input_tokens + output_tokens, maybe_cost(settings, self._prices, input_tokens, output_tokens) or 0.0)

    def _count_attempt(self, outcome: str) -> None:
        self._to.add("sidewatch_judge_requests_total", (outcome,))

    def _tell(self, reason: str, what: str) -> None:
        """Log each kind of failure once; the ledger counts them all."""
        if reason not in self._told:
            self._told.add(reason)
            log.error("the judge has no answer", reason=reason, problem=what)


def maybe_cost(settings: JudgeSettings, prices: Prices | None, input_tokens: int, output_tokens: int) -> float | None:
    """Return what so many tokens of the judge's model cost, None where no price is known."""
    if prices is None:
        return None
    provider = providers.of_host(urlsplit(settings.endpoint or "").hostname) or "unknown"
    usage = Usage(UsageSource.PROVIDER, input_tokens, output_tokens)
    cost = prices.maybe_cost(Exchange("openai-chat", provider, response_model=settings.model, usage=usage))
    return cost.amount if cost else None


def _is_new(record: Record) -> bool:
    """History was judged when it was new; what the model says always is."""
    return record.fresh or record.direction is Direction.COMPLETION
