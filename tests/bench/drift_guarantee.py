"""Promised against observed time between false alarms, end to end, on streams that do not change.

    python tests/bench/drift_guarantee.py [--embeddings FILE.npz] [--streams 200] [--samples 4000] [--alarm-every 1000]

Each stream is a fresh monitor with a fresh reference of `--reference` samples, drawn like the stream itself.
`evidence`: the sequential test alone crosses its threshold; `drift`: the level is raised (evidence and effect). The
theorem bounds the share that alarmed by sample t by t / (2 * alarm_every).
"""

import argparse
from collections.abc import Iterator

import numpy as np

from watchers.drift import DriftMonitor, DriftSettings, Level, StreamKey
from watchers.watcher import Direction

KEY = StreamKey("bench", "m", Direction.PROMPT)


def draws(args: argparse.Namespace, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, dict[str, float]]]:
    pool = np.load(args.embeddings)["embeddings"].astype(np.float32) if args.embeddings else None
    while True:
        if pool is not None:
            row = pool[rng.integers(len(pool))]
        else:  # twelve clusters on a sphere, heavy-tailed within
            row = np.eye(24, dtype=np.float32)[rng.integers(12)] + 0.15 * rng.standard_t(4, 24).astype(np.float32)
            row /= np.linalg.norm(row)
        yield row, {"tokens": float(rng.lognormal(4, 1)), "refusal_rate": float(rng.random() < 0.03)}


def watch(args: argparse.Namespace, seed: int) -> tuple[float, float]:
    """Return the sample at which the evidence and the level alarmed; infinite where they did not."""
    rng = np.random.default_rng(seed)
    settings = DriftSettings(reference_samples=args.reference, alarm_every=args.alarm_every, seed=seed)
    monitor, evidence = DriftMonitor(settings, "bench"), np.inf
    for i, (row, scalars) in zip(range(-args.reference, args.samples), draws(args, rng), strict=False):
        events = monitor.observe(KEY, row, scalars)
        if i > 0 and i % 8 == 7 and evidence == np.inf and monitor.snapshot()[KEY].evidence >= args.alarm_every:
            evidence = i
        if any(e.level is Level.DRIFT for e in events):
            return float(min(evidence, i)), float(i)
    return float(evidence), np.inf


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--embeddings")
    for name, value in (("streams", 200), ("samples", 4000), ("alarm-every", 1000), ("reference", 200), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=value)
    args = parser.parse_args()
    times = np.array([watch(args, args.seed + i) for i in range(args.streams)])
    print(f"{args.streams} streams of {args.samples} samples, promised one false alarm in {args.alarm_every}")
    for name, column in zip(("evidence", "drift"), times.T, strict=True):
        alarms = int(np.isfinite(column).sum())
        total = float(np.minimum(column, args.samples).sum())
        print(f"{name}: {alarms} alarms in {total:.0f} samples, one in {total / max(alarms, 1):.0f}", end="; ")
        marks = [args.samples // 8, args.samples // 4, args.samples // 2, args.samples]
        bounds = [f"{(column <= t).mean():.3f} (<= {min(1.0, t / 2 / args.alarm_every):.3f})" for t in marks]
        print("share by " + ", ".join(f"{t}: {b}" for t, b in zip(marks, bounds, strict=True)))


if __name__ == "__main__":
    main()
