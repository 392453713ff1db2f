"""`sidewatch drift run` and `sidewatch baseline`, as processes, on embeddings made here."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest


def sidewatch(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command. The timeout is against a hang alone: it takes a second, and ten times that on a crowded machine."""
    command = [sys.executable, "-m", "sidecar.cli", *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)


def lines(rng: np.random.Generator, count: int, centre: float) -> str:
    vectors = rng.normal(size=(count, 16)) + np.eye(16)[0] * centre
    vectors /= np.linalg.norm(vectors, axis=1)[:, None]
    return "".join(json.dumps({"embedding": row.round(5).tolist()}) + "\n" for row in vectors)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drift")
    rng = np.random.default_rng(1)
    (folder / "reference.jsonl").write_text(lines(rng, 400, 3.0))
    (folder / "same.jsonl").write_text(lines(rng, 300, 3.0))
    (folder / "shifted.jsonl").write_text(lines(rng, 200, 3.0) + lines(rng, 200, -3.0))
    return folder


def run(files: Path, stream: str) -> list[dict]:
    ended = sidewatch(
        "drift",
        "run",
        *("--reference", str(files / "reference.jsonl"), "--stream", str(files / stream), "--alarm-every", "10000"),
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_a_shift_is_told_with_its_place_and_a_summary_closes(files):
    *changes, summary = run(files, "shifted.jsonl")
    drift = next(change for change in changes if change["level"] == "drift")
    assert set(drift) == {"index", "level", "since_index", "effect", "evidence", "reason"}
    assert 200 <= drift["index"] < 240
    assert 195 <= drift["since_index"] <= 210
    assert drift["effect"] > 1.25
    assert drift["evidence"] > 10_000
    assert (summary["summary"], summary["samples"], summary["alarms"]) == (True, 400, 1)


def test_no_shift_is_no_alarm(files):
    *changes, summary = run(files, "same.jsonl")
    assert {change["level"] for change in changes} <= {"insufficient_data", "stable"}
    assert (summary["level"], summary["alarms"]) == ("stable", 0)


def test_texts_are_embedded_by_the_pack(tmp_path):
    words = ["tent", "boot", "jacket", "stove", "map", "rope", "lamp", "bag", "hat", "glove", "hiker", "trail"]
    rng = np.random.default_rng(2)
    texts = [" ".join(rng.choice(words, 5)) for _ in range(70)]
    (tmp_path / "r.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    ended = sidewatch("drift", "run", "--reference", str(tmp_path / "r.jsonl"), "--stream", str(tmp_path / "r.jsonl"))
    assert json.loads(ended.stdout.splitlines()[-1])["reference_samples"] == 70


def test_a_bad_line_names_its_place(files, tmp_path):
    (tmp_path / "bad.jsonl").write_text('{"embedding": [1, 0]}\nnot json\n')
    ended = sidewatch("drift", "run", "--reference", str(tmp_path / "bad.jsonl"), "--stream", str(files / "same.jsonl"))
    assert ended.returncode == 2
    assert ended.stderr == f"sidewatch: {tmp_path / 'bad.jsonl'}:2: not JSON; write one object a line\n"


@pytest.mark.parametrize("asked", ["0", "-5", "nan", "inf", "9.9"])
def test_a_promise_that_makes_no_sense_is_refused(files, asked):
    names = ("--reference", str(files / "reference.jsonl"), "--stream", str(files / "same.jsonl"))
    ended = sidewatch("drift", "run", *names, "--alarm-every", asked)
    assert ended.returncode == 2
    assert ended.stderr == f"sidewatch: alarm_every is {float(asked)}; it must be at least 10, and finite\n"


def test_one_standard_input_cannot_be_both(files):
    ended = sidewatch("drift", "run", "--reference", "-", "--stream", "-")
    assert ended.returncode == 2
    assert "cannot both be standard input" in ended.stderr


def test_a_damaged_archive_says_so(files, tmp_path):
    packed = bytearray(gzip.compress((files / "same.jsonl").read_bytes()))
    packed[200:240] = b"y" * 40
    (tmp_path / "s.gz").write_bytes(packed)
    ended = sidewatch("drift", "run", "--reference", str(files / "reference.jsonl"), "--stream", str(tmp_path / "s.gz"))
    assert (ended.returncode, "Traceback" in ended.stderr) == (2, False)
    assert str(tmp_path / "s.gz") in ended.stderr


def test_texts_that_come_late_and_halves_of_pairs_are_read_and_told(files, tmp_path):
    reference = [json.loads(line) for line in (files / "reference.jsonl").read_text().splitlines()]
    rows = [
        json.dumps(row | {"tenant": "\ud800" if i >= 100 else "a"}) for i, row in enumerate([*reference, *reference])
    ]
    (tmp_path / "r.jsonl").write_text("\n".join(rows[:100]))
    (tmp_path / "s.jsonl").write_text("\n".join([*rows[100:260], json.dumps({"text": "hello"})]))
    ended = sidewatch("drift", "run", "--reference", str(tmp_path / "r.jsonl"), "--stream", str(tmp_path / "s.jsonl"))
    assert (ended.returncode, ended.stderr) == (0, "")
    *changes, summary = [json.loads(line) for line in ended.stdout.splitlines()]
    assert changes[-1]["reason"]["labels"][0]["value"] == "\ud800"
    assert summary["skipped"] == {"wrong_shape": 1}  # the pack's embedding has other dimensions than these


def test_a_reader_that_leaves_is_no_traceback(files):
    names = ["--reference", str(files / "reference.jsonl"), "--stream", str(files / "shifted.jsonl")]
    command = [sys.executable, "-m", "sidecar.cli", "drift", "run", *names, "--alarm-every", "1000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == ""
    assert running.returncode == 141


def test_a_baseline_is_built_shown_compared_and_exported(files, tmp_path):
    for name in ("reference", "shifted"):
        file = str(files / f"{name}.jsonl")
        assert sidewatch("baseline", "build", "--from", file, "--output", str(tmp_path / name)).returncode == 0
    shown = json.loads(sidewatch("baseline", "show", str(tmp_path / "reference")).stdout)
    assert (shown["samples_seen"], shown["dimensions"]) == (400, 16)
    difference = json.loads(
        sidewatch("baseline", "diff", str(tmp_path / "reference"), str(tmp_path / "shifted")).stdout
    )
    assert max(difference["population_stability"].values()) > 0.25
    assert json.loads(sidewatch("baseline", "export", str(tmp_path / "reference")).stdout)["shares"]


def test_exemplars_in_a_baseline_are_masked(tmp_path):
    vectors = np.random.default_rng(3).normal(size=(60, 8)).round(4).tolist()
    texts = [f"Order {number}: write to lena{number}@example.org please" for number in range(60)]
    rows = [{"text": text, "embedding": vector} for text, vector in zip(texts, vectors, strict=True)]
    (tmp_path / "r.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ended = sidewatch("baseline", "build", "--from", str(tmp_path / "r.jsonl"), "--output", str(tmp_path / "b"))
    assert ended.returncode == 0, ended.stderr
    exemplars = json.loads(sidewatch("baseline", "show", str(tmp_path / "b")).stdout)["exemplars"]
    assert exemplars
    assert all("[EMAIL_ADDRESS]" in text and "example.org" not in text for text in exemplars)


def test_what_is_no_baseline_is_refused(files):
    ended = sidewatch("baseline", "show", str(files / "same.jsonl"))
    assert ended.returncode == 2
    assert "this is not a baseline" in ended.stderr


def test_accept_without_a_running_sidewatch_says_so():
    ended = sidewatch("baseline", "accept", "--admin", "127.0.0.1:1")
    assert ended.returncode == 1
    assert ended.stderr.endswith("give --admin HOST:PORT of a running sidewatch\n")
