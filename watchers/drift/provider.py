"""Silent change of the provider: what answers behind an unchanged model name.

Two signs, each with its own evidence. The *names* that came with the answers (the answered model, the system
fingerprint) are a stream of their own, watched like any other and under the same promise. And the *completions* of a
traffic whose prompts are stable: where their stream has drifted and two or more of length, refusals, latency, speed
and embedding moved together, the provider changed though it said nothing. The second only follows an alarm of the
completions, so it adds no false alarm to theirs.
"""

from collections.abc import Mapping
from dataclasses import replace

from watchers.drift.events import DriftError, DriftEvent, DriftSettings, Level, StreamKey, StreamStatus
from watchers.drift.samples import Sample
from watchers.drift.stream import Stream

# Categories that name what answered; they are watched here and not among the completions.
NAMES = ("answered_model", "system_fingerprint", "response_model")
# What a changed model shows in its completions; one sign each, though several scalars may show it.
SIGNS = {
    "length": ("tokens",),
    "refusals": ("refusal_rate",),
    "latency": ("duration_seconds", "first_token_seconds"),
    "speed": ("output_tokens_per_second",),
}
ENOUGH = 2  # signs that move together
SURE = 0.001  # p-value of a sign, after correction for their number
ON_ITS_WAY = 0.005  # of the evidence that an alarm needs: two streams never alarm in the same instant
RAISED = (Level.WARNING, Level.DRIFT)


def moved_signs(reason: Mapping[str, object]) -> list[str]:
    """Return which signs of a changed model the reason of a completions' drift holds."""
    scalars, embedding = reason.get("scalars"), reason.get("embedding")
    known = scalars if isinstance(scalars, dict) else {}
    p_values = {name: numbers["p_value_adjusted"] for name, numbers in known.items()}
    found = [sign for sign, names in SIGNS.items() if min(p_values.get(n, 1.0) for n in names) < SURE]
    ratio = embedding.get("mmd2_ratio", 0.0) if isinstance(embedding, dict) else 0.0
    return [*found, *(["embedding"] if ratio >= 1.0 else [])]


def on_its_way(status: StreamStatus, budget: float) -> bool:
    """Say whether a stream has changed, or will be found to have within moments."""
    # Unchanged, the evidence grows like the samples on average: ten times that is a chance of one in twenty.
    return status.level in RAISED or status.evidence >= max(50.0, ON_ITS_WAY * budget, 10.0 * status.samples)


class Provider:
    """The provider behind one traffic: a level of its own, told in events of the direction `provider`."""

    def __init__(self, key: StreamKey, settings: DriftSettings, share: float) -> None:
        self.key = key
        self.names = Stream(key, settings, share)
        self.level = Level.INSUFFICIENT_DATA
        self.together: StreamStatus | None = None  # of the completions, when they were found to have moved together
        self._looked_at, self._completions = -1, Level.INSUFFICIENT_DATA
        self._next_look = 0  # samples of the completions at which their signs are looked at again
        self._accepted = False  # the completions' present change is known and accepted

    def observe(self, names: Mapping[str, str], time_seconds: float) -> list[DriftEvent]:
        """Take in the names that came with one answer; return the changes of level."""
        if not names:
            return []
        return [
            e for event in self.names.observe(Sample(None, {}, names, "", time_seconds)) for e in self._named(event)
        ]

    def flush(self) -> list[DriftEvent]:
        """Weigh the names that wait."""
        return [e for event in self.names.flush() for e in self._named(event)]

    def follow(self, completions: Stream, prompts: Stream | None) -> list[DriftEvent]:
        """Look at the completions beside the prompts: did they move alone, and in several ways together?"""
        if completions.samples == self._looked_at and completions.level is self._completions:
            return []
        self._looked_at, self._completions = completions.samples, completions.level
        if completions.level is not Level.DRIFT:
            self._accepted, self._next_look, self.together = False, 0, None
            return self._calm(completions)
        if prompts is None or prompts.level is not Level.STABLE:
            self.together = None
            return self._calm(completions)
        if self.together is not None or self._accepted or completions.samples < self._next_look:
            return []
        since = completions.samples - (completions.since_index or 0)
        self._next_look = completions.samples + max(since, 16)
        if on_its_way(prompts.status(), prompts.budget) or moved_signs(prompts.explanation(since)):
            return []
        reason = completions.explanation()
        signs = moved_signs(reason)
        if len(signs) < ENOUGH:
            return []
        self.together = completions.status()
        told = {"attribution": "provider", "cause": "completions", "signs": signs}
        return self._become(Level.DRIFT, self.together, {**reason, **told})

    def status(self) -> StreamStatus:
        """Return what metrics show: the names' figures, or the completions' where these gave it away."""
        return replace(self.together or self.names.status(), level=self.level)

    def accept(self) -> Stream:
        """Take what answers now as normal; return the names' stream, for a new reference of its present.

        Raises: DriftError where nothing is learned yet.
        """
        if self.level is Level.INSUFFICIENT_DATA:
            raise DriftError("nothing is known of the provider yet")
        self._accepted, self.together, self.level = True, None, Level.INSUFFICIENT_DATA
        return self.names

    def _named(self, event: DriftEvent) -> list[DriftEvent]:
        if self.together is not None:  # told already
            return []
        reason = {**event.reason, "attribution": "provider", "cause": "names"} if event.level in RAISED else {}
        previous, self.level = self.level, event.level
        return [] if previous is event.level else [replace(event, previous=previous, reason=reason)]

    def _calm(self, completions: Stream) -> list[DriftEvent]:
        """Leave the level to the names; while these are unknown, completions that are watched are enough."""
        level = self.names.level
        if level is Level.INSUFFICIENT_DATA and completions.level is not Level.INSUFFICIENT_DATA:
            level = Level.STABLE
        return [] if level is self.level else self._become(level, completions.status(), {})

    def _become(self, level: Level, status: StreamStatus, reason: dict[str, object]) -> list[DriftEvent]:
        previous, self.level = self.level, level
        since = status.since_index if level in RAISED else None
        index = max(status.samples - 1, 0)
        return [DriftEvent(self.key, index, level, previous, since, status.effect, status.evidence, reason)]
