"""Drift of the fleet: every replica counts into the bins of one shared reference, and Prometheus adds them up.

The figures are those of the pooled data (`watchers/drift/fleet.py` has the formulae): the population stability index
with shares floored at 0.0001, and the Jensen-Shannon divergence in nats, both over the last hour.
"""

from collections.abc import Iterator
from typing import Final

from dashboards.rule import Rule, record

_FEATURE: Final = "namespace, route, model, direction, feature"
_BIN: Final = f"{_FEATURE}, bin"
_SHARE: Final = "sidewatch:drift_bins:share1h"
_EXPECTED: Final = "sidewatch:drift_bins:expected"
_FLOOR: Final = "0.0001"
_TINY: Final = "1e-12"  # where a share is 0, its term is 0 too


def recorded_fleet() -> Iterator[Rule]:
    grown = "increase(sidewatch_drift_bins_total[1h])"
    total = f"(sum by ({_FEATURE}) ({grown}) > 0)"
    yield record("sidewatch:drift_bins:increase1h", f"sum by ({_FEATURE}) ({grown})")
    yield record(_SHARE, f"sum by ({_BIN}) ({grown}) / on ({_FEATURE}) group_left () {total}")
    reference = "max by (namespace, direction, feature, bin) (sidewatch_drift_reference_share)"
    yield record(_EXPECTED, f"0 * {_SHARE} + on (namespace, direction, feature, bin) group_left () {reference}")
    seen, usual = (f"clamp_min({name}, {_FLOOR})" for name in (_SHARE, _EXPECTED))
    yield record("sidewatch:drift_fleet:psi1h", f"sum by ({_FEATURE}) (({seen} - {usual}) * ln({seen} / {usual}))")
    middle = f"clamp_min(({_SHARE} + {_EXPECTED}) / 2, {_TINY})"
    terms = [f"{name} * ln(clamp_min({name}, {_TINY}) / {middle})" for name in (_SHARE, _EXPECTED)]
    yield record("sidewatch:drift_fleet:js1h", f"sum by ({_FEATURE}) ({terms[0]} + {terms[1]}) / 2")
