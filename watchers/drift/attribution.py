"""Who changed: the users (prompts), the model (completions), both, or the provider behind an unchanged name."""

from watchers.drift.events import DriftEvent, Level, StreamStatus
from watchers.drift.provider import ENOUGH, RAISED, moved_signs, on_its_way
from watchers.watcher import Direction


def attribute(
    event: DriftEvent, other: StreamStatus | None, other_moved: bool, provider: Level | None, budget: float
) -> str:
    """Return prompts, completions, both, provider, or unknown while the other direction is not yet known.

    `other` is the same traffic in the other direction; `other_moved`: whether its samples since the change differ from
    its reference, though it has not alarmed: two streams never alarm in the same instant. `provider`: what is known of
    what answers; `budget`: the evidence at which an alarm stands.
    """
    if other is not None and (other_moved or on_its_way(other, budget)):
        return "both"
    if event.stream.direction is Direction.PROMPT:
        return "prompts"
    if other is None or other.level is not Level.STABLE:
        return "unknown"
    return "provider" if provider in RAISED or len(moved_signs(event.reason)) >= ENOUGH else "completions"
