"""The learned score: along which direction recent samples differ from earlier ones.

A coin divides the stream. One part teaches: means over a short, a middle and a long past, whose differences from the
mean of all, put through the reference's inverse covariance, are Fisher's discriminants of recent against before.
The other part is judged: ranked by those functions in a bag of the calibration rows and of earlier judged samples,
and the bag is ranked anew with every new function. A judged sample never teaches, so given the
function it is exchangeable with the bag, and the p-values stay independent and uniform. The bag is bounded: past its
size a member drawn at random, each alike, is dropped, which keeps the bag independent of the p-values given before.

Source: Fisher, The use of multiple measurements in taxonomic problems (1936), ridge-shrunk; Podkopaev, Ramdas,
Sequential predictive two-sample and independence testing (NeurIPS 2023) for learning the witness as one goes.
"""

import numpy as np
from numpy.typing import NDArray

from watchers.drift.bets import EDGES
from watchers.drift.ranks import Doubles, Flags, count
from watchers.drift.samples import Table
from watchers.drift.scores import Map
from watchers.encoding import Floats

WITNESSES = ("witness_fast", "witness", "witness_slow", "novelty", "novelty_slow")
MEMORY = np.array([12.0, 50.0, 250.0, 60.0, 250.0])  # teaching samples
BEFORE = 4000.0  # memory of the mean of all, which starts as a plain mean
BAG = 768
MOST = 64  # samples of one run
TEACHING = 0.5  # chance of the coin
RENEW = 8  # teaching samples between two renewals of the functions
LEAST_SPREAD = 0.01  # of a function over the bag, in units of its length: embeddings have unit length
STEPS = 1000.0  # to a standard deviation of a function over the bag


NOVEL = np.array([False, False, False, True, True])  # learn from each sample as much as it is unusual
UNUSUAL = 0.02  # p-value up to which a sample counts whole; beyond it less, inversely


def novelty(p_values: Doubles) -> Doubles:
    """Return how much samples with these p-values of their distance to the reference teach the novelty scores."""
    return np.minimum(1.0, UNUSUAL / np.maximum(p_values, UNUSUAL))


