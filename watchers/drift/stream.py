"""One stream: it learns a reference, then weighs evidence and effect sample by sample."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from watchers.drift.bets import Evidence
from watchers.drift.effect import Window, change_point, score_effects
from watchers.drift.events import DriftError, DriftEvent, DriftSettings, Level, StreamKey, StreamStatus
from watchers.drift.promise import Rate
from watchers.drift.ranks import Doubles, Ints
from watchers.drift.reason import explain, strongest
from watchers.drift.reference import LEAST_SAMPLES, Reference
from watchers.drift.samples import Sample, Table, reason_to_skip, strata_of, tabulate
from watchers.drift.scores import NEAREST
from watchers.drift.witness import WITNESSES, novelty

# Samples weighed together, for a fraction of the cost: more in calm, fewer once there is evidence: a fiftieth of an
# alarm's, and more than the samples alone bring. What is chosen before a run is seen leaves the bets fair.
CALM_RUN, TENSE_RUN = 8, 4
TENSE = 0.02
LEAST_WINDOW = 16  # samples over which an effect is measured
# Samples that must all look unchanged before a change is called over. 5 or 10% of a new topic look so for a while now and then: of 28
# such alarms 11 ended by themselves within 2,000 samples where one look was enough, 5 with these.
LEAST_RECOVERY = 192
UNCHANGED = 1.25  # effect of one score that chance alone leaves four times in five
CHANGED = 2.0  # effect of any one of them that chance alone leaves one time in fifty
CHECK_EVERY = 8  # samples between two measures of the effect while evidence stands or a level is raised


class Stream:
    """One stream's state. Its memory does not grow once the reference is fitted.

    `share` is by how much the promise is larger than one stream's own, where several share it.
    """

    def __init__(
        self, key: StreamKey, settings: DriftSettings, share: float = 1.0, reference: Reference | None = None
    ) -> None:
        self.key = key
        self.settings = settings
        self.share = share
        self._rate = Rate()
        self.level = Level.INSUFFICIENT_DATA
        self.skipped: dict[str, int] = {}
        self.samples = 0
        self.since_index: int | None = None
        self.reference: Reference | None = None
        self._random = np.random.default_rng([settings.seed, 1])
        self._recent: deque[Sample] = deque(maxlen=max(settings.window, settings.reference_samples))
        self._pending: list[Sample] = []
        self._run = CALM_RUN
        self._effects: dict[str, float] = {}
        if reference is not None:
            self.begin(reference)

    @property
    def budget(self) -> float:
        """Return the mean number of this stream's samples between false alarms that is promised."""
        days = self.settings.false_alarm_days
        return self.share * (self.settings.alarm_every if days is None else self._rate.samples_in(days))

    def observe(self, sample: Sample) -> list[DriftEvent]:
        """Take in one sample; return the changes of level. One that cannot be read is counted in `skipped`."""
        if self.reference is not None and not self.reference.table.embeddings.shape[1]:
            sample = sample._replace(embedding=None)  # nothing to compare it with
        reason = reason_to_skip(sample, self._dimensions())
        if reason is not None:
            self.skipped[reason] = self.skipped.get(reason, 0) + 1
            return []
        self._rate.update(sample.time_seconds)
        # A copy, rounded as the reference's rows are, so that equal texts tie with them.
        half = None if sample.embedding is None else sample.embedding.astype(np.float16)
        exemplar = sample.exemplar[: self.settings.exemplar_chars]
        sample = Sample(half, sample.scalars, sample.categories, exemplar, sample.time_seconds)
        if self.reference is not None:
            self._pending.append(sample)
            return self._watch(self.reference) if len(self._pending) >= self._run else []
        self._recent.append(sample)
        if len(self._recent) >= self.settings.reference_samples:
            self.begin(Reference(tabulate(self._recent), self.settings.strata, self.settings.seed))
        return []

    def begin(self, reference: Reference) -> None:
        """Watch from now on against this reference; the stream must not share it with another one."""
        self.reference = reference
        self._recent.clear()
        self._weights = reference.weights()
        self._bets = Evidence(reference.one_sided())
        self._window = Window(max(2 * self.settings.window, 1024), len(self._weights))
        self._measured = -CHECK_EVERY
        self._unlike = 0  # samples when the effect was last too large for an end of the alarm
        self.samples = 0

    def status(self) -> StreamStatus:
        """Return what metrics show."""
        learned = len(self._recent) if self.reference is None else len(self.reference.table)
        evidence = 0.0 if self.reference is None else self.evidence()
        return StreamStatus(
            self.level, max(self._effects.values(), default=0.0), evidence, self.samples, learned, self.since_index,
            self.budget, dict(self.skipped), dict(self._effects),
        )  # fmt: skip

    def evidence(self) -> float:
        """Return the evidence in samples between false alarms; the alarm stands at the budget."""
        return float(self._by_score().max())

    def present(self) -> Table:
        """Return the samples since the change, or all recent ones where the stream is stable.

        Raises: DriftError while there are too few for a reference.
        """
        count = len(self._recent)
        if self.since_index is not None:
            count = min(count, max(self.samples - self.since_index, 0))
        if count < LEAST_SAMPLES:
            raise DriftError(f"{count} samples since the change; a reference needs at least {LEAST_SAMPLES}")
        return tabulate(list(self._recent)[-count:])

    def explanation(self, samples: int | None = None) -> dict[str, object]:
        """Return how the last samples (None: those since the change) differ from the reference; empty without one."""
        if self.reference is None or not self._recent:
            return {}
        count = self.samples - (self.since_index or 0) if samples is None else samples
        count = max(min(count, len(self._recent)), 8)
        return explain(self.reference, tabulate(list(self._recent)[-count:]))

    def _by_score(self) -> Doubles:
        statistic: Doubles = 0.5 * self._weights * self._bets.by_score()
        return statistic

    def _dimensions(self) -> int | None:
        table = self.reference.table if self.reference is not None else None
        if table is not None:
            return table.embeddings.shape[1] or None
        return next((len(s.embedding) for s in self._recent if s.embedding is not None), None)

    def flush(self) -> list[DriftEvent]:
        """Weigh the samples that still wait for their run to fill."""
        if self.reference is None or not self._pending:
            return []
        return self._watch(self.reference)

    def _watch(self, reference: Reference) -> list[DriftEvent]:
        table = tabulate(self._pending)
        self._recent.extend(self._pending)
        self._pending = []
        embedded, rows = table.rows()
        scores = reference.scores(table, embedded, rows)
        seen, count = np.isfinite(scores), scores.shape[1]
        strata = strata_of(table.times, reference.strata)
        bins = reference.ranks.bins(np.where(seen, scores, 0.0))
        uniforms = self._random.random((len(table), len(self._weights) + 2))
        p = reference.ranks.p_values(bins, seen, uniforms[:, :count], strata)
        keep = self.level is not Level.DRIFT  # a drifted stream must not become its own reference
        if keep:
            reference.ranks.add(bins, seen, strata)
        if reference.witness is not None:
            more, judged = np.zeros((len(table), len(WITNESSES))), np.zeros((len(table), len(WITNESSES)), bool)
            if len(rows):
                unusual, draws = novelty(p[embedded, NEAREST]), uniforms[embedded, count:]
                more[embedded], asked = reference.witness.update(rows, unusual, draws, keep)
                judged[embedded] = asked[:, None]
            p, seen = np.concatenate([p, more], axis=1), np.concatenate([seen, judged], axis=1)
        self._window.add(self._bets.update(p, seen), seen)
        self.samples += len(table)
        return self._judge(reference)

    def _judge(self, reference: Reference) -> list[DriftEvent]:
        first = [self._change(Level.STABLE, {})] if self.level is Level.INSUFFICIENT_DATA else []
        evidence = self.evidence()
        budget = self.budget
        tense = evidence >= max(TENSE * budget, 3.0 * self.samples) and self.level is Level.STABLE
        self._run = TENSE_RUN if tense else CALM_RUN
        if self.level is Level.STABLE and evidence < budget:
            return first
        if self.samples - self._measured < CHECK_EVERY:
            return first
        self._measured = self.samples
        span = self._measure(reference)
        level = self._next_level(evidence)
        if level is self.level:
            return first
        return [*first, self._change(level, self._reason(reference, span) if level is not Level.STABLE else {})]

    def _measure(self, reference: Reference) -> tuple[int, int, int]:
        """Find the change point and the effects since then; return the point's (first, likeliest, last) index."""
        index, cells = self._change_cells(reference, int(self._by_score().argmax()))
        first, likeliest, last = (int(index[i]) for i in change_point(cells))
        if self.level is not Level.DRIFT:
            self.since_index = likeliest
        since = self.since_index or 0
        window = self._window.last(min(self.settings.window, max(LEAST_WINDOW, self.samples - since)))
        effects = score_effects(window, reference.bag(), reference.excess)
        self._effects = dict(zip(reference.names, effects.tolist(), strict=True))
        return first, likeliest, last

    def _change_cells(self, reference: Reference, best: int) -> tuple[Ints, NDArray[np.int8]]:
        """Return the cells of the strongest score's recent ranks, and the samples' indices.

        A learned score is asked again of all recent samples: what it knows now, it did not know when they came.
        """
        learned = best - (len(reference.names) - len(WITNESSES))
        if reference.witness is not None and learned >= 0 and self._recent:
            known = [i for i, sample in enumerate(self._recent) if sample.embedding is not None]
            rows = np.array([self._recent[i].embedding for i in known], np.float32)
            cells = reference.witness.cells(learned, rows, reference.table)
            return self.samples - len(self._recent) + np.array(known), cells
        recent = self._window.last(len(self._window.cells))
        seen = np.flatnonzero(recent[:, best] >= 0)
        return self.samples - len(recent) + seen, recent[seen, best]

    def _next_level(self, evidence: float) -> Level:
        """Hysteresis: up with the evidence and the factor, down once the score that alarmed looks unchanged."""
        effect, factor, budget = max(self._effects.values()), self.settings.effect_factor, self.budget
        if self.level is Level.DRIFT:
            if self._effects[self._alarmed] >= UNCHANGED or effect >= max(CHANGED, factor):
                self._unlike = self.samples
            over = self.samples - max(self._unlike, self.since_index or 0) >= LEAST_RECOVERY
            return Level.STABLE if over else Level.DRIFT
        if evidence >= budget and effect >= factor:
            return Level.DRIFT
        needed = budget if self.level is Level.STABLE else 0.1 * budget
        return Level.WARNING if evidence >= needed and effect >= 1.0 else Level.STABLE

    def _change(self, level: Level, reason: dict[str, object]) -> DriftEvent:
        previous, self.level = self.level, level
        self._unlike = self.samples
        self._alarmed = max(self._effects, key=lambda name: self._effects[name], default="")
        evidence, effect = self.evidence(), max(self._effects.values(), default=0.0)
        if level is Level.STABLE:
            self.since_index = None
            self._bets.restart()
        return DriftEvent(self.key, self.samples - 1, level, previous, self.since_index, effect, evidence, reason)

    def _reason(self, reference: Reference, span: tuple[int, int, int]) -> dict[str, object]:
        count = max(min(self.samples - span[1], len(self._recent)), 8)
        since = list(self._recent)[-count:]
        reason: dict[str, object] = {
            "since": {"index": span[1], "earliest": span[0], "latest": span[2], "time_seconds": since[0].time_seconds},
            "scores": strongest(reference.names, self._by_score(), self._effects),
        }
        return reason | explain(reference, tabulate(since))
