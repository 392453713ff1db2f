"""The page of `sidewatch watchers eval --report`: one file without a script or a link, for a browser, a mail or an archive.

For each label its figures with intervals, by slice, and four plots: recall by false-positive rate, precision by recall,
reliability, and how the scores of both kinds are spread. The watcher's own threshold is marked in all of them. The page holds no
text of any row.
"""

import html
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sidecar.commands.plot import Plot, linear, logarithmic
from watchers.evaluation import EVERYTHING, Evaluation, curve, reliability

if TYPE_CHECKING:
    from sidecar.commands.watchers import Case

_POINTS: Final = 400  # of a curve
_BINS: Final = 10
_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c1e21; --soft: #60656c; --paper: #fff; --rule: #d9dce0; --one: #0969a8; --two: #c2410c }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8ea; --soft: #9aa0a6; --paper: #16181b; --rule: #3a3e44; --one: #5ab0ea; --two: #ff9d5c }
}
body { font: 15px/1.5 system-ui, sans-serif; max-width: 80rem; margin: 2rem auto; padding: 0 1.2rem; color: var(--ink);
  background: var(--paper) }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.15rem; margin: 2.2rem 0 0 } p { color: var(--soft); margin: .2rem 0 .8rem }
.wide { overflow-x: auto } table { border-collapse: collapse; font-variant-numeric: tabular-nums }
td, th { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid var(--rule); white-space: nowrap; font-weight: normal }
th { color: var(--soft); white-space: normal; vertical-align: bottom; max-width: 6.5rem; line-height: 1.3 }
td:first-child, th:first-child { text-align: left } td small { display: block; color: var(--soft) }
tr.all td { font-weight: 600 } tr.all small { font-weight: normal }
figure { display: inline-block; vertical-align: top; margin: 1rem .6rem 0 0 }
figcaption { font-size: 13px; color: var(--soft); max-width: 280px }
svg text { font: 11px system-ui, sans-serif; fill: var(--soft) } .grid { stroke: var(--rule); fill: none }
.line { fill: none; stroke: var(--one); stroke-width: 2 } .even { fill: none; stroke: var(--soft); stroke-dasharray: 4 3 }
.dot { fill: var(--one) } .own { fill: var(--two) } .mark { fill: none; stroke: var(--two); stroke-dasharray: 3 3 }
.bar { fill: var(--one); fill-opacity: .35 } .positive { fill: var(--two); fill-opacity: .55 } .negative { fill: var(--one);
  fill-opacity: .4 } .key { display: inline-block; width: .7em; height: .7em; margin: 0 .3em 0 1em }
"""
_NAMES: Final = {
    "auroc": "AUROC",
    "average_precision": "average precision",
    "f1": "F1",
    "recall_at_1%": "recall at 1% FP",
    "recall_at_0.1%": "recall at 0.1% FP",
    "false_positive_rate": "FP at threshold",
    "calibration_error": "calibration error",
}


def page(found: Sequence[Evaluation], cases: "Iterable[Case]", data: str = "") -> str:
    """Return the whole page; `data` names what was measured on."""
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>",
        f"<title>Sidewatch: evaluation</title><style>{_STYLE}</style><h1>Evaluation</h1>",
        f"<p>{html.escape(data)}{' · ' if data else ''}95% intervals by bootstrap over rows. Orange: the watcher's own "
        "threshold, for F1 and false positives (FP), too.</p>",
    ]
    for label, threshold, _, truth, scores in cases:
        own = [result for result in found if result.label == label]
        parts += [f"<h2>{html.escape(label)}</h2>", f"<p>threshold {threshold:.4g}</p>", _table(own)]
        parts.append("".join(plot.svg() for plot in plots(truth >= 0.5, scores, threshold)))
    return "\n".join([*parts, "</html>\n"])


def _table(results: Sequence[Evaluation]) -> str:
    names = list(results[0].figures)
    head = "".join(f"<th>{html.escape(_NAMES.get(name, name))}" for name in names)
    lines = [f"<div class=wide><table><tr><th>slice<th>rows<th>positive{head}"]
    for result in results:
        kind = " class=all" if result.slice == EVERYTHING else ""
        cells = [f"<td>{html.escape(result.slice)}<td>{result.rows:,}<td>{result.positives:,}"]
        cells += [
            f"<td>{f.value:.3f}<small>{f.low:.3f}–{f.high:.3f}</small>" if f.value == f.value else "<td>–"
            for f in result.figures.values()
        ]
        lines.append(f"<tr{kind}>{''.join(cells)}")
    return "\n".join([*lines, "</table></div>"])


def plots(truth: Any, scores: Any, threshold: float) -> list[Plot]:
    """Return the four plots of one label. Shapes: `truth` bool (rows,), `scores` float (rows,)."""
    false, recall, precision = curve(truth, scores)
    flagged = scores >= threshold
    own_false = float(flagged[~truth].mean()) if (~truth).any() else 0.0
    own_recall = float(flagged[truth].mean()) if truth.any() else 0.0
    own_precision = float(truth[flagged].mean()) if flagged.any() else 0.0
    step = max(1, len(false) // _POINTS)
    places = sorted({*range(0, len(false), step), len(false) - 1})
    roc = Plot(
        "ROC: what share is found where so many harmless texts are flagged",
        logarithmic("false positives"),
        linear("recall"),
    )
    roc.line([(0.0, 0.0), *((false[i], recall[i]) for i in places)])
    roc.dot((own_false, own_recall), f"threshold: {own_false:.2%} false positives, recall {own_recall:.3f}", kind="own")
    exact = Plot("Precision and recall", linear("recall"), linear("precision"))
    exact.line([(recall[i], precision[i]) for i in places])
    base = float(truth.mean()) if len(truth) else 0.0
    exact.line([(0.0, base), (1.0, base)], "even")
    exact.dot(
        (own_recall, own_precision), f"threshold: precision {own_precision:.3f}, recall {own_recall:.3f}", kind="own"
    )
    return [roc, exact, _reliability(truth, scores), _spread(truth, scores, threshold)]


def _reliability(truth: Any, scores: Any) -> Plot:
    plot = Plot(
        "Reliability: a calibrated score lies on the diagonal; larger dots hold more rows",
        linear("mean score"),
        linear("share of positives"),
    )
    plot.line([(0.0, 0.0), (1.0, 1.0)], "even")
    bins = reliability(truth, scores, _BINS)
    most = max((rows for _, _, rows in bins), default=1)
    plot.line([(score, share) for score, share, _ in bins])
    for score, share, rows in bins:
        plot.dot(
            (score, share), f"{rows} rows: mean score {score:.3f}, {share:.3f} positive", 2.5 + 5 * (rows / most) ** 0.5
        )
    return plot


def _spread(truth: Any, scores: Any, threshold: float) -> Plot:
    plot = Plot(
        "Scores of positive (orange) and negative rows (blue), shares of each", linear("score"), linear("share of rows")
    )
    edges = np.linspace(0.0, 1.0, 2 * _BINS + 1)
    for kind, rows in (("negative", scores[~truth]), ("positive", scores[truth])):
        counts, _ = np.histogram(np.clip(rows, 0.0, 1.0), edges)
        for start, end, count in zip(edges[:-1], edges[1:], counts, strict=True):
            if count:
                plot.bar(float(start), float(end), count / len(rows), f"{count} {kind}", kind)
    plot.line([(threshold, 0.0), (threshold, 1.0)], "mark")
    return plot
