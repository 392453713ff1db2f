# ruff: noqa: E501 (tables)
"""The pack's card, from measurements alone: `python -m watchers.training.card --data ../shared/data --pack watchers/pack`.

Rows are those that `splits` keeps out of training (by near duplicate, group and template); soft labels between
0.3 and 0.6 are left out as undecided. Prints figures, never rows.
"""

import argparse
import json
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from watchers import evaluate
from watchers.encoder import PackEncoder
from watchers.heads import HeadOptions, HeadWatcher
from watchers.tags import entities
from watchers.training import bundle, contrast, mix, splits
from watchers.training.examples import SHIPPED, Example
from watchers.training.grammar import fill

UNDECIDED = (0.3, 0.6)
TEXT = Path(__file__).with_name("card.md")


def rows(examples: Iterable[Example]) -> list[dict[str, Any]]:
    found = []
    for example in examples:
        named = {name: value for name, value in example.labels.items() if not UNDECIDED[0] <= value < UNDECIDED[1]}
        role = "tool" if example.source in ("documents", "documents_made") else "user"
        found.append({"text": example.text, "role": role, "labels": named, "slice": example.source})
    return found


def watchers_of(encoder: PackEncoder) -> list[HeadWatcher]:
    return [HeadWatcher(head, head, encoder, options=HeadOptions(evidence_pieces=0)) for head in SHIPPED]


def quality(report: evaluate.Report) -> str:
    lines = [
        "| label | rows | positive | AUROC (95%) | average precision | threshold | recall | false positives | recall at 1% | calibration error |",
        "|---|---:|---:|---|---:|---:|---:|---:|---:|---:|",
    ]
    for line in report.lines:
        if line.slice == "all":
            low, high = line.intervals["auroc"]
            f = line.figures
            lines.append(
                f"| {line.label} | {line.rows} | {line.positives} | {f['auroc']:.3f} ({low:.3f}–{high:.3f}) | {f['average_precision']:.3f} | "
                f"{line.threshold:.3f} | {f['recall']:.3f} | {f['false_positives']:.3f} | {f['recall_at_1%']:.3f} | {f['calibration_error']:.3f} |"
            )
    return "\n".join(lines)


def slices(report: evaluate.Report, labels: tuple[str, ...], least: int = 12) -> str:
    """Recall and false positives at the shipped threshold by source; where one side is missing, a dash."""
    found = ["| label | source | rows | recall | false positives | AUROC |", "|---|---|---:|---:|---:|---:|"]
    for line in report.lines:
        if line.label in labels and line.slice.startswith("slice=") and line.rows >= least:
            cells = [line.figures[name] for name in ("recall", "false_positives", "auroc")]
            shown = " | ".join("–" if np.isnan(cell) else f"{cell:.3f}" for cell in cells)
            found.append(f"| {line.label} | {line.slice.removeprefix('slice=')} | {line.rows} | {shown} |")
    return "\n".join(found)


def lengths(report: evaluate.Report) -> str:
    found = ["| label | length | rows | AUROC | calibration error |", "|---|---|---:|---:|---:|"]
    for line in report.lines:
        if line.label in ("toxicity/toxicity", "bias/bias", "injection/injection") and line.slice.startswith("length="):
            f = line.figures
            found.append(
                f"| {line.label} | {line.slice.removeprefix('length=')} | {line.rows} | {f['auroc']:.3f} | {f['calibration_error']:.3f} |"
            )
    return "\n".join(found)


def parity(watchers: list[HeadWatcher], seed: int = 11) -> str:
    """False positives on neutral sentences, the same ones over every group, from templates held out of training."""
    rng = random.Random(seed)
    held = [
        text
        for index, text in enumerate(contrast.ACCEPTABLE)
        if splits.held_out(f"contrast_acceptable:acceptable-{index}")
    ]
    shares: dict[str, dict[str, list[bool]]] = {}
    for dimension, groups in contrast.GROUPS.items():
        for group in groups:
            slots = contrast.SLOTS | {
                "group": [group],
                "Group": [group[0].upper() + group[1:]],
                "one": contrast.ONE[dimension],
            }
            texts = [fill(template, slots, rng) for template in held]
            for watcher in watchers[:2]:
                for judgement in watcher.watch([evaluate.record({"text": text}, 0) for text in texts]):
                    flagged = any(verdict.flagged for verdict in judgement.verdicts)
                    shares.setdefault(watcher.name, {}).setdefault(dimension, []).append(flagged)
    found = [
        f"Templates: {len(held)}, filled for every group.",
        "",
        "| watcher | " + " | ".join(contrast.GROUPS) + " | largest gap |",
    ]
    found.append("|---|" + "---:|" * (len(contrast.GROUPS) + 1))
    for name, dimensions in shares.items():
        rates = [float(np.mean(dimensions[dimension])) for dimension in contrast.GROUPS]
        cells = " | ".join(f"{rate:.3f}" for rate in rates)
        found.append(f"| {name} | {cells} | {max(rates) - min(rates):.3f} |")
    return "\n".join(found)


