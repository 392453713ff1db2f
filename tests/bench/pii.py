"""How well the patterns find structured personal data: per type, and what they find in texts that hold none.

usage: python tests/bench/pii.py --data DIR [--misses N] [--pack DIR]

DIR holds `pii/presidio_*.jsonl.gz` (rows with text and spans) and `benign/*.jsonl.gz`. Types that only a model can
tell (names, organisations) are left out. Two counts a type: spans that agree exactly, and characters.

With --pack, instead: patterns and the pack's token tags together, all types, characters, on generated texts of templates that
training has not seen (they are made anew, which needs the `train` extra; DIR then also holds `pii/presidio_templates.jsonl.gz`).
"""

import argparse
import gzip
import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from watchers.encoder import PackEncoder
from watchers.pii.watcher import Pii
from watchers.secrets.watcher import Secrets
from watchers.tags import entities
from watchers.watcher import Direction, Origin, Record, Role, Span

SAME = {"ADDRESS": "STREET_ADDRESS", "DOMAIN_NAME": "URL", "DATE_OF_BIRTH": "DATE_TIME", "GPE": "LOCATION"}
STRUCTURED = (
    "EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "US_SSN", "IP_ADDRESS", "URL", "DATE_TIME", "ZIP_CODE",
    "STREET_ADDRESS",
)  # fmt: skip
NAMES = ("PERSON", "LOCATION", "ORGANIZATION")
SETS = ("presidio_synth_v2", "presidio_generated_large")
BENIGN = ("clinc150", "gsm8k", "code_instructions", "bold_wiki_sentences", "self_instruct_human")


def rows(path: Path) -> Iterator[dict]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def gold_spans(row: dict) -> set[tuple[int, int, str]]:
    spans = ((start, end, SAME.get(label, label)) for start, end, label in row["spans"])
    return {span for span in spans if span[2] in STRUCTURED}


def characters(spans: set[tuple[int, int, str]], label: str) -> set[int]:
    return {place for start, end, kind in spans if kind == label for place in range(start, end)}


def measure(pii: Pii, data: Path, misses: int) -> None:
    exact: dict[str, Counter] = defaultdict(Counter)
    chars: dict[str, Counter] = defaultdict(Counter)
    shown: Counter = Counter()
    for name in SETS:
        for row in rows(data / "pii" / f"{name}.jsonl.gz"):
            gold = gold_spans(row)
            found = {(one.start, one.end, SAME.get(one.label, one.label)) for one in pii.spans(row["text"])}
            for label in STRUCTURED:
                mine = {span for span in found if span[2] == label}
                real = {span for span in gold if span[2] == label}
                count(exact[label], mine, real)
                count(chars[label], characters(mine, label), characters(real, label))
                show(row["text"], label, mine, real, shown, misses)
    print(f"{'type':16} {'gold':>5} {'exact P':>8} {'R':>6} {'F1':>6} {'chars P':>8} {'R':>6} {'F1':>6}")
    for label in STRUCTURED:
        print(f"{label:16} {exact[label]['gold']:5} {figures(exact[label])} {figures(chars[label])}")
    for title, wanted in (("all", STRUCTURED), ("without addresses", STRUCTURED[:-1])):
        total_exact, total_chars = (
            sum((exact[x] for x in wanted), Counter()),
            sum((chars[x] for x in wanted), Counter()),
        )
        print(f"{title:16.16} {total_exact['gold']:5} {figures(total_exact)} {figures(total_chars)}")


def count(into: Counter, found: set, gold: set) -> None:
    into.update(both=len(found & gold), found=len(found), gold=len(gold))


def figures(counts: Counter) -> str:
    precision = counts["both"] / counts["found"] if counts["found"] else 0.0
    recall = counts["both"] / counts["gold"] if counts["gold"] else 0.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return f"{precision:8.3f} {recall:6.3f} {f1:6.3f}"


def show(text: str, label: str, found: set, gold: set, shown: Counter, misses: int) -> None:
    for title, spans in (("missed", gold - found), ("wrong ", found - gold)):
        for start, end, _ in sorted(spans):
            shown[label, title] += 1
            if shown[label, title] <= misses:
                around = text[max(0, start - 30) : start] + "[[" + text[start:end] + "]]" + text[end : end + 20]
                print(f"  {title} {label}: {around!r}")


