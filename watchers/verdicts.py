"""What every watcher of ours that keeps its own labels shares: one verdict a label, in the labels' order."""

from collections.abc import Mapping, Sequence

from watchers.watcher import Span, Verdict


class Verdicts:
    """Makes a record's verdicts. `labels`: label -> threshold; what was found nowhere is made once and shared."""

    def __init__(self, watcher: str, model: str, labels: Mapping[str, float]) -> None:
        self._watcher, self._model, self._labels = watcher, model, labels
        self.clean = tuple(self._verdict(label, 0.0, ()) for label in labels)

    def of_spans(self, spans: Sequence[Span]) -> tuple[Verdict, ...]:
        """Return the verdicts of a record whose evidence these spans are: a label's score is its surest span's."""
        if not spans:
            return self.clean
        return self.of_scores(
            {span.label: max(s.score for s in spans if s.label == span.label) for span in spans}, spans
        )

    def of_scores(self, scores: Mapping[str, float], spans: Sequence[Span] = ()) -> tuple[Verdict, ...]:
        """Return the verdicts of a record with these scores; labels without one score 0."""
        own: dict[str, list[Span]] = {}
        for span in spans:
            own.setdefault(span.label, []).append(span)
        return tuple(
            self._verdict(label, scores[label], tuple(own.get(label, ()))) if label in scores else clean
            for label, clean in zip(self._labels, self.clean, strict=True)
        )

    def _verdict(self, label: str, score: float, spans: tuple[Span, ...]) -> Verdict:
        threshold = self._labels[label]
        flagged = score > 0.0 and score >= threshold
        return Verdict(self._watcher, label, score, threshold, flagged, self._model, spans)
