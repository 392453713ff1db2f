"""The architectures that guard libraries run side by side, written as float32 ONNX graphs with random weights.

Speed does not depend on the weights. BERT-base and RoBERTa-base: 12 layers of 768; DistilRoBERTa: 6; DeBERTa-v3-base: 12 with
disentangled attention (content to position and position to content, 512 relative places, projections of the places
folded, as onnxruntime does). Attention and GELU are fused where onnxruntime has a fused kernel. One fixed length each.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

HIDDEN, HEADS, INNER, PLACES = 768, 12, 3072, 512
WIDE = HIDDEN // HEADS


class Graph:
    """Nodes and random constants of one graph for texts of `tokens` tokens."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._rng = np.random.default_rng(0)

    def constant(self, value: NDArray[np.generic]) -> str:
        self.constants.append(numpy_helper.from_array(value, f"c{len(self.constants)}"))
        return self.constants[-1].name

    def weight(self, *shape: int) -> str:
        return self.constant(self._rng.normal(0, 0.02, shape).astype(np.float32))

    def node(self, kind: str, *inputs: str, domain: str = "", **attributes: object) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [f"n{len(self.nodes)}"], domain=domain, **attributes))
        return str(self.nodes[-1].output[0])

    def linear(self, x: str, inputs: int, outputs: int) -> str:
        return self.node("Add", self.node("MatMul", x, self.weight(inputs, outputs)), self.weight(outputs))

    def norm(self, one: str, other: str) -> str:
        total = self.node("Add", one, other)
        return self.node("LayerNormalization", total, self.weight(HIDDEN), self.weight(HIDDEN), axis=-1)

    def session(self, out: str, file: Path) -> onnxruntime.InferenceSession:
        self.nodes.append(helper.make_node("Identity", [out], ["out"]))
        shape = [1, self.tokens]
        graph = helper.make_graph(
            self.nodes,
            "peer",
            [helper.make_tensor_value_info("ids", TensorProto.INT64, shape)],
            [helper.make_tensor_value_info("out", TensorProto.FLOAT, [*shape, HIDDEN])],
            self.constants,
        )
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), file)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def attention(graph: Graph, x: str) -> str:
    weights = (graph.weight(HIDDEN, 3 * HIDDEN), graph.weight(3 * HIDDEN))
    return graph.node("Attention", x, *weights, domain="com.microsoft", num_heads=HEADS)


def disentangled(graph: Graph, x: str) -> str:
    """DeBERTa's attention (He et al. 2021, equation 4)."""
    heads = graph.constant(np.array([1, graph.tokens, HEADS, WIDE], np.int64))
    query, key, value = (
        graph.node("Transpose", graph.node("Reshape", graph.linear(x, HIDDEN, HIDDEN), heads), perm=[0, 2, 1, 3])
        for _ in range(3)
    )
    places = np.clip(np.arange(graph.tokens)[:, None] - np.arange(graph.tokens) + PLACES // 2, 0, PLACES - 1)
    index = graph.constant(np.broadcast_to(places, (1, HEADS, *places.shape)).astype(np.int64))
    turned = [graph.node("Transpose", key, perm=[0, 1, 3, 2]), graph.weight(1, HEADS, WIDE, PLACES)]
    content = graph.node("MatMul", query, turned[0])
    to_place = graph.node("GatherElements", graph.node("MatMul", query, turned[1]), index, axis=3)
    from_place = graph.node("MatMul", key, graph.weight(1, HEADS, WIDE, PLACES))
    from_place = graph.node("Transpose", graph.node("GatherElements", from_place, index, axis=3), perm=[0, 1, 3, 2])
    scores = graph.node("Add", graph.node("Add", content, to_place), from_place)
    scores = graph.node("Mul", scores, graph.constant(np.float32([1 / np.sqrt(3 * WIDE)])))
    mixed = graph.node(
        "Transpose", graph.node("MatMul", graph.node("Softmax", scores, axis=-1), value), perm=[0, 2, 1, 3]
    )
    return graph.node("Reshape", mixed, graph.constant(np.array([1, graph.tokens, HIDDEN], np.int64)))


def peer(
    file: Path, tokens: int, words: int, layers: int, mix: Callable[[Graph, str], str]
) -> onnxruntime.InferenceSession:
    graph = Graph(tokens)
    x = graph.node("Gather", graph.weight(words, HIDDEN), "ids")
    for _ in range(layers):
        x = graph.norm(x, graph.linear(mix(graph, x), HIDDEN, HIDDEN))
        inner = graph.node("Gelu", graph.linear(x, HIDDEN, INNER), domain="com.microsoft")
        x = graph.norm(x, graph.linear(inner, INNER, HIDDEN))
    return graph.session(x, file)


# What they are called -> words of the vocabulary (the last 100,000 of DeBERTa's are left out: a look-up), layers, attention.
PEERS = {
    "BERT-base": (30522, 12, attention),
    "DistilRoBERTa": (50265, 6, attention),
    "DeBERTa-v3-base": (28100, 12, disentangled),
    "RoBERTa-base": (50265, 12, attention),
}
