"""A checkpoint to a shipped pack: export, calibrate on validation rows, choose thresholds, write `pack.json`.

`python -m watchers.training.bundle --checkpoint build/pack/checkpoint.pt --data ../shared/data --out watchers/pack`

Calibration: for each label a logistic map of the logit (Platt 1999), fitted to the half of the validation rows that the
card does not measure, where annotators agree; public sets and traffic, not the text made to be hard, unless those
have too few positives. Thresholds: the score that a stated share of benign chat traffic exceeds, and three times that share of its
dangerous-looking part; that traffic is everyday requests (80% of the weight), prompts made to look dangerous (18%) and
sentences that quote, counter or negate hostile ones (2%), a source weighing by the root of its rows within its part.
"""

import argparse
import hashlib
import json
import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from watchers.encoder import PackEncoder
from watchers.encoding import Window
from watchers.metrics import quantile
from watchers.normalize import revealed
from watchers.training import export, mix, splits
from watchers.training.examples import SHIPPED, TAGS, Example

EVERYDAY = ("clinc", "gsm8k", "self_instruct", "code", "personal", "benign")
HARD = ("persona", "security", "trigger", "scary", "roleplay", "holistic", "harmful")
REPORTED = ("contrast_polite", "contrast_harmless", "contrast_specific", "contrast_acceptable", "reported")
# Made to be hard, half of it hostile: no traffic, so probabilities are not calibrated on it.
ADVERSARIAL = (
    *("contrast_", "identity_", "joined", "opposed_", "stereotype_", "seegull", "slurs_", "reported", "endorsed"),
    "obscene",
)
CLEAN_DOCUMENTS = ("documents", "documents_made")
Traffic = tuple[tuple[tuple[str, ...], float], ...]
USER_TURNS: Traffic = ((EVERYDAY, 0.8), (HARD, 0.18), (REPORTED, 0.02))
TOOL_RESULTS: Traffic = (
    (EVERYDAY, 0.75),
    (CLEAN_DOCUMENTS, 0.25),
)  # the documents are generated, full of orders of their own
LABELS = tuple(label for labels in SHIPPED.values() for label in labels)
# Less likely than this is never flagged, whatever the rate allows: of a head, or of single labels. A user turn that only
# looks like a planted instruction is mostly something else; annotators of groups' matters disagree, so that 0.4 is a lot there.
FLOOR = {"toxicity": 0.5, "bias": 0.4, "injection": 0.5}
FLOOR_OF = {"identity_attack": 0.4}
IN_USER_TURNS = 0.8
DOCUMENTS = "indirect"  # the label that reads tool results; in user turns it has a threshold of its own
FEW = 20  # rows that say something: of positives in public sets, else generated ones calibrate too; of a source's harmless ones
UNDECIDED = (0.3, 0.6)  # soft labels between these are neither
RATES = {"1%": 0.01, "0.1%": 0.001}
VERSION = "4"


@dataclass(slots=True)
class Table:
    """Validation rows, scored. Shapes: logits, targets (rows, labels), NaN where a source says nothing."""

    sources: list[str]
    lengths: NDArray[np.int64]
    logits: NDArray[np.float64]
    targets: NDArray[np.float64]

    def rows(self, sources: tuple[str, ...]) -> NDArray[np.bool_]:
        return np.isin(self.sources, sources)


def validation(data: Path, fitting: bool, most: int = 400, seed: int = 5) -> list[Example]:
    """Held-out examples, at most `most` of each source (entities apart).

    Half of them, whole groups together, are for `fitting` calibration and thresholds; the other half measures the result.
    """
    _, held = mix.load(data)
    examples = [example for unit in held for example in unit.examples if for_fitting(example) == fitting]
    random.Random(seed).shuffle(examples)
    kept, counts = [], dict[str, int]()
    for example in examples:
        counts[example.source] = counts.get(example.source, 0) + 1
        if counts[example.source] <= most:
            kept.append(example)
    return kept


def for_fitting(example: Example) -> bool:
    return splits.fraction(f"half {example.source}:{example.group or example.text}") < 0.5


def hard(targets: NDArray[np.float64]) -> NDArray[np.float64]:
    """0 or 1 where the annotators agree enough, NaN where they are undecided or silent."""
    undecided = (targets >= UNDECIDED[0]) & (targets < UNDECIDED[1])
    return np.where(np.isnan(targets) | undecided, np.nan, targets > 0.5)


def adversarial(names: Sequence[str]) -> NDArray[np.bool_]:
    return np.array([name.startswith(ADVERSARIAL) for name in names])


def scored(encoder: PackEncoder, examples: list[Example]) -> Table:
    """Run the shipped graph as traffic would: whole texts, the highest window counts."""
    logits, targets = np.zeros((len(examples), len(LABELS))), np.full((len(examples), len(LABELS)), np.nan)
    for at, example in enumerate(examples):
        found = [
            np.concatenate([window.scores[head] for head in SHIPPED]) for window in _windows(encoder, example.text)
        ]
        best = np.max(found, axis=0).astype(np.float64) if found else np.full(len(LABELS), 1e-6)
        best = np.clip(best, 1e-9, 1 - 1e-9)  # in double precision: 1 - 1e-9 is 1 in single
        logits[at] = np.log(best / (1 - best))
        for label in example.labels.keys() & set(LABELS):
            targets[at, LABELS.index(label)] = example.labels[label]
    return Table([e.source for e in examples], np.array([len(e.text) for e in examples]), logits, targets)


