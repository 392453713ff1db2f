"""The learned score: where recent samples crowd more than earlier ones did.

A coin divides the stream. One half teaches: running means of kernel features over a short and a long past, whose
difference is the witness function of the maximum mean discrepancy (recent against before). The other half is judged:
its samples are ranked by that function in a bag of the calibration rows and of earlier judged samples, and the bag
is ranked anew with every function. A judged sample never teaches, so given the function it is exchangeable with the
bag, and the p-values stay independent and uniform. The bag is bounded: past its size a member drawn at
random, each alike, is dropped, which keeps the bag independent of the p-values already given.

Source: Gretton et al., A kernel two-sample test (JMLR 2012), section 2.3 for the witness function; Rahimi, Recht,
Random features for large-scale kernel machines (NIPS 2007).
"""

import numpy as np
from numpy.typing import NDArray

from watchers.drift.ranks import Doubles
from watchers.drift.reference import WITNESSES, Reference
from watchers.drift.scores import FEATURES, Point

BAG = 768
MEMORY = np.array([40.0, 250.0], np.float32)  # teaching samples; fast and slow
BEFORE = 1500.0  # memory of the mean that they are compared with
CALIBRATED = np.zeros(len(WITNESSES))


class Witness:
    """Two learned scores of one stream. Memory: the bag, float32 (768, 128), and three means."""

    def __init__(self, reference: Reference) -> None:
        calibration = set(reference.calibration.tolist())
        points = enumerate(reference.points)
        rows = [(i in calibration, p.features) for i, p in points if p is not None]
        taught = np.array([f for judged, f in rows if not judged], np.float32).reshape(-1, FEATURES)
        bag = np.array([f for judged, f in rows if judged][:BAG], np.float32).reshape(-1, FEATURES)
        self.bag = np.zeros((BAG, FEATURES), np.float32)
        self.bag[: len(bag)] = bag
        self.size = len(bag)
        self.before = taught.mean(0) if len(taught) else np.zeros(FEATURES, np.float32)
        self.recent = np.repeat(self.before[None], len(MEMORY), 0)

    def update(self, point: Point | None, uniforms: Doubles, keep: bool) -> tuple[Doubles, bool]:
        """Teach with the sample or judge it; return the p-values and whether they count.

        Shapes: `uniforms` (witnesses + 2,): tie-breakers, the coin, and the draw of the member to drop.
        """
        if point is None:
            return CALIBRATED, False
        if uniforms[-2] < 0.5:
            self._teach(point.features)
            return CALIBRATED, False
        p = self._rank(point.features, uniforms[: len(MEMORY)])
        if keep:
            self._keep(point.features, float(uniforms[-1]))
        return p, True

    def _teach(self, features: NDArray[np.float32]) -> None:
        self.recent += (features - self.recent) / MEMORY[:, None]
        self.before += (features - self.before) / np.float32(BEFORE)

    def _rank(self, features: NDArray[np.float32], uniforms: Doubles) -> Doubles:
        function = self.recent - self.before
        others = self.bag[: self.size] @ function.T
        own = function @ features
        above, ties = (others > own).sum(0), (others == own).sum(0)
        p: Doubles = (above + uniforms * (ties + 1)) / (self.size + 1)
        return p

    def _keep(self, features: NDArray[np.float32], uniform: float) -> None:
        if self.size < BAG:
            self.bag[self.size] = features
            self.size += 1
            return
        dropped = int(uniform * (BAG + 1))
        if dropped < BAG:
            self.bag[dropped] = features
