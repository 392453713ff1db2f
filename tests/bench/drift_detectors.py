"""The detectors of `drift_peers.py`, each behind one call a sample that returns how much evidence of a change there is.

Larger is more; a detector alarms where its score reaches a threshold. `OWN` is each one's own threshold, at the
setting that it comes with, so that the false alarms that a user would have can be counted.
"""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from drift_streams import REFERENCE

PROMISED = 20_000  # samples between false alarms, of Sidewatch
Numbers = dict[str, np.ndarray]
Update = Callable[[np.ndarray, dict[str, float]], float]
Start = Callable[[np.ndarray, Numbers, bool], Update]  # rows, scalars, at one setting only
WINDOW, EVERY = 200, 50  # of the tests of a whole window: the last 200 samples, each 50 samples


def sidewatch(rows: np.ndarray, numbers: Numbers, _: bool) -> Update:
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


def alibi(kind: str, window: int) -> Start:
    """Its bootstrap needs more than one round for every sample of the promised run length: 20,000 rounds do not end in
    minutes. So it promises 500, and the equal-false-alarm threshold is found from its statistic. Streams of one seed
    have one reference, so its bootstrap, seconds long, is done once for them all.
    """
    fitted: dict[bytes, Any] = {}

    def start(rows: np.ndarray, numbers: Numbers, quick: bool) -> Update:
        import torch  # type: ignore[import-not-found]
        from alibi_detect.cd import LSDDDriftOnline, MMDDriftOnline  # type: ignore[import-not-found]

        torch.set_num_threads(1)
        made = {"mmd": MMDDriftOnline, "lsdd": LSDDDriftOnline}[kind]
        detector = None if quick else fitted.get(rows.tobytes())
        if detector is None:
            detector = made(rows, ert=500, window_size=window, backend="pytorch", n_bootstraps=1000, verbose=False)
            if not quick:
                fitted[rows.tobytes()] = detector
        detector.reset_state()

        def update(row: np.ndarray, sample: dict[str, float]) -> float:
            said = detector.predict(row)["data"]
            return float(said["test_stat"] / said["threshold"])

        return update

    return start


def windowed(test: Callable[[np.ndarray], Callable[[np.ndarray], float]]) -> Start:
    """A test of two samples, put to the last window again and again, as one does where there is nothing online."""

    def start(rows: np.ndarray, numbers: Numbers, quick: bool) -> Update:
        compare, window, ticks, best = test(rows), [], itertools.count(1), 0.0

        def update(row: np.ndarray, sample: dict[str, float]) -> float:
            nonlocal best
            window.append(row)
            del window[:-WINDOW]
            if next(ticks) % EVERY == 0 and len(window) == WINDOW:
                best = compare(np.array(window))
            return best

        return update

    return start


def alibi_window(rows: np.ndarray) -> Callable[[np.ndarray], float]:
    """Its distance in units of the 5% point of 100 permutations (its choice): p-values of so few are too coarse for a threshold."""
    import torch
    from alibi_detect.cd import MMDDrift

    torch.set_num_threads(1)
    detector = MMDDrift(rows, backend="pytorch", n_permutations=100)

    def compare(window: np.ndarray) -> float:
        said = detector.predict(window)["data"]
        return float(said["distance"] / said["distance_threshold"])

    return compare


def evidently(method: str) -> Callable[[np.ndarray], Callable[[np.ndarray], float]]:
    """The functions behind its embedding drift: the classifier's area under the curve (its choice), or the means' distance."""

    def test(rows: np.ndarray) -> Callable[[np.ndarray], float]:
        import pandas as pd  # type: ignore[import-untyped]
        from evidently.legacy.metrics.data_drift import embedding_drift_methods  # type: ignore[import-not-found]

        asked = getattr(embedding_drift_methods, method)()

        def compare(window: np.ndarray) -> float:
            return float(asked(pd.DataFrame(window), pd.DataFrame(rows))[0])

        return compare

    return test


def frouros(rows: np.ndarray, numbers: Numbers, quick: bool) -> Update:
    """Its MMD of a sliding window, with the kernel's width at the median distance of the reference, as the others set it."""
    from functools import partial

    from frouros.detectors.data_drift import MMDStreaming  # type: ignore[import-not-found]
    from frouros.utils.kernels import rbf_kernel  # type: ignore[import-not-found]

    rows = rows.astype(np.float64)
    width = float(np.median(np.linalg.norm(rows[1:] - rows[:-1], axis=1)))
    detector = MMDStreaming(window_size=50, kernel=partial(rbf_kernel, sigma=width))
    detector.fit(X=rows)

    def update(row: np.ndarray, sample: dict[str, float]) -> float:
        said, _ = detector.update(value=row.astype(np.float64))
        return 0.0 if said is None else float(said.distance)

    return update


