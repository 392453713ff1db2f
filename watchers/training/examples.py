"""What a training example is, and the labels of the pack.

Every source labels different things: a label that a source does not annotate is absent from `labels`
and has no loss there.
"""

from dataclasses import dataclass, field

from watchers.tags import ENTITY_TYPES, TAGS

TOXICITY = ("toxicity", "insult", "obscene", "identity_attack", "threat", "sexual_harassment")
BIAS = (
    "bias",
    "gender",
    "race",
    "religion",
    "nationality",
    "orientation",
    "disability",
    "age",
    "profession",
    "politics",
)
INJECTION = ("injection", "indirect", "prompt_extraction")
HEADS = {"toxicity": TOXICITY, "bias": BIAS, "injection": INJECTION}
LABELS = TOXICITY + BIAS + INJECTION
# A head is offered only where validation shows that it learned something.
SHIPPED = {head: tuple(label for label in labels if label != "politics") for head, labels in HEADS.items()}
__all__ = ["BIAS", "ENTITY_TYPES", "HEADS", "INJECTION", "LABELS", "SHIPPED", "TAGS", "TOXICITY", "Example", "Unit"]


@dataclass(slots=True)
class Example:
    """One text with what is known of it.

    `labels`: label -> probability (annotator share where the source gives it). `spans` is None where
    the source annotates no entities, otherwise (start, end, type); `annotated` lists the types that the
    source looks for: an O outside them may hide one. `group` keeps near duplicates in one split.
    """

    text: str
    source: str
    labels: dict[str, float] = field(default_factory=dict)
    weight: float = 1.0
    group: str = ""
    spans: list[tuple[int, int, str]] | None = None
    annotated: tuple[str, ...] = ENTITY_TYPES


@dataclass(slots=True)
class Unit:
    """Examples that stay in one batch; in a pair the first should score above the second on `ranked`."""

    examples: list[Example]
    ranked: str | None = None
