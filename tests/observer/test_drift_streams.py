"""Which samples go into which stream, and what is told of a drift."""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sidecar.observer.drift_streams import DriftStreams
from sidecar.observer.instruments import Instruments
from sidecar.observer.mask import Masker
from sidecar.observer.outcome import Coverage, Outcome, State
from sidecar.records import records
from sidecar.wire.decode import decode
from sidecar.wire.exchange import Exchange
from tests.observer.traffic import Words, answer, capture, chat
from watchers.drift import DriftError, DriftEvent, DriftMonitor, DriftSettings, Level, StreamKey
from watchers.encoding import Encoding
from watchers.watcher import Direction

PROMPT = StreamKey("default", "gpt-4o", Direction.PROMPT)
COMPLETION = StreamKey("default", "gpt-4o", Direction.COMPLETION)
PROVIDER = PROMPT.provider()


class Hashed:
    """A real, tiny encoder: words to axes."""

    model = "hashed-1"

    def __init__(self) -> None:
        self.texts: list[str] = []

    def encode(self, texts: list[str], budgets: Sequence[int | None] = ()) -> list[Encoding]:
        self.texts += texts
        return [Encoding((), self._embedding(text)) for text in texts]

    def _embedding(self, text: str) -> np.ndarray:
        vector = np.full(16, 0.01, np.float32)
        for word in text.split():
            vector[sum(word.encode()) % 16] += 1
        return vector / np.linalg.norm(vector)


def outcome(*turns: tuple[str, str], reply: str = "fine") -> tuple[Outcome, Masker]:
    captured = capture(chat(*turns), answer(reply))
    exchange = decode(captured)
    texts = tuple(records(captured.id, exchange))
    judged = {"fruit": Words("fruit", "apple").watch(texts)}
    made = Outcome(captured, exchange, texts, judged, {"fruit": Coverage(State.CLEAN)})
    return made, Masker(texts, judged)


def streams(events: list[DriftEvent], instruments: Instruments, **changes: float) -> tuple[DriftStreams, Hashed]:
    encoder = Hashed()
    settings = DriftSettings(**({"reference_samples": 150, "alarm_every": 20_000, "window": 64} | changes))  # type: ignore[arg-type]
    return DriftStreams(DriftMonitor(settings, encoder.model), encoder, instruments, events.append), encoder


def test_the_newest_user_text_and_the_answer_are_watched() -> None:
    watched, encoder = streams([], Instruments())
    watched.emit(
        [outcome(("system", "be kind"), ("user", "one"), ("assistant", "two"), ("user", "three"), reply="four")]
    )
    assert encoder.texts == ["three", "four"]
    assert set(watched.snapshot()) == {PROMPT, COMPLETION, PROVIDER}
    assert watched.snapshot()[PROMPT].level is Level.INSUFFICIENT_DATA


def test_what_could_not_be_decoded_is_not_watched() -> None:
    watched, encoder = streams([], Instruments())
    made, masker = outcome(("user", "one"))
    watched.emit([(replace(made, exchange=replace(made.exchange, decode_error="bad_json")), masker)])
    watched.emit([(replace(made, exchange=Exchange("unknown"), records=()), masker)])
    assert watched.snapshot() == {}
    assert encoder.texts == []


def test_a_change_of_topic_is_told_and_counted_and_no_change_is_not() -> None:
    events: list[DriftEvent] = []
    instruments = Instruments()
    watched, _ = streams(events, instruments)
    wild = random.Random(5)
    before, after = ["tax", "invoice", "form", "refund", "apple"], ["poem", "love", "rhyme", "moon", "apple"]

    def feed(words: list[str], exchanges: int) -> None:
        for _ in range(exchanges):
            watched.emit(
                [outcome(("user", " ".join(wild.choices(words, k=6))), reply=" ".join(wild.choices(before, k=6)))]
            )

    feed(before, 400)
    watched.refresh_gauges()
    assert instruments.value("sidewatch_drift_state", ("default", "gpt-4o", "prompt", "", "stable")) == 1
    assert {event.level for event in events} == {Level.STABLE}
    feed(after, 200)
    watched.refresh_gauges()
    assert instruments.value("sidewatch_drift_state", ("default", "gpt-4o", "prompt", "", "drift")) == 1
    assert instruments.value("sidewatch_drift_state", ("default", "gpt-4o", "completion", "", "drift")) == 0
    assert instruments.value("sidewatch_drift_events_total", ("default", "gpt-4o", "prompt", "", "drift")) == 1
    assert instruments.value("sidewatch_drift_events_total", ("default", "gpt-4o", "provider", "", "drift")) == 0
    assert instruments.value("sidewatch_drift_attribution", ("default", "gpt-4o", "prompt", "", "prompts")) == 1
    assert instruments.value("sidewatch_drift_since_timestamp_seconds", ("default", "gpt-4o", "prompt", "")) > 1.6e9
    assert instruments.value("sidewatch_drift_streams") == 3
    (drift,) = [event for event in events if event.level is Level.DRIFT]
    assert drift.stream == PROMPT
    assert drift.since_index is not None
    assert "apple" not in str(drift.reason)  # the exemplars are masked


def test_accepting_makes_the_present_the_reference() -> None:
    watched, _ = streams([], Instruments())
    wild = random.Random(5)
    for _ in range(60):
        watched.emit([outcome(("user", " ".join(wild.choices(["tax", "form", "pear"], k=6))))])
    assert watched.snapshot()[PROMPT].level is Level.INSUFFICIENT_DATA
    watched.accept(PROMPT)
    watched.emit([outcome(("user", "tax form"))])
    watched.flush()
    assert watched.snapshot()[PROMPT].level is Level.STABLE


def test_streams_survive_a_restart(tmp_path: Path) -> None:
    watched, _ = streams([], Instruments())
    for _ in range(20):
        watched.emit([outcome(("user", "one two"))])
    watched.save(tmp_path / "new" / "streams.state")
    restarted, _ = streams([], Instruments())
    restarted.load(tmp_path / "new" / "streams.state")
    assert restarted.snapshot()[PROMPT].reference_samples == 20


def test_a_damaged_state_says_so(tmp_path: Path) -> None:
    (tmp_path / "streams.state").write_bytes(b"nothing of the kind")
    with pytest.raises(DriftError):
        streams([], Instruments())[0].load(tmp_path / "streams.state")
