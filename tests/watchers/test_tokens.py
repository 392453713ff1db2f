import pytest

from watchers.pack import BUNDLED
from watchers.tokens import CAPITALISED, DIGITS, LOWER, MIXED, UPPER, Tokeniser, case_of


@pytest.mark.parametrize(
    ("piece", "case"),
    [
        ("anna", LOWER),
        ("Anna", CAPITALISED),
        ("I", CAPITALISED),
        ("NATO", UPPER),
        ("iPhone", MIXED),
        ("V2", DIGITS),
        ("42", DIGITS),
        ("v2", LOWER),
        ("!", LOWER),
        ("", LOWER),
    ],
)
def test_case_classes(piece, case):
    assert case_of(piece) == case


def test_tokens_keep_offsets_and_case():
    tokens = Tokeniser(BUNDLED / "tokenizer.json")(["Anna met UNICEF."])[0]
    assert tokens.offsets[0].tolist() == [0, 4]
    assert tokens.case[0] == CAPITALISED
    assert UPPER in tokens.case.tolist()
    assert tokens.offsets[-1].tolist() == [15, 16]


def test_nothing_is_truncated():
    assert len(Tokeniser(BUNDLED / "tokenizer.json")(["word " * 3000])[0].ids) == 3000
