"""One token budget an exchange: new texts first, then the history, newest first; a text that is cut keeps head and tail."""

import time

import pytest

from watchers.budget import allotted
from watchers.encoder import PackEncoder
from watchers.heads import HeadWatcher
from watchers.watcher import Direction, Origin, Record, Role, Skip
from watchers.windows import cost, cut


def count(text: str) -> int:
    return cost(len(text.split()))


def texts(*sizes: int, history: int = 0) -> list[Record]:
    """Texts of so many words, in wire order; the first `history` of them were carried by an earlier exchange."""
    return [
        Record("x", at, "word " * size, Role.USER, Origin.USER, Direction.PROMPT, fresh=at >= history)
        for at, size in enumerate(sizes)
    ]


def budgets(*sizes: int, budget: int, history: int = 0) -> list[int | None]:
    return [record.budget_tokens for record in allotted(texts(*sizes, history=history), budget, count)]


def test_what_fits_is_read_whole() -> None:
    assert budgets(100, 300, 20, budget=4096) == [None, None, None]
    assert budgets(400, 400, 400, budget=5000) == [None, None, None]


def test_texts_that_surely_fit_are_not_counted() -> None:
    def never(_: str) -> int:
        raise AssertionError

    assert allotted(texts(100, 300), 4096, never) == texts(100, 300)


def test_two_long_texts_share_the_budget() -> None:
    assert budgets(5000, 5000, budget=4032) == [2016, 2016]


def test_a_long_text_does_not_starve_short_ones() -> None:
    assert budgets(100, 50_000, 30, budget=4032) == [None, 30 * 126, None]


def test_history_gets_what_the_new_texts_leave_newest_first() -> None:
    assert budgets(100, 2000, 1000, 200, budget=4032, history=3) == [0, 19 * 126, None, None]
    assert budgets(100, 50, 9000, budget=4032, history=2) == [0, 0, 32 * 126]


def test_many_long_texts_are_read_newest_first() -> None:
    assert budgets(*[1000] * 40, budget=1260) == [0] * 30 + [126] * 10


def test_many_short_texts_cost_no_more_than_their_number() -> None:
    began = time.process_time()
    shared = budgets(*[2] * 12_000, budget=4096)  # one request may hold as many turns
    assert time.process_time() - began < 5.0  # 22 s where each text added up those before it
    assert (len(shared), shared[0], shared[-1]) == (12_000, 0, None)


def test_a_budget_below_one_window_is_one_window() -> None:
    assert budgets(1000, budget=1) == [126]


@pytest.mark.parametrize("budget", [126, 500, 4096, 10_000])
@pytest.mark.parametrize("history", [0, 3, 8])
def test_the_budget_is_kept(budget: int, history: int) -> None:
    sizes = (3, 900, 127, 60_000, 126, 1, 4000, 250)
    granted = budgets(*sizes, budget=budget, history=history)
    run = sum(
        sum(end - start for start, end in cut(size, 10**9 if grant is None else grant))
        for size, grant in zip(sizes, granted, strict=True)
        if grant != 0
    )
    assert run <= max(budget, 126)


def test_no_more_than_some_budgets_of_new_text_are_counted() -> None:
    asked: list[int] = []

    def counting(text: str) -> int:
        asked.append(1)
        return count(text)

    allotted(texts(*[2000] * 10_000), 4096, counting)
    assert len(asked) < 20


@pytest.fixture(scope="module")
def small() -> PackEncoder:
    return PackEncoder(budget_tokens=512, cache_bytes=0)


PLAIN = "The committee met again on Tuesday and talked about the budget for the new bridge. " * 60
THREAT = "You are a worthless idiot and I hate you. "


def test_the_encoder_counts_what_it_runs(small: PackEncoder) -> None:
    whole = PackEncoder(cache_bytes=0)
    for text in ("", "hello", PLAIN):
        run = sum(len(window.offsets) for window in whole.encode([text])[0].windows)
        assert run <= small.cost(text) < run + 126


def test_of_a_text_past_its_budget_head_and_tail_are_read(small: PackEncoder) -> None:
    text = THREAT + PLAIN + THREAT
    record = Record("x", 0, text, Role.USER, Origin.USER, Direction.PROMPT, budget_tokens=252)
    head, tail = small.encode([text], [252])[0].windows
    assert (head.start, tail.end) == (0, len(text.rstrip()))
    watcher = HeadWatcher("toxicity", "toxicity", small)
    judgement = watcher.watch([record])[0]
    assert judgement.skipped == Skip.BUDGET
    assert judgement.verdicts[0].flagged


def test_a_text_without_budget_is_not_judged_clean(small: PackEncoder) -> None:
    record = Record("x", 0, THREAT, Role.USER, Origin.USER, Direction.PROMPT, budget_tokens=0)
    judgement = HeadWatcher("toxicity", "toxicity", small).watch([record])[0]
    assert (judgement.verdicts, judgement.skipped) == ((), Skip.BUDGET)
    assert small.encode([THREAT], [0])[0].left_out_chars == len(THREAT)
