"""Weights to one ONNX graph, written node by node: no tracing, no graph rewriting, the same bytes each time.

Inputs `ids` and `case` int64 (1, tokens), one window without padding, so that no mask is needed and a score
never depends on what else was in a batch. Outputs: `scores` logits (1, labels), `tags` logits (1, tokens, tags),
`mean` (1, hidden), the sum over windows of which, token-weighted and normalised, is the embedding.

Quantised: dynamic, activations uint8 per tensor, weights int8 per output channel, word vectors int8 per
row; heads and layer norms stay float. Layer norm is Add + LayerNormalization, because onnxruntime's fused
SkipLayerNormalization is several times slower on one core.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from watchers.training.examples import HEADS, SHIPPED
from watchers.training.model import ATTENTION, HIDDEN, LAYERS

Array = NDArray[np.float32]
Weights = dict[str, Array]


class Float:
    """A graph in single precision; the reference that the quantised one is compared with."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def node(self, kind: str, inputs: list[str], outputs: int = 1, domain: str = "", **attributes: object) -> str:
        """Append a node and return the name of its first output; others are that name with `.1`, `.2`."""
        name = f"{kind.lower()}{len(self.nodes)}"
        names = [name, *(f"{name}.{index}" for index in range(1, outputs))]
        self.nodes.append(helper.make_node(kind, inputs, names, name=name, domain=domain, **attributes))
        return name

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        self.constants.setdefault(name, numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def rows(self, name: str, table: Array, ids: str) -> str:
        return self.node("Gather", [self.constant(name, table), ids])

    def linear(self, name: str, x: str, weight: Array, bias: Array) -> str:
        """x @ weight + bias; weight: (inputs, outputs)."""
        product = self.node("MatMul", [x, self.constant(f"{name}.w", weight)])
        return self.node("Add", [product, self.constant(f"{name}.b", bias)])

    def attention(self, name: str, x: str, weight: Array, bias: Array) -> str:
        inputs = [x, self.constant(f"{name}.w", weight), self.constant(f"{name}.b", bias)]
        return self.node("Attention", inputs, domain="com.microsoft", num_heads=ATTENTION)

    def norm(self, name: str, x: str, scale: Array, bias: Array) -> str:
        inputs = [x, self.constant(f"{name}.s", scale), self.constant(f"{name}.b", bias)]
        return self.node("LayerNormalization", inputs, axis=-1, epsilon=1e-12)


class Quantised(Float):
    """The shipped graph."""

    def rows(self, name: str, table: Array, ids: str) -> str:
        scale = np.maximum(np.abs(table).max(axis=1, keepdims=True), 1e-8).astype(np.float32) / 127
        whole = self.constant(f"{name}.q", np.round(table / scale).astype(np.int8))
        found = self.node("Cast", [self.node("Gather", [whole, ids])], to=TensorProto.FLOAT)
        return self.node("Mul", [found, self.node("Gather", [self.constant(f"{name}.scale", scale), ids])])

    def weight(self, name: str, weight: Array) -> tuple[str, str, str]:
        """int8 (inputs, outputs) with one scale a column; the zero point is zero."""
        scale = (np.maximum(np.abs(weight).max(axis=0), 1e-8) / 127).astype(np.float32)
        whole = np.clip(np.round(weight / scale), -127, 127).astype(np.int8)
        zero = np.zeros(len(scale), dtype=np.int8)
        return (
            self.constant(f"{name}.q", whole),
            self.constant(f"{name}.scale", scale),
            self.constant(f"zero{len(zero)}", zero),
        )

    def linear(self, name: str, x: str, weight: Array, bias: Array) -> str:
        whole, scale, zero = self.weight(name, weight)
        inputs = [x, whole, scale, zero, self.constant(f"{name}.b", bias)]
        return self.node("DynamicQuantizeMatMul", inputs, domain="com.microsoft")

    def attention(self, name: str, x: str, weight: Array, bias: Array) -> str:
        whole, scale, zero = self.weight(name, weight)
        given = self.node("DynamicQuantizeLinear", [x], outputs=3)
        inputs = [given, whole, self.constant(f"{name}.b", bias), f"{given}.1", scale, "", f"{given}.2", zero]
        return self.node("QAttention", inputs, domain="com.microsoft", num_heads=ATTENTION)


def build(weights: Weights, graph: Float) -> onnx.ModelProto:
    """Assemble the whole pack on `graph`, which says how its products are computed."""
    x = _embedded(weights, graph)
    for index in range(LAYERS):
        x = _layer(weights, graph, f"layers.{index}.", x)
    outputs = _heads(weights, graph, x)
    return helper.make_model(
        helper.make_graph(
            graph.nodes,
            "pack",
            [helper.make_tensor_value_info(name, TensorProto.INT64, [1, "tokens"]) for name in ("ids", "case")],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
            list(graph.constants.values()),
        ),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)],
        ir_version=8,
        producer_name="sidewatch",
    )


def _embedded(weights: Weights, graph: Float) -> str:
    words = graph.rows("words", weights["words.weight"], "ids")
    length = graph.node(
        "Slice", [graph.node("Shape", ["ids"]), *(graph.constant(f"at{v}", np.array([v])) for v in (1, 2))]
    )
    places = (weights["positions.weight"] + weights["kind"]).astype(np.float32)
    place = graph.node("Slice", [graph.constant("positions", places), graph.constant("at0", np.array([0])), length])
    case = Float.rows(graph, "cases", weights["case.weight"], "case")
    total = graph.node("Add", [graph.node("Add", [words, place]), case])
    return graph.norm("norm", total, weights["norm.weight"], weights["norm.bias"])


