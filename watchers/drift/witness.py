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
TEACHING = 0.5  # chance of the coin
RENEW = 12  # teaching samples between two renewals of the functions
STEPS = 1000.0  # to a standard deviation of a function over the bag


class Witness:
    """Three learned scores of one stream. Memory: the bag, float32 (768, dimensions), and four means.

    Shapes: `teaching` and `judged` float32 (samples, dimensions): the reference's two parts.
    """

    def __init__(self, geometry: Map, teaching: Floats, judged: Floats) -> None:
        width = teaching.shape[1]
        self.geometry = geometry
        self.bag = np.zeros((BAG, width), np.float32)
        self.size = min(len(judged), BAG)
        self.bag[: self.size] = judged[: self.size]
        self.before = teaching.mean(0, dtype=np.float64)
        self.recent = np.repeat(self.before[None], len(MEMORY), 0)
        self.taught = len(teaching)
        self.functions = np.zeros((len(MEMORY), width), np.float32)
        self.values = np.zeros((BAG, len(MEMORY)), np.float32)

    def update(self, embeddings: Floats, uniforms: Doubles, keep: bool) -> tuple[Doubles, Flags]:
        """Teach with some of a run of samples and judge the others; return p-values, and which samples have them.

        Shapes: `embeddings` (samples, dimensions); `uniforms` (samples, witnesses + 2): tie-breakers, the coin, and the
        draw of the member to drop. `keep` is False where samples must become part neither of the bag nor of
        the mean of all.
        """
        judged = uniforms[:, -2] >= TEACHING
        p = np.zeros((len(embeddings), len(MEMORY)))
        own = np.rint(embeddings @ self.functions.T)
        for i in np.flatnonzero(judged):
            p[i] = self._rank(own[i], uniforms[i, : len(MEMORY)])
            if keep:
                self._keep(embeddings[i], own[i], float(uniforms[i, -1]))
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
        values = self.bag[: self.size] @ functions.T
        # In whole steps, so that equal embeddings tie whatever order a sum was taken in.
        scale = STEPS / np.maximum(values.std(0), 1e-9)
        self.functions = functions * scale[:, None]
        self.values[: self.size] = np.rint(values * scale)

    def _rank(self, own: Floats, uniforms: Doubles) -> Doubles:
        others = self.values[: self.size]
        above, ties = (others > own).sum(0), (others == own).sum(0)
        p: Doubles = (above + uniforms * (ties + 1)) / (self.size + 1)
        return p

    def _keep(self, embedding: Floats, own: Floats, uniform: float) -> None:
        place = self.size if self.size < BAG else int(uniform * (BAG + 1))
        if place < BAG:
            self.bag[place], self.values[place] = embedding, own
            self.size = max(self.size, place + 1)
