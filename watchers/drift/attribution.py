"""Who changed: the users (prompts), the model (completions), both, or the provider behind an unchanged name."""

from collections.abc import Mapping

from watchers.drift.events import DriftEvent, Level, StreamStatus
from watchers.watcher import Direction

# Categories that name what answered; a new value in one of them is the provider's doing.
PROVIDER_CATEGORIES = ("answered_model", "system_fingerprint", "response_model")
# What a changed model shows in its completions.
SIGNS = ("tokens", "length", "refusal", "latency", "duration", "first_token", "tokens_per_second")
ON_ITS_WAY = 0.005  # of the evidence that an alarm needs
RAISED = (Level.WARNING, Level.DRIFT)


def attribute(event: DriftEvent, other: StreamStatus | None, budget: float) -> str:
    """Return prompts, completions, both, provider, or unknown while the other direction is not yet known.

    `other` is the same traffic in the other direction; one that is on its way to an alarm counts as changed, since
    two streams that change together do not alarm in the same instant. `budget`: where the alarm stands.
    """
    if other is not None and (other.level in RAISED or other.evidence >= max(50.0, ON_ITS_WAY * budget)):
        return "both"
    if event.stream.direction is Direction.PROMPT:
        return "prompts"
    if other is None or other.level is not Level.STABLE:
        return "unknown"
    return "provider" if _names_changed(event.reason) or _signs(event.reason) >= 2 else "completions"


def _names_changed(reason: Mapping[str, object]) -> bool:
    labels = reason.get("labels")
    rows = labels if isinstance(labels, list) else []
    return any(row["category"] in PROVIDER_CATEGORIES for row in rows)


def _signs(reason: Mapping[str, object]) -> int:
    """Return how many of a completion's measures moved, after correction for their number, the embedding included."""
    scalars, embedding = reason.get("scalars"), reason.get("embedding")
    moved = 0
    for name, numbers in (scalars if isinstance(scalars, dict) else {}).items():
        moved += any(sign in name for sign in SIGNS) and numbers["p_value_adjusted"] < 0.001
    ratio = embedding.get("mmd2_ratio", 0.0) if isinstance(embedding, dict) else 0.0
    return moved + (ratio >= 1.0)