def _layer(weights: Weights, graph: Float, prefix: str, x: str) -> str:
    def take(part: str) -> tuple[Array, Array]:
        return np.ascontiguousarray(weights[f"{prefix}{part}.weight"].T), weights[f"{prefix}{part}.bias"]

    mixed = graph.linear(f"{prefix}out", graph.attention(f"{prefix}qkv", x, *take("qkv")), *take("out"))
    x = graph.norm(
        f"{prefix}norm1", graph.node("Add", [x, mixed]), *(weights[f"{prefix}norm1.{p}"] for p in ("weight", "bias"))
    )
    inner = graph.node("FastGelu", [graph.linear(f"{prefix}up", x, *take("up"))], domain="com.microsoft")
    inner = graph.linear(f"{prefix}down", inner, *take("down"))
    return graph.norm(
        f"{prefix}norm2", graph.node("Add", [x, inner]), *(weights[f"{prefix}norm2.{p}"] for p in ("weight", "bias"))
    )


def _heads(weights: Weights, graph: Float, x: str) -> dict[str, list[object]]:
    """The small float part; writes the named outputs and returns their shapes."""
    first = graph.node("Gather", [x, graph.constant("first", np.array(0))], axis=1)
    mean = graph.node("ReduceMean", [x], axes=[1], keepdims=0)
    read = graph.node("Concat", [first, mean, graph.node("ReduceMax", [x], axes=[1], keepdims=0)], axis=1)
    found = []
    for head in HEADS:
        inner = Float.linear(
            graph, f"reader.{head}", read, weights[f"readers.{head}.weight"].T, weights[f"readers.{head}.bias"]
        )
        inner = graph.node("FastGelu", [inner], domain="com.microsoft")
        kept = [HEADS[head].index(label) for label in SHIPPED[head]]
        found.append(
            Float.linear(
                graph,
                f"head.{head}",
                inner,
                weights[f"heads.{head}.weight"][kept].T,
                weights[f"heads.{head}.bias"][kept],
            )
        )
    tags = Float.linear(graph, "tagger", x, weights["tagger.weight"].T, weights["tagger.bias"])
    labels, kinds = sum(map(len, SHIPPED.values())), len(weights["tagger.bias"])
    graph.nodes.append(helper.make_node("Concat", found, ["scores"], axis=1))
    graph.nodes.append(helper.make_node("Identity", [tags], ["tags"]))
    graph.nodes.append(helper.make_node("Identity", [mean], ["mean"]))
    return {"scores": [1, labels], "tags": [1, "tokens", kinds], "mean": [1, HIDDEN]}


def weights_of(checkpoint: Path) -> Weights:
    """Weights of a checkpoint file, or the mean of all those in a directory (runs that were averaged as they went)."""
    states = [state["model"] for state in _states(checkpoint)]
    return {name: torch.stack([state[name].float() for state in states]).mean(0).numpy() for name in states[0]}


def examples_of(checkpoint: Path) -> int:
    """How many examples the run, or all runs that were averaged, had seen."""
    return sum(state["at"][2] for state in _states(checkpoint))


def _states(checkpoint: Path) -> list[dict[str, Any]]:
    files = sorted(checkpoint.glob("checkpoint*.pt")) if checkpoint.is_dir() else [checkpoint]
    return [torch.load(file, map_location="cpu", weights_only=True) for file in files]


def weights_in(graph: Path) -> Weights:
    """The weights of a shipped graph, as near as its quantisation left them: where a further run starts.

    Rows of labels that are not shipped are absent, so that they begin anew; the word vectors too, which
    training never changes.
    """
    found = {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(str(graph)).graph.initializer}
    weights: Weights = {"case.weight": found["cases"]}
    for name in ("norm", *(f"layers.{index}.norm{part}" for index in range(LAYERS) for part in (1, 2))):
        weights |= {f"{name}.weight": found[f"{name}.s"], f"{name}.bias": found[f"{name}.b"]}
    for name in (f"layers.{index}.{part}" for index in range(LAYERS) for part in ("qkv", "out", "up", "down")):
        whole = found[f"{name}.q"].astype(np.float32) * found[f"{name}.scale"]
        weights |= {f"{name}.weight": whole.T, f"{name}.bias": found[f"{name}.b"]}
    for ours, theirs in [("tagger", "tagger"), *((f"readers.{head}", f"reader.{head}") for head in HEADS)]:
        weights |= {f"{ours}.weight": found[f"{theirs}.w"].T, f"{ours}.bias": found[f"{theirs}.b"]}
    for head, labels in HEADS.items():
        kept = [labels.index(label) for label in SHIPPED[head]]
        whole, bias = (
            np.zeros((len(labels), found[f"head.{head}.w"].shape[0]), np.float32),
            np.zeros(len(labels), np.float32),
        )
        whole[kept], bias[kept] = found[f"head.{head}.w"].T, found[f"head.{head}.b"]
        weights |= {f"heads.{head}.weight": whole, f"heads.{head}.bias": bias}
    return {name: np.ascontiguousarray(value, np.float32) for name, value in weights.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--float", action="store_true", help="write single precision instead, as a reference")
    given = parser.parse_args()
    model = build(weights_of(given.checkpoint), Float() if given.float else Quantised())
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_bytes(model.SerializeToString(deterministic=True))
    print(f"{given.out}: {given.out.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
