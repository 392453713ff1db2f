"""Drift detectors side by side on the same streams of real embeddings and scalars.

    python tests/bench/drift_peers.py all    --data DIR FOLDER      (everything below, environments of the peers included)

    python tests/bench/drift_peers.py embed  --data DIR FOLDER      (the pack's encoder)
    python tests/bench/drift_peers.py make   FOLDER                 (the streams)
    python tests/bench/drift_peers.py run    DETECTOR FOLDER        (in an environment that has it)
    python tests/bench/drift_peers.py table  FOLDER

Every detector gives one score a sample, larger meaning more evidence of a change; it alarms where the score reaches a
threshold. The table's threshold is the same rule for all: the lowest at which at most one control stream in 20
alarms (equal false-alarm rate). The last rows use each detector's own threshold instead. What is scored is kept,
so a run that was broken off goes on where it was.
"""

import argparse
import gc
import json
import os
import resource
import subprocess
import sys
import time
import tracemalloc
import venv
from pathlib import Path

import numpy as np
from drift_detectors import DETECTORS, NEEDS, OWN
from drift_streams import AFTER, BEFORE, CONTROLS, MIXTURES, OTHERS, REFERENCE, SEEDS, embed, make, streams

COSTED = 1000  # samples of a control over which the cost is measured, at one setting


def chosen(args: argparse.Namespace, name: str, seed: int) -> bool:
    if args.only and name not in args.only.split(","):
        return False
    if seed >= {"control": args.controls, "rhythm": args.rhythms}.get(name, args.seeds):
        return False
    embeddings_only = not args.detector.startswith(("sidewatch", "river"))
    return not (embeddings_only and name.startswith(("length", "toxicity")))


def run(args: argparse.Namespace) -> None:
    """Score every stream not scored yet. Detectors that watch embeddings only skip shifts of scalars."""
    kept_file = args.folder / f"result-{args.detector}.json"
    said = json.loads(kept_file.read_text()) if kept_file.exists() else {"results": []}
    done = {(r["name"], r["seed"]) for r in said["results"]}
    for name, seed, rows, numbers in streams(args.folder):
        if (name, seed) in done or not chosen(args, name, seed):
            continue
        update = DETECTORS[args.detector](rows[:REFERENCE], early(numbers), False)
        scores = np.empty(len(rows) - REFERENCE)
        for i in range(REFERENCE, len(rows)):
            scores[i - REFERENCE] = update(rows[i], {k: float(v[i]) for k, v in numbers.items()})
        rising = [float(f"{v:.7g}") for v in np.maximum.accumulate(scores)]
        said["results"].append({"name": name, "seed": seed, "scores": rising})
        print(name, seed, f"{scores.max():.3g}", flush=True)
        kept_file.write_text(json.dumps(said))
    kept_file.write_text(json.dumps(said | cost(args)))


