"""Why a stream's level changed: since when, which clusters and words, examples, labels, and how much by each measure.

Made of the reference's sample and the stream's recent samples at the moment of the change; JSON values only.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from watchers.drift import measures
from watchers.drift.ranks import Doubles
from watchers.drift.reference import Reference
from watchers.drift.samples import Table
from watchers.drift.scores import assign
from watchers.drift.terms import marking_terms
from watchers.encoding import Floats

EXAMPLES = 3
FAR = 0.98  # quantile of the reference's distances to its clusters beyond which a sample belongs to none
LEAST = 8  # samples after the change, for a comparison


def explain(reference: Reference, after: Table) -> dict[str, object]:
    """Return what differs between the reference and the samples since the change."""
    before = reference.table
    more, less = marking_terms(before.exemplars, after.exemplars)
    found: dict[str, object] = {"samples": len(after), "scalars": _scalars(before, after)}
    found["labels"] = _labels(before, after)
    found["terms"] = {"more": [asdict(t) for t in more], "less": [asdict(t) for t in less]}
    here, there = before.embedded(), after.embedded()
    if reference.map is not None and there.sum() >= LEAST:
        old, new = before.embeddings[here].astype(np.float32), after.embeddings[there].astype(np.float32)
        found["embedding"] = _embedding(old, new, reference)
        old_texts, new_texts = _texts(before, here), _texts(after, there)
        found["clusters"] = _clusters(reference.map.centres, old, new, old_texts, new_texts)
        found["exemplars"] = _exemplars(old, new, old_texts, new_texts)
    return found


def _texts(table: Table, mask: NDArray[np.bool_]) -> list[str]:
    return [text for text, inside in zip(table.exemplars, mask, strict=True) if inside]


def _embedding(old: Floats, new: Floats, reference: Reference) -> dict[str, float]:
    assert reference.map is not None
    features = measures.fourier_features(old, old), measures.fourier_features(new, old)
    mmd, natural = measures.mmd_squared(*features), measures.natural_mmd(features[0], len(new))
    axes = reference.map.matrix[: min(16, reference.map.components, len(new) // 4)]
    distance = measures.frechet(old @ axes.T, new @ axes.T) if len(axes) > 1 else 0.0
    return {
        "mmd2": round(mmd, 6),
        "mmd2_natural": round(natural, 6),
        "mmd2_ratio": round(max(mmd, 0.0) / natural, 3),
        "mmd2_p_value": round(measures.permutation_p_value(*features), 4),
        "frechet": round(distance, 6),
        "sliced_wasserstein": round(measures.sliced_wasserstein(old, new), 6),
    }


def _scalars(before: Table, after: Table) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for name, values in before.scalars.items():
        a, b = values[np.isfinite(values)], after.scalars.get(name, np.zeros(0))
        b = b[np.isfinite(b)]
        if len(a) < LEAST or len(b) < LEAST:
            continue
        statistic, p_value = measures.kolmogorov_smirnov(a, b)
        edges = measures.quantile_edges(a)
        psi = measures.population_stability(*(measures.histogram(v, edges).astype(float) for v in (a, b)))
        numbers = {"before": _mean(a), "after": _mean(b), "ks": statistic, "p_value": p_value, "psi": psi}
        found[name] = {k: float(f"{float(v):.5g}") for k, v in numbers.items()}
    adjusted = measures.benjamini_hochberg([v["p_value"] for v in found.values()])
    for numbers, p_value in zip(found.values(), adjusted, strict=True):
        numbers["p_value_adjusted"] = float(f"{float(p_value):.5g}")
    return found


def _mean(values: Doubles) -> float:
    """Return the mean, of numbers too large for their sum as well."""
    return float((values / len(values)).sum())


def _labels(before: Table, after: Table, count: int = 8) -> list[dict[str, object]]:
    """Return the categories' values by their share of the population stability index, largest first."""
    found: list[tuple[float, dict[str, object]]] = []
    for name, kinds in before.categories.items():
        old, new = (Counter(k for k in t if k) for t in (kinds, after.categories.get(name, [])))
        if not old or not new:
            continue
        for value in old.keys() | new.keys():
            p, q = old[value] / old.total(), new[value] / new.total()
            floored = max(p, measures.FLOOR), max(q, measures.FLOOR)
            weight = (floored[1] - floored[0]) * float(np.log(floored[1] / floored[0]))
            row = {
                "category": name,
                "value": value,
                "before": round(p, 4),
                "after": round(q, 4),
                "psi": round(weight, 5),
            }
            if weight > 0.01:
                found.append((weight, row))
    found.sort(key=lambda item: (-item[0], str(item[1]["value"])))
    return [row for _, row in found[:count]]


