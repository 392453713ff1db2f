# ruff: noqa: E501 (tables)
"""The pack's card, from measurements alone: `python -m watchers.training.card --data ../shared/data --pack watchers/pack`.

Rows are those that `splits` keeps out of training (by near duplicate, group and template); soft labels between
0.3 and 0.6 are left out as undecided. Prints figures, never rows.
"""

import argparse
import json
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from watchers import first_stage, metrics
from watchers.cascade import Cascade
from watchers.encoder import PackEncoder
from watchers.heads import EVERYTHING, READS, HeadOptions, HeadWatcher
from watchers.pii.watcher import Pii
from watchers.tags import entities
from watchers.training import bundle, contrast, mix, splits
from watchers.training.examples import SHIPPED, Example, Unit
from watchers.training.grammar import articled, fill
from watchers.watcher import Direction, Origin, Record, Role, Screen, Watcher

TEXT = Path(__file__).with_name("card.md")
SHORT, LONG = 120, 600  # characters


@dataclass(frozen=True, slots=True)
class Case:
    """One label on the rows that know it. Shapes: truth, flags bool, scores, sources, lengths (rows,)."""

    label: str
    threshold: float
    truth: NDArray[np.bool_]
    scores: NDArray[np.float64]
    flags: NDArray[np.bool_]
    sources: NDArray[np.str_]
    lengths: NDArray[np.int64]

    def part(self, chosen: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        return self.truth[chosen], self.scores[chosen]


def record(text: str, source: str = "") -> Record:
    """A validation row as traffic would carry it: documents are tool results, the rest user turns."""
    if source in bundle.CLEAN_DOCUMENTS:
        return Record("", 0, text, Role.TOOL, Origin.TOOL_RESULT, Direction.PROMPT)
    return Record("", 0, text, Role.USER, Origin.USER, Direction.PROMPT)


def watchers_of(encoder: PackEncoder) -> dict[str, HeadWatcher]:
    return {head: HeadWatcher(head, head, encoder, options=HeadOptions(evidence_pieces=0)) for head in SHIPPED}


def cases(watchers: dict[str, HeadWatcher], examples: list[Example]) -> list[Case]:
    return [case for watcher in watchers.values() for case in _cases(watcher, examples)]


def _cases(watcher: HeadWatcher, examples: list[Example]) -> Iterator[Case]:
    judgements = watcher.watch([record(example.text, example.source) for example in examples])
    for place, (label, threshold) in enumerate(watcher.labels.items()):
        reads = READS.get(label, EVERYTHING)
        known = [
            (example.labels[label] > 0.5, verdict.score, verdict.flagged, example.source, len(example.text))
            for example, judgement in zip(examples, judgements, strict=True)
            if label in example.labels and not np.isnan(bundle.hard(np.array(example.labels[label])))
            if record("", example.source).origin in reads
            for verdict in judgement.verdicts[place : place + 1]
        ]
        yield Case(f"{watcher.name}/{label}", threshold, *map(np.array, zip(*known, strict=True)))


def quality(found: list[Case]) -> str:
    lines = [
        "| label | rows | positive | AUROC (95%) | average precision | threshold | recall | false positives | recall at 1% | calibration error |",
        "|---|---:|---:|---|---:|---:|---:|---:|---:|---:|",
    ]
    for case in found:
        truth, scores = case.truth, case.scores
        low, high = metrics.interval(truth, scores, metrics.auroc)
        flagged = case.flags
        usual = ~bundle.adversarial(list(case.sources))
        error = metrics.calibration_error(truth[usual].astype(np.float64), scores[usual])
        lines.append(
            f"| {case.label} | {len(truth)} | {truth.sum()} | {metrics.auroc(truth, scores):.3f} ({low:.3f}–{high:.3f}) | "
            f"{metrics.average_precision(truth, scores):.3f} | {case.threshold:.3f} | {_share(flagged[truth])} | {_share(flagged[~truth])} | "
            f"{metrics.recall_at(truth, scores, 0.01):.3f} | {error:.3f} |"
        )
    return "\n".join(lines)


def _share(flags: NDArray[np.bool_]) -> str:
    return f"{flags.mean():.3f}" if len(flags) else "–"


def slices(found: list[Case], labels: tuple[str, ...], least: int = 12) -> str:
    """Recall and false positives at the shipped threshold by source; where one side is missing, a dash."""
    lines = ["| label | source | rows | recall | false positives | AUROC |", "|---|---|---:|---:|---:|---:|"]
    for case in (case for case in found if case.label in labels):
        for source in sorted(set(case.sources)):
            truth, scores = case.part(case.sources == source)
            if len(truth) >= least:
                flagged, area = case.flags[case.sources == source], metrics.auroc(truth, scores)
                shown = "–" if np.isnan(area) else f"{area:.3f}"
                lines.append(
                    f"| {case.label} | {source} | {len(truth)} | {_share(flagged[truth])} | {_share(flagged[~truth])} | {shown} |"
                )
    return "\n".join(lines)


def lengths(found: list[Case]) -> str:
    lines = ["| label | characters | rows | AUROC | calibration error |", "|---|---|---:|---:|---:|"]
    for case in (case for case in found if case.label in ("toxicity/toxicity", "bias/bias", "injection/injection")):
        size = case.lengths
        for name, chosen in (
            (f"< {SHORT}", size < SHORT),
            ("between", (size >= SHORT) & (size <= LONG)),
            (f"> {LONG}", size > LONG),
        ):
            truth, scores = case.part(chosen)
            if len(truth):
                error = metrics.calibration_error(truth.astype(np.float64), scores)
                lines.append(
                    f"| {case.label} | {name} | {len(truth)} | {metrics.auroc(truth, scores):.3f} | {error:.3f} |"
                )
    return "\n".join(lines)


def parity(watchers: dict[str, HeadWatcher], seed: int = 11) -> str:
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
            texts = [articled(fill(template, slots, rng)) for template in held]
            for watcher in (watchers["toxicity"], watchers["bias"]):
                for judgement in watcher.watch([record(text) for text in texts]):
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


def pairs(encoder: PackEncoder, units: list[Unit]) -> str:
    """How often the stereotype scores above its counter-sentence."""
    watcher = watchers_of(encoder)["bias"]
    won: dict[str, list[bool]] = {}
    for unit in units:
        if unit.ranked:
            texts = [record(example.text) for example in unit.examples]
            high, low = (judgement.verdicts[0].score for judgement in watcher.watch(texts))
            won.setdefault(unit.examples[0].source, []).append(high > low)
    shown = [f"{np.mean(found):.3f} of {len(found)} ({source})" for source, found in sorted(won.items())]
    return ", ".join(shown) + "; held-out pairs, chance 0.5"


def first_stage_table(encoder: PackEncoder, examples: list[Example]) -> str:
    """What the first stage clears, and of what the full encoder flags, by watcher and by kind of traffic."""
    if encoder.pack.first is None:
        return "This pack has none: everything is read in full."
    first = first_stage.load(encoder.pack.first, list(encoder.pack.heads), encoder.pack.labels, encoder.model)
    cascade = Cascade(encoder, first)  # at full depth: it reads everything and says what would have been cleared
    watchers: list[Watcher] = [
        HeadWatcher(head, head, cascade, options=HeadOptions(evidence_pieces=0)) for head in SHIPPED
    ]
    records = [record(example.text, example.source) for example in examples]
    watchers.append(Pii(encoder=cascade, entities=entities))
    said = {watcher.name: watcher.watch(records) for watcher in watchers}
    lines = ["| what | texts | flagged | of these cleared | of the others cleared |", "|---|---:|---:|---:|---:|"]
    for name, judgements in said.items():
        lines.append(_screened(name, [judgement.screen for judgement in judgements]))
    for name, sources in KINDS.items():
        chosen = [at for at, example in enumerate(examples) if example.source in sources]
        lines.append(_screened(name, [worst([judged[at].screen for judged in said.values()]) for at in chosen]))
    return "\n".join(
        [*lines, "", f"A text of 64 tokens takes {microseconds(first):.0f} µs on the machine that wrote this card."]
    )


KINDS = {
    "everyday requests, all watchers": bundle.EVERYDAY,
    "prompts made to look dangerous, all watchers": bundle.HARD,
    "documents, all watchers": bundle.CLEAN_DOCUMENTS,
}


def worst(screens: list[Screen | None]) -> Screen | None:
    """A text is cleared where every watcher's question is, and missed where any watcher's flag is."""
    order = (Screen.MISSED, Screen.CAUGHT, Screen.DOUBTED, Screen.CLEARED)
    return next((screen for screen in order if screen in screens), None)


def _screened(name: str, screens: list[Screen | None]) -> str:
    count = Counter(screens)
    flagged, others = count[Screen.CAUGHT] + count[Screen.MISSED], count[Screen.DOUBTED] + count[Screen.CLEARED]
    missed = f"{count[Screen.MISSED] / flagged:.4f}" if flagged else "–"
    cleared = f"{count[Screen.CLEARED] / others:.3f}" if others else "–"
    return f"| {name} | {flagged + others} | {flagged} | {missed} | {cleared} |"


def microseconds(first: first_stage.FirstStage) -> float:
    """The best of several times of a first look at 64 tokens, tokenising included."""
    text, best = " ".join(["The committee met again and talked about the budget for the new bridge."] * 5)[:290], 1.0
    for _ in range(10):
        began = time.process_time()
        for _ in range(100):
            first.say(text)
        best = min(best, (time.process_time() - began) / 100)
    return best * 1e6


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
    encoder = PackEncoder(folder, threads=2, cache_bytes=256 << 20)
    examples = bundle.validation(data, False, most)
    _, held = mix.load(data)
    watchers = watchers_of(encoder)
    found = cases(watchers, examples)
    short = [example for example in examples if len(example.text) < 400]
    described = json.loads((folder / "pack.json").read_text(encoding="utf-8"))
    return {
        "quality": quality(found),
        "injection": slices(found, tuple(f"injection/{label}" for label in SHIPPED["injection"])),
        "toxicity": slices(found, ("toxicity/toxicity", "toxicity/identity_attack", "bias/bias", "bias/gender")),
        "lengths": lengths(found),
        "parity": parity(watchers),
        "entities": entity_table(encoder, [example for unit in held for example in unit.examples]),
        "pairs": pairs(encoder, held),
        "closeness": closeness(encoder, random.Random(2).sample(short, min(150, len(short)))),
        "first_stage": first_stage_table(encoder, examples),
        "first_stage_misses": ", ".join(
            f"{name} {share:.2%}" for name, share in described["first_stage_misses"].items()
        ),
        "rows": str(len(examples)),
        "examples": f"{described['examples']:,}",
        "model": encoder.model,
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
