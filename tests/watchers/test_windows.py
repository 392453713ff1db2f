from itertools import pairwise

from watchers.windows import CONTENT, OVERLAP, cost, cut, most, unread


def test_short_texts_are_one_window():
    assert cut(0, 1000) == []
    assert cut(1, 1000) == [(0, 1)]
    assert cut(126, 1000) == [(0, 126)]


def test_windows_overlap_and_reach_the_end():
    assert cut(127, 1000) == [(0, 126), (94, 127)]
    assert cut(300, 1000) == [(0, 126), (94, 220), (188, 300)]


def test_every_token_is_read_where_the_budget_allows():
    for tokens in range(1, 700):
        covered = {token for start, end in cut(tokens, 10_000) for token in range(start, end)}
        assert covered == set(range(tokens))


def test_a_text_never_costs_more_than_its_characters_say():
    assert all(cost(chars) <= most("a" * chars + "    ") for chars in range(3000)), "each character a token"
    assert most("a b " * 500) == cost(1000)
    assert most("ü" * 500) == cost(1000), "other text: two tokens a character"


def test_no_window_is_larger_than_the_encoder_takes():
    assert all(end - start <= CONTENT for tokens in range(1, 2000, 7) for start, end in cut(tokens, 100_000))


def test_under_a_budget_head_and_tail_are_read():
    windows = cut(10_000, 4 * CONTENT)
    assert len(windows) == 4
    assert windows[0] == (0, 126)
    assert windows[-1][1] == 10_000


def test_a_tiny_budget_still_reads_the_head():
    assert cut(10_000, 1) == [(0, 126)]


def test_consecutive_windows_share_the_overlap():
    windows = cut(1000, 100_000)
    assert {before[1] - after[0] for before, after in pairwise(windows)} == {OVERLAP}


def test_unread_counts_what_no_window_covers():
    assert unread([(0, 10), (5, 20)], 30) == 10
    assert unread([(0, 10), (20, 30)], 30) == 10
    assert unread([], 7) == 7
