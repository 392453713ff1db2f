"""The reference: what calibrates is spread over the bins, and rows that it was fitted to are not ranked among others."""

import numpy as np
import pytest

from watchers.drift.ranks import BINS
from watchers.drift.reference import Reference, keys_of
from watchers.drift.samples import Table
from watchers.drift.scores import DISTANCES, FITTED_SCORES

Pool = dict[str, np.ndarray]


def table(rows: np.ndarray) -> Table:
    return Table(rows.astype(np.float16), exemplars=[""] * len(rows), times=np.zeros(len(rows)))


@pytest.mark.parametrize("count", [60, 100, 200, 500, 1200])
def test_distances_of_calibration_rows_are_spread_and_inside_the_range(embeddings: Pool, count: int) -> None:
    """Ranges made of in-sample distances put every one of them into the last bin, up to 512 rows."""
    counts = Reference(table(embeddings["assistant"][:count]), "none", 0).ranks.counts[0, :DISTANCES]
    assert (counts > 0).sum(1).min() >= 12
    assert counts[:, [0, BINS - 1]].max() <= 1


def test_a_row_of_the_fit_has_no_distance_and_all_others_have(embeddings: Pool) -> None:
    rows = embeddings["assistant"][:500]
    reference = Reference(table(rows), "none", 0)
    for seen, known in ((rows, 250), (embeddings["assistant"][500:900], 0), (rows[:1], None)):
        found = np.isfinite(reference.scores(table(seen), *table(seen).rows()))
        assert found[:, FITTED_SCORES:].all()
        assert (found[:, 0] == found[:, FITTED_SCORES - 1]).all()
        if known is not None:
            assert int((~found[:, 0]).sum()) == known


def test_keys_are_equal_for_equal_rows_alone() -> None:
    rows = np.random.default_rng(0).standard_normal((2000, 3)).astype(np.float16)
    unlike = len(np.unique(rows, axis=0))
    assert len(np.unique(keys_of(np.concatenate([rows, rows[::-1]])))) == unlike
