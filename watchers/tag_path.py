"""The likeliest course of a text's tags: which words begin an entity, which go on with it, which are none.

A word's tags are believed together with its neighbours' (Viterbi 1967 over B, I and O): an entity has one type from end to
end, only a beginning may start it, and two entities seldom touch, so that "New York" stays one place where both words look like
beginnings, and "Vancouver Canucks" one club. Word by word the same model finds a tenth fewer exact entities.
"""

from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from watchers.encoding import Floats

_TOUCH: Final = 1.5  # nats that a beginning right behind another entity costs
_SWITCH: Final = 0.2  # the same for what may well touch: enough to go on where both ways are as likely
_LEAST: Final = 1e-4  # of a probability, so that its logarithm is finite
_LEAST_BEGIN: Final = 0.08  # of the share of a type's mass that begins: no word rules a place out
_LEAST_INSIDE: Final = 0.02  # the same of the share that goes on
_DOUBT: Final = 1.1  # exponent of the probability of none: an even choice is decided for an entity
_SURE: Final = 0.97  # of being none: such words are not part of any course
NONE: Final = 0


def courses(types: Floats, begins: Floats, goes_on: NDArray[np.bool_], names: int) -> NDArray[np.int32]:
    """Return the state of each word: 0 none, k a beginning of type k - 1, kinds + k inside one of type k - 1.

    Shapes: `types` float32 (words, kinds): probability of each type; `begins` the same: that a new entity of it starts;
    `goes_on` bool (words, kinds): whether a word may go on with an entity of the type from the word before.
    The first `names` types seldom touch another entity; the others do (a number behind an address), and what they begin with
    is learned from forms of every kind, so that for them the type alone counts.
    """
    states = np.zeros(len(types), np.int32)
    none = 1 - types.sum(axis=1)
    over = np.log(types.max(axis=1, initial=0).clip(_LEAST, 1)) - _none(none)
    # Where no word is likelier in an entity than in none, none is the likeliest course: nothing costs less. A word that is less
    # likely by more than a beginning may cost is none in every likeliest course: what followed it may as well begin there.
    doubtful = (none < _SURE) & (over >= np.log(_LEAST_BEGIN))
    for first, last in _stretches(np.flatnonzero(doubtful)):
        rows = slice(first, last + 1)
        if (over[rows] >= 0).any():
            states[rows] = _course(types[rows], begins[rows], goes_on[rows], names)
    return states


def _stretches(indices: NDArray[np.intp]) -> list[tuple[int, int]]:
    """Runs of consecutive numbers, first and last of each."""
    if not len(indices):
        return []
    cuts = [0, *(np.flatnonzero(np.diff(indices) > 1) + 1).tolist(), len(indices)]
    return [(int(indices[start]), int(indices[end - 1])) for start, end in pairwise(cuts)]


def _none(probabilities: Floats) -> Floats:
    """Return what it weighs that words are none, in nats."""
    return np.asarray(_DOUBT * np.log(probabilities.clip(_LEAST, 1)))


def _course(types: Floats, begins: Floats, goes_on: NDArray[np.bool_], names: int) -> NDArray[np.int32]:
    kinds = types.shape[1]
    rare = goes_on & (np.arange(kinds) < names)  # where a beginning needs evidence
    mass = types.clip(_LEAST, 1)
    share = (begins / mass).clip(0, 1)
    none = _none(1 - types.sum(axis=1))
    # Where nothing can be gone on with, whatever looks like an entity begins one.
    begin = np.log(mass) + np.where(rare, np.log(share.clip(_LEAST_BEGIN, 1)), 0.0)
    inside = np.log(mass) + np.log((1 - share).clip(_LEAST_INSIDE, 1))
    touch = np.where(rare, _TOUCH, _SWITCH)
    inside = np.where(goes_on, inside, -np.inf)
    return _walked(none.tolist(), begin.tolist(), inside.tolist(), touch.tolist())


def _walked(
    none: list[float], begin: list[list[float]], inside: list[list[float]], touch: list[list[float]]
) -> NDArray[np.int32]:
    """The likeliest course. In plain lists: for eight types numpy's calls would cost five times as much."""
    kinds = len(begin[0])
    every = range(kinds)
    nothing, begun, gone_on = none[0], begin[0], [-np.inf] * kinds
    before = []
    for word in range(1, len(none)):
        most_begun, most_gone_on = max(begun), max(gone_on)
        most = max(most_begun, most_gone_on)  # of the entities that may end here
        ended = 1 + (begun.index(most) if most_begun == most else kinds + gone_on.index(most))
        touching = [most - cost for cost in touch[word]]
        before.append(
            [
                NONE if nothing >= most else ended,
                *[ended if touching[kind] > nothing else NONE for kind in every],
                *[1 + kind + kinds * (gone_on[kind] > begun[kind]) for kind in every],
            ]
        )
        after = [max(begun[kind], gone_on[kind]) + inside[word][kind] for kind in every]
        begun = [max(touching[kind], nothing) + begin[word][kind] for kind in every]
        nothing, gone_on = max(nothing, most) + none[word], after
    scores = [nothing, *begun, *gone_on]
    states = [scores.index(max(scores))]
    for choices in reversed(before):
        states.append(choices[states[-1]])
    return np.array(states[::-1], np.int32)
