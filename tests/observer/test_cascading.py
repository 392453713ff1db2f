"""The cascade in the pipeline: its ledger states, what waits for a second look, what feeds drift, what history costs."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sidecar.observer.backlog import Backlog, Waiting
from sidecar.observer.parts import Parts, Workshop
from sidecar.observer.pipeline import Pipeline
from sidecar.settings import Drift, Observer, Settings, Watchers, WatcherSettings
from sidecar.wire.capture import Capture
from tests.observer.test_pipeline import Bench, talk
from tests.observer.traffic import answer, capture, chat
from tests.watchers.first_stages import parts as made
from watchers import first_stage
from watchers.cascade import Cascade
from watchers.pack import BUNDLED, read

INSULT = "You are a stupid idiot."
BRIDGE = "The committee met again on tuesday and talked about the budget for the new bridge over the river."
ANSWER = "How can I help you with this?"


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The shipped pack with a first stage made by hand, which doubts one word."""
    folder, shipped = tmp_path_factory.mktemp("pack"), read()
    for name in ("model.onnx", "tokenizer.json"):
        (folder / name).symlink_to(BUNDLED / name)
    words, weights = made(shipped, {"toxicity": ["stupid"]})
    first_stage.save(folder / "first.npz", words, weights, shipped.labels, shipped.model)
    described = json.loads((BUNDLED / "pack.json").read_text(encoding="utf-8"))
    described["sha256"]["first.npz"] = hashlib.sha256((folder / "first.npz").read_bytes()).hexdigest()
    (folder / "pack.json").write_text(json.dumps(described), encoding="utf-8")
    return str(folder)


def settings(
    pack: str, drift: bool = False, watchers: dict[str, WatcherSettings] | None = None, **observer: object
) -> Settings:
    return Settings(
        upstream="http://x",
        watchers=Watchers(enabled=["toxicity"], pack=pack, settings=watchers or {}),
        drift=Drift(enabled=drift),
        observer=Observer(**{"first_stage": "always", "first_stage_sample": 0.0, **observer}),  # type: ignore[arg-type]
    )


def late(bench: Bench, captures: list[Capture], seconds: float) -> Parts:
    """Judge exchanges that have waited so long already."""
    backlog, parts = Backlog(len(captures), 1_000_000), bench.parts()
    for number, captured in enumerate(captures):
        waiting = Waiting(captured, None, bench.origin, number, 0)
        backlog.put(replace(waiting, since_seconds=waiting.since_seconds - seconds))
    pipeline = Pipeline(backlog, parts, bench.instruments, lambda origin, *settled: origin.settle(*settled))
    pipeline.start()
    assert pipeline.stop(60)
    assert sorted(bench.origin.numbers) == list(range(len(captures)))
    assert backlog.held_bytes == 0
    return parts


def test_what_the_first_stage_cleared_is_screened_and_what_it_doubts_is_judged(pack: str) -> None:
    bench = Bench(settings(pack))
    bench.judge([talk(BRIDGE, ANSWER, id="a"), talk(INSULT, ANSWER, id="b")])
    assert bench.origin.ledger == {"toxicity\0screened\0": 1, "toxicity\0flagged\0": 1}
    assert [line["coverage"]["toxicity"] for line in bench.out.lines] == ["screened", "flagged"]


def test_while_it_keeps_up_everything_is_judged_in_full_and_the_first_stage_watched(pack: str) -> None:
    bench = Bench(settings(pack, first_stage="auto", behind_seconds=600))  # loading the pack counts as waiting here
    bench.judge([talk(BRIDGE, ANSWER, id="a"), talk(INSULT, ANSWER, id="b")])
    assert bench.origin.ledger == {"toxicity\0clean\0": 1, "toxicity\0flagged\0": 1}
    checks = "sidewatch_first_stage_checks_total"
    assert bench.instruments.value(checks, ("toxicity", "caught")) == 1
    assert bench.instruments.value(checks, ("toxicity", "cleared")) == 3  # a question and two answers
    assert bench.instruments.value(checks, ("toxicity", "missed")) == 0


def test_a_backlog_turns_auto_to_the_cascade(pack: str) -> None:
    bench = Bench(settings(pack, first_stage="auto"))
    late(bench, [talk(BRIDGE, ANSWER, id="a"), talk(INSULT, ANSWER, id="b")], seconds=3)
    assert bench.origin.ledger == {"toxicity\0screened\0": 1, "toxicity\0flagged\0": 1}


def test_what_is_doubted_under_overload_is_judged_when_there_is_time(pack: str) -> None:
    bench = Bench(settings(pack, first_stage="auto"))
    late(bench, [talk(text, ANSWER, id=str(at)) for at, text in enumerate([INSULT, BRIDGE, INSULT])], seconds=60)
    assert bench.origin.ledger == {"toxicity\0screened\0": 1, "toxicity\0flagged\0": 2}
    assert [line["exchange"] for line in bench.out.lines] == ["1", "0", "2"]
    assert bench.instruments.value("sidewatch_flags_total", ("toxicity", "toxicity", "prompt", "default")) == 2


