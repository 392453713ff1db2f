"""The state in which an exchange ends for a watcher."""

import pytest

from sidecar.observer.outcome import Coverage, Reason, State, coverage
from watchers.watcher import Judgement, Skip, Verdict


def verdict(flagged: bool) -> Verdict:
    return Verdict("w", "label", 0.9 if flagged else 0.1, 0.5, flagged, "m-1")


CLEAN, FLAG = Judgement((verdict(False),)), Judgement((verdict(True),))
BUDGET, PART_READ = Judgement(skipped=Skip.BUDGET), Judgement((verdict(False),), Skip.BUDGET)
NOT_MINE, EMPTY, ERROR = (Judgement(skipped=reason) for reason in (Skip.NOT_APPLICABLE, Skip.EMPTY, Skip.ERROR))


@pytest.mark.parametrize(
    ("judged", "unread", "expected"),
    [
        ([CLEAN, CLEAN], None, Coverage(State.CLEAN)),
        ([CLEAN, FLAG, BUDGET], None, Coverage(State.FLAGGED)),
        ([FLAG], Reason.TRUNCATED, Coverage(State.FLAGGED)),
        ([CLEAN, PART_READ], None, Coverage(State.SKIPPED, "budget")),
        ([BUDGET, ERROR], None, Coverage(State.SKIPPED, "error")),
        ([CLEAN], Reason.TRUNCATED, Coverage(State.SKIPPED, "truncated")),
        ([CLEAN], Reason.DECODE_ERROR, Coverage(State.SKIPPED, "decode_error")),
        ([CLEAN, NOT_MINE, EMPTY], None, Coverage(State.CLEAN)),
        ([NOT_MINE], None, Coverage(State.SKIPPED, "not_applicable")),
        ([EMPTY], None, Coverage(State.SKIPPED, "no_text")),
        ([], None, Coverage(State.SKIPPED, "no_text")),
        ([], Reason.UNKNOWN_FORMAT, Coverage(State.SKIPPED, "unknown_format")),
        ([Judgement(skipped="made_up")], None, Coverage(State.SKIPPED, "error")),
    ],
)
def test_flagged_before_skipped_before_clean(judged: list[Judgement], unread: str | None, expected: Coverage) -> None:
    assert coverage(judged, unread) == expected


def test_the_ledgers_key() -> None:
    assert Coverage(State.CLEAN).key("pii") == "pii\0clean\0"
    assert Coverage(State.SKIPPED, "budget").key("bias") == "bias\0skipped\0budget"
