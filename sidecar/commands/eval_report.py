"""The page of `sidewatch watchers eval --report`: ROC, precision-recall and reliability of each label, as plain SVG."""

import html
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from watchers.evaluation import Evaluation, curve, reliability

if TYPE_CHECKING:
    from sidecar.commands.watchers import Case

_SIZE: Final = 240
_POINTS: Final = 400
_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a }
table { border-collapse: collapse; margin: 1rem 0 } td, th { padding: .2rem .8rem; text-align: right }
td:first-child, th:first-child { text-align: left } tr:nth-child(even) { background: #f4f4f4 }
figure { display: inline-block; margin: 0 1rem 1rem 0 } figcaption { font-size: 13px; color: #555 }
svg { background: #fafafa; border: 1px solid #ddd }
"""


def page(found: Sequence[Evaluation], cases: "Iterable[Case]") -> str:
    """Return the whole page."""
    parts = [f"<!doctype html><meta charset=utf-8><title>Sidewatch: evaluation</title><style>{_STYLE}</style>"]
    parts.append("<h1>Evaluation</h1>")
    for label, _, _, truth, scores in cases:
        parts.append(f"<h2>{html.escape(label)}</h2>{_table([r for r in found if r.label == label])}")
        parts.append(_figures(truth >= 0.5, scores))
    return "\n".join(parts)


def _table(results: Sequence[Evaluation]) -> str:
    names = list(results[0].figures)
    head = "".join(f"<th>{html.escape(name)}" for name in ("slice", "rows", "positive", *names))
    lines = [f"<table><tr>{head}"]
    for result in results:
        cells = [f"<td>{html.escape(result.slice)}<td>{result.rows}<td>{result.positives}"]
        cells += [f"<td title='{f.low:.4f} to {f.high:.4f}'>{f.value:.4f}" for f in result.figures.values()]
        lines.append(f"<tr>{''.join(cells)}")
    return "\n".join([*lines, "</table>"])


def _figures(truth: Any, scores: Any) -> str:
    false, recall, precision = curve(truth, scores)
    bins = reliability(truth, scores)
    step = max(1, len(false) // _POINTS)
    return "".join(
        (
            _plot("recall by false-positive rate", [(0.0, 0.0), *zip(false[::step], recall[::step], strict=True)]),
            _plot("precision by recall", list(zip(recall[::step], precision[::step], strict=True))),
            _plot("share of positives by score", [(score, share) for score, share, _ in bins], dots=True),
        )
    )


def _plot(caption: str, points: Sequence[tuple[float, float]], *, dots: bool = False) -> str:
    """Return one plot of the unit square."""
    placed = [(x * _SIZE, (1 - y) * _SIZE) for x, y in points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
    marks = "".join(f"<circle cx='{x:.1f}' cy='{y:.1f}' r='3.5' fill='#0b6'/>" for x, y in placed) if dots else ""
    return (
        f"<figure><svg width='{_SIZE}' height='{_SIZE}' viewBox='0 0 {_SIZE} {_SIZE}' role='img'>"
        f"<title>{html.escape(caption)}</title>"
        f"<path d='M0 {_SIZE}L{_SIZE} 0' stroke='#bbb' stroke-dasharray='4'/>"
        f"<polyline points='{path}' fill='none' stroke='#0b6' stroke-width='2'/>{marks}</svg>"
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )
