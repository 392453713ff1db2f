"""Drift detectors side by side on the same streams of real embeddings and scalars.

    python tests/bench/drift_peers.py embed  --data DIR EMBEDDINGS.npz               (the pack's encoder)
    python tests/bench/drift_peers.py make   EMBEDDINGS.npz STREAMS                  (once)
    python tests/bench/drift_peers.py run    DETECTOR STREAMS                        (in an environment that has it)
    python tests/bench/drift_peers.py table  STREAMS

Every detector gives one score a sample, larger meaning more evidence of a change; it alarms where the score reaches a
threshold. The table's threshold is the same rule for all: the lowest at which at most one control stream in 20
alarms (equal false-alarm rate). `promised` uses each detector's own threshold for the promised run length instead.
A stream is 500 reference samples, 1,000 unchanged ones and 1,000 after the change.
"""

import argparse
import gzip
import itertools
import json
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

REFERENCE, BEFORE, AFTER = 500, 1000, 1000
PROMISED = 20_000
CONTROLS, SEEDS = 20, 6
Scores = np.ndarray
Update = Callable[[np.ndarray, dict[str, float]], float]

# name -> (topic mixed in, share); the last three are made otherwise.
MIXTURES = {
    **{f"arithmetic {share:.0%}": ("arithmetic", share) for share in (0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0)},
    **{f"chat {share:.0%}": ("chat", share) for share in (0.1, 0.25)},
    **{f"other intents {share:.0%}": ("assistant_other", share) for share in (0.25, 1.0)},
    "language 10%": ("german", 0.1),
    "comments 10%": ("comments", 0.1),
    **{f"template {share:.0%}": ("template", share) for share in (0.1, 1.0)},
}
OTHERS = ("gradual 0-50%", "covariance", "length x1.3", "toxicity 0.5-2%")


def rows_of(path: Path) -> list[dict[str, object]]:
    with gzip.open(path, "rt") as lines:
        return [json.loads(line) for line in lines]


TEMPLATE = "You are a helpful assistant. Answer briefly and politely.\n\nCustomer: {}\nAnswer:"


def embed(args: argparse.Namespace) -> None:
    """Embed texts by topic with the pack's encoder."""
    from watchers.encoder import PackEncoder
    from watchers.pack import BUNDLED

    encoder, data = PackEncoder(BUNDLED, threads=1), Path(args.data)
    clinc = [r for r in rows_of(data / "benign/clinc150.jsonl.gz") if r["labels"]["intent"] != "oos"]  # type: ignore[index]
    rng = np.random.default_rng(0)
    clinc = [clinc[i] for i in rng.permutation(len(clinc))]
    intents = set(rng.permutation(sorted({r["labels"]["intent"] for r in clinc}))[:75])  # type: ignore[index]
    usual = [str(r["text"]) for r in clinc if r["labels"]["intent"] in intents]  # type: ignore[index]
    german = {"ich", "der", "und", "die", "das", "wie"}
    deepset = [str(r["text"]) for r in rows_of(data / "injection/deepset_prompt_injections.jsonl.gz")]
    texts = {
        "assistant": usual[:3600],
        "assistant_other": [str(r["text"]) for r in clinc if r["labels"]["intent"] not in intents][:900],  # type: ignore[index]
        "template": [TEMPLATE.format(text) for text in usual[-700:]],
        "arithmetic": [str(r["text"]) for r in rows_of(data / "benign/gsm8k.jsonl.gz")[::2]][:600],
        "chat": [str(r["text"]) for r in rows_of(data / "toxicity/hh_harmless_turns_unlabelled.jsonl.gz")[::2]][:700],
        "comments": [str(r["text"]) for r in rows_of(data / "toxicity/civil_multilabel_annotations.jsonl.gz")][:600],
        "german": [text for text in deepset if set(text.lower().split()) & german],
    }
    found = {}
    for name, said in texts.items():
        parts = [encoder.encode([t[:600] for t in said[i : i + 16]]) for i in range(0, len(said), 16)]
        found[name] = np.array([encoded.embedding for part in parts for encoded in part], np.float16)
        print(name, found[name].shape, flush=True)
    np.savez(args.embeddings, **found)


def scalars(rng: np.random.Generator, count: int) -> dict[str, np.ndarray]:
    return {"tokens": rng.lognormal(3.5, 0.6, count), "toxicity": (rng.random(count) < 0.005).astype(float)}


