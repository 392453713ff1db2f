"""The training objective: masked label losses, pair ranking, token tags, and closeness to the original embedding."""

import torch
from torch import Tensor
from torch.nn import functional

from watchers.training.batches import UNTAGGED, Batch
from watchers.training.examples import LABELS, TAGS
from watchers.training.model import Output

MAIN = {
    "toxicity": 1.0,
    "identity_attack": 1.0,
    "bias": 1.0,
    "injection": 1.2,
    "indirect": 1.2,
    "gender": 0.6,
    "threat": 0.6,
}
MINOR, RANK, TAG, CLOSE = 0.35, 1.0, 2.0, 6.0
_LEFT_OUT = TAGS.index("B-STREET_ADDRESS")  # person, location, organisation come before it


def importance() -> Tensor:
    return torch.tensor([MAIN.get(label, MINOR) for label in LABELS])


def positive_weights(targets: Tensor) -> Tensor:
    """√(negatives / positives), at most 6, over all training targets (rows, labels); NaN is unknown."""
    known = ~targets.isnan()
    positives = targets.nan_to_num().sum(0).clamp(min=1)
    return ((known.sum(0) - positives).clamp(min=1) / positives).sqrt().clamp(max=6.0)


def labels_loss(output: Output, batch: Batch, weights: Tensor) -> Tensor:
    known = ~batch.targets.isnan()
    each = functional.binary_cross_entropy_with_logits(
        output.scores.float(), batch.targets.nan_to_num(), pos_weight=weights, reduction="none"
    )
    return (each * known * importance() * batch.weights[:, None]).sum() / len(batch.targets)


def rank_loss(output: Output, batch: Batch) -> Tensor:
    if not len(batch.pairs):
        return output.scores.sum() * 0
    scores = output.scores[:, batch.ranked].float()
    return functional.softplus(1.0 - scores[batch.pairs[:, 0]] + scores[batch.pairs[:, 1]]).sum() / len(batch.targets)


def tags_loss(output: Output, batch: Batch) -> Tensor:
    """Cross-entropy; where O may hide a type that was not annotated, O or any such type is right."""
    tagged = batch.tags != UNTAGGED
    if not tagged.any():
        return output.scores.sum() * 0
    logs = functional.log_softmax(output.tags[tagged].float(), dim=-1)
    exact = -logs.gather(1, batch.tags[tagged][:, None])[:, 0]
    either = -torch.logsumexp(torch.cat([logs[:, :1], logs[:, _LEFT_OUT:]], dim=1), dim=1)
    share = tagged.any(1).float().mean()
    return torch.where(batch.hidden[tagged], either, exact).mean() * share


def close_loss(output: Output, original: Tensor) -> Tensor:
    """Cosine distance to the original encoder's embedding, unit rows."""
    return (1 - (output.embedding * original).sum(1)).mean()


def total(output: Output, batch: Batch, weights: Tensor, original: Tensor | None) -> Tensor:
    loss = labels_loss(output, batch, weights) + RANK * rank_loss(output, batch) + TAG * tags_loss(output, batch)
    return loss if original is None else loss + CLOSE * close_loss(output, original)
