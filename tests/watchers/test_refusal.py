"""Refusals in several languages, and answers that only sound like one."""

import pytest

from watchers.refusal import Refusal, RefusalOptions
from watchers.watcher import Direction, Judgement, Origin, Record, Role


def judge(text: str, origin: Origin = Origin.COMPLETION, watcher: Refusal | None = None) -> Judgement:
    direction = Direction.PROMPT if origin is Origin.USER else Direction.COMPLETION
    return (watcher or Refusal()).watch([Record("x", 0, text, Role.ASSISTANT, origin, direction)])[0]


def refuses(text: str) -> bool:
    return judge(text).verdicts[0].flagged


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, but I can’t assist with that request.",
        "I cannot provide instructions for building weapons.",
        "Sorry, I can't do that.",
        "I won't be able to write this for you.",
        "As an AI language model, I cannot have opinions on this.",
        "Unfortunately, I am unable to share that information.",
        "I must decline. This goes beyond what I do.",
        "I do not feel safe. That's not something I can help with.",
        "This request goes against our content policy.",
        "I'm not able to look up private addresses.",
        "Es tut mir leid, aber dabei kann ich Ihnen nicht helfen.",
        "Ich kann dir dabei nicht helfen.",
        "Je suis désolé, mais je ne peux pas vous aider avec cela.",
        "Lo siento, pero no puedo ayudar con eso.",
        "Desculpe, mas não posso ajudar com isso.",
        "Mi dispiace, ma non posso aiutarti con questa richiesta.",
        "Het spijt me, maar ik kan je daar niet mee helpen.",
        "抱歉，我无法协助完成这个请求。",
        "申し訳ありませんが、そのご要望にはお応えできません。",
        "죄송하지만 그 요청은 도와드릴 수 없습니다.",
        "К сожалению, я не могу помочь с этим.",
    ],
)
def test_refusals(text: str) -> None:
    assert refuses(text)


@pytest.mark.parametrize(
    "text",
    [
        "Sure! Here is the recipe you asked for.",
        "I'm sorry to hear that. Let's look at your options.",
        "You can't divide by zero, so the function returns None.",
        "I am like a moth to a flame; I can't help but be drawn to her.",
        "The server cannot provide a response within the timeout.",
        "If the user cannot be found, the API returns 404.",
        "He said he won't help her.",
        "Sorry for the confusion! The answer is 42.",
        "",
    ],
)
def test_answers(text: str) -> None:
    assert text == "" or not refuses(text)


def test_the_providers_own_field_is_certain_and_prompts_are_not_read() -> None:
    assert judge("No.", Origin.REFUSAL).verdicts[0].score == 1.0
    assert judge("I cannot help with that", Origin.USER).skipped == "not_applicable"
    assert judge("").skipped == "empty"


def test_the_evidence_is_the_wording() -> None:
    text = "😀 Well. I'm sorry, but I can't help with that."
    span = judge(text).verdicts[0].spans[0]
    assert text[span.start : span.end] == "I'm sorry, but I can't help"


def test_own_phrases() -> None:
    watcher = Refusal(options=RefusalOptions(phrases=("Bitte wenden Sie sich an",)))
    assert judge("Bitte wenden Sie sich an die Filiale.", watcher=watcher).verdicts[0].flagged
    sharp = Refusal(options=RefusalOptions(phrases=("Das weiß ich nicht",)))
    assert judge("Das weiß ich nicht.", watcher=sharp).verdicts[0].flagged
