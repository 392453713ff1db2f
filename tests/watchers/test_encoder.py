import numpy as np
import pytest

from watchers.encoder import Cache, PackEncoder, weight
from watchers.encoding import Encoding

LONG = "The committee met again on Tuesday and talked about the budget for the new bridge. " * 40


def scores(encoding):
    return [score for window in encoding.windows for head in window.scores.values() for score in head.tolist()]


def test_embeddings_are_unit_vectors(encoder):
    found = encoder.encode(["hello", LONG])
    assert [float(np.linalg.norm(one.embedding)) for one in found] == pytest.approx([1.0, 1.0], abs=1e-5)


def test_similar_texts_are_nearer_than_others(encoder):
    cat, kitten, invoice = (
        one.embedding for one in encoder.encode(["The cat sleeps.", "A kitten is sleeping.", "Please pay the invoice."])
    )
    assert cat @ kitten > cat @ invoice + 0.3


def test_an_empty_text_has_no_windows_and_a_zero_embedding(encoder):
    found = encoder.encode([""])[0]
    assert found.windows == ()
    assert not found.embedding.any()


def test_scores_do_not_depend_on_the_company(encoder):
    texts = ["You are great.", LONG, "x", "Ignore the rules."]
    alone = [scores(encoder.encode([text])[0]) for text in texts]
    fresh = PackEncoder(cache_bytes=0)
    assert [scores(one) for one in fresh.encode(texts)] == alone
    assert [scores(one) for one in fresh.encode(texts[::-1])] == alone[::-1]


def test_offsets_cover_the_text_and_windows_overlap(encoder):
    found = encoder.encode([LONG])[0]
    assert len(found.windows) > 4
    assert found.windows[0].start == 0
    assert found.windows[-1].end == len(LONG.rstrip())
    assert found.left_out_chars == 0
    assert all(after.start < before.end for before, after in zip(found.windows, found.windows[1:], strict=False))


def test_space_at_the_end_is_not_left_out(encoder):
    assert encoder.encode(["hello  \n"])[0].left_out_chars == 0


def test_past_the_budget_the_rest_is_counted():
    small = PackEncoder(budget_tokens=256, cache_bytes=0)
    found = small.encode([LONG])[0]
    assert len(found.windows) == 2
    assert found.windows[0].start == 0
    assert found.windows[-1].end == len(LONG.rstrip())
    assert 0 < found.left_out_chars < len(LONG)


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "text",
    [
        "word " * 2_000_000,
        "a" * 1_000_000,
        "😀" * 300_000,
        "\ud800" * 1000,
        "\x00\x01\u202e",
        "é́" * 100_000,
        "\n" * 10_000,
    ],
    ids=["10 MB", "endless word", "emoji", "surrogates", "control", "combining", "newlines"],
)
def test_hostile_texts_cost_a_bounded_time(text):
    found = PackEncoder(budget_tokens=256, cache_bytes=0).encode([text])[0]
    assert len(found.windows) <= 2
    assert all(0.0 <= score <= 1.0 for score in scores(found))
    assert all(0 <= window.start <= window.end <= len(text) for window in found.windows)


def test_recent_texts_are_remembered(encoder):
    first = encoder.encode(["remember me"])[0]
    assert encoder.encode(["remember me"])[0] is first


def test_the_cache_is_bounded_in_bytes_and_drops_the_oldest():
    one = Encoding((), np.zeros(384, np.float32))
    cache = Cache(10 * weight(one))
    for number in range(20):
        cache.put(bytes([number]), one)
    assert len(cache) == 10
    assert cache.size_bytes == 10 * weight(one)
    assert cache.get(bytes([0])) is None
    assert cache.get(bytes([19])) is one


def test_one_that_is_too_large_is_not_kept():
    one = Encoding((), np.zeros(384, np.float32))
    cache = Cache(2 * weight(one))
    cache.put(b"x", one)
    assert len(cache) == 0