def after_change(name: str, rows: np.ndarray, numbers: dict[str, np.ndarray], pool: dict[str, np.ndarray], rng: np.random.Generator) -> None:  # fmt: skip # noqa: E501
    """Change the samples in place."""
    if name in MIXTURES or name.startswith("gradual"):
        topic, share = MIXTURES.get(name, ("arithmetic", 0.0))
        shares = np.linspace(0, 0.5, len(rows)) if name.startswith("gradual") else np.full(len(rows), share)
        chosen = rng.random(len(rows)) < shares
        rows[chosen] = pool[topic][rng.integers(0, len(pool[topic]), chosen.sum())]
    elif name == "covariance":
        middle = pool["assistant"].mean(0)
        rows[:] = middle + 0.8 * (rows - middle)
    elif name.startswith("length"):
        numbers["tokens"] *= 1.3
    elif name.startswith("toxicity"):
        numbers["toxicity"][:] = rng.random(len(rows)) < 0.02


def make(args: argparse.Namespace) -> None:
    args.streams.mkdir(parents=True, exist_ok=True)
    with np.load(args.embeddings) as arrays:
        pool = {k: arrays[k].astype(np.float32) for k in arrays.files}
    wanted = [("control", s) for s in range(CONTROLS)] + [("rhythm", s) for s in range(CONTROLS)]
    wanted += [(name, s) for name in (*MIXTURES, *OTHERS) for s in range(SEEDS)]
    for number, (name, seed) in enumerate(wanted):
        rng = np.random.default_rng(seed)  # the same reference and past for every shift of one seed
        total = REFERENCE + BEFORE + AFTER
        rows = pool["assistant"][rng.permutation(len(pool["assistant"]))[:total]].copy()
        numbers = scalars(rng, total)
        if name == "rhythm":  # the share of one topic goes up and down every 125 samples, in the reference too
            chosen = rng.random(total) < 0.25 * (1 + np.sin(np.arange(total) * 2 * np.pi / 125))
            rows[chosen] = pool["chat"][rng.integers(0, len(pool["chat"]), chosen.sum())]
        start = REFERENCE + BEFORE
        late = {k: v[start:] for k, v in numbers.items()}
        after_change(name, rows[start:], late, pool, rng)
        file = args.streams / f"stream-{number:03}.npz"
        np.savez(file, rows=rows.astype(np.float16), name=name, seed=seed, **numbers)


def sidewatch(rows: np.ndarray, numbers: dict[str, np.ndarray], _: bool) -> Update:
    from watchers.drift import DriftMonitor, DriftSettings, Level, StreamKey
    from watchers.watcher import Direction

    key = StreamKey("bench", "m", Direction.PROMPT)
    monitor = DriftMonitor(DriftSettings(reference_samples=REFERENCE, alarm_every=PROMISED), "bench")
    for i, row in enumerate(rows):
        monitor.observe(key, row, {k: float(v[i]) for k, v in numbers.items()})
    stream, raised, weighed, evidence = monitor._streams[key], False, -1, 0.0

    def update(row: np.ndarray, sample: dict[str, float]) -> float:
        nonlocal raised, weighed, evidence
        for event in monitor.observe(key, row, sample):
            raised = raised or event.level is Level.DRIFT
        if stream.samples != weighed:
            weighed, evidence = stream.samples, stream.evidence() / PROMISED
        # The level `drift` counts as reaching the promise; the evidence alone just short of it.
        return max(evidence, 1.0) if raised else min(evidence, 0.999)

    return update


def alibi(kind: str, window: int) -> Callable[[np.ndarray, dict[str, np.ndarray], bool], Update]:
    def start(rows: np.ndarray, numbers: dict[str, np.ndarray], quick: bool) -> Update:
        from alibi_detect.cd import LSDDDriftOnline, MMDDriftOnline  # type: ignore[import-not-found]

        made = {"mmd": MMDDriftOnline, "lsdd": LSDDDriftOnline}[kind]
        # Its bootstrap needs more than one round for every sample of the promised run length: 20,000 rounds do not end
        # in minutes. So it promises 500, and the equal-false-alarm threshold is found from its statistic.
        detector = made(rows, ert=500, window_size=window, backend="pytorch", n_bootstraps=2000, verbose=False)

        def update(row: np.ndarray, sample: dict[str, float]) -> float:
            said = detector.predict(row)["data"]
            return float(said["test_stat"] / said["threshold"])

        return update

    return start


