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

from watchers.drift.ranks import Doubles, Flags
from watchers.drift.scores import Map
from watchers.encoding import Floats

WITNESSES = ("witness_fast", "witness", "witness_slow")
MEMORY = np.array([25.0, 100.0, 400.0])  # teaching samples
BEFORE = 4000.0  # memory of the mean of all, which starts as a plain mean
BAG = 768
MOST = 64  # samples of one run
TEACHING = 0.5  # chance of the coin
RENEW = 16  # teaching samples between two renewals of the functions
STEPS = 1000.0  # to a standard deviation of a function over the bag


class Witness:
    """Three learned scores of one stream. Memory: the bag, float32 (768, dimensions), and four means.

    Shapes: `teaching` and `judged` float32 (samples, dimensions): the reference's two parts.
    """

    def __init__(self, geometry: Map, teaching: Floats, judged: Floats) -> None:
        width = teaching.shape[1]
        self.geometry = geometry
        self.bag = np.zeros((BAG + MOST, width), np.float32)
        self.size = min(len(judged), BAG)
        self.bag[: self.size] = judged[: self.size]
        self.before = teaching.mean(0, dtype=np.float64)
        self.recent = np.repeat(self.before[None], len(MEMORY), 0)
        self.taught = len(teaching)
        self.functions = np.zeros((len(MEMORY), width), np.float32)
        self.values = np.zeros((len(MEMORY), BAG + MOST), np.float32)

    def update(self, embeddings: Floats, uniforms: Doubles, keep: bool) -> tuple[Doubles, Flags]:
        """Teach with some of a run of samples and judge the others; return p-values, and which samples have them.

        Shapes: `embeddings` (samples, dimensions); `uniforms` (samples, witnesses + 2): tie-breakers, the coin, and the
        draw of the member to drop. `keep` is False where samples must become part neither of the bag nor of
        the mean of all.
        """
        judged = uniforms[:, -2] >= TEACHING
        p = np.zeros((len(embeddings), len(MEMORY)))
        if judged.any():
            own = np.rint(embeddings[judged] @ self.functions.T)
            p[judged] = self._rank(own, uniforms[judged, : len(MEMORY)])
            if keep:
                self._keep(embeddings[judged], own, uniforms[judged, -1])
        if not judged.all():
            self._teach(embeddings[~judged], keep)
        return p, judged

    def _teach(self, embeddings: Floats, keep: bool) -> None:
        count, mean = len(embeddings), embeddings.mean(0)
        kept = ((1.0 - 1.0 / MEMORY) ** count)[:, None]
        self.recent = kept * self.recent + (1.0 - kept) * mean
        if keep:
            self.before += (mean - self.before) * count / min(self.taught + count, BEFORE)
        due = (self.taught + count) // RENEW > self.taught // RENEW
        self.taught += count
        if due:
            self._renew()

    def _renew(self) -> None:
        functions = self.geometry.discriminant((self.recent - self.before).astype(np.float32))
        values = functions @ self.bag[: self.size].T
        # In whole steps, so that equal embeddings tie whatever order a sum was taken in.
        scale = (STEPS / np.maximum(values.std(1), 1e-9))[:, None]
        self.functions = functions * scale
        self.values[:, : self.size] = np.rint(values * scale)

    def _rank(self, own: Floats, uniforms: Doubles) -> Doubles:
        """Rank a run's judged samples in the bag and among those before them. Shapes: (judged, witnesses)."""
        others, mine = self.values[:, : self.size], own[..., None]
        before = np.tri(len(own), k=-1, dtype=bool)[..., None]
        above = (others > mine).sum(-1) + (before & (own > own[:, None])).sum(1)
        ties = (others == mine).sum(-1) + (before & (own == own[:, None])).sum(1)
        p: Doubles = (above + uniforms * (ties + 1)) / (self.size + 1 + np.arange(len(own)))[:, None]
        return p

    def _keep(self, embeddings: Floats, own: Floats, uniforms: Doubles) -> None:
        end = self.size + len(own)
        self.bag[self.size : end], self.values[:, self.size : end] = embeddings, own.T
        self.size = end
        for uniform in uniforms[: max(0, end - BAG)]:
            dropped, self.size = int(uniform * self.size), self.size - 1
            self.bag[dropped], self.values[:, dropped] = self.bag[self.size], self.values[:, self.size]
