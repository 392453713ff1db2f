"""The encoder and its watchers where the graph runs elsewhere: everything is asked for at once, and may not come."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from watchers.encoder import PackEncoder
from watchers.graph import Feed, LocalGraph, Raw
from watchers.leakage.watcher import Leakage
from watchers.pack import Pack
from watchers.registry import build
from watchers.watcher import Direction, Origin, Record, Role, Skip

LONG = "The committee met again on Tuesday and talked about the budget for the new bridge. " * 40
THREAT = "You are a stupid idiot and I will kill you."


class Elsewhere:
    """A graph that works as long as `works` says so of a call; it remembers how much each call asked for."""

    def __init__(self, pack: Pack, works: Callable[[int], bool] = lambda call: True) -> None:
        self.local, self.works, self.calls = LocalGraph(pack), works, list[int]()

    def run(self, feeds: Sequence[Feed]) -> list[Raw | None]:
        self.calls.append(len(feeds))
        return self.local.run(feeds) if self.works(len(self.calls)) else [None] * len(feeds)


def elsewhere(works: Callable[[int], bool] = lambda call: True) -> tuple[PackEncoder, Elsewhere]:
    made: list[Elsewhere] = []

    def graph(pack: Pack) -> Elsewhere:
        made.append(Elsewhere(pack, works))
        return made[0]

    encoder = PackEncoder(graph=graph)
    made[0].calls.clear()
    return encoder, made[0]


def record(text: str, position: int = 0, origin: Origin = Origin.USER) -> Record:
    answers = origin is Origin.COMPLETION
    return Record(
        exchange="e",
        position=position,
        text=text,
        role=Role.ASSISTANT if answers else Role.USER,
        origin=origin,
        direction=Direction.COMPLETION if answers else Direction.PROMPT,
    )


def test_the_windows_of_all_texts_are_asked_for_in_one_call():
    encoder, graph = elsewhere()
    encoder.encode(["hello", LONG, "hello", "good morning"])
    assert graph.calls == [9]  # LONG has seven windows; what stands there twice is read once
    encoder.encode(["good morning", "hello"])
    assert graph.calls == [9]


def test_a_head_reads_a_batch_in_one_call_and_a_flags_evidence_in_another():
    encoder, graph = elsewhere()
    toxicity = build(["toxicity"], {}, encoder)[0]
    judged = toxicity.watch([record("hello"), record("good morning", 1), record("", 2)])
    assert graph.calls == [2]
    assert [judgement.skipped for judgement in judged] == [None, None, Skip.EMPTY]
    assert toxicity.watch([record(THREAT)])[0].verdicts[0].spans
    text, *evidence = graph.calls[1:]
    assert (text, evidence[0]) == (1, 10), "each piece left out, in one call"
    assert sum(evidence) <= 60, "of what the labels ask for the most is the same"
    assert len(evidence) <= 4 * len(toxicity.labels)


def test_a_text_of_which_a_window_is_missing_was_not_read_and_is_asked_for_again():
    encoder, graph = elsewhere(lambda call: call > 1)
    first, second = encoder.encode(["hello"])[0], encoder.encode(["hello"])[0]
    assert (first.unavailable, first.skipped, first.windows) == (True, Skip.MODEL_UNAVAILABLE, ())
    assert not first.embedding.any()
    assert (second.unavailable, second.skipped, len(second.windows)) == (False, None, 1)
    assert graph.calls == [1, 1]


@pytest.mark.parametrize("name", ["toxicity", "bias", "injection"])
def test_a_head_says_that_the_model_was_not_to_be_had(name):
    encoder, _ = elsewhere(lambda call: False)
    judgement = build([name], {}, encoder)[0].watch([record(THREAT)])[0]
    assert (judgement.verdicts, judgement.skipped) == ((), "model_unavailable")


def test_patterns_find_personal_data_without_the_model_and_the_gap_is_told():
    encoder, _ = elsewhere(lambda call: False)
    judgement = build(["pii"], {}, encoder)[0].watch([record("Write to anna.berg@example.com")])[0]
    assert [verdict.label for verdict in judgement.verdicts if verdict.flagged] == ["EMAIL_ADDRESS"]
    assert judgement.skipped == "model_unavailable"


def test_a_flag_whose_evidence_does_not_come_stands_without_spans():
    encoder, _ = elsewhere(lambda call: call == 1)
    judgement = build(["toxicity"], {}, encoder)[0].watch([record(THREAT)])[0]
    assert judgement.verdicts[0].flagged
    assert judgement.verdicts[0].spans == ()
    assert judgement.skipped is None


def test_leakage_says_that_meanings_were_not_compared():
    encoder, _ = elsewhere(lambda call: False)
    system = record(LONG, 0, Origin.SYSTEM)
    answer = record("At a session early in the week the group went over what the planned crossing will cost. " * 3, 1)
    answer = record(answer.text, 1, Origin.COMPLETION)
    assert Leakage(encoder=encoder).watch([system, answer])[1].skipped == "model_unavailable"


def test_a_local_graph_answers_each_window(encoder):
    ids = np.array([[101, 7592, 102]], np.int64)
    raws = LocalGraph(encoder.pack).run([Feed(ids, np.zeros_like(ids))] * 2)
    assert [raw.tags.shape[0] for raw in raws if raw is not None] == [3, 3]