def _clusters(
    centres: Floats, old: Floats, new: Floats, old_texts: Sequence[str], new_texts: Sequence[str], count: int = 3
) -> dict[str, object]:
    shares = [np.bincount(assign(rows, centres), minlength=len(centres)) / len(rows) for rows in (old, new)]
    change = shares[1] - shares[0]
    noise = 2.0 * np.sqrt(shares[0] * (1 - shares[0]) / len(new) + 1.0 / len(new) ** 2)
    order = np.argsort(-np.abs(change))
    moved = [int(c) for c in order if abs(change[c]) > noise[c]]
    described = [
        {
            "cluster": c,
            "before": round(float(shares[0][c]), 4),
            "after": round(float(shares[1][c]), 4),
            "exemplar": _nearest(centres[c], old, old_texts),
        }
        for c in moved
    ]
    grown = [d for d, c in zip(described, moved, strict=True) if change[c] > 0][:count]
    shrunk = [d for d, c in zip(described, moved, strict=True) if change[c] < 0][:count]
    return {"grown": grown, "shrunk": shrunk, "new": _new_cluster(centres, old, new, old_texts, new_texts)}


def _new_cluster(
    centres: Floats, old: Floats, new: Floats, old_texts: Sequence[str], new_texts: Sequence[str]
) -> dict[str, object] | None:
    """Return the cluster of the samples that are far from every known one, where there are more than before."""
    radius = np.quantile(_to_nearest(old, centres), FAR)
    far = _to_nearest(new, centres) > radius
    share, usual = float(far.mean()), 1.0 - FAR
    if share < usual + 3.0 * np.sqrt(usual * FAR / len(new)):
        return None
    middle = new[far].mean(0)
    terms, _ = marking_terms(old_texts, [t for t, f in zip(new_texts, far, strict=True) if f], 5)
    exemplar = _nearest(middle, new[far], [t for t, f in zip(new_texts, far, strict=True) if f])
    return {"share": round(share, 4), "before": round(usual, 4), "terms": [t.term for t in terms], "exemplar": exemplar}


def _to_nearest(rows: Floats, centres: Floats) -> Doubles:
    squared: Doubles = ((rows**2).sum(1)[:, None] - 2.0 * rows @ centres.T + (centres**2).sum(1)).min(1)
    return squared


def _nearest(point: Floats, rows: Floats, texts: Sequence[str]) -> str:
    order = ((rows - point) ** 2).sum(1).argsort()
    return next((texts[i] for i in order[:20] if texts[i]), "")


def _exemplars(old: Floats, new: Floats, old_texts: Sequence[str], new_texts: Sequence[str]) -> dict[str, list[str]]:
    """Return the texts furthest along the direction of the change on either side of it."""
    direction = new.mean(0) - old.mean(0)
    return {
        "before": _furthest(old @ -direction, old_texts),
        "after": _furthest(new @ direction, new_texts),
    }


def _furthest(along: Doubles | Floats, texts: Sequence[str]) -> list[str]:
    chosen: list[str] = []
    for i in np.argsort(-along):
        if texts[i] and texts[i] not in chosen:
            chosen.append(texts[i])
        if len(chosen) == EXAMPLES:
            break
    return chosen


def strongest(names: Sequence[str], statistic: Doubles, effects: Mapping[str, float], count: int = 4) -> list[object]:
    """Return the scores that carry the evidence, strongest first."""
    order = np.argsort(-statistic)[:count]
    return [
        {"score": names[i], "evidence": float(f"{statistic[i]:.4g}"), "effect": round(effects.get(names[i], 0.0), 3)}
        for i in order
    ]