def reductions(rows: np.ndarray) -> Callable[[np.ndarray], list[float]]:
    """Return the natural scalars of an embedding: to the mean, first component, to the nearest row."""
    middle, some = rows.mean(0), rows
    axis = np.linalg.svd(rows - middle, full_matrices=False)[2][0]
    return lambda row: [float(np.linalg.norm(row - middle)), float(axis @ row), float(1 - (some @ row).max())]


def _grid(name: str) -> list[Callable[[], object]]:
    """Return a detector's settings, laxest first; the one that it comes with is the number `OWN` of them."""
    from river import drift  # type: ignore[import-not-found]

    if name == "pagehinkley":
        return [lambda t=t: drift.PageHinkley(threshold=t, delta=0.005) for t in (12, 25, 50, 75, 100, 150, 200, 400)]
    if name == "adwin":
        deltas = (0.1, 0.01, 0.002, *(10.0**-k for k in range(3, 17)))
        return [lambda d=d: drift.ADWIN(delta=d) for d in deltas]
    alphas = (0.005, 1e-4, 1e-6, 1e-8)
    return [lambda a=a: drift.KSWIN(alpha=a, window_size=200, stat_size=60, seed=0) for a in alphas]


def river(name: str) -> Start:
    """One detector a reduction and scalar, at each of a grid of settings; the score is the strictest that alarmed."""

    def start(rows: np.ndarray, numbers: Numbers, quick: bool) -> Update:
        # Half fits, half is watched: a row is no distance from itself, which would look like a change at the end.
        reduce, rows = reductions(rows[::2]), rows[1::2]
        table = np.array([reduce(r) for r in rows])
        middle, spread = table.mean(0), table.std(0) + 1e-12
        scale = {k: (v.mean(), max(v.std(), 0.07)) for k, v in numbers.items()}  # a rate may be 0 in the reference
        settings = _grid(name)[:1] if quick else _grid(name)
        detectors = [[make() for _ in range(3 + len(numbers))] for make in settings]
        best = 0.0

        def update(row: np.ndarray, sample: dict[str, float]) -> float:
            nonlocal best
            values = [
                *((np.array(reduce(row)) - middle) / spread),
                *((sample[k] - m) / s for k, (m, s) in scale.items()),
            ]
            for i, level in enumerate(detectors, 1):
                if i <= best and not quick:
                    continue  # a laxer setting's alarm adds nothing to a stricter one's
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


DETECTORS: dict[str, Start] = {
    "sidewatch": sidewatch,
    "alibi-mmd-50": alibi("mmd", 50),
    "alibi-lsdd-50": alibi("lsdd", 50),
    "alibi-mmd-window": windowed(alibi_window),
    "evidently-model": windowed(evidently("model")),
    "evidently-distance": windowed(evidently("distance")),
    "frouros-mmd-50": frouros,
    "river-adwin": river("adwin"),
    "river-kswin": river("kswin"),
    "river-pagehinkley": river("pagehinkley"),
}
# Its own threshold, and what that promises; none: it leaves the threshold to its user.
OWN: dict[str, tuple[float | None, str]] = {
    "sidewatch": (1.0, f"one in {PROMISED:,}"),
    "alibi-mmd-50": (1.0, "one in 500"),
    "alibi-lsdd-50": (1.0, "one in 500"),
    "alibi-mmd-window": (1.0, "5% a test"),
    "evidently-model": (0.55, "none"),
    "evidently-distance": (0.2, "none"),
    "frouros-mmd-50": (None, "none"),
    "river-adwin": (3.0, "delta 0.002"),
    "river-kswin": (1.0, "alpha 0.005"),
    "river-pagehinkley": (3.0, "threshold 50"),
}
# What each needs beside numpy, in an environment of its own; "" is the one that runs the benchmark.
NEEDS = {
    "sidewatch": "",
    "alibi": "alibi-detect[torch]==0.13.0",
    "evidently": "evidently==0.7.23 pandas<3",  # it imports what pandas 3 no longer has
    "frouros": "frouros==0.9.0",
    "river": "river==0.23.0",
}