def alarms(pii: Pii, secrets: Secrets, data: Path, misses: int) -> None:
    print("\nwhat is flagged in texts without personal data, per 1,000 texts")
    for name in BENIGN:
        texts = [row["text"] for row in rows(data / "benign" / f"{name}.jsonl.gz")]
        records = [Record("x", 0, text, Role.USER, Origin.USER, Direction.PROMPT) for text in texts]
        flagged: Counter = Counter()
        marked: Counter = Counter()
        hit = 0
        for watcher in (pii, secrets):
            for record, judgement in zip(records, watcher.watch(records), strict=True):
                for verdict in judgement.verdicts:
                    if verdict.spans:
                        (flagged if verdict.flagged else marked)[verdict.label] += 1
                    if verdict.flagged:
                        hit += 1
                        report(record.text, verdict.label, verdict.spans[0], misses)
        total = len(texts)
        rates = ", ".join(f"{label} {1000 * n / total:.2f}" for label, n in flagged.most_common())
        marks = ", ".join(f"{label} {1000 * n / total:.1f}" for label, n in marked.most_common())
        print(f"{name:20} {total:6} texts  flagged {1000 * hit / total:6.2f}  ({rates})  marked only ({marks})")


def report(text: str, label: str, span: Span, misses: int) -> None:
    if misses:
        before, found, after = text[: span.start][-40:], text[span.start : span.end], text[span.end :][:20]
        print(f"  {label}: {before!r} [[{found}]] {after!r}")


NUMBERS = ("STREET_ADDRESS", "DATE_TIME", "PHONE_NUMBER")
NOT_ANNOTATED = ("EMAIL_ADDRESS", "URL", "USERNAME", "IP_ADDRESS", "CREDIT_CARD", "IBAN_CODE", "SWIFT_CODE")


def kind(label: str) -> str:
    """The coarse type of a label: every number that a state or a firm gives is an ID_NUMBER."""
    coarse = {"ZIP_CODE": "STREET_ADDRESS", "DATE_OF_BIRTH": "DATE_TIME"}.get(label, label)
    return coarse if coarse in (*NAMES, *NUMBERS, *NOT_ANNOTATED) else "ID_NUMBER"


def unseen(data: Path, pack: Path, most: int = 400) -> None:
    from watchers.training import personal, splits

    encoder, pii = PackEncoder(pack, threads=1), Pii()
    _, held = splits.split_made(personal.personal(data, 12_000, random.Random(5)))
    counts: dict[str, Counter] = defaultdict(Counter)
    for unit in held[:most]:
        (example,) = unit.examples
        text = example.text
        gold = {(place, kind(label)) for start, end, label in example.spans for place in range(start, end)}
        spans = [
            (one.start, one.end, kind(one.label)) for one in pii.spans(text, entities(encoder.encode([text])[0], text))
        ]
        found = {
            (place, label) for start, end, label in spans for place in range(start, end) if label not in NOT_ANNOTATED
        }
        for label in (*NAMES, *NUMBERS, "ID_NUMBER"):
            count(counts[label], {one for one in found if one[1] == label}, {one for one in gold if one[1] == label})
        count(counts["masked at all"], {place for place, _ in found}, {place for place, _ in gold})
    print(
        f"characters of {min(most, len(held))} texts of unseen templates\n{'type':16} {'gold':>6} {'P':>8} {'R':>6} {'F1':>6}"
    )
    for label, one in counts.items():
        print(f"{label:16} {one['gold']:6} {figures(one)}")
    typed = sum((one for label, one in counts.items() if label != "masked at all"), Counter())
    print(f"{'all':16} {typed['gold']:6} {figures(typed)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--misses", type=int, default=0, help="print as many misses and false alarms of each type")
    parser.add_argument("--pack", type=Path, help="measure patterns and this pack together, on unseen templates")
    asked = parser.parse_args()
    if asked.pack:
        unseen(asked.data, asked.pack)
        return
    pii = Pii()
    measure(pii, asked.data, asked.misses)
    alarms(pii, Secrets(), asked.data, asked.misses)


if __name__ == "__main__":
    main()
