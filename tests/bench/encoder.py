"""What one pass of the pack costs: by window length, per exchange, and beside the four architectures of its peers.

    python tests/bench/encoder.py

The peers' graphs (`peer_graphs.py`: float32, random weights) are written on the spot when the `onnx` package is there. One
thread each; medians of interleaved runs.
"""

import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from watchers.encoder import PackEncoder
from watchers.normalize import revealed
from watchers.tokens import Tokens

LENGTHS = (32, 64, 128)
SENTENCE = "The committee met again on Tuesday and talked about the budget for the new bridge over the river. "


def median_ms(*runs: Callable[[], object], rounds: int = 15) -> list[float]:
    """Median milliseconds of each, run in turns so that a busy machine hits all alike."""
    times: list[list[float]] = [[] for _ in runs]
    for turn in range(rounds + 3):
        for kept, run in zip(times, runs, strict=True):
            start = time.perf_counter()
            run()
            if turn >= 3:
                kept.append((time.perf_counter() - start) * 1000)
    return [statistics.median(kept) for kept in times]


def window(tokens: int) -> Tokens:
    ids = np.random.default_rng(tokens).integers(1000, 20000, tokens - 2).astype(np.int32)
    return Tokens(ids, np.zeros_like(ids), np.zeros((tokens - 2, 2), np.int32))


def beside_peers(encoder: PackEncoder, rounds: int) -> None:
    """Print the pass over 128 tokens beside one pass of each architecture, in turns, one graph in memory at a time."""
    try:
        from peer_graphs import PEERS, peer
    except ImportError:
        print("the peers need the onnx package: pip install onnx")
        return
    one, total, ours = window(LENGTHS[-1]), 0.0, list[float]()
    ids = np.concatenate([[101], one.ids, [102]]).astype(np.int64)[None]
    for name, (words, layers, mix) in PEERS.items():
        with tempfile.TemporaryDirectory() as folder:
            session = peer(Path(folder) / "peer.onnx", ids.shape[1], words, layers, mix)
            mine, theirs = median_ms(
                lambda: encoder.run(one, 0, len(one.ids)), lambda s=session: s.run(None, {"ids": ids}), rounds=rounds
            )  # type: ignore[misc]
        ours.append(mine)
        total += theirs
        print(f"{name:>16}: {theirs:6.1f} ms, one pass of the pack {mine:5.2f} ms: {theirs / mine:.1f} x")
    print(f"all four together: {total:.0f} ms, {total / statistics.median(ours):.1f} x one pass of the pack")


def main() -> None:
    start = time.perf_counter()
    encoder = PackEncoder(cache_bytes=0)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"load and warm-up: {time.perf_counter() - start:.2f} s, resident {memory:.0f} MB")
    for tokens in LENGTHS:
        one = window(tokens)
        (time_ms,) = median_ms(lambda one=one: encoder.run(one, 0, len(one.ids)))  # type: ignore[misc]
        print(f"window of {tokens:3} tokens: {time_ms:.2f} ms")
    beside_peers(encoder, rounds=12)
    question, answer = SENTENCE * 10, SENTENCE * 15  # about 200 and 300 tokens
    exchange, views = median_ms(
        lambda: encoder.encode([question, answer]), lambda: (revealed(question), revealed(answer)), rounds=9
    )
    rate = 1000 / exchange
    print(
        f"exchange of 200 + 300 tokens: {exchange:.1f} ms, {rate:.1f} a second and core (second view: {views:.2f} ms)"
    )


if __name__ == "__main__":
    main()
