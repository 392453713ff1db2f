"""The words that mark a change."""

from watchers.drift.terms import marking_terms, words


def test_new_words_stand_out_and_common_ones_do_not() -> None:
    before = ["please book a flight to paris"] * 30 + ["please book a hotel in rome"] * 30
    after = ["please refund the invoice"] * 20 + ["please book a flight to paris"] * 10
    more, less = marking_terms(before, after)
    assert {t.term for t in more} == {"refund", "the", "invoice"}
    assert "hotel" in {t.term for t in less}
    assert "please" not in {t.term for t in (*more, *less)}


def test_a_placeholder_is_one_term_and_a_word_counts_once_a_text() -> None:
    assert words("Mail [EMAIL], mail him") == {"mail", "[EMAIL]", "him"}


def test_without_texts_there_are_no_terms() -> None:
    assert marking_terms([], ["a text"]) == ([], [])