def entity_table(encoder: PackEncoder, examples: list[Example], most: int = 300) -> str:
    """Exact and character F1 of the token head alone, by source and type."""
    exact: dict[str, Counter[str]] = {}
    counts: Counter[str] = Counter()
    for example in examples:
        if example.spans is None or counts[example.source] >= most:
            continue
        counts[example.source] += 1
        found = {(s.start, s.end, s.label) for s in entities(encoder.encode([example.text])[0], example.text)}
        found = {one for one in found if one[2] in example.annotated}
        _count(exact.setdefault(example.source, Counter()), set(example.spans), found)
        for kind in {span[2] for span in (*example.spans, *found)}:
            _count(
                exact.setdefault(f"type {kind}", Counter()),
                {s for s in example.spans if s[2] == kind},
                {s for s in found if s[2] == kind},
            )
    lines = ["| rows | entities | exact F1 | character F1 |", "|---|---:|---:|---:|"]
    for name, c in sorted(exact.items()):
        lines.append(f"| {name} | {c['true']} | {_f(c, '')} | {_f(c, '_chars')} |")
    return "\n".join(lines)


def _count(counter: Counter[str], true: set[tuple[int, int, str]], found: set[tuple[int, int, str]]) -> None:
    true_chars = {(at, kind) for start, end, kind in true for at in range(start, end)}
    found_chars = {(at, kind) for start, end, kind in found for at in range(start, end)}
    counter.update({"true": len(true), "found": len(found), "both": len(true & found)})
    counter.update(
        {"true_chars": len(true_chars), "found_chars": len(found_chars), "both_chars": len(true_chars & found_chars)}
    )


def _f(counter: Counter[str], suffix: str) -> str:
    total = counter[f"true{suffix}"] + counter[f"found{suffix}"]
    return f"{2 * counter[f'both{suffix}'] / total:.3f}" if total else "–"


def pairs(encoder: PackEncoder, units: list[Any]) -> str:
    """How often the stereotype scores above its counter-sentence."""
    watcher = watchers_of(encoder)[1]
    won = []
    for unit in units:
        if unit.ranked:
            texts = [evaluate.record({"text": example.text}, 0) for example in unit.examples]
            high, low = (judgement.verdicts[0].score for judgement in watcher.watch(texts))
            won.append(high > low)
    return f"{np.mean(won):.3f} of {len(won)} held-out pairs (chance 0.5)"


def closeness(encoder: PackEncoder, examples: list[Example]) -> str:
    """Cosine of the pack's embedding to the published encoder's, in single precision."""
    import torch

    from watchers.tokens import Tokeniser
    from watchers.training.batches import collate, row
    from watchers.training.fit import base
    from watchers.training.model import Pack, published

    model, tokeniser = Pack().eval(), Tokeniser(base() / "tokenizer.json")
    model.load_state_dict(published(base() / "model.safetensors"), strict=False)
    cosines = []
    for example in examples:
        batch = collate([([row(example, tokeniser)], None)], None)
        with torch.no_grad():
            original = model(batch.ids, torch.zeros_like(batch.case), batch.mask).embedding[0].numpy()
        cosines.append(float(original @ encoder.encode([example.text])[0].embedding))
    return f"mean {np.mean(cosines):.3f}, 5th percentile {np.percentile(cosines, 5):.3f} over {len(cosines)} held-out texts"


def measured(data: Path, folder: Path, most: int) -> Mapping[str, str]:
    encoder = PackEncoder(folder, threads=2)
    examples = bundle.validation(data, most)
    _, held = mix.load(data)
    watchers = watchers_of(encoder)
    report = evaluate.evaluate(rows(examples), list(watchers))
    (folder / "card.json").write_text(report.as_json() + "\n", encoding="utf-8")
    short = [example for example in examples if len(example.text) < 400]
    return {
        "quality": quality(report),
        "injection": slices(report, tuple(f"injection/{label}" for label in SHIPPED["injection"])),
        "toxicity": slices(report, ("toxicity/toxicity", "toxicity/identity_attack", "bias/bias", "bias/gender")),
        "lengths": lengths(report),
        "parity": parity(watchers),
        "entities": entity_table(encoder, [example for unit in held for example in unit.examples]),
        "pairs": pairs(encoder, held),
        "closeness": closeness(encoder, random.Random(2).sample(short, min(150, len(short)))),
        "rows": str(len(examples)),
        "model": encoder.model,
        "labels": json.dumps(SHIPPED),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--pack", type=Path, default=Path("watchers/pack"))
    parser.add_argument("--most", type=int, default=250, help="validation rows of each source")
    given = parser.parse_args()
    text = TEXT.read_text(encoding="utf-8")
    for name, value in measured(given.data, given.pack, given.most).items():
        text = text.replace("{{" + name + "}}", value)
    (given.pack / "CARD.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
