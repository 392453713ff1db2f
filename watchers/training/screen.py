"""Distils a pack's first stage from the pack itself: `python -m watchers.training.screen --data DIR --pack watchers/pack`.

Teacher: the shipped graph's calibrated scores and entities over a sample of the training mix and over unlabelled chat
turns, each cut to one window. Student: `watchers.first_stage`. It is taught how far each head is over its thresholds
(that is what it screens), each label's score, and of each word whether it is part of an entity. Then the table is
rounded to int8, and the limits are chosen on rows held out of all training, so that at most one of `MISSES` of the full
encoder's flags are cleared. Those rows are two halves that share no group: what limits chosen on one half clear of the other's flags
decides which of `MISSES` a head has, is printed and goes into `pack.json`, for the card; the limits that are shipped are chosen on
both, since a few texts decide about them.

Run it after `bundle`; the teacher takes minutes and its scores are kept in `--work` for the same model and texts.
"""

import argparse
import gzip
import hashlib
import json
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from watchers import first_stage
from watchers.encoder import PackEncoder
from watchers.first_stage import BUCKETS, CASES, FirstStage, Weights
from watchers.heads import DIMENSIONS
from watchers.look import FLAGGING
from watchers.normalize import plain, revealed
from watchers.pack import Pack, read
from watchers.pii.trust import trusted
from watchers.tags import ENTITY_TYPES, entities
from watchers.training import bundle, mix, splits
from watchers.windows import CONTENT

CHAT = "toxicity/hh_harmless_turns_unlabelled.jsonl.gz"
# Shares of the flags cleared where the limits are chosen: of a head the first with which other texts lose no more than is promised.
MISSES = (0.0025, 0.001, 0.0005)
PROMISED = 0.005
UNMARKED = 0.03  # of the words in names, that may be left unmarked: at 0.5% a third of all text would be marked
LONGEST = 6000  # characters that are looked at to cut a window from
CHANNELS, INNER = 48, 64
LEAST = 2  # times that a word must occur to have a row
DIRECTIONS = 96  # of the teacher's vector of a word alone
FORGOTTEN = 0.1  # share of words taken for unknown while training
FLAGGED = 3.0  # weight of what is flagged against what is not: missing a flag is what must not happen
SIZE, RATE, DECAY = 64, 4e-3, 0.05


@dataclass(frozen=True, slots=True)
class Text:
    """One window's text with what the teacher says of it. `scores` in the pack's order of labels."""

    source: str
    text: str
    scores: tuple[float, ...]
    names: tuple[tuple[int, int, str], ...]


_teacher: PackEncoder


def _start(pack: Path) -> None:
    global _teacher  # one a process: a session cannot be handed over
    _teacher = PackEncoder(pack, cache_bytes=0)


def _teach(rows: Sequence[tuple[str, str]]) -> list[Text]:
    return [taught for source, text in rows for taught in _taught(source, text)]


def _taught(source: str, text: str) -> Iterator[Text]:
    """Yield a window of the text and, where it is disguised, the same window without the disguise."""
    window = _window(plain(text[:LONGEST]).text)
    view = revealed(window)
    for shown in (window, *([plain(view.text).text] if view else [])):
        encoding = _teacher.encode([shown])[0]
        if not encoding.windows:
            continue
        scores = [one.scores[head] for one in encoding.windows for head in _teacher.pack.heads]
        best = np.concatenate(scores).reshape(len(encoding.windows), -1).max(axis=0)
        found = trusted(shown, entities(encoding, shown), ())
        names = tuple((span.start, span.end, span.label) for span in found)
        yield Text(source, shown, tuple(round(float(score), 4) for score in best), names)


def _window(text: str) -> str:
    """One window of a long text: often the first, else one anywhere."""
    tokens = _teacher._tokeniser([text])[0]
    if len(tokens.ids) <= CONTENT:
        return text
    rng = random.Random(text)
    start = 0 if rng.random() < 0.3 else rng.randrange(len(tokens.ids) - CONTENT)
    return text[tokens.offsets[start, 0] : tokens.offsets[start + CONTENT - 1, 1]]