def alibi_window(rows: np.ndarray, numbers: dict[str, np.ndarray], quick: bool) -> Update:
    """The offline test on the last 200 samples, each 50 samples; the score is how small its p-value is."""
    from alibi_detect.cd import MMDDrift  # type: ignore[import-not-found]

    detector, window, best = MMDDrift(rows, backend="pytorch", n_permutations=400), [], 0.0

    def update(row: np.ndarray, sample: dict[str, float]) -> float:
        nonlocal best
        window.append(row)
        del window[:-200]
        if next(ticks) % 50 == 49 and len(window) == 200:
            said = detector.predict(np.array(window))["data"]
            best = float(said["distance"] / said["distance_threshold"])  # p-values of 400 permutations are too coarse
        return best

    ticks = itertools.count()
    return update


def reductions(rows: np.ndarray) -> Callable[[np.ndarray], list[float]]:
    """Return the natural scalars of an embedding: to the mean, first component, to the nearest row."""
    middle, some = rows.mean(0), rows
    axis = np.linalg.svd(rows - middle, full_matrices=False)[2][0]
    return lambda row: [float(np.linalg.norm(row - middle)), float(axis @ row), float(1 - (some @ row).max())]


def river(name: str) -> Callable[[np.ndarray, dict[str, np.ndarray], bool], Update]:
    """One detector a reduction and scalar, at each of a grid of settings; the score is the strictest that alarmed."""

    def grid() -> list[Callable[[], object]]:
        from river import drift  # type: ignore[import-not-found]

        if name == "pagehinkley":
            return [lambda t=10.0 * 2**k: drift.PageHinkley(threshold=t, delta=0.05) for k in range(7)]
        if name == "adwin":
            return [lambda d=10.0**-k: drift.ADWIN(delta=d) for k in range(1, 17)]
        return [lambda a=10.0**-k: drift.KSWIN(alpha=a, window_size=200, stat_size=60, seed=0) for k in (4, 6, 8)]

    def start(rows: np.ndarray, numbers: dict[str, np.ndarray], quick: bool) -> Update:
        # Half fits, half is watched: a row is no distance from itself, which would look like a change at the end.
        reduce, rows = reductions(rows[::2]), rows[1::2]
        table = np.array([reduce(r) for r in rows])
        middle, spread = table.mean(0), table.std(0) + 1e-12
        scale = {k: (v.mean(), max(v.std(), 0.07)) for k, v in numbers.items()}  # a rate may be 0 in the reference
        count = 3 + len(numbers)
        detectors = [[make() for _ in range(count)] for make in (grid()[:1] if quick else grid())]
        best = 0.0

        def update(row: np.ndarray, sample: dict[str, float]) -> float:
            nonlocal best
            values = [
                *((np.array(reduce(row)) - middle) / spread),
                *((sample[k] - m) / s for k, (m, s) in scale.items()),
            ]
            for i, level in enumerate(detectors, 1):
                for detector, value in zip(level, values, strict=True):
                    detector.update(float(value))  # type: ignore[attr-defined]
                    if detector.drift_detected and best < i:  # type: ignore[attr-defined]
                        best = float(i)
            return best

        for i, row in enumerate(rows):
            update(row, {k: float(v[2 * i + 1]) for k, v in numbers.items()})
        best = 0.0
        return update

    return start


DETECTORS: dict[str, Callable[[np.ndarray, dict[str, np.ndarray], bool], Update]] = {
    "sidewatch": sidewatch,
    "alibi-mmd-50": alibi("mmd", 50),
    "alibi-mmd-200": alibi("mmd", 200),
    "alibi-lsdd-50": alibi("lsdd", 50),
    "alibi-mmd-window": alibi_window,
    "river-adwin": river("adwin"),
    "river-kswin": river("kswin"),
    "river-pagehinkley": river("pagehinkley"),
}


def streams(folder: Path) -> Iterator[tuple[str, int, np.ndarray, dict[str, np.ndarray]]]:
    for file in sorted(folder.glob("stream-*.npz")):
        with np.load(file) as z:
            numbers = {"tokens": z["tokens"], "toxicity": z["toxicity"]}
            yield str(z["name"]), int(z["seed"]), z["rows"].astype(np.float32), numbers


