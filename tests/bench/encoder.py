"""What one pass of the pack costs: by window length, per exchange, and against a BERT-base in single precision.

    python tests/bench/encoder.py

The BERT-base graph (12 layers of 768, random weights: speed does not depend on them) is written on the spot when the
`onnx` package is there (`pip install sidewatch[train]`). One thread each; medians of interleaved runs.
"""

import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime

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


def bert_base(folder: Path) -> onnxruntime.InferenceSession | None:
    """The reference architecture, float32, fused attention; None without the onnx package."""
    try:
        import onnx
        from onnx import TensorProto, helper, numpy_helper
    except ImportError:
        return None
    rng, nodes, constants = np.random.default_rng(0), [], []

    def constant(*shape: int) -> str:
        name = f"c{len(constants)}"
        constants.append(numpy_helper.from_array(rng.normal(0, 0.02, shape).astype(np.float32), name))
        return name

    def node(kind: str, *inputs: str, domain: str = "", **attributes: object) -> str:
        nodes.append(helper.make_node(kind, inputs, [f"n{len(nodes)}"], domain=domain, **attributes))
        return nodes[-1].output[0]

    x = node("Gather", constant(30522, 768), "ids")
    for _ in range(12):
        mixed = node("Attention", x, constant(768, 2304), constant(2304), domain="com.microsoft", num_heads=12)
        mixed = node("Add", node("MatMul", mixed, constant(768, 768)), constant(768))
        x = node("LayerNormalization", node("Add", x, mixed), constant(768), constant(768), axis=-1)
        inner = node("Add", node("MatMul", x, constant(768, 3072)), constant(3072))
        inner = node("MatMul", node("Gelu", inner, domain="com.microsoft"), constant(3072, 768))
        x = node(
            "LayerNormalization",
            node("Add", x, node("Add", inner, constant(768))),
            constant(768),
            constant(768),
            axis=-1,
        )
    nodes.append(helper.make_node("Identity", [x], ["out"]))
    graph = helper.make_graph(
        nodes,
        "bert",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, [1, "tokens"])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, "tokens", 768])],
        constants,
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)], ir_version=8
    )
    onnx.save(model, folder / "bert.onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(folder / "bert.onnx"), options, providers=["CPUExecutionProvider"])


def main() -> None:
    start = time.perf_counter()
    encoder = PackEncoder(cache_bytes=0)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"load and warm-up: {time.perf_counter() - start:.2f} s, resident {memory:.0f} MB")
    with tempfile.TemporaryDirectory() as folder:
        bert = bert_base(Path(folder))
    for tokens in LENGTHS:
        one = window(tokens)
        runs: list[Callable[[], object]] = [lambda one=one: encoder.run(one, 0, len(one.ids))]  # type: ignore[misc]
        if bert:
            ids = np.concatenate([[101], one.ids, [102]]).astype(np.int64)[None]
            runs.append(lambda ids=ids: bert.run(None, {"ids": ids}))  # type: ignore[misc]
        times = median_ms(*runs)
        beside = f", BERT-base float32 {times[1]:.1f} ms: {times[1] / times[0]:.1f} x" if bert else ""
        print(f"window of {tokens:3} tokens: {times[0]:.2f} ms{beside}")
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
