"""The pack's graph: what goes into one pass and what comes out, and the pass in this process.

The encoder asks a `Graph` for its passes and does not know where they run: here, or on a server (`sidecar` has that one:
`watchers` knows no network). Each window goes through alone and unpadded, so the numbers are the same anywhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from watchers.encoding import Floats
from watchers.pack import Pack, PackError

INPUTS: Final = ("ids", "case")
OUTPUTS: Final = ("scores", "tags", "mean")


@dataclass(frozen=True, slots=True)
class Feed:
    """One window as the graph takes it. Shapes: ids, case int64 (1, tokens), special tokens included."""

    ids: NDArray[np.int64]
    case: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Raw:
    """The graph's outputs for one window. Shapes: float32, scores (labels,), tags (tokens, tags), mean (hidden,)."""

    scores: Floats
    tags: Floats
    mean: Floats


class Graph(Protocol):
    """Runs passes. Must not raise on any window of tokens."""

    def run(self, feeds: Sequence[Feed]) -> list[Raw | None]:
        """Return what comes out, one a window, in order; None for a window that could not be had."""
        ...


class LocalGraph:
    """The graph in this process; it always answers. Raises PackError where onnxruntime cannot load it."""

    def __init__(self, pack: Pack, threads: int = 1) -> None:
        self._session = _session(pack, threads)

    def run(self, feeds: Sequence[Feed]) -> list[Raw | None]:
        return [self._one(feed) for feed in feeds]

    def _one(self, feed: Feed) -> Raw:
        scores, tags, mean = self._session.run(OUTPUTS, {"ids": feed.ids, "case": feed.case})
        return Raw(scores[0], tags[0], mean[0])


def _session(pack: Pack, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # the arena keeps the largest window's memory for good
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(pack.graph), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises many classes of its own
        raise PackError(f"{pack.graph}: onnxruntime cannot load it: {error}") from error
