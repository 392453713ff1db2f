"""`drift run`: rows in, lines out."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from watchers.drift import BaselineError, DriftError
from watchers.drift.run import run


def rows(vectors: np.ndarray, **fields: object) -> list[dict[str, object]]:
    return [{"embedding": v.tolist(), **fields} for v in vectors]


def test_each_change_is_a_line_and_the_summary_closes(embeddings: dict[str, np.ndarray]) -> None:
    stream = rows(embeddings["assistant"][500:900]) + rows(embeddings["german"][:100])
    lines = list(run(rows(embeddings["assistant"][:500]), stream, 20_000))
    assert [line.get("level") for line in lines] == ["stable", "drift", "drift"]
    assert list(lines[1]) == ["index", "level", "since_index", "effect", "evidence", "reason"]
    assert 400 <= lines[1]["index"] <= 440  # type: ignore[operator]
    assert 390 <= lines[1]["since_index"] <= 410  # type: ignore[operator]
    assert lines[2]["summary"] is True
    assert (lines[2]["samples"], lines[2]["alarms"], lines[2]["alarm_every"]) == (500, 1, 20_000)


def test_indices_are_rows_of_the_stream_whatever_could_not_be_read(embeddings: dict[str, np.ndarray]) -> None:
    good = rows(embeddings["assistant"][500:700]) + rows(embeddings["german"][:60])
    bad = {"embedding": [0.0] * 96}
    spread = [row for pair in good for row in (pair, bad)]
    drift, last = list(run(rows(embeddings["assistant"][:500]), spread, 20_000))[1:]
    assert 400 <= drift["index"] <= 480  # type: ignore[operator]
    assert abs(drift["since_index"] - 400) <= 20  # type: ignore[operator]
    assert last["skipped"] == {"zero_embedding": 260}


def test_scalars_alone_do() -> None:
    rng = np.random.default_rng(0)
    reference = [{"latency": float(v)} for v in rng.lognormal(0, 0.5, 400)]
    stream = [{"latency": float(v)} for v in rng.lognormal(0, 0.5, 300)]
    stream += [{"latency": float(v)} for v in rng.lognormal(1, 0.5, 100)]
    lines = list(run(reference, stream, 10_000))
    assert [line["level"] for line in lines[:-1]] == ["stable", "drift"]
    assert 300 <= lines[1]["index"] <= 340  # type: ignore[operator]


@dataclass
class Said:
    embedding: np.ndarray


class Letters:
    """A real, tiny encoder: shares of the letters."""

    model = "letters-1"

    def encode(self, texts: Sequence[str]) -> list[Said]:
        counts = np.array([[t.lower().count(c) for c in "abcdefghijklmnopqrstuvwxyzäöüß "] for t in texts], np.float32)
        return [Said(c / max(float(np.linalg.norm(c)), 1e-9)) for c in counts]


def test_texts_are_encoded() -> None:
    rng = np.random.default_rng(0)
    english, german = (
        ["the", "weather", "in", "town", "is", "fine", "today"],
        ["das", "wetter", "schön", "für", "üben", "groß"],
    )
    said = [{"text": " ".join(rng.choice(w, 5))} for w in [english] * 700 + [german] * 60]
    lines = list(run(said[:400], said[400:], 10_000, Letters()))
    assert [line["level"] for line in lines[:-1]] == ["stable", "drift"]
    more = {t["term"] for t in lines[1]["reason"]["terms"]["more"]}  # type: ignore[index]
    assert more
    assert more <= set(german)


def test_texts_without_an_encoder_are_an_error() -> None:
    with pytest.raises(DriftError, match="need an encoder"):
        list(run([{"text": "x"}] * 100, [], 1000))


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("x", "wrong_shape"),
        ({"a": 1}, "wrong_shape"),
        (["a"] * 96, "wrong_shape"),
        ([[1], [1, 2]], "wrong_shape"),
        (5, "wrong_shape"),
        ([], "wrong_shape"),
        ([10**400] * 96, "wrong_shape"),
        ([1e300] * 96, "not_finite"),
        ([None] * 96, "not_finite"),
        ([1e5] * 96, "too_large"),  # half precision ends at 65,504
        ([1e-6] * 96, "zero_embedding"),
    ],
)
def test_an_embedding_of_nonsense_is_counted(embeddings: dict[str, np.ndarray], given: object, reason: str) -> None:
    good = rows(embeddings["assistant"][:500])
    bad: list[dict[str, object]] = [{"embedding": given}]
    *lines, summary = run([*good[:100], *bad, *good[100:]], [*rows(embeddings["assistant"][500:560]), *bad * 3], 1000)
    assert [line["level"] for line in lines] == ["stable"]
    assert (summary["skipped"], summary["reference_skipped"]) == ({reason: 3}, {reason: 1})


def test_embeddings_that_the_reference_has_none_of_are_left_out() -> None:
    rng = np.random.default_rng(0)
    reference = [{"tokens": float(v)} for v in rng.lognormal(3, 1, 100)]
    stream: list[dict[str, object]] = [{"tokens": 20, "embedding": [0.5] * n} for n in (2, 3, 4, 5)]
    *_, summary = run(reference, [*stream, {"embedding": [1.0]}], 1000)
    assert (summary["samples"], summary["skipped"]) == (5, {"empty": 1})


def test_numbers_beyond_all_bounds_are_missing_and_every_line_is_json(embeddings: dict[str, np.ndarray]) -> None:
    def beyond(vectors: np.ndarray) -> list[dict[str, object]]:
        return [row | {"big": 1e308 * (-1) ** i, "time_seconds": np.nan} for i, row in enumerate(rows(vectors))]

    reference = beyond(embeddings["assistant"][:500])
    stream = [*beyond(embeddings["assistant"][500:700]), *beyond(embeddings["german"][:60])]
    for row in stream[:8]:
        row |= {"big": 10**400, "time_seconds": 10**400}
    lines = list(run(reference, stream, 10_000))
    assert json.dumps(lines, allow_nan=False)
    assert [line["level"] for line in lines] == ["stable", "drift", "drift"]


@pytest.mark.parametrize("count", [100, 500, 1200])
def test_the_references_own_rows_in_any_order_are_no_change(embeddings: dict[str, np.ndarray], count: int) -> None:
    reference = rows(embeddings["assistant"][:count])
    again = [reference[i] for i in np.random.default_rng(count).permutation(count)]
    levels = [line["level"] for line in [*run(reference, reference, 10_000), *run(reference, again, 10_000)]]
    assert set(levels) == {"stable"}


def test_a_reference_that_is_too_small_is_an_error(embeddings: dict[str, np.ndarray]) -> None:
    with pytest.raises(BaselineError, match="at least 40"):
        list(run(rows(embeddings["assistant"][:20]), [], 1000))


def test_a_reference_whose_first_row_is_odd_says_what_became_of_the_others(embeddings: dict[str, np.ndarray]) -> None:
    with pytest.raises(BaselineError, match=r"has 1 rows that can be read \(skipped: 500 wrong_shape\)"):
        list(run([{"embedding": [1, 2]}, *rows(embeddings["assistant"][:500])], [], 1000))


def test_an_empty_stream_is_no_drift_but_too_little_data(embeddings: dict[str, np.ndarray]) -> None:
    (summary,) = run(rows(embeddings["assistant"][:100]), [], 1000)
    assert (summary["level"], summary["samples"]) == ("insufficient_data", 0)