def run(args: argparse.Namespace) -> None:
    """Score every stream not scored yet. Detectors that watch embeddings only skip shifts of scalars."""
    embeddings_only = args.detector.startswith("alibi")
    kept_file = args.streams / f"result-{args.detector}.json"
    said = json.loads(kept_file.read_text()) if kept_file.exists() else {"results": []}
    results: list[dict[str, object]] = said["results"]
    done = {(r["name"], r["seed"]) for r in results}
    cost: list[float] = [said["us"] / 1e6] if results else []
    for name, seed, rows, numbers in streams(args.streams):
        if seed >= (args.controls if name in ("control", "rhythm") else args.seeds):
            continue
        if args.only and name not in args.only.split(","):
            continue
        if (name, seed) in done:
            continue
        if embeddings_only and name.startswith(("length", "toxicity")):
            continue
        early = {k: v[:REFERENCE] for k, v in numbers.items()}
        update = DETECTORS[args.detector](rows[:REFERENCE], early, False)
        scores = np.empty(len(rows) - REFERENCE)
        began = time.process_time()
        for i in range(REFERENCE, len(rows)):
            scores[i - REFERENCE] = update(rows[i], {k: float(v[i]) for k, v in numbers.items()})
        cost.append((time.process_time() - began) / len(scores))
        results.append({"name": name, "seed": seed, "scores": np.maximum.accumulate(scores).round(6).tolist()})
        print(name, seed, f"{scores.max():.3g}", f"{cost[-1] * 1e6:.0f} us", flush=True)
        out = {"results": results, "us": float(np.median(cost) * 1e6), "kib": 0.0}
        kept_file.write_text(json.dumps(out))
    tracemalloc.start()
    kept = DETECTORS[args.detector](rows[:REFERENCE], {k: v[:REFERENCE] for k, v in numbers.items()}, True)
    kept(rows[-1], {k: float(v[-1]) for k, v in numbers.items()})
    out["kib"] = tracemalloc.get_traced_memory()[0] / 1024
    kept_file.write_text(json.dumps(out))


def first(scores: list[float], threshold: float) -> float:
    """Return the first sample whose running maximum reaches the threshold, counted from the change."""
    where = np.flatnonzero(np.array(scores) >= threshold)
    return float(where[0]) - BEFORE if len(where) else np.inf


def delays(results: list[dict[str, object]], name: str, threshold: float) -> np.ndarray:
    return np.array([first(r["scores"], threshold) for r in results if r["name"] == name])  # type: ignore[arg-type]


def interval(values: np.ndarray) -> str:
    """Return the 90% bootstrap interval of the median over seeds."""
    rng = np.random.default_rng(0)
    draws = np.median(values[rng.integers(0, len(values), (1000, len(values)))], axis=1)
    low, high = np.quantile(draws, [0.05, 0.95])
    return f"{low:.0f}-" + (f">{AFTER}" if high >= AFTER else f"{high:.0f}")


def cell(found: np.ndarray) -> str:
    """Median delay with its interval over the seeds, share of streams within 1,000, and false alarms before it."""
    if not len(found):
        return "-"
    good, early = found[(found >= 0) & (found < 1000)], int((found < 0).sum())
    middle = np.where(found < 0, np.nan, np.minimum(found, AFTER))
    value = np.nanmedian(middle) if np.isfinite(middle).any() else np.nan
    shown = f">{AFTER}" if value >= AFTER else f"{value:.0f}"
    known = middle[np.isfinite(middle)]
    spread = f" [{interval(known)}]" if len(known) > 2 else ""
    return f"{shown}{spread} ({len(good)}/{len(found)})" + (f" {early} early" if early else "")


def table(args: argparse.Namespace) -> None:
    found = {d: json.loads(p.read_text()) for d in DETECTORS if (p := args.streams / f"result-{d}.json").exists()}
    limits = {}
    for detector, said in found.items():
        tops = sorted((r["scores"][-1] for r in said["results"] if r["name"] == "control"), reverse=True)
        allowed = len(tops) // 20  # of the control streams
        limits[detector] = np.nextafter(tops[allowed], np.inf)
    print("| shift | " + " | ".join(found) + " |\n|---|" + "---|" * len(found))
    for name in (*MIXTURES, *OTHERS):
        print(f"| {name} | " + " | ".join(cell(delays(s["results"], name, limits[d])) for d, s in found.items()) + " |")
    for name in ("control", "rhythm"):
        shares = (np.isfinite(delays(s["results"], name, 1.0)) for s in found.values())
        print(f"| {name}: alarms at own promise | " + " | ".join(f"{int(s.sum())}/{len(s)}" for s in shares) + " |")
    print("| CPU a sample, us | " + " | ".join(f"{s['us']:.0f}" for s in found.values()) + " |")
    print("| Python memory, KiB | " + " | ".join(f"{s['kib']:.0f}" for s in found.values()) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--only", help="shifts, separated by commas: all otherwise")
    parser.add_argument("--controls", type=int, default=CONTROLS)
    parser.add_argument("act", choices=["embed", "make", "run", "table"])
    parser.add_argument("what", nargs="+")
    args = parser.parse_args()
    args.streams = Path(args.what[-1])
    args.embeddings = args.detector = args.what[0]
    {"embed": embed, "make": make, "run": run, "table": table}[args.act](args)


if __name__ == "__main__":
    main()
