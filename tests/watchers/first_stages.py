"""A first stage made by hand: it doubts texts that hold one of a column's words, and knows ordinary words beside."""

from collections.abc import Mapping, Sequence

import numpy as np

from watchers.first_stage import BUCKETS, CASES, FirstStage, Weights
from watchers.look import CONTACTS, NAMES
from watchers.pack import Pack
from watchers.tags import ENTITY_TYPES

TEXT = """the committee met again on tuesday and talked about budget for new bridge over river . , ! ? ' what is capital of
france you are please write me a short letter weather in spring i am it to do not how can help with this"""
ORDINARY = TEXT.split()


def made(pack: Pack, doubts: Mapping[str, Sequence[str]], names: Sequence[str] = ()) -> FirstStage:
    """`doubts`: head or CONTACTS -> words; `names`: words that look like parts of a person's name."""
    words, weights = parts(pack, doubts, names)
    return FirstStage(words, weights, list(pack.heads), len(pack.labels))


def parts(pack: Pack, doubts: Mapping[str, Sequence[str]], names: Sequence[str] = ()) -> tuple[list[str], Weights]:
    """One channel a column: 10 where one of its words stands, so that a logit of -5 becomes 5."""
    columns = [*pack.heads, CONTACTS, NAMES]
    marked = {word: columns.index(name) for name, some in {**doubts, NAMES: names}.items() for word in some}
    words = list(dict.fromkeys([*marked, *ORDINARY]))
    wide, labels = len(columns), len(pack.labels)
    rows = np.zeros((len(words) + BUCKETS, 3, wide), np.int8)
    for place, word in enumerate(words):
        if word in marked:
            rows[place, 1, marked[word]] = 100
    out, kinds = np.zeros((wide, labels + len(pack.heads))), np.zeros((wide, len(ENTITY_TYPES)))
    for place in range(len(pack.heads)):
        out[place, labels + place] = 1
    kinds[columns.index(CONTACTS), ENTITY_TYPES.index("STREET_ADDRESS")] = 1
    kinds[columns.index(NAMES), ENTITY_TYPES.index("PERSON")] = 1
    weights = Weights(
        rows=rows.reshape(len(rows), -1),
        cases=np.zeros((CASES, 3 * wide), np.int8),
        bias=np.zeros(wide, np.int16),
        scale=np.full(wide, 0.1, np.float32),
        hidden=np.eye(2 * wide, wide, dtype=np.float32),
        hidden_bias=np.zeros(wide, np.float32),
        out=out.astype(np.float32),
        out_bias=np.full(out.shape[1], -5, np.float32),
        kinds=kinds.astype(np.float32),
        kinds_bias=np.full(len(ENTITY_TYPES), -5, np.float32),
        clears=np.zeros(wide, np.float32),
        mark=np.zeros((), np.float32),
    )
    return words, weights