class Witness:
    """Five learned scores of one stream. Memory: the bag, float32 (768, dimensions), and ten means.

    Shapes: `teaching` and `judged` float32 (samples, dimensions): the reference's two parts.
    """

    def __init__(self, geometry: Map, teaching: Floats, judged: Floats) -> None:
        width = teaching.shape[1]
        self.geometry = geometry
        self.bag = np.zeros((BAG + MOST, width), np.float32)
        self.size = min(len(judged), BAG)
        self.bag[: self.size] = judged[: self.size]
        self.taught = len(teaching)
        weights = np.where(NOVEL[:, None], novelty(_loneliness(teaching)), 1.0)  # (witnesses, samples)
        self.before_weight = weights.sum(1)
        self.before = weights @ teaching / self.before_weight[:, None]
        self.recent = self.before.copy()
        self.recent_weight = weights.mean(1)
        self.functions = np.zeros((len(MEMORY), width), np.float32)
        self.values = np.zeros((len(MEMORY), BAG + MOST), np.float32)

    def update(self, embeddings: Floats, unusual: Doubles, uniforms: Doubles, keep: bool) -> tuple[Doubles, Flags]:
        """Teach with some of a run of samples and judge the others; return p-values, and which samples have them.

        Shapes: `embeddings` (samples, dimensions); `unusual` (samples,): see `novelty`; `uniforms` (samples,
        witnesses + 2): tie-breakers, the coin, and the draw of the member to drop. `keep` is False where samples must
        become part neither of the bag nor of the mean of all.
        """
        judged = uniforms[:, -2] >= TEACHING
        p = np.zeros((len(embeddings), len(MEMORY)))
        if judged.any():
            own = np.rint(embeddings[judged] @ self.functions.T)
            p[judged] = self._rank(own, uniforms[judged, : len(MEMORY)])
            if keep:
                self._keep(embeddings[judged], own, uniforms[judged, -1])
        if not judged.all():
            self._teach(embeddings[~judged], unusual[~judged], keep)
        return p, judged

    def cells(self, function: int, rows: Floats, table: Table) -> NDArray[np.int8]:
        """Return in which cell of the bets each row ranks by one function of today, among a reference's rows."""
        direction = self.functions[function]
        known = np.sort(np.rint(table.embeddings[table.embedded()].astype(np.float32) @ direction))
        own = np.rint(rows @ direction)
        above, ties = len(known) - np.searchsorted(known, own, "right"), np.searchsorted(known, own, "right")
        ties = ties - np.searchsorted(known, own, "left")
        cells: NDArray[np.int8] = np.searchsorted(EDGES, (above + 0.5 * (ties + 1)) / (len(known) + 1)).astype(np.int8)
        return cells

    def _teach(self, embeddings: Floats, unusual: Doubles, keep: bool) -> None:
        taught = len(embeddings)
        weights = np.where(NOVEL[:, None], unusual, 1.0).astype(np.float32)
        total, new = weights.sum(1), weights @ embeddings
        kept = (1.0 - 1.0 / MEMORY) ** taught
        # `recent` is a weighted mean; what it forgets and learns is weighed by how much was learned from.
        learned = (1.0 - kept) * total / taught
        self.recent_weight = kept * self.recent_weight + learned
        share = (learned / self.recent_weight)[:, None]
        self.recent += share * (new / total[:, None] - self.recent)
        if keep:
            self.before_weight = np.minimum(self.before_weight + total, BEFORE)
            self.before += (new - total[:, None] * self.before) / self.before_weight[:, None]
        due = (self.taught + taught) // RENEW > self.taught // RENEW
        self.taught += taught
        if due:
            self._renew()

    def _renew(self) -> None:
        functions = self.geometry.discriminant((self.recent - self.before).astype(np.float32))
        values = functions @ self.bag[: self.size].T
        # In whole steps, wider than rounding, so that equal embeddings tie whatever order a sum was taken in.
        least = LEAST_SPREAD * np.linalg.norm(functions, axis=1) + 1e-9
        scale = (STEPS / np.maximum(values.std(1), least))[:, None].astype(np.float32)
        self.functions = functions * scale
        values *= scale
        np.rint(values, out=self.values[:, : self.size])

    def _rank(self, own: Floats, uniforms: Doubles) -> Doubles:
        """Rank a run's judged samples in the bag and among those before them. Shapes: (judged, witnesses)."""
        others, mine = self.values[:, : self.size], own[..., None]
        before = np.tri(len(own), k=-1, dtype=bool)[..., None]
        above = count(others > mine, -1) + count(before & (own > own[:, None]), 1)
        ties = count(others == mine, -1) + count(before & (own == own[:, None]), 1)
        p: Doubles = (above + uniforms * (ties + 1)) / (self.size + 1 + np.arange(len(own)))[:, None]
        return p

    def _keep(self, embeddings: Floats, own: Floats, uniforms: Doubles) -> None:
        end = self.size + len(own)
        self.bag[self.size : end], self.values[:, self.size : end] = embeddings, own.T
        self.size = end
        for uniform in uniforms[: max(0, end - BAG)]:
            dropped, self.size = int(uniform * self.size), self.size - 1
            self.bag[dropped], self.values[:, dropped] = self.bag[self.size], self.values[:, self.size]


def _loneliness(rows: Floats) -> Doubles:
    """Return the p-value of each row's distance to the nearest other one, among the rows."""
    squares = (rows * rows).sum(1)
    distances = squares[:, None] + squares - 2.0 * rows @ rows.T
    np.fill_diagonal(distances, np.inf)
    order: Doubles = (-distances.min(1)).argsort(kind="stable").argsort().astype(np.float64)
    return (order + 0.5) / len(rows)
