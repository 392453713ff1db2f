"""The judge's budgets and pace."""

from sidecar.observer.judge.allowance import Allowance, Pace, Use

DAY = 86_400.0


def test_what_is_reserved_counts_until_the_answer_says_what_was_used() -> None:
    allowance = Allowance(1_000, None)
    assert allowance.reserve(Use(600), 10.0)
    assert not allowance.reserve(Use(600), 11.0)  # two under way cannot overdraw together
    allowance.settle(Use(600), Use(100), 12.0)
    assert allowance.reserve(Use(600), 13.0)
    assert allowance.tokens == 700


def test_money_is_limited_like_tokens_and_no_limit_limits_nothing() -> None:
    money = Allowance(None, 0.10)
    assert money.reserve(Use(10**9, 0.08), 0.0)
    assert not money.reserve(Use(1, 0.03), 0.0)
    assert Allowance(None, None).reserve(Use(10**12, 10**6), 0.0)


def test_a_new_day_begins_anew_and_a_clock_set_back_does_not() -> None:
    allowance = Allowance(100, None)
    assert allowance.reserve(Use(100), DAY - 1)
    assert not allowance.reserve(Use(1), DAY - 0.5)
    assert allowance.reserve(Use(60), DAY)
    assert not allowance.reserve(Use(60), DAY - 5)
    allowance.settle(Use(60), Use(60), DAY + 1)
    assert allowance.tokens == 60


def test_a_reservation_of_yesterday_is_charged_to_today_as_it_was_used() -> None:
    allowance = Allowance(100, None)
    allowance.reserve(Use(80), DAY - 1)
    allowance.settle(Use(80), Use(30), DAY + 1)
    assert allowance.tokens == 30


def test_the_share_left_is_that_of_the_scarcer_budget() -> None:
    allowance = Allowance(1_000, 1.0)
    allowance.reserve(Use(100, 0.75), 0.0)
    assert allowance.left_share(0.0) == 0.25
    assert allowance.left_share(DAY) == 1.0


def test_turns_come_evenly_and_a_pause_is_no_credit() -> None:
    now = [0.0]
    pace = Pace(60, lambda: now[0])
    assert [pace.wait_seconds() for _ in range(3)] == [0.0, 1.0, 2.0]
    now[0] = 100.0
    assert [pace.wait_seconds() for _ in range(2)] == [0.0, 1.0]
