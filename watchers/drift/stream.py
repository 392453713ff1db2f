"""One stream: it learns a reference, then weighs evidence and effect sample by sample."""

import numpy as np

from watchers.drift.bets import EDGES, Evidence
from watchers.drift.effect import Window, change_point, excess_between_blocks, score_effects
from watchers.drift.events import DriftEvent, DriftSettings, Level, StreamKey, StreamStatus
from watchers.drift.ranks import Doubles
from watchers.drift.reference import WITNESSES, Reference
from watchers.drift.samples import Sample, reason_to_skip, strata_of, tabulate
from watchers.drift.scores import SCORES
from watchers.drift.witness import Witness

CHECK_EVERY = 16  # samples between two looks at the effect while the evidence stands


class Stream:
    """One stream's state; its memory does not grow once the reference is fitted."""

    def __init__(self, key: StreamKey, settings: DriftSettings, reference: Reference | None = None) -> None:
        self.key = key
        self.settings = settings
        self.level = Level.INSUFFICIENT_DATA
        self.skipped: dict[str, int] = {}
        self.samples = 0
        self.since_index: int | None = None
        self._learning: list[Sample] = []
        self._rng = np.random.default_rng([settings.seed, 1])
        self._reference: Reference | None = None
        if reference is not None:
            self._begin(reference)

    def observe(self, sample: Sample) -> list[DriftEvent]:
        """Take in one sample; return the changes of level."""
        reason = reason_to_skip(sample, self._dimensions())
        if reason is not None:
            self.skipped[reason] = self.skipped.get(reason, 0) + 1
            return []
        if self._reference is None:
            return self._learn(sample)
        return self._watch(sample, self._reference)

    def status(self) -> StreamStatus:
        """Return what metrics show."""
        learned = len(self._learning) if self._reference is None else len(self._reference.table)
        evidence, effects = 0.0, {}
        if self._reference is not None:
            evidence, effects = self.evidence(), self._effects
        return StreamStatus(
            self.level, max(effects.values(), default=0.0), evidence, self.samples, learned, self.since_index,
            dict(self.skipped), dict(effects),
        )  # fmt: skip

    def evidence(self) -> float:
        """Return the evidence in samples between false alarms; the alarm stands at `alarm_every`."""
        return float((self._weights * self._bets.by_score()).max()) / 2.0

    def _dimensions(self) -> int | None:
        if self._reference is not None:
            return self._reference.table.embeddings.shape[1] or None
        return next((len(s.embedding) for s in self._learning if s.embedding is not None), None)

    def _learn(self, sample: Sample) -> list[DriftEvent]:
        self._learning.append(sample)
        if len(self._learning) < self.settings.reference_samples:
            return []
        reference = Reference(tabulate(self._learning), self.settings.strata, self.settings.seed)
        self._learning = []
        self._begin(reference)
        return []

    def _begin(self, reference: Reference) -> None:
        self._reference = reference
        self._weights = reference.weights()
        self._bets = Evidence(len(self._weights))
        self._witness = Witness(reference) if reference.witnesses else None
        self._window = Window(max(2 * self.settings.window, 1024), len(self._weights))
        self._excess = natural_excess(reference)
        self._effects: dict[str, float] = {}
        self._peak = 0.0

    def _watch(self, sample: Sample, reference: Reference) -> list[DriftEvent]:
        scores, point = reference.scores(sample)
        seen = np.isfinite(scores)
        stratum = int(strata_of(np.array([sample.time_seconds]), reference.strata)[0])
        bins = reference.ranks.bins(np.where(seen, scores, 0.0))
        uniforms = self._rng.random(len(self._weights) + 2)
        p = reference.ranks.p_values(bins, uniforms[: len(bins)], stratum)
        if self.level is not Level.DRIFT:  # a drifted stream must not become its own reference
            reference.ranks.add(bins, seen, stratum)
        if self._witness is not None:
            more, judged = self._witness.update(point, uniforms[len(bins) :], self.level is not Level.DRIFT)
            p, seen = np.concatenate([p, more]), np.concatenate([seen, np.full(len(more), judged)])
        self._bets.update(p, seen)
        self._window.add(p, seen)
        events = self._judge()
        self.samples += 1
        return events

    def _judge(self) -> list[DriftEvent]:
        if self.level is Level.INSUFFICIENT_DATA:
            return [self._change(Level.STABLE)]
        evidence = self.evidence()
        alarmed = evidence >= self.settings.alarm_every
        if self.level is Level.STABLE and not alarmed:
            return []
        if (self.samples % CHECK_EVERY) and not (alarmed and self._peak < self.settings.alarm_every):
            return []
        self._peak = evidence
        return self._measure(evidence)

    def _measure(self, evidence: float) -> list[DriftEvent]:
        best = int((self._weights * self._bets.by_score()).argmax())
        recent = self._window.last(len(self._window.cells))
        known = np.flatnonzero(recent[:, best] >= 0)
        first, middle, last = change_point(recent[known, best])
        start = self.samples + 1 - len(recent)
        self._span = tuple(start + int(known[i]) for i in (first, middle, last))
        if self.level in (Level.STABLE, Level.WARNING):
            self.since_index = self._span[1]
        window = self._window.last(min(self.settings.window, max(32, self.samples + 1 - self._span[1])))
        effects = score_effects(window, self._excess)
        self._effects = dict(zip(self._names(), effects.tolist(), strict=True))
        effect = float(effects.max())
        level = self._next_level(effect, evidence)
        return [] if level is self.level else [self._change(level)]

    def _next_level(self, effect: float, evidence: float) -> Level:
        """Hysteresis: up at the factor, down at half of it; each with the evidence."""
        factor, need = self.settings.effect_factor, self.settings.alarm_every
        if self.level is Level.DRIFT:
            return Level.DRIFT if effect >= 0.5 * factor else Level.STABLE
        if evidence >= need and effect >= factor:
            return Level.DRIFT
        if evidence >= (need if self.level is Level.STABLE else 0.1 * need) and effect >= 1.0:
            return Level.WARNING
        return Level.STABLE

    def _change(self, level: Level) -> DriftEvent:
        previous, self.level = self.level, level
        if level is Level.STABLE:
            self.since_index = None
            self._bets.restart()
            self._peak = 0.0
        effect = max(self._effects.values(), default=0.0)
        return DriftEvent(self.key, self.samples, level, previous, self.since_index, effect, self.evidence())

    def _names(self) -> list[str]:
        assert self._reference is not None
        return [*self._reference.names, *WITNESSES[: self._reference.witnesses]]


def natural_excess(reference: Reference) -> Doubles:
    """Return each score's variation between blocks of the reference, beyond chance. Shape: (scores,)."""
    columns = reference.all_scores
    found = [_excess(columns[:, i]) for i in range(columns.shape[1])]
    worst = max(found[: len(SCORES)], default=0.0) if reference.witnesses else 0.0
    return np.array([*found, *[worst] * reference.witnesses])


def _excess(column: Doubles) -> float:
    known = column[np.isfinite(column)]
    if len(known) < 96:
        return 0.0
    ranks = 1.0 - (np.argsort(np.argsort(known, kind="stable"), kind="stable") + 0.5) / len(known)
    return excess_between_blocks(np.searchsorted(EDGES, ranks))