def _windows(encoder: PackEncoder, text: str) -> list[Window]:
    """All windows of a text as the watchers read it: as it stands, and without its disguise."""
    view = revealed(text)
    return [window for one in encoder.encode([text, *([view.text] if view else [])]) for window in one.windows]


def curve(logits: NDArray[np.float64], targets: NDArray[np.float64]) -> tuple[float, float]:
    """Slope and offset of the logistic map, slope positive; lightly drawn to the identity where rows are few."""

    def loss(at: NDArray[np.float64]) -> float:
        z = np.exp(at[0]) * logits + at[1]
        return float((np.logaddexp(0, z) - targets * z).sum() + 0.5 * (at[0] ** 2 + 0.25 * at[1] ** 2))

    found = minimize(loss, np.zeros(2), method="Nelder-Mead").x
    return float(np.exp(found[0])), float(found[1])


def thresholds(table: Table, scores: NDArray[np.float64], label: str, traffic: Traffic) -> dict[str, float]:
    """Score for each rate over benign traffic, and over its dangerous-looking part for thrice the rate: the higher counts.

    What annotates the label as present is no benign traffic.
    """
    absent = ~(table.targets[:, LABELS.index(label)] > 0.3)
    everything = np.sum([share * _weights(table, sources, absent) for sources, share in traffic], axis=0)
    hard = _weights(table, HARD, absent)
    floor = FLOOR_OF.get(label, next(FLOOR[head] for head, labels in SHIPPED.items() if label in labels))
    if label == DOCUMENTS and traffic is USER_TURNS:
        floor = IN_USER_TURNS
    found = {}
    for name, rate in RATES.items():
        over = [quantile(scores[w > 0], allowed, w[w > 0]) for w, allowed in ((everything, rate), (hard, 3 * rate))]
        score = max(over) if traffic is USER_TURNS else over[0]
        found[name] = round(float(np.clip(score + 1e-4, floor, 0.999)), 4)
    return found


def _weights(table: Table, sources: tuple[str, ...], allowed: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Weights of the rows of some sources, sum 1: large sources count more, but by the root of their rows only.

    A source of a handful of rows says nothing about a rate of 1%, and has no weight.
    """
    found, total = np.zeros(len(table.sources)), 0.0
    for name in sources:
        rows = table.rows((name,)) & allowed
        if rows.sum() < FEW:
            continue
        found += rows / np.sqrt(max(1, rows.sum()))
        total += float(np.sqrt(rows.sum()))
    return found / total


Cuts = dict[str, dict[str, float]]


def describe(
    folder: Path, calibration: dict[str, tuple[float, float]], cuts: Cuts, in_user_turns: Cuts, examples: int = 0
) -> None:
    hashes = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("model.onnx", "tokenizer.json")
    }
    described = {
        "format": 1,
        "version": VERSION,
        "languages": ["en"],
        "base": "sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0)",
        "sha256": hashes,
        "heads": SHIPPED,
        "tags": TAGS,
        "calibration": {label: {"slope": round(a, 5), "offset": round(b, 5)} for label, (a, b) in calibration.items()},
        "examples": examples,
        "thresholds": cuts,
        "user_thresholds": in_user_turns,
    }
    (folder / "pack.json").write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("watchers/pack"))
    parser.add_argument("--most", type=int, default=400, help="validation rows of each source")
    parser.add_argument("--table", type=Path, help="keep the scored validation rows here (.npz)")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    from watchers.training.fit import base

    shutil.copyfile(base() / "tokenizer.json", given.out / "tokenizer.json")
    model = export.build(export.weights_of(given.checkpoint), export.Quantised())
    (given.out / "model.onnx").write_bytes(model.SerializeToString(deterministic=True))
    describe(given.out, dict.fromkeys(LABELS, (1.0, 0.0)), {label: dict.fromkeys(RATES, 0.5) for label in LABELS}, {})
    table = scored(PackEncoder(given.out, threads=2, cache_bytes=0), validation(given.data, True, given.most))
    fitted, cuts, in_user_turns = {}, Cuts(), Cuts()
    for column, label in enumerate(LABELS):
        truth = hard(table.targets[:, column])
        known = ~np.isnan(truth) & ~adversarial(table.sources)
        known = known if truth[known].sum() >= FEW else ~np.isnan(truth)
        fitted[label] = curve(table.logits[known, column], truth[known])
        a, b = fitted[label]
        scores = 1 / (1 + np.exp(-(a * table.logits[:, column] + b)))
        cuts[label] = thresholds(table, scores, label, TOOL_RESULTS if label == DOCUMENTS else USER_TURNS)
        if label == DOCUMENTS:
            in_user_turns[label] = thresholds(table, scores, label, USER_TURNS)
    describe(given.out, fitted, cuts, in_user_turns, export.examples_of(given.checkpoint))
    if given.table:
        np.savez_compressed(
            given.table, sources=table.sources, lengths=table.lengths, logits=table.logits, targets=table.targets
        )
    print(json.dumps(cuts))


if __name__ == "__main__":
    main()
