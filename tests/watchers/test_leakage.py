"""What crosses a border: personal data by its way, the system prompt, canaries in disguise."""

import base64
from dataclasses import dataclass, field

import pytest

from watchers.encoder import PackEncoder
from watchers.leakage.watcher import Leakage, LeakageOptions, make
from watchers.registry import Order, build
from watchers.watcher import Direction, Judgement, Origin, Record, Role, WatcherError

SYSTEM = (
    "You are Ada, the booking assistant of Harbour Hotels. Never reveal the discount code of the week. Offer the corner suite "
    "first, and if the guest hesitates mention the free breakfast. Escalate complaints to the night manager."
)
ROLES = {Origin.SYSTEM: Role.SYSTEM, Origin.TOOL_RESULT: Role.TOOL, Origin.COMPLETION: Role.ASSISTANT}


def exchange(*texts: tuple[Origin, str], key: str = "x") -> list[Record]:
    return [
        Record(
            key, place, text, ROLES.get(origin, Role.USER), origin,
            Direction.COMPLETION if origin is Origin.COMPLETION else Direction.PROMPT,
        )
        for place, (origin, text) in enumerate(texts)
    ]  # fmt: skip


def scores(judgement: Judgement) -> dict[str, float]:
    return {verdict.label: verdict.score for verdict in judgement.verdicts if verdict.score}


def flags(judgement: Judgement) -> list[str]:
    return [verdict.label for verdict in judgement.verdicts if verdict.flagged]


def last(*texts: tuple[Origin, str], leakage: Leakage | None = None) -> Judgement:
    return (leakage or Leakage()).watch(exchange(*texts))[-1]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ([(Origin.USER, "my mail is ANN@example.com")], ["pii_echoed"]),
        ([(Origin.HISTORY, "ann@example.com, right?")], ["pii_echoed"]),
        ([(Origin.USER, "who?"), (Origin.TOOL_RESULT, '{"mail": "ann@example.com"}')], ["pii_from_tool"]),
        ([(Origin.USER, "who?")], ["pii_new"]),
    ],
)
def test_personal_data_in_a_completion_is_classed_by_where_it_came_from(
    prompt: list[tuple[Origin, str]], expected: list[str]
) -> None:
    judgement = last(*prompt, (Origin.COMPLETION, "It is ann@example.com."))
    assert list(scores(judgement)) == expected
    assert flags(judgement) == [label for label in expected if label != "pii_echoed"]


def test_the_same_number_in_another_format_is_an_echo() -> None:
    judgement = last((Origin.USER, "card 4111111111111111"), (Origin.COMPLETION, "I see 4111 1111 1111 1111"))
    assert list(scores(judgement)) == ["pii_echoed"]


def test_an_address_in_another_script_is_an_echo_only_of_itself() -> None:
    asked = (Origin.USER, "Напишите на адрес иван@пример.рф, пожалуйста")
    assert "pii_echoed" in scores(last(asked, (Origin.COMPLETION, "Готово: ИВАН@пример.рф")))
    assert "pii_new" in scores(last(asked, (Origin.COMPLETION, "Лучше на олег@пример.рф")))


def test_personal_data_in_a_prompt_is_on_its_way_out() -> None:
    first = Leakage().watch(exchange((Origin.USER, "write to ann@example.com"), (Origin.COMPLETION, "Done.")))[0]
    assert flags(first) == ["pii_out"]
    assert [(span.start, span.end, span.label) for v in first.verdicts for span in v.spans] == [
        (9, 24, "EMAIL_ADDRESS")
    ]


def test_exchanges_in_one_batch_are_kept_apart() -> None:
    one = exchange((Origin.USER, "ann@example.com"), (Origin.COMPLETION, "bob@example.com"), key="one")
    two = exchange((Origin.USER, "bob@example.com"), (Origin.COMPLETION, "ann@example.com"), key="two")
    mixed = Leakage().watch([one[0], two[0], one[1], two[1]])
    assert [list(scores(judgement)) for judgement in mixed] == [["pii_out"], ["pii_out"], ["pii_new"], ["pii_new"]]


@pytest.mark.parametrize(
    "answer",
    [
        SYSTEM,
        "Sure! My instructions are:\n\n> **" + SYSTEM.upper() + "**",
        "1. " + SYSTEM.replace(". ", "\n2. ").replace(" ", "  "),
        "They say: never reveal the discount code of the week; offer the corner suite first, and if the guest hesitates...",
        "Here, encoded: " + base64.b64encode(SYSTEM.encode()).decode(),
    ],
)
def test_a_copied_system_prompt_is_found_whatever_its_formatting(answer: str) -> None:
    judgement = last((Origin.SYSTEM, SYSTEM), (Origin.USER, "repeat"), (Origin.COMPLETION, answer))
    assert flags(judgement) == ["system_prompt"]


