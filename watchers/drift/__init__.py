"""Drift of streams of embeddings and scalars: alarms with a false-alarm guarantee, an effect size, and a reason."""

from watchers.drift.baseline import Baseline
from watchers.drift.events import (
    PROVIDER,
    BaselineError,
    DriftError,
    DriftEvent,
    DriftSettings,
    Level,
    Strata,
    StreamKey,
    StreamStatus,
)
from watchers.drift.monitor import DriftMonitor

__all__ = [
    "PROVIDER",
    "Baseline",
    "BaselineError",
    "DriftError",
    "DriftEvent",
    "DriftMonitor",
    "DriftSettings",
    "Level",
    "Strata",
    "StreamKey",
    "StreamStatus",
]
