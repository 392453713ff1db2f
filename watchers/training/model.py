"""MiniLM with heads: what is trained. The shipped graph is written by `export` from these weights.

Differences from the published encoder: a case embedding (the vocabulary is lower-case, names are not)
that starts at zero, and the tanh form of GELU, which the run time has a fast kernel for.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from watchers.training.examples import HEADS, LABELS, TAGS

HIDDEN, LAYERS, ATTENTION, INNER, CASES = 384, 6, 12, 1536, 5
READER = 192  # width of a head's hidden layer


class Layer(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(HIDDEN, 3 * HIDDEN)
        self.out = nn.Linear(HIDDEN, HIDDEN)
        self.norm1 = nn.LayerNorm(HIDDEN, eps=1e-12)
        self.up = nn.Linear(HIDDEN, INNER)
        self.down = nn.Linear(INNER, HIDDEN)
        self.norm2 = nn.LayerNorm(HIDDEN, eps=1e-12)

    def forward(self, x: Tensor, mask: Tensor, drop: float) -> Tensor:
        """x: (rows, tokens, hidden); mask: bool (rows, 1, 1, tokens)."""
        rows, tokens, _ = x.shape
        q, k, v = self.qkv(x).view(rows, tokens, 3, ATTENTION, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        mixed = self.out(mixed.transpose(1, 2).reshape(rows, tokens, HIDDEN))
        x = self.norm1(x + functional.dropout(mixed, drop, self.training))
        inner = self.down(functional.gelu(self.up(x), approximate="tanh"))
        return self.norm2(x + functional.dropout(inner, drop, self.training))


@dataclass(slots=True)
class Output:
    """scores: logits (rows, labels); tags: logits (rows, tokens, tags); embedding: unit (rows, hidden)."""

    scores: Tensor
    tags: Tensor
    embedding: Tensor


class Pack(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(30522, HIDDEN)
        self.positions = nn.Embedding(512, HIDDEN)
        self.kind = nn.Parameter(torch.zeros(HIDDEN))
        self.case = nn.Embedding(CASES, HIDDEN)
        self.norm = nn.LayerNorm(HIDDEN, eps=1e-12)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.readers = nn.ModuleDict({head: nn.Linear(3 * HIDDEN, READER) for head in HEADS})
        self.heads = nn.ModuleDict({head: nn.Linear(READER, len(labels)) for head, labels in HEADS.items()})
        self.tagger = nn.Linear(HIDDEN, len(TAGS))
        nn.init.zeros_(self.case.weight)
        self.drop = 0.1

    def forward(self, ids: Tensor, case: Tensor, mask: Tensor) -> Output:
        """ids, case: int64 (rows, tokens); mask: bool (rows, tokens)."""
        hidden = self.hidden(ids, case, mask)
        inside = mask.unsqueeze(-1)
        mean = (hidden * inside).sum(1) / inside.sum(1)
        top = hidden.masked_fill(~inside, float("-inf")).amax(1)
        read = torch.cat([hidden[:, 0], mean, top], dim=1)
        read = functional.dropout(read, self.drop, self.training)
        scores = torch.cat(
            [self.heads[head](functional.gelu(self.readers[head](read), approximate="tanh")) for head in HEADS], dim=1
        )
        return Output(scores, self.tagger(hidden), functional.normalize(mean.float(), dim=1))

    def hidden(self, ids: Tensor, case: Tensor, mask: Tensor) -> Tensor:
        x = self.words(ids) + self.positions.weight[: ids.shape[1]] + self.kind + self.case(case)
        x = functional.dropout(self.norm(x), self.drop, self.training)
        for layer in self.layers:
            x = layer(x, mask[:, None, None, :], self.drop)
        return x


assert sum(map(len, HEADS.values())) == len(LABELS)


def published(weights: Path) -> dict[str, Tensor]:
    """The published encoder's tensors under our names; heads are not among them."""
    from safetensors.torch import load_file

    given = load_file(str(weights))
    given = {name.removeprefix("bert."): tensor for name, tensor in given.items()}
    found = {
        "words.weight": given["embeddings.word_embeddings.weight"],
        "positions.weight": given["embeddings.position_embeddings.weight"],
        "kind": given["embeddings.token_type_embeddings.weight"][0],
        "norm.weight": given["embeddings.LayerNorm.weight"],
        "norm.bias": given["embeddings.LayerNorm.bias"],
    }
    for index in range(LAYERS):
        found |= _layer(given, f"encoder.layer.{index}.", f"layers.{index}.")
    return found


def _layer(given: dict[str, Tensor], theirs: str, ours: str) -> dict[str, Tensor]:
    found = {}
    for part in ("weight", "bias"):
        parts = [given[f"{theirs}attention.self.{name}.{part}"] for name in ("query", "key", "value")]
        found[f"{ours}qkv.{part}"] = torch.cat(parts)
        found[f"{ours}out.{part}"] = given[f"{theirs}attention.output.dense.{part}"]
        found[f"{ours}norm1.{part}"] = given[f"{theirs}attention.output.LayerNorm.{part}"]
        found[f"{ours}up.{part}"] = given[f"{theirs}intermediate.dense.{part}"]
        found[f"{ours}down.{part}"] = given[f"{theirs}output.dense.{part}"]
        found[f"{ours}norm2.{part}"] = given[f"{theirs}output.LayerNorm.{part}"]
    return found