def early(numbers: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {k: v[:REFERENCE] for k, v in numbers.items()}


def cost(args: argparse.Namespace) -> dict[str, float]:
    """Return CPU time a sample of an unchanged stream at one setting, and what the process came to hold meanwhile."""
    _, _, rows, numbers = next(streams(args.folder))
    samples = [{k: float(v[i]) for k, v in numbers.items()} for i in range(len(rows))]
    update = DETECTORS[args.detector](rows[:REFERENCE], early(numbers), True)
    began = time.process_time()
    for i in range(REFERENCE, REFERENCE + COSTED):
        update(rows[i], samples[i])
    used = (time.process_time() - began) / COSTED
    tracemalloc.start()
    others = of_torch()
    kept = DETECTORS[args.detector](rows[:REFERENCE], early(numbers), True)
    for i in range(REFERENCE, REFERENCE + 300):
        kept(rows[i], samples[i])
    held = (tracemalloc.get_traced_memory()[0] + of_torch() - others) / 1024
    tracemalloc.stop()
    return {"us": used * 1e6, "kib": held, "process_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}


def of_torch() -> int:
    """Return the bytes of all tensors, which `tracemalloc` does not see."""
    torch = sys.modules.get("torch")
    if torch is None:
        return 0
    gc.collect()
    tensors = (o for o in gc.get_objects() if isinstance(o, torch.Tensor))
    return sum(size for _, size in {(t.untyped_storage().data_ptr(), t.untyped_storage().nbytes()) for t in tensors})


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
    low, high = (f">{AFTER}" if v >= AFTER else f"{v:.0f}" for v in np.quantile(draws, [0.05, 0.95]))
    return low if low == high else f"{low}–{high}"


def middle(found: np.ndarray) -> float:
    """Return the median delay of the streams that had not alarmed before the change; NaN without one."""
    known = np.minimum(found[found >= 0], AFTER)
    return float(np.median(known)) if len(known) else np.nan


def cell(found: np.ndarray, best: float = np.nan) -> str:
    """Median delay with its interval over the seeds, share of streams within 1,000, and false alarms before it.

    Bold where it is below `best`, Sidewatch's.
    """
    if not len(found):
        return ""
    good, before = found[(found >= 0) & (found < AFTER)], int((found < 0).sum())
    known, value = np.minimum(found[found >= 0], AFTER), middle(found)
    shown = f">{AFTER}" if value >= AFTER else f"{value:.0f}"
    shown = f"**{shown}**" if value < best else shown
    spread = f" [{interval(known)}]" if len(known) > 2 and value < AFTER else ""
    return f"{shown}{spread} ({len(good)}/{len(found)})" + (f" {before} early" if before else "")


def limit(results: list[dict[str, object]]) -> float:
    """Return the lowest threshold at which at most one control stream in 20 alarms."""
    tops = sorted((r["scores"][-1] for r in results if r["name"] == "control"), reverse=True)  # type: ignore[index]
    return float(np.nextafter(tops[len(tops) // 20], np.inf))


def false_alarms(results: list[dict[str, object]], name: str, threshold: float | None) -> str:
    """Count streams without a change that alarmed, and samples watched until then for each alarm."""
    if threshold is None:
        return ""
    found = delays(results, name, threshold) + BEFORE
    alarms, watched = int(np.isfinite(found).sum()), float(np.minimum(found + 1, BEFORE + AFTER).sum())
    every = f"one in {watched / alarms:,.0f}" if alarms else f"none in {watched:,.0f}"
    return f"{every} ({alarms}/{len(found)})" if len(found) else ""


def table(args: argparse.Namespace) -> None:
    found = {d: json.loads(p.read_text()) for d in DETECTORS if (p := args.folder / f"result-{d}.json").exists()}
    results = {d: said["results"] for d, said in found.items()}
    print("| shift | " + " | ".join(found) + " |\n|---|" + "---|" * len(found))
    rows: dict[str, list[str]] = {}
    for name in (*MIXTURES, *OTHERS):
        late = {d: delays(r, name, limit(r)) for d, r in results.items()}
        own = late.pop("sidewatch", np.zeros(0))
        rows[name] = [*([cell(own)] if "sidewatch" in results else []), *(cell(f, middle(own)) for f in late.values())]
    rows["own threshold promises"] = [OWN[d][1] for d in found]
    for name in ("control", "rhythm"):
        rows[f"false alarms at it, {name}"] = [false_alarms(r, name, OWN[d][0]) for d, r in results.items()]
    rows["CPU a sample, µs"] = [f"{s['us']:.0f}" if "us" in s else "" for s in found.values()]
    rows["memory, KiB"] = [f"{s['kib']:,.0f}" if "kib" in s else "" for s in found.values()]
    for name, cells in rows.items():
        print(f"| {name} | " + " | ".join(cells) + " |")


def everything(args: argparse.Namespace) -> None:
    """Make the streams, an environment for each peer, every run, and the table. Hours on a small machine."""
    if not (args.folder / "embeddings.npz").exists():
        embed(args)
        make(args)
    for detector in DETECTORS:
        need = NEEDS[detector.split("-")[0]]
        python = Path(sys.executable)
        if need:
            home = args.folder / f"env-{detector.split('-')[0]}"
            python = home / "bin" / "python"
            if not python.exists():
                venv.create(home, with_pip=True)
                subprocess.run([python, "-m", "pip", "install", "-q", *need.split()], check=True)
        options = ["--seeds", str(args.seeds), "--controls", str(args.controls)]
        options += ["--rhythms", str(args.rhythms), "--only", args.only]
        once = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        command = [python, __file__, "run", *options, detector, args.folder]
        ended = subprocess.run(command, env=os.environ | once, check=False)
        if ended.returncode:
            print(f"{detector}: could not be run (status {ended.returncode})", file=sys.stderr)
    table(args)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--only", default="", help="shifts, separated by commas: all otherwise")
    parser.add_argument("--controls", type=int, default=CONTROLS)
    parser.add_argument("--rhythms", type=int, default=CONTROLS, help="controls with a daily rhythm")
    parser.add_argument("act", choices=["all", "embed", "make", "run", "table"])
    parser.add_argument("what", nargs="+", help="the detector of `run`, and the folder")
    args = parser.parse_args()
    args.folder, args.detector = Path(args.what[-1]), args.what[0]
    {"all": everything, "embed": embed, "make": make, "run": run, "table": table}[args.act](args)


if __name__ == "__main__":
    main()
