"""The committed model pack: one graph, its tokenizer, and what its numbers mean.

A pack is a directory: `model.onnx`, `tokenizer.json`, `pack.json` (labels, calibration, thresholds,
hashes) and `CARD.md`. Both files are verified against `pack.json` before anything is loaded, so that a
half-written or mixed pack stops the start with a clear error rather than judging wrongly.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from watchers.tags import TAGS

FORMAT = 1
BUNDLED = Path(__file__).parent / "pack"


class PackError(Exception):
    """The pack cannot be used; the message names the file and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Logit to probability: logistic of a piecewise-linear, increasing map; ends continue with their slope."""

    logits: NDArray[np.float32]
    calibrated: NDArray[np.float32]

    def __call__(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        x, y = self.logits, self.calibrated
        inside = np.interp(logits, x, y)
        below = y[0] + (logits - x[0]) * (y[1] - y[0]) / (x[1] - x[0])
        above = y[-1] + (logits - x[-1]) * (y[-1] - y[-2]) / (x[-1] - x[-2])
        straight = np.where(logits < x[0], below, np.where(logits > x[-1], above, inside))
        return np.asarray(1 / (1 + np.exp(-np.clip(straight, -40, 40))), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Pack:
    """What a pack's files say.

    `heads`: head -> its labels, in the order of the graph's `scores`; `thresholds`: label -> false-positive rate
    (as text) -> score; `languages`: those that its training data covers; `model`: short hash of the graph.
    """

    folder: Path
    model: str
    version: str
    heads: Mapping[str, tuple[str, ...]]
    tags: tuple[str, ...]
    curves: Mapping[str, Curve]
    thresholds: Mapping[str, Mapping[str, float]]
    languages: tuple[str, ...]

    @property
    def graph(self) -> Path:
        return self.folder / "model.onnx"

    @property
    def tokenizer(self) -> Path:
        return self.folder / "tokenizer.json"

    def threshold(self, label: str, rate: str = "1%") -> float:
        """The score that `rate` of benign chat traffic exceeds. Raises PackError for a rate not measured."""
        found = self.thresholds[label]
        if rate not in found:
            asked = f"no threshold of {label} for false-positive rate {rate}"
            raise PackError(f"pack {self.version}: {asked}; it has {', '.join(found)}")
        return found[rate]


def read(folder: Path = BUNDLED) -> Pack:
    """Verify and describe the pack in `folder`. Raises PackError."""
    try:
        described = json.loads((folder / "pack.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PackError(f"{folder / 'pack.json'}: {error}") from error
    if not isinstance(described, dict) or described.get("format") != FORMAT:
        raise PackError(f"{folder / 'pack.json'}: expected format {FORMAT}")
    try:
        for name, wanted in described["sha256"].items():
            _verify(folder / name, wanted)
        return _described(folder, described)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PackError(f"{folder / 'pack.json'}: incomplete or malformed ({error!r})") from error


def _verify(file: Path, wanted: str) -> None:
    try:
        found = hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise PackError(f"{file}: {error.strerror}") from error
    if found != wanted:
        raise PackError(
            f"{file}: sha256 is {found[:12]}…, pack.json says {wanted[:12]}…: the file is damaged or of another pack"
        )


def _described(folder: Path, described: dict[str, Any]) -> Pack:
    curves = {
        label: Curve(np.array(curve["logits"], np.float32), np.array(curve["calibrated"], np.float32))
        for label, curve in described["calibration"].items()
    }
    labels = [label for head in described["heads"].values() for label in head]
    if set(labels) != set(curves) or set(labels) != set(described["thresholds"]):
        raise PackError(f"{folder / 'pack.json'}: heads, calibration and thresholds name different labels")
    if tuple(described["tags"]) != TAGS:
        raise PackError(f"{folder / 'pack.json'}: its tags are not those that this version decodes")
    return Pack(
        folder=folder,
        model=described["sha256"]["model.onnx"][:12],
        version=str(described["version"]),
        heads={head: tuple(names) for head, names in described["heads"].items()},
        tags=TAGS,
        curves=curves,
        thresholds=described["thresholds"],
        languages=tuple(described["languages"]),
    )
