"""How much of each text of one exchange the encoder reads: one budget for the exchange, shared out before anything is read.

What is new comes first: the answer, then the last turns, newest first. A long text does not starve a short one beside
it: under a level at which the budget is used up, each gets what it needs. What is left goes to the history, newest
first; an earlier exchange carried it. Of a text that gets less than it needs, head and tail are read before the middle.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from watchers.watcher import Record
from watchers.windows import CONTENT, most

_COUNTED = 8  # times the budget: past so many tokens of new text the rest is not counted any more, so it costs nothing


def allotted(records: Sequence[Record], budget_tokens: int, count: Callable[[str], int]) -> list[Record]:
    """Return one exchange's records with `budget_tokens` set where a text is not to be read whole.

    `count` says how many tokens reading a text whole costs. It is not asked where the texts fit by their length alone.
    """
    budget = max(budget_tokens, CONTENT)
    if sum(most(record.text) for record in records) <= budget:
        return list(records)
    order = sorted(range(len(records)), key=lambda at: (records[at].fresh, at), reverse=True)
    grants: dict[int, int | None] = dict.fromkeys(order, 0)
    grants.update(_grants(order, records, budget, count))
    return [replace(record, budget_tokens=grants[at]) for at, record in enumerate(records)]


def _grants(
    order: Sequence[int], records: Sequence[Record], budget: int, count: Callable[[str], int]
) -> Iterator[tuple[int, int | None]]:
    costs, counted = dict[int, int](), 0
    for at in order:
        if not records[at].fresh or counted > _COUNTED * budget:
            break
        costs[at] = count(records[at].text)
        counted += min(costs[at], budget)
    level, left = max(_level(list(costs.values()), budget), CONTENT), budget
    for at in order:
        if at not in costs and left < CONTENT:
            return
        cost, most = (costs[at], min(level, left)) if at in costs else (count(records[at].text), left)
        grant = cost if cost <= most else most // CONTENT * CONTENT
        left -= grant
        yield at, None if grant == cost else grant


def _level(costs: list[int], budget: int) -> int:
    """The most that one text may cost, so that all together cost at most the budget."""
    left = budget
    for place, cost in enumerate(sorted(costs)):
        share = left // (len(costs) - place)
        if cost > share:
            return share
        left -= cost
    return budget