def test_what_finds_no_room_to_wait_is_skipped_and_told(pack: str) -> None:
    bench = Bench(settings(pack, first_stage="auto", queue_exchanges=4))
    late(bench, [talk(INSULT, ANSWER, id=str(at)) for at in range(3)], seconds=60)
    assert bench.origin.ledger == {"toxicity\0skipped\0overload": 2, "toxicity\0flagged\0": 1}


def test_the_random_sample_is_judged_in_full_at_every_depth(pack: str) -> None:
    bench = Bench(settings(pack, first_stage_sample=1.0))
    late(bench, [talk(BRIDGE, ANSWER, id="a"), talk(INSULT, ANSWER, id="b")], seconds=60)
    assert bench.origin.ledger == {"toxicity\0clean\0": 1, "toxicity\0flagged\0": 1}


@pytest.mark.parametrize(("sample", "streams"), [(0.0, set()), (1.0, {"prompt", "completion"})])
def test_drift_is_fed_by_the_random_sample_alone(pack: str, sample: float, streams: set[str]) -> None:
    bench = Bench(settings(pack, drift=True, first_stage_sample=sample))
    parts = late(bench, [talk(f"{INSULT} {number}", ANSWER, id=str(number)) for number in range(3)], seconds=3)
    assert parts.drift is not None
    assert {str(key.direction) for key in parts.drift.snapshot()} - {"provider"} == streams


def test_a_lower_threshold_than_it_was_made_for_rules_the_first_stage_out(
    pack: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lower = {"toxicity": WatcherSettings(thresholds={"insult": 0.01})}
    assert isinstance(Bench(settings(pack)).parts().encoder, Cascade)
    assert not isinstance(Bench(settings(pack, watchers=lower)).parts().encoder, Cascade)
    assert "first stage off" in capsys.readouterr().out


def test_a_pack_replaced_by_another_with_the_same_times_is_loaded_at_a_reload(pack: str, tmp_path: Path) -> None:
    shutil.copytree(pack, tmp_path / "pack", symlinks=True)
    bench, file = Bench(settings(str(tmp_path / "pack"))), tmp_path / "pack" / "pack.json"
    workshop, times = Workshop(bench.instruments, bench.out), file.stat()  # type: ignore[arg-type]
    one, same = workshop.make(bench.settings).encoder, workshop.make(bench.settings).encoder
    file.write_text(file.read_text(encoding="utf-8").replace('"format": 1', '"format": 1, "examples": 1'))
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))  # as images whose times are all the same unpack it
    assert one is same
    assert workshop.make(bench.settings).encoder is not one


def test_a_pack_without_a_first_stage_is_judged_in_full(pack: str, tmp_path: Path) -> None:
    for name in ("model.onnx", "tokenizer.json"):
        (tmp_path / name).symlink_to(BUNDLED / name)
    described = json.loads((BUNDLED / "pack.json").read_text(encoding="utf-8"))
    described["sha256"].pop("first.npz", None)
    (tmp_path / "pack.json").write_text(json.dumps(described), encoding="utf-8")
    bench = Bench(settings(str(tmp_path)))
    bench.judge([talk(BRIDGE, ANSWER)])
    assert bench.origin.ledger == {"toxicity\0clean\0": 1}


@pytest.mark.parametrize("first_stage_mode", ["off", "always"])
def test_the_history_of_a_long_conversation_costs_no_pass_and_no_pattern(
    pack: str, first_stage_mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(settings(pack, first_stage=first_stage_mode))
    parts = bench.parts()
    encoder = getattr(parts.encoder, "_encoder", parts.encoder)
    watch, run, seen, passes = parts.panel.watchers[0].watch, encoder._graph.run, list[int](), list[int]()
    monkeypatch.setattr(type(parts.panel.watchers[0]), "watch", _counting(watch, seen))
    monkeypatch.setattr(encoder._graph, "run", lambda feeds: passes.append(len(feeds)) or run(feeds))
    turns: list[tuple[str, str]] = []
    captures = []
    for number in range(60):
        turns += [("user", f"{BRIDGE} And number {number}?")]
        captures.append(capture(chat(*turns), answer(f"{ANSWER} {number}"), id=str(number)))
        turns += [("assistant", f"{ANSWER} {number}")]
    backlog = Backlog(len(captures), 100_000_000)
    for number, captured in enumerate(captures):
        backlog.put(Waiting(captured, None, bench.origin, number, 0))
    pipeline = Pipeline(backlog, parts, bench.instruments, lambda origin, *settled: origin.settle(*settled))
    pipeline.start()
    assert pipeline.stop(60)
    assert sum(seen) <= 3 * 60  # question, answer, and the answer once more as history: not 60 times 120
    assert sum(passes) <= 2 * 60


def _counting(watch: Callable[..., list[object]], seen: list[int]) -> Callable[..., list[object]]:
    def counted(_: object, records: list[object]) -> list[object]:
        seen.append(len({(record.text, record.origin) for record in records}))  # type: ignore[attr-defined]
        return watch(records)

    return counted
