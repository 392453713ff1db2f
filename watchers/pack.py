"""The committed model pack: one graph, its tokenizer, and what its numbers mean.

A pack is a directory: `model.onnx`, `tokenizer.json`, `pack.json` (labels, calibration, thresholds,
hashes), `CARD.md` and usually `first.npz`, the first stage. The files are verified against `pack.json` before anything is loaded, so that a
half-written or mixed pack stops the start with a clear error rather than judging wrongly.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
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
class Calibration:
    """Logits to probabilities: logistic of slope × logit + offset, each label its own (Platt 1999).

    Shapes: slope, offset float32 (labels,), in the order of the graph's `scores`.
    """

    slope: NDArray[np.float32]
    offset: NDArray[np.float32]

    def __call__(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(1 / (1 + np.exp(-np.clip(self.slope * logits + self.offset, -40, 40))), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Pack:
    """What a pack's files say.

    `heads`: head -> its labels, in the order of the graph's `scores`; `thresholds`: label -> false-positive rate
    (as text) -> score, and `user_thresholds` those that hold in user turns where they differ; `languages`: those that
    its training data covers; `model`: short hash of the graph.
    """

    folder: Path
    model: str
    version: str
    heads: Mapping[str, tuple[str, ...]]
    tags: tuple[str, ...]
    calibration: Calibration
    thresholds: Mapping[str, Mapping[str, float]]
    languages: tuple[str, ...]
    user_thresholds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    first_stage: bool = False  # whether `first.npz` is part of it

    @property
    def first(self) -> Path | None:
        """The first stage's file, None in a pack without one."""
        return self.folder / "first.npz" if self.first_stage else None

    @property
    def labels(self) -> tuple[str, ...]:
        """All heads' labels, in the order of the graph's `scores`."""
        return tuple(label for labels in self.heads.values() for label in labels)

    @property
    def graph(self) -> Path:
        return self.folder / "model.onnx"

    @property
    def tokenizer(self) -> Path:
        return self.folder / "tokenizer.json"

    def threshold(self, label: str, rate: str = "1%", user_turn: bool = False) -> float:
        """The score that `rate` of benign chat traffic exceeds. Raises PackError for a rate not measured."""
        found = (user_turn and self.user_thresholds.get(label)) or self.thresholds[label]
        if rate not in found:
            asked = f"no threshold of {label} for false-positive rate {rate}"
            raise PackError(f"pack {self.version}: {asked}; it has {', '.join(found)}")
        return found[rate]


def read(folder: Path = BUNDLED) -> Pack:
    """Verify and describe the pack in `folder`. Raises PackError."""
    try:
        described = json.loads((folder / "pack.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise PackError(
            f"{folder / 'pack.json'}: {why}; a pack is a directory with pack.json and what it names"
        ) from error
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
    labels = [label for head in described["heads"].values() for label in head]
    fitted = described["calibration"]
    if set(labels) != set(fitted) or set(labels) != set(described["thresholds"]):
        raise PackError(f"{folder / 'pack.json'}: heads, calibration and thresholds name different labels")
    if tuple(described["tags"]) != TAGS:
        raise PackError(f"{folder / 'pack.json'}: its tags are not those that this version decodes")
    return Pack(
        folder=folder,
        model=described["sha256"]["model.onnx"][:12],
        version=str(described["version"]),
        heads={head: tuple(names) for head, names in described["heads"].items()},
        tags=TAGS,
        calibration=Calibration(
            np.array([fitted[label]["slope"] for label in labels], np.float32),
            np.array([fitted[label]["offset"] for label in labels], np.float32),
        ),
        thresholds=described["thresholds"],
        languages=tuple(described["languages"]),
        user_thresholds=described.get("user_thresholds", {}),
        first_stage="first.npz" in described["sha256"],
    )