def texts(data: Path, most: int, seed: int = 3) -> tuple[list[tuple[str, str]], ...]:
    """Return (source, text) rows to learn from, to choose limits on, and to measure: the last two share no group.

    The card's rows are among the last.
    """
    rng = random.Random(seed)
    train, held = mix.load(data)
    rows = [(one.source, one.text) for unit in mix.epoch(train, rng) for one in unit.examples]
    rng.shuffle(rows)
    parts: tuple[list[tuple[str, str]], ...] = (rows[:most], [], [])
    for one in (one for unit in held for one in unit.examples):
        parts[1 if bundle.for_fitting(one) else 2].append((one.source, one.text))
    with gzip.open(data / CHAT, "rt", encoding="utf-8") as lines:
        for text in (json.loads(line)["text"] for line in lines):
            share = splits.fraction(f"chat {text}")
            parts[1 if share < 0.125 else 2 if share < 0.25 else 0].append(("chat", text))
    for part in parts[1:]:
        rng.shuffle(part)
    return parts[0][: most + most // 4], parts[1][: most // 6], parts[2][: most // 6]


def taught(pack: Path, rows: Sequence[tuple[str, str]], work: Path, processes: int) -> list[Text]:
    """Return the teacher's word on the rows, from `work` where it is known."""
    key = hashlib.sha256(json.dumps([read(pack).model, *rows]).encode()).hexdigest()[:16]
    file = work / f"taught-{key}.jsonl.gz"
    if file.exists():
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            return [Text(source, text, tuple(s), tuple(map(tuple, n))) for source, text, s, n in map(json.loads, lines)]
    found, began = list[Text](), time.monotonic()
    parts = [rows[at : at + 200] for at in range(0, len(rows), 200)]
    with ProcessPoolExecutor(processes, initializer=_start, initargs=(pack,)) as pool:
        for number, part in enumerate(pool.map(_teach, parts), 1):
            found += part
            if number % 50 == 0:
                print(f"taught {number * 200} of {len(rows)} texts in {time.monotonic() - began:.0f} s", flush=True)
    work.mkdir(parents=True, exist_ok=True)
    with gzip.open(file, "wt", encoding="utf-8", compresslevel=1) as out:
        out.writelines(json.dumps(list(asdict(one).values())) + "\n" for one in found)
    return found


def margins(pack: Pack, scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far each head is over its nearest threshold, in log odds, float32 (texts, heads): flagged where 0 or more."""
    columns, at = [], 0
    for head, labels in pack.heads.items():
        limits = np.array([pack.threshold(label) for label in labels], np.float32)
        over = logit(scores[:, at : at + len(labels)]) - logit(limits)
        columns.append(over[:, 0] if head in DIMENSIONS else over.max(axis=1))
        at += len(labels)
    return np.stack(columns, axis=1)


def logit(share: NDArray[np.float32]) -> NDArray[np.float32]:
    kept = np.clip(share, 1e-4, 1 - 1e-4)
    return np.asarray(np.log(kept / (1 - kept)), np.float32)


def vocabulary(found: Sequence[Text], pack: Pack, most: int) -> list[str]:
    """Return the words that have a row: those of the texts, the frequent first, and the encoder's own whole words."""
    counts = Counter(first_stage.spelling(word) for one in found for word in first_stage.words(one.text))
    seen = [word for word, count in counts.most_common() if count >= LEAST]
    own = json.loads(pack.tokenizer.read_text(encoding="utf-8"))["model"]["vocab"]
    whole = sorted((word for word in own if word.isalpha() and len(word) > 1 and word.isascii()), key=own.__getitem__)
    return list(dict.fromkeys((*seen, *whole)))[:most]


def meanings(pack: Path, words: Sequence[str], work: Path, processes: int) -> NDArray[np.float32]:
    """Return what the teacher says of each word alone: its vector's main directions and its scores, (words, features)."""
    key = hashlib.sha256(json.dumps([read(pack).model, *words]).encode()).hexdigest()[:16]
    file = work / f"meanings-{key}.npy"
    if not file.exists():
        parts = [words[at : at + 500] for at in range(0, len(words), 500)]
        with ProcessPoolExecutor(processes, initializer=_start, initargs=(pack,)) as pool:
            np.save(file, np.concatenate(list(pool.map(_mean, parts))))
    found: NDArray[np.float32] = np.load(file)
    vectors, logits = found[:, : -_labels(pack)], found[:, -_labels(pack) :]
    centred = vectors - vectors.mean(axis=0)
    _, directions = np.linalg.eigh(centred.T @ centred)
    main = centred @ directions[:, : -DIRECTIONS - 1 : -1]
    both = np.concatenate([main / main.std(), (logits - logits.mean(axis=0)) / logits.std()], axis=1)
    return np.asarray(both, np.float32)


def _labels(pack: Path) -> int:
    return sum(map(len, read(pack).heads.values()))


def _mean(words: Sequence[str]) -> NDArray[np.float32]:
    found = []
    for tokens in _teacher._tokeniser(words):
        raw = _teacher.run(tokens, 0, len(tokens.ids))
        assert raw is not None
        found.append(np.concatenate([raw.mean, raw.scores]))
    return np.array(found, np.float32)


@dataclass(slots=True)
class Batch:
    """Texts of about one length. Shapes: rows, cases (texts, words), -1 where padded; kinds (texts, words, entity types)."""

    rows: Tensor
    cases: Tensor
    kinds: Tensor
    scores: Tensor
    flags: Tensor


class Student(nn.Module):  # type: ignore[misc]
    """`first_stage.FirstStage` in single precision, with the same shapes.

    A word's row is a map of what the teacher says of it alone, shared by all words, and what is learned of itself.
    """

    def __init__(self, features: NDArray[np.float32], heads: int, labels: int) -> None:
        super().__init__()
        known = np.concatenate([features, np.zeros((BUCKETS, features.shape[1]), np.float32)])
        self.register_buffer("known", torch.from_numpy(known))
        self.shared = nn.Linear(features.shape[1], 3 * CHANNELS, bias=False)
        self.rows = nn.Embedding(len(known), 3 * CHANNELS)
        self.cases = nn.Embedding(CASES, 3 * CHANNELS)
        self.bias = nn.Parameter(torch.zeros(CHANNELS))
        self.hidden, self.out = nn.Linear(2 * CHANNELS, INNER), nn.Linear(INNER, labels + heads)
        self.kinds = nn.Linear(CHANNELS, len(ENTITY_TYPES))
        nn.init.normal_(self.rows.weight, std=0.02)
        nn.init.normal_(self.cases.weight, std=0.1)
        nn.init.normal_(self.shared.weight, std=0.05)

    def forward(self, batch: Batch, dropout: float = 0.0) -> tuple[Tensor, Tensor]:
        """Return (texts, labels + heads) logits and (texts, words, entity types) logits."""
        inside = (batch.rows >= 0)[..., None]
        rows = batch.rows.clamp(min=0)
        made = (self.shared(self.known[rows]) + self.rows(rows) + self.cases(batch.cases)) * inside
        left, own, right = made.split(CHANNELS, dim=-1)
        before = nn.functional.pad(left[:, :-1], (0, 0, 1, 0))
        after = nn.functional.pad(right[:, 1:], (0, 0, 0, 1))
        found = torch.relu(own + self.bias + before + after) * inside
        pooled = torch.cat([found.amax(dim=1), found.sum(dim=1) / inside.sum(dim=1)], dim=1)
        pooled = nn.functional.dropout(pooled, dropout, self.training)
        return self.out(torch.relu(self.hidden(pooled))), self.kinds(found)


class Rows:
    """Texts as numbers, kept flat, and batches of them. Shapes: `kinds` bool (words of all texts, entity types)."""

    def __init__(self, found: Sequence[Text], words: Sequence[str], pack: Pack) -> None:
        vocabulary = first_stage.Vocabulary(words)
        codes = [vocabulary.codes(one.text) for one in found]
        self.ends = np.concatenate([[0], np.cumsum([len(one) for one in codes])])
        flat = np.concatenate(codes)
        self.rows, self.cases = flat // CASES, flat % CASES
        self.kinds = np.zeros((len(flat), len(ENTITY_TYPES)), np.bool_)
        for start, one in zip(self.ends, found, strict=False):
            spans = list(first_stage.places_of_words(one.text)) if one.names else []
            for first, last, kind in one.names:
                for at, (begin, end) in enumerate(spans):
                    if first < end and begin < last:
                        self.kinds[start + at, ENTITY_TYPES.index(kind)] = True
        self.buckets = np.array([len(words) + first_stage.bucket(word) for word in words], np.int32)
        self.scores = np.array([one.scores for one in found], np.float32)
        self.flags = 1 / (1 + np.exp(-2 * margins(pack, self.scores)))

    def batches(self, size: int, rng: np.random.Generator) -> Iterator[Batch]:
        """Yield one epoch: batches of texts of like length, in random order, some words taken for unknown."""
        lengths = np.diff(self.ends)
        order = np.lexsort((rng.random(len(lengths)), lengths // 4))
        order = order[lengths[order] > 0]
        rows = self.rows.copy()
        unknown = (rng.random(len(rows)) < FORGOTTEN) & (rows < len(self.buckets))
        rows[unknown] = self.buckets[rows[unknown]]
        starts = np.arange(0, len(order), size)
        rng.shuffle(starts)
        for start in starts:
            yield self._batch(order[start : start + size], rows)

    def _batch(self, chosen: NDArray[np.int64], rows: NDArray[np.int32]) -> Batch:
        longest = max(self.ends[index + 1] - self.ends[index] for index in chosen)
        places = np.full((len(chosen), longest), -1, np.int64)
        for at, index in enumerate(chosen):
            places[at, : self.ends[index + 1] - self.ends[index]] = np.arange(self.ends[index], self.ends[index + 1])
        inside = places >= 0
        return Batch(
            torch.from_numpy(np.where(inside, rows[places], -1).astype(np.int64)),
            torch.from_numpy(np.where(inside, self.cases[places], 0).astype(np.int64)),
            torch.from_numpy(self.kinds[places].astype(np.float32)),
            torch.from_numpy(self.scores[chosen]),
            torch.from_numpy(self.flags[chosen]),
        )


def fit(student: Student, rows: Rows, epochs: int, seed: int = 5) -> None:
    """Train: binary cross-entropy to soft targets everywhere, the heads' own weighing most."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    steps = epochs * (-(-len(rows.scores) // SIZE) + 1)
    optimiser = torch.optim.AdamW(student.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    for epoch in range(epochs):
        began, losses = time.monotonic(), list[float]()
        for batch in rows.batches(SIZE, rng):
            loss = _loss(student, batch)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(float(loss.detach()))
        print(
            f"epoch {epoch + 1} of {epochs}: loss {np.mean(losses):.4f}, {time.monotonic() - began:.0f} s", flush=True
        )


def _loss(student: Student, batch: Batch) -> Tensor:
    logits, kinds = student(batch, dropout=0.2)
    labels, inside = batch.scores.shape[1], batch.rows >= 0
    entropy = nn.functional.binary_cross_entropy_with_logits
    return (
        entropy(logits[:, labels:], batch.flags, pos_weight=torch.tensor(FLAGGED)) * 3
        + entropy(logits[:, :labels], batch.scores)
        + entropy(kinds[inside], batch.kinds[inside], pos_weight=torch.tensor(2.0)) * 5
    )


def rounded(student: Student, heads: int) -> Weights:
    """Return the student's tables in int8, one scale a channel; the limits are not chosen yet."""
    state = {name: value.detach().numpy() for name, value in student.state_dict().items()}
    rows = state["known"] @ state["shared.weight"].T + state["rows.weight"]
    tables = {"rows": rows.reshape(-1, 3, CHANNELS), "cases": state["cases.weight"].reshape(-1, 3, CHANNELS)}
    largest = np.maximum(*(np.quantile(np.abs(table), 0.9999, axis=(0, 1)) for table in tables.values()))
    scale = (np.maximum(largest, 1e-6) / 127).astype(np.float32)
    whole = {
        name: np.clip(np.round(table / scale), -127, 127).astype(np.int8).reshape(-1, 3 * CHANNELS)
        for name, table in tables.items()
    }
    return Weights(
        rows=whole["rows"],
        cases=whole["cases"],
        bias=np.round(state["bias"] / scale).astype(np.int16),
        scale=scale,
        hidden=np.ascontiguousarray(state["hidden.weight"].T),
        hidden_bias=state["hidden.bias"],
        out=np.ascontiguousarray(state["out.weight"].T),
        out_bias=state["out.bias"],
        kinds=np.ascontiguousarray(state["kinds.weight"].T),
        kinds_bias=state["kinds.bias"],
        clears=np.zeros(heads + 2, np.float32),
        mark=np.zeros((), np.float32),
    )


@dataclass(frozen=True, slots=True)
class Measured:
    """Held-out texts as both stages see them. Shapes: `doubts`, `flagged` (texts, heads + 2)."""

    found: Sequence[Text]
    doubts: NDArray[np.float32]
    flagged: NDArray[np.bool_]


def measured(first: FirstStage, pack: Pack, found: Sequence[Text]) -> Measured:
    """Return how far the first stage doubts each text, and what the full encoder flags of it."""
    never = np.full((1, len(first.columns)), -np.inf, np.float32)
    doubts = np.array([np.max(np.concatenate([never, first.say(one.text).doubts]), axis=0) for one in found])
    scores = np.array([one.scores for one in found], np.float32)
    contacts = [any(kind in FLAGGING for *_, kind in one.names) for one in found]
    names = np.array([contacts, [bool(one.names) for one in found]]).T
    return Measured(found, doubts, np.concatenate([margins(pack, scores) >= 0, names], axis=1))


def limits(seen: Measured, misses: Sequence[float]) -> NDArray[np.float32]:
    """Return of each column the highest limit under which at most its share of what is flagged is cleared."""
    chosen = []
    for doubts, flagged, share in zip(seen.doubts.T, seen.flagged.T, misses, strict=True):
        ranked = np.sort(doubts[flagged & (doubts > first_stage.NEVER / 2)])
        chosen.append(ranked[int(share * len(ranked))] - 1e-4 if len(ranked) else -np.inf)
    return np.array(chosen, np.float32)


def mark(first: FirstStage, found: Sequence[Text], misses: float) -> NDArray[np.float32]:
    """Return the logit that all but that share of the words in names reach."""
    reached = []
    for one in (one for one in found if one.names):
        logits, spans = first.kinds(one.text), list(first_stage.places_of_words(one.text))
        marking = [(start, end) for start, end, kind in one.names if kind not in FLAGGING]
        inside = [any(a < end and start < b for a, b in marking) for start, end in spans]
        reached.append(logits[np.array(inside, bool)])
    ranked = np.sort(np.concatenate(reached))
    return np.array(ranked[int(misses * len(ranked))], np.float32)


def pooled(halves: Sequence[Measured]) -> Measured:
    """Return both halves as one."""
    found = [one for half in halves for one in half.found]
    doubts, flagged = (np.concatenate([getattr(half, name) for half in halves]) for name in ("doubts", "flagged"))
    return Measured(found, doubts, flagged)


def crossed(halves: Sequence[Measured]) -> tuple[list[float], NDArray[np.float64]]:
    """Return of each column its share of `MISSES`, and the share that limits chosen on one half clear of the other's flags."""
    lost = []
    for share in MISSES:
        missed, flags = np.zeros(halves[0].doubts.shape[1]), np.zeros(halves[0].doubts.shape[1])
        for half, other in (halves, halves[::-1]):
            missed += ((half.doubts < limits(other, [share] * len(missed))) & half.flagged).sum(axis=0)
            flags += half.flagged.sum(axis=0)
        lost.append(missed / flags.clip(1))
    kept = np.array(lost) <= PROMISED
    picked = np.where(kept.any(axis=0), kept.argmax(axis=0), len(MISSES) - 1)
    return [MISSES[at] for at in picked], np.array(lost)[picked, np.arange(len(picked))]


def report(seen: Measured, misses: dict[str, float], first: FirstStage) -> str:
    """Return the miss rate of each column where it chose no limit, and the share of what is not flagged that is cleared."""
    lines = []
    for name, column in first.columns.items():
        cleared, flagged = seen.doubts[:, column] < 0, seen.flagged[:, column]
        missed = f"{misses[name]:.4f} of them cleared out of sample, {cleared[flagged].mean():.4f} in all"
        lines.append(f"{name}: {flagged.sum()} flagged, {missed}; {cleared[~flagged].mean():.4f} of the others cleared")
    return "\n".join(lines)


def write(folder: Path, file: Path, misses: dict[str, float]) -> None:
    """Put the file into the pack, and its hash and miss rates into the pack's description."""
    (folder / first_stage.FILE).write_bytes(file.read_bytes())
    described = json.loads((folder / "pack.json").read_text(encoding="utf-8"))
    described["sha256"][first_stage.FILE] = hashlib.sha256(file.read_bytes()).hexdigest()
    described["first_stage_misses"] = misses
    (folder / "pack.json").write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--pack", type=Path, default=Path("watchers/pack"))
    parser.add_argument("--work", type=Path, default=Path("build/screen"))
    parser.add_argument(
        "--most", type=int, default=110_000, help="texts of the training mix; a third as many are held out"
    )
    parser.add_argument("--words", type=int, default=24_000, help="that have a row of their own")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    pack = read(given.pack)
    learned, choosing, testing = (
        taught(given.pack, rows, given.work, given.processes) for rows in texts(given.data, given.most)
    )
    first, weights, words = distilled(given.pack, learned, given.work, given.processes, given.epochs, given.words)
    halves = [measured(first, pack, choosing), measured(first, pack, testing)]
    shares, lost = crossed(halves)
    misses = dict(zip(first.columns, lost.round(4).tolist(), strict=True))
    weights = replace(weights, clears=limits(pooled(halves), shares), mark=mark(first, choosing, UNMARKED))
    labels = [label for head in pack.heads.values() for label in head]
    file = given.work / first_stage.FILE
    first_stage.save(file, words, weights, labels, pack.model)
    shipped = first_stage.load(file, list(pack.heads), labels, pack.model)
    print(report(measured(shipped, pack, [*choosing, *testing]), misses, shipped))
    write(given.pack, file, misses)
    print(f"{file.stat().st_size / 2**20:.1f} MiB into {given.pack}")


def distilled(
    folder: Path, learned: Sequence[Text], work: Path, processes: int, epochs: int, most_words: int
) -> tuple[FirstStage, Weights, list[str]]:
    """Return the student, rounded, with its limits at 0."""
    pack = read(folder)
    words = vocabulary(learned, pack, most_words)
    labels = sum(map(len, pack.heads.values()))
    torch.set_num_threads(processes)
    student = Student(meanings(folder, words, work, processes), len(pack.heads), labels)
    fit(student, Rows(learned, words, pack), epochs)
    weights = rounded(student.eval(), len(pack.heads))
    return FirstStage(words, weights, list(pack.heads), labels), weights, words


if __name__ == "__main__":
    main()
