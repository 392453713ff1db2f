"""Language identification: sure or silent; unexpected and changed languages."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchers.language import LanguageOptions, LanguageWatcher, language_of
from watchers.watcher import Direction, Origin, Record, Role


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("What is the weather like today in London?", "en"),
        ("Bonjour tout le monde, comment allez-vous ?", "fr"),
        ("Hallo, wie geht es dir heute Morgen?", "de"),
        ("Qual é a capital do Brasil e onde fica?", "pt"),
        ("Jaka jest stolica Polski i ile osób tam mieszka?", "pl"),
        ("Привет, как дела? Что ты делаешь сегодня вечером?", "ru"),
        ("これは日本語の文章です", "ja"),
        ("今天天气怎么样？我们去公园吧", "zh"),
        ("ما هي عاصمة فرنسا وكم عدد سكانها اليوم؟", "ar"),
        ("ok", "und"),
        ("", "und"),
        ("12345 67890 !!!", "und"),
        ("😀😀😀😀😀😀😀😀", "und"),
        ("asdkjh qwkejh", "und"),
        ("🖕🏽🖕🏽 ❤️‍🔥❤️‍🔥 ☪️☪️ ✡️✡️ 🏳️‍🌈🏳️‍🌈 are 🤮🤮", "und"),
    ],
)
def test_language_of(text: str, code: str) -> None:
    assert language_of(text).code == code


def records(question: str, answer: str) -> list[Record]:
    return [
        Record("x", 0, question, Role.USER, Origin.USER, Direction.PROMPT),
        Record("x", 1, answer, Role.ASSISTANT, Origin.COMPLETION, Direction.COMPLETION),
    ]


ENGLISH = "What is the weather like today in London?"
FRENCH = "Il fait beau aujourd'hui à Londres, mais il pleuvra demain matin."


def test_only_unexpected_languages_flag() -> None:
    watcher = LanguageWatcher(options=LanguageOptions(expected=("en",)))
    question, answer = watcher.watch(records(ENGLISH, FRENCH))
    assert [v.label for v in question.verdicts if v.flagged] == []
    assert [v.label for v in answer.verdicts if v.flagged] == ["unexpected"]


def test_an_answer_in_another_language_is_marked_and_nothing_is_unexpected_by_default() -> None:
    answer = LanguageWatcher().watch(records(ENGLISH, FRENCH))[1]
    scores = {verdict.label: verdict.score for verdict in answer.verdicts}
    assert scores["changed"] > 0.9
    assert scores["unexpected"] == 0.0
    assert not any(verdict.flagged for verdict in answer.verdicts)


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet=st.characters(), max_size=200))
def test_no_text_raises(text: str) -> None:
    assert 0.0 <= language_of(text).share <= 1.0


def test_lone_surrogates_and_a_long_text() -> None:
    assert language_of("\ud800 What is the weather like \udfff today in London?").code == "en"
    assert language_of("The quick brown fox jumps over the lazy dog. " * 100_000).code == "en"
