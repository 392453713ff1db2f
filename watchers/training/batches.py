"""Units to padded tensors: bucketed by length, about 3,000 tokens a batch, targets masked by NaN."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from watchers.normalize import plain
from watchers.tokens import DIGITS, END, LOWER, START, Tokeniser, Tokens
from watchers.training.examples import LABELS, TAGS, Example, Unit

LONGEST, TOKENS, ROWS, CHUNK = 128, 3072, 96, 4000
_MONTHS = frozenset(
    [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
        "jan",
        "feb",
        "mar",
        "apr",
        "jun",
        "jul",
        "aug",
        "sep",
        "oct",
        "nov",
        "dec",
    ]
)
UNTAGGED = -100


@dataclass(slots=True)
class Row:
    """One example, tokenised and targeted. `hidden`: O tokens that may hide a type that was not annotated."""

    example: Example
    ids: np.ndarray
    case: np.ndarray
    tags: np.ndarray
    hidden: np.ndarray


@dataclass(slots=True)
class Batch:
    """Shapes: ids, case, tags int64 (rows, tokens); mask, hidden bool; targets float (rows, labels), NaN unknown;
    weights (rows,); pairs int64 (pairs, 2): row numbers, the first to score above the second on column `ranked`."""

    ids: Tensor
    case: Tensor
    mask: Tensor
    tags: Tensor
    hidden: Tensor
    targets: Tensor
    weights: Tensor
    pairs: Tensor
    ranked: int


def row(example: Example, tokeniser: Tokeniser) -> Row:
    view = plain(example.text)
    tokens = tokeniser([view.text])[0]
    ids = np.concatenate([[START], tokens.ids[: LONGEST - 2], [END]])
    case = np.concatenate([[LOWER], tokens.case[: LONGEST - 2], [LOWER]])
    tags = np.full(len(ids), UNTAGGED)
    hidden = np.zeros(len(ids), dtype=bool)
    if example.spans is not None:
        inner = _tags(example, tokens, view.origin)[: LONGEST - 2]
        tags[1:-1] = inner
        if len(example.annotated) == 3:
            hidden[1:-1] = [
                tag == 0 and _may_hide(view.text[span[0] : span[1]], case)
                for tag, span, case in zip(inner, tokens.offsets, tokens.case, strict=False)
            ]
    return Row(example, ids, case, tags, hidden)


def _tags(example: Example, tokens: Tokens, origin: np.ndarray) -> np.ndarray:
    tags = np.zeros(len(tokens.ids), dtype=np.int64)
    starts, ends = origin[tokens.offsets[:, 0]], origin[np.maximum(tokens.offsets[:, 1] - 1, 0)] + 1
    for start, end, kind in example.spans or ():
        inside = np.flatnonzero((starts < end) & (ends > start))
        if len(inside):
            tags[inside] = TAGS.index(f"I-{kind}")
            tags[inside[0]] = TAGS.index(f"B-{kind}")
    return tags


def _may_hide(piece: str, case: int) -> bool:
    """Only tokens with digits, @ or month names can be of a type that the source leaves out."""
    return case == DIGITS or piece == "@" or piece.lower() in _MONTHS


def batches(units: list[Unit], tokeniser: Tokeniser, rng: random.Random) -> Iterator[Batch]:
    for first in range(0, len(units), CHUNK):
        made = [
            ([row(example, tokeniser) for example in unit.examples], unit.ranked)
            for unit in units[first : first + CHUNK]
        ]
        made.sort(key=lambda unit: max(len(one.ids) for one in unit[0]))
        groups = list(_grouped(made))
        rng.shuffle(groups)
        yield from (collate(group, rng) for group in groups)


def _grouped(made: list[tuple[list[Row], str | None]]) -> Iterator[list[tuple[list[Row], str | None]]]:
    group: list[tuple[list[Row], str | None]] = []
    count = 0
    for unit in made:
        longest = max(len(one.ids) for one in unit[0])
        if group and ((count + len(unit[0])) * longest > TOKENS or count + len(unit[0]) > ROWS):
            yield group
            group, count = [], 0
        group.append(unit)
        count += len(unit[0])
    if group:
        yield group


def collate(group: list[tuple[list[Row], str | None]], rng: random.Random | None) -> Batch:
    """Pad; with `rng` some rows lose their case, so that lower-case text is read too."""
    found = [one for rows, _ in group for one in rows]
    longest = max(len(one.ids) for one in found)
    ids, case, tags = (torch.zeros(len(found), longest, dtype=torch.long) for _ in range(3))
    tags += UNTAGGED
    mask, hidden = (torch.zeros(len(found), longest, dtype=torch.bool) for _ in range(2))
    targets = torch.full((len(found), len(LABELS)), float("nan"))
    for at, one in enumerate(found):
        size = len(one.ids)
        ids[at, :size], tags[at, :size] = torch.from_numpy(one.ids).long(), torch.from_numpy(one.tags)
        if rng is None or rng.random() > 0.08:
            case[at, :size] = torch.from_numpy(one.case).long()
        mask[at, :size], hidden[at, :size] = True, torch.from_numpy(one.hidden)
        for label, value in one.example.labels.items():
            targets[at, LABELS.index(label)] = value
    pairs, at = [], 0
    for rows, ranked in group:
        if ranked:
            pairs.append((at, at + 1))
        at += len(rows)
    weights = torch.tensor([one.example.weight for one in found])
    return Batch(
        ids,
        case,
        mask,
        tags,
        hidden,
        targets,
        weights,
        torch.tensor(pairs, dtype=torch.long).reshape(-1, 2),
        LABELS.index("bias"),
    )