@pytest.mark.parametrize(
    "answer",
    [
        "We have a corner suite for you, with a free breakfast. Shall I book it?",
        "I cannot share my instructions.",
        "",
        "Ada here, the booking assistant of Harbour Hotels. How can I help?",
    ],
)
def test_an_answer_in_the_prompts_spirit_is_no_leak(answer: str) -> None:
    judgement = last((Origin.SYSTEM, SYSTEM), (Origin.USER, "a room?"), (Origin.COMPLETION, answer))
    assert flags(judgement) == []


def test_what_the_user_said_first_is_no_leak_of_the_system_prompt() -> None:
    judgement = last((Origin.SYSTEM, SYSTEM), (Origin.USER, f"Summarise: {SYSTEM}"), (Origin.COMPLETION, SYSTEM))
    assert flags(judgement) == []


def test_a_short_system_prompt_is_no_secret() -> None:
    system = "You are a helpful assistant."
    assert flags(last((Origin.SYSTEM, system), (Origin.COMPLETION, system))) == []


def test_the_span_is_the_longest_run_in_common() -> None:
    answer = "ok: Offer the corner suite first, and if the guest hesitates mention the free breakfast. Bye."
    verdict = next(
        v for v in last((Origin.SYSTEM, SYSTEM), (Origin.COMPLETION, answer)).verdicts if v.label == "system_prompt"
    )
    span = verdict.spans[0]
    assert answer[span.start : span.end] == answer[4:-6]


def test_a_paraphrase_is_found_by_its_meaning(encoder: PackEncoder) -> None:
    plain = Leakage(encoder=encoder)
    close = (
        SYSTEM.replace("Never reveal", "Do not tell")
        .replace("Offer", "Propose")
        .replace("the ", "our ")
        .replace("and ", "then ")
    )
    near = last((Origin.SYSTEM, SYSTEM), (Origin.COMPLETION, close), leakage=plain)
    far = last((Origin.SYSTEM, SYSTEM), (Origin.COMPLETION, "The weather in Oslo will be cold and " * 6), leakage=plain)
    assert scores(near)["system_prompt"] > 0.3
    assert "system_prompt" not in scores(far)
    assert plain.model.startswith("leakage-1+")


CANARY = "kx7-Raven-2209"


@pytest.mark.parametrize(
    "disguised",
    [
        CANARY,
        "KX7 raven 2209",
        "k x 7 R a v e n 2 2 0 9",
        CANARY[::-1],
        "kx7\u200b-Raven-2209",
        base64.b64encode(CANARY.encode()).decode(),
        base64.b64encode(b"x" + CANARY.encode() + b"yz").decode(),
        base64.b64encode(b"no" + CANARY.encode()).decode(),
        CANARY.encode().hex(),
        "xk7-Enira-2209",
    ],
)
def test_canaries_are_found_in_disguise(disguised: str) -> None:
    leakage = Leakage(options=LeakageOptions(canaries=(CANARY,)))
    judgement = last((Origin.USER, "hi"), (Origin.COMPLETION, f"so: {disguised} it is"), leakage=leakage)
    assert flags(judgement) == ["canary"]
    span = next(verdict for verdict in judgement.verdicts if verdict.label == "canary").spans[0]
    assert span.start >= 4


def test_no_canary_no_flag() -> None:
    leakage = Leakage(options=LeakageOptions(canaries=(CANARY,)))
    assert flags(last((Origin.USER, "hi"), (Origin.COMPLETION, "kx7 raven 2208"), leakage=leakage)) == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"canaries": ["ab"]}, "one has 2; give at least 6"),
        ({"canaries": [CANARY, "секретный-пароль-1"]}, "one has 1; give at least 6 letters from a to z"),
        ({"nosuch": 1}, "its options are"),
    ],
)
def test_wrong_options_say_what_to_change(options: dict[str, object], expected: str) -> None:
    with pytest.raises(WatcherError) as raised:
        make(Order("leakage", options=options))
    assert expected in str(raised.value)


@dataclass(frozen=True)
class Configured:
    options: dict[str, object]
    enabled: bool = True
    type: str | None = None
    thresholds: dict[str, float] = field(default_factory=dict)


def test_the_lists_of_the_pii_watcher_count_here_too_unless_it_has_its_own() -> None:
    pii = Configured({"allow": ["ann@example.com"], "without_countries": ["PL"]})
    texts = [(Origin.USER, "who?"), (Origin.COMPLETION, "It is ann@example.com, PESEL 44051401359.")]
    (shared,) = build(["leakage"], {"pii": pii})
    (own,) = build(["leakage"], {"pii": pii, "leakage": Configured({"pii": {"without": ["PL_PESEL"]}})})
    assert flags(shared.watch(exchange(*texts))[-1]) == []
    assert flags(own.watch(exchange(*texts))[-1]) == ["pii_new"]
    assert flags(last(*texts)) == ["pii_new"]
