"""Loops and gibberish against prose, lists, code and logs."""

import random

import pytest

from watchers.repetition import Repetition, RepetitionOptions
from watchers.watcher import Direction, Judgement, Origin, Record, Role

PROSE = (
    "The committee met on the second floor to talk about the harvest, which had been poor. Nobody could say why the rain had "
    "stayed away, and the older farmers blamed the new dam in the hills. In the end they agreed to write to the ministry, "
    "though few believed that anyone there would read the letter before spring. "
)
CODE = "".join(f"def field_{n}(self) -> int:\n    return self._values[{n}] * {n * 7 % 13}\n\n" for n in range(30))
LOG = "".join(
    f"2024-05-{n:02d} 12:{n:02d}:07 INFO worker-{n * 7 % 5} handled {n * 391} rows in {n * 17 % 97} ms\n"
    for n in range(1, 29)
)
TABLE = "\n".join(f"| city {n} | {n * 1009} | {n * 31 % 17}.{n % 10} |" for n in range(40))


def judge(
    text: str, direction: Direction = Direction.COMPLETION, options: RepetitionOptions | None = None
) -> Judgement:
    return Repetition(options=options).watch([Record("x", 0, text, Role.ASSISTANT, Origin.COMPLETION, direction)])[0]


def flags(text: str) -> list[str]:
    return [verdict.label for verdict in judge(text).verdicts if verdict.flagged]


@pytest.mark.parametrize(
    "text", ["I think so. " * 60, "the same " * 80, "ha" * 300, "是" * 500, PROSE * 3 + "and so on, " * 500, "-" * 400]
)
def test_loops(text: str) -> None:
    assert flags(text) == ["repetition"]


@pytest.mark.parametrize("text", [PROSE, PROSE * 2, CODE, LOG, TABLE, "yes", "ha ha ha ha", "no no no no no no no"])
def test_what_only_repeats_a_little(text: str) -> None:
    assert flags(text) == []


def test_gibberish() -> None:
    assert flags("asdkjhf qwkrtjh zxmnbv qpwxzi lkjsdf mnxcbv qqwwrt zzxxcc vbnmkj hgfdsq wrtpsd kljhgf") == [
        "gibberish"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Die Rechtsschutzversicherungsgesellschaften der Angstschweißforschung prüfen Borschtsch nach Vorschrift, sagte Herr Schmidt.",
        "Chrząszcz brzmi w trzcinie w Szczebrzeszynie i strząsa skrzydła z dżdżu, mówi pan Grzegorz Brzęczyszczykiewicz.",
        "See https://example.com/xkcdqwrtz/pqrstvwx and xkcd_qwrt_zzz=vbnmklhg in node.xqzjk.internal for the details please.",
        "NASA, HTTPS, RFC, MPEG, XML, and the BBCFX of the WWTBAM quiz are acronyms that people read in newspapers often.",
        "日本語の文章は評価されません。" * 5,
    ],
)
def test_hard_words_are_no_gibberish(text: str) -> None:
    assert flags(text) == []


def test_a_loop_at_the_end_of_a_long_answer_is_not_diluted() -> None:
    source = random.Random(5)
    text = " ".join(source.choice(PROSE.split()) for _ in range(6_000)) + " again and again" * 300
    verdict = judge(text).verdicts[0]
    assert verdict.flagged
    assert verdict.spans[0].start == len(text) - 4_000


def test_prompts_are_read_only_where_asked_for() -> None:
    assert judge("x" * 500, Direction.PROMPT).skipped == "not_applicable"
    assert judge("x" * 500, Direction.PROMPT, RepetitionOptions(prompts=True)).verdicts[0].flagged
