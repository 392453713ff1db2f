"""The watchers beside what else one would run, on the same rows; writes the tables of docs/comparison.md.

usage: python tests/bench/watcher_peers.py --data DIR --training PYTHON --peers PYTHON [--write docs/comparison.md]

`--training` is a Python with the extra `train` (it knows which rows the pack was not trained on: build/train/bin/python), `--peers`
one with whatever of presidio-analyzer, a spaCy model, better-profanity, alt-profanity-check and detect-secrets is to be compared;
what it lacks is said in the table. Each stage is a process of its own: `rows`, `ours`, `theirs`. About five minutes on two cores.

The rows are those that the pack's training and its thresholds' choice did not see (`watchers/training/splits.py`). They come from
the same sources as its training rows, which no peer was trained on: the pack has that advantage here, and the page says so.
"""

import argparse
import contextlib
import gzip
import importlib.metadata
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
BEGIN, END = "<!-- made by tests/bench/watcher_peers.py -->", "<!-- end -->"
NAMES = ("PERSON", "LOCATION", "ORGANIZATION")
# What both call the same thing; what only one has is left out of its count.
SAME = {
    "ADDRESS": "STREET_ADDRESS", "ZIP_CODE": "STREET_ADDRESS", "GPE": "LOCATION", "LOC": "LOCATION", "FAC": "LOCATION",
    "ORG": "ORGANIZATION", "DATE_OF_BIRTH": "DATE_TIME", "DOMAIN_NAME": "URL", "US_DRIVER_LICENSE": "ID", "DRIVER_LICENSE": "ID",
    "US_SSN": "ID", "ID_NUMBER": "ID", "US_PASSPORT": "ID", "PASSPORT": "ID", "DATE": "DATE_TIME", "TIME": "DATE_TIME",
}  # fmt: skip
STRUCTURED = ("EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "IP_ADDRESS", "URL", "ID")
TOXIC = ("davidson", "cad", "civil", "convabuse", "hatemoji", "wiki_talk", "surge", "edos")
MOST = {"entities": 100, "toxic": 100, "benign": 150, "pii": 250, "secrets": 2, "no secrets": 100}  # of a source


# --- rows: which the pack did not see -------------------------------------------------------------------------------


def rows(data: Path, out: Path) -> None:
    """Write the rows as JSON lines: {set, source, text, spans | toxic | secret}."""
    from tests.bench.secret_patterns import ordinary, rules, samples
    from watchers.training import mix, sources, splits

    real = mix._deduplicated(sources.load(data))
    mix._cut_documents(real)
    held = [example for unit in splits.split(real)[1] for example in unit.examples]
    original = {}
    for name in ("presidio_synth_v2", "presidio_generated_large"):
        with gzip.open(data / "pii" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            original |= {row["text"]: row["spans"] for row in map(json.loads, lines)}
    rng = random.Random(1)
    rng.shuffle(held)
    found, counts = [], Counter()
    for example in held:
        row = {"source": example.source, "text": example.text}
        if example.source == "presidio":
            continue  # below: of these the structured types alone are compared, which no side learned from them
        if example.spans is not None and counts[example.source] < MOST["entities"]:
            found.append(row | {"set": "names", "spans": example.spans})
        elif example.source in TOXIC and "toxicity" in example.labels and counts[example.source] < MOST["toxic"]:
            found.append(row | {"set": "toxic", "toxic": example.labels["toxicity"] >= 0.5})
        elif example.source in ("bold", "gsm8k", "clinc", "code") and counts[example.source] < MOST["benign"]:
            found.append(row | {"set": "benign"})
        else:
            continue
        counts[example.source] += 1
    structured = [(text, spans) for text, spans in sorted(original.items()) if mapped(spans, STRUCTURED)]
    for text, spans in rng.sample(structured, min(MOST["pii"], len(structured))):
        found.append({"set": "pii", "source": "presidio", "text": text, "spans": spans})
    for rule in rules(data):
        for text, start, end in list(samples(rule, rng))[: MOST["secrets"]]:
            found.append({"set": "secrets", "source": rule["id"], "text": text, "spans": [[start, end, "SECRET"]]})
    for name, texts in ordinary(data):
        if name not in ("bold_wiki_sentences", "gsm8k", "clinc150"):
            found += [{"set": "no secrets", "source": name, "text": text} for text in texts[: MOST["no secrets"]]]
    with out.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in found)


# --- what each says of a text --------------------------------------------------------------------------------------

Spans = list[tuple[int, int, str]]


def ours() -> Iterator[tuple[str, str, Callable]]:
    """Yield (what it is for, name, function of a text)."""
    from watchers.encoder import PackEncoder
    from watchers.pii.watcher import Pii
    from watchers.registry import build
    from watchers.secrets.watcher import Secrets
    from watchers.watcher import Direction, Origin, Record, Role

    encoder = PackEncoder(cache_bytes=0)
    patterns, secrets = Pii(), Secrets()
    pii, toxicity = build(["pii", "toxicity"], {}, encoder)

    def judged(watcher, text: str):
        return watcher.watch([Record("x", 0, text, Role.USER, Origin.USER, Direction.PROMPT)])[0].verdicts

    def spans(verdicts) -> Spans:
        return [(s.start, s.end, s.label) for verdict in verdicts for s in verdict.spans]

    yield "spans", "Sidewatch, patterns", lambda text: [(s.start, s.end, s.label) for s in patterns.spans(text)]
    yield "spans", "Sidewatch, patterns and pack", lambda text: spans(judged(pii, text))
    yield "toxic", "Sidewatch, pack", lambda text: max((v.score for v in judged(toxicity, text)), default=0.0)
    yield "secrets", "Sidewatch", lambda text: [(s.start, s.end, "SECRET") for s in secrets.spans(text)]


def theirs() -> Iterator[tuple[str, str, Callable]]:
    """The same for the peers that are installed."""
    with contextlib.suppress(ImportError):
        import presidio_analyzer
        import tldextract

        tldextract.extract = tldextract.TLDExtract(suffix_list_urls=())  # the list that it ships: nothing is fetched
        yield from _presidio(presidio_analyzer)
    with contextlib.suppress(ImportError):
        from better_profanity import profanity

        profanity.load_censor_words()
        yield (
            "toxic",
            f"better-profanity {version('better-profanity')}",
            lambda text: float(profanity.contains_profanity(text)),
        )
    with contextlib.suppress(ImportError):
        from profanity_check import predict_prob

        yield (
            "toxic",
            f"alt-profanity-check {version('alt-profanity-check')}",
            lambda text: float(predict_prob([text])[0]),
        )
    with contextlib.suppress(ImportError):
        from detect_secrets.core.scan import scan_file
        from detect_secrets.settings import default_settings

        def found(text: str) -> Spans:
            """As its command does: the text is a file; the line alone, through its API, would skip its own limits."""
            spans = []
            with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                with default_settings():
                    for secret in scan_file(file.name):
                        at = text.find(secret.secret_value or "\0")
                        if at >= 0:
                            spans.append((at, at + len(secret.secret_value), "SECRET"))
            return spans

        yield "secrets", f"detect-secrets {version('detect-secrets')}", found


def _presidio(presidio) -> Iterator[tuple[str, str, Callable]]:
    """Presidio twice: its patterns on a blank tokenizer, and with the spaCy model that is installed."""
    import spacy
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    models = spacy.util.get_installed_models()
    with tempfile.TemporaryDirectory() as folder:
        spacy.blank("en").to_disk(folder)
        for name, model in (("patterns", folder), *((model, model) for model in models)):
            configuration = {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": model}]}
            registry = presidio.RecognizerRegistry()
            registry.load_predefined_recognizers()
            language = NlpEngineProvider(nlp_configuration=configuration).create_engine()
            engine = presidio.AnalyzerEngine(registry=registry, nlp_engine=language)
            yield (
                "spans",
                f"Presidio {version('presidio-analyzer')}, {name}",
                lambda text, engine=engine: _without_overlaps(
                    [(r.score, r.start, r.end, r.entity_type) for r in engine.analyze(text, language="en")]
                ),
            )


def _without_overlaps(found) -> Spans:
    kept: Spans = []
    for _, start, end, label in sorted(found, key=lambda one: (-one[0], one[1] - one[2])):
        if all(end <= other[0] or start >= other[1] for other in kept):
            kept.append((start, end, label))
    return kept


def version(package: str) -> str:
    return importlib.metadata.version(package)


# --- measuring -----------------------------------------------------------------------------------------------------


def measure(tools: Iterator[tuple[str, str, Callable]], read: list[dict], out: Path) -> None:
    """Measure each tool on the sets that are its kind's; what is done is in `out` after each."""
    wanted = {"spans": ("pii", "names", "benign"), "toxic": ("toxic",), "secrets": ("secrets", "no secrets")}
    found = []
    for kind, name, judge in tools:
        judge("Warm up, please: call 555 123 4567.")
        for which in wanted[kind]:
            subset = [row for row in read if row["set"] == which]
            began = time.process_time()
            answers = [judge(row["text"]) for row in subset]
            micros = 1e6 * (time.process_time() - began) / max(1, sum(len(row["text"]) for row in subset)) * 1024
            found.append({"name": name, "set": which, "us_per_kb": micros} | FIGURES[which](subset, answers))
            sys.stderr.write(f"{name}: {which}, {len(subset)} rows\n")
            out.write_text(json.dumps(found))


def mapped(spans, wanted: tuple[str, ...]) -> set[tuple[int, int, str]]:
    return {(s, e, SAME.get(label, label)) for s, e, label in spans if SAME.get(label, label) in wanted}


def f1(true: int, found: int, both: int) -> float:
    return 2 * both / (true + found) if true + found else float("nan")


def counted(subset: list[dict], answers: list, wanted: tuple[str, ...]) -> dict:
    exact, chars = Counter(), Counter()
    for row, answer in zip(subset, answers, strict=True):
        gold, mine = mapped(row["spans"], wanted), mapped(answer, wanted)
        exact.update(true=len(gold), found=len(mine), both=len(gold & mine))
        places = [{(at, label) for s, e, label in one for at in range(s, e)} for one in (gold, mine)]
        chars.update(true=len(places[0]), found=len(places[1]), both=len(places[0] & places[1]))
    return {"rows": len(subset), "exact": f1(**exact), "chars": f1(**chars)}


def pii(subset: list[dict], answers: list) -> dict:
    return {
        "rows": len(subset),
        "structured": counted(subset, answers, STRUCTURED)["chars"],
        "by_type": {kind: counted(subset, answers, (kind,))["chars"] for kind in STRUCTURED},
    }


def names(subset: list[dict], answers: list) -> dict:
    by_source = {}
    for source in sorted({row["source"] for row in subset}):
        places = [index for index, row in enumerate(subset) if row["source"] == source]
        by_source[source] = counted([subset[i] for i in places], [answers[i] for i in places], NAMES)["exact"]
    return counted(subset, answers, NAMES) | {"by_source": by_source}


def benign(subset: list[dict], answers: list) -> dict:
    alarms = sum(bool(mapped(answer, STRUCTURED)) for answer in answers)
    return {"rows": len(subset), "alarms": 1000 * alarms / max(1, len(subset))}


def toxic(subset: list[dict], answers: list) -> dict:
    positive = [score for row, score in zip(subset, answers, strict=True) if row["toxic"]]
    negative = sorted(score for row, score in zip(subset, answers, strict=True) if not row["toxic"])
    wins = sum((p > n) + (p == n) / 2 for p in positive for n in negative)
    floor = negative[-1 - int(0.05 * len(negative))]
    at = 0.5  # what the peers' own yes and no come to
    both = sum(score >= at for score in positive)
    flagged = both + sum(score >= at for score in negative)
    return {
        "rows": len(subset),
        "auroc": wins / (len(positive) * len(negative)),
        "recall_5": sum(score > floor for score in positive) / len(positive),
        "f1": 2 * both / (flagged + len(positive)),
    }


def secrets(subset: list[dict], answers: list) -> dict:
    hit = sum(
        any(s < row["spans"][0][1] and row["spans"][0][0] < e for s, e, _ in answer)
        for row, answer in zip(subset, answers, strict=True)
    )
    return {"rows": len(subset), "recall": hit / len(subset)}


def no_secrets(subset: list[dict], answers: list) -> dict:
    return {"rows": len(subset), "alarms": 1000 * sum(map(bool, answers)) / len(subset)}


FIGURES = {"pii": pii, "names": names, "benign": benign, "toxic": toxic, "secrets": secrets, "no secrets": no_secrets}


# --- the page ------------------------------------------------------------------------------------------------------


def tables(found: list[dict]) -> str:
    by = {}
    for one in found:
        by.setdefault(one["name"], {})[one["set"]] = one
    parts = []
    spans = {name: sets for name, sets in by.items() if "pii" in sets}
    first = next(iter(spans.values()))
    sources = list(first["names"]["by_source"])
    parts += [
        "### Personal data",
        "",
        f"{first['pii']['rows']} rows with structured types (presidio-research), {first['names']['rows']} of running text "
        f"({', '.join(sources)}), {first['benign']['rows']} ordinary texts. Character F1 of structured types; exact F1 of person, "
        "place and organisation; alarms: ordinary texts with a structured type in them, per 1,000.",
        "",
        f"| | structured types | names, exact | {' | '.join(sources)} | alarms | CPU µs a KB |",
        "|---|" + "---:|" * (4 + len(sources)),
    ]
    for name, sets in spans.items():
        cells = [
            sets["pii"]["structured"],
            sets["names"]["exact"],
            *sets["names"]["by_source"].values(),
        ]
        shown = " | ".join(f"{cell:.3f}" for cell in cells)
        parts.append(f"| {name} | {shown} | {sets['benign']['alarms']:.1f} | {sets['benign']['us_per_kb']:,.0f} |")
    kinds = list(first["pii"]["by_type"])
    parts += ["", "Character F1 by type:", "", f"| | {' | '.join(spans)} |", "|---|" + "---:|" * len(spans)]
    for kind in kinds:
        cells = [sets["pii"]["by_type"][kind] for sets in spans.values()]
        parts.append(f"| {kind} | {' | '.join('–' if cell != cell else f'{cell:.3f}' for cell in cells)} |")
    toxics = {name: sets["toxic"] for name, sets in by.items() if "toxic" in sets}
    rows_ = next(iter(toxics.values()))["rows"]
    parts += ["", "### Toxicity", "", f"{rows_} held-out rows of eight sources. F1 at 0.5.", ""]
    parts += ["| | AUROC | recall at 5% false positives | F1 | CPU µs a KB |", "|---|---:|---:|---:|---:|"]
    for name, one in toxics.items():
        parts.append(
            f"| {name} | {one['auroc']:.3f} | {one['recall_5']:.3f} | {one['f1']:.3f} | {one['us_per_kb']:,.0f} |"
        )
    found_secrets = {name: sets for name, sets in by.items() if "secrets" in sets}
    one = next(iter(found_secrets.values()))
    parts += ["", "### Secrets", "", f"{one['secrets']['rows']} strings of gitleaks' published patterns in sentences and settings;",
              f"{one['no secrets']['rows']} texts without secrets (code, commit hashes, UUIDs, images, checksums, lock files).", "",
              "| | recall | alarms per 1,000 texts without | CPU µs a KB |", "|---|---:|---:|---:|"]  # fmt: skip
    for name, sets in found_secrets.items():
        row = f"{sets['secrets']['recall']:.3f} | {sets['no secrets']['alarms']:.1f} | {sets['no secrets']['us_per_kb']:,.0f}"
        parts.append(f"| {name} | {row} |")
    return "\n".join(parts)


def missing(found: list[dict]) -> str:
    every = " ".join(one["name"] for one in found)
    lacking = [
        name for name in ("Presidio", "better-profanity", "alt-profanity-check", "detect-secrets") if name not in every
    ]
    return f"\n\nNot installed where this was run: {', '.join(lacking)}." if lacking else ""


def stage(python: str, *arguments: str) -> None:
    subprocess.run(
        [python, str(Path(__file__)), *arguments],
        check=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--training", help="a Python with the extra train")
    parser.add_argument("--peers", help="a Python with the peers")
    parser.add_argument("--write", type=Path, help="the page whose tables to write anew")
    parser.add_argument("--stage", choices=("rows", "ours", "theirs"), help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.stage == "rows":
        return rows(asked.data, asked.out)
    if asked.stage:
        read = [json.loads(line) for line in asked.rows.read_text(encoding="utf-8").splitlines()]
        return measure(ours() if asked.stage == "ours" else theirs(), read, asked.out)
    found: list[dict] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stage(asked.training, "--stage", "rows", "--data", str(asked.data.resolve()), "--out", str(folder / "rows"))
        for which, python in (("ours", sys.executable), ("theirs", asked.peers)):
            stage(python, "--stage", which, "--rows", str(folder / "rows"), "--out", str(folder / which))
            found += json.loads((folder / which).read_text())
    made = f"{BEGIN}\n{tables(found)}{missing(found)}\n{END}"
    if asked.write:
        text = asked.write.read_text(encoding="utf-8")
        before, after = text.split(BEGIN)[0], text.split(END)[1]
        asked.write.write_text(before + made + after, encoding="utf-8")
    print(made)
    return None


if __name__ == "__main__":
    main()
