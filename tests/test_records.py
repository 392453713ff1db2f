"""What watchers read of an exchange."""

from sidecar.records import records
from sidecar.wire.exchange import Choice, Exchange, Message, Role, ToolCall
from watchers.watcher import Direction, Origin
from watchers.watcher import Role as Speaker

CALL = (ToolCall("1", "find", '{"q": "x"}'),)


def told(exchange: Exchange) -> list[tuple[str, str, str, str, bool]]:
    return [(r.text, str(r.role), str(r.origin), str(r.direction), r.fresh) for r in records("e", exchange)]


def test_a_first_turn_is_all_fresh() -> None:
    exchange = Exchange(
        "openai-chat",
        messages=(Message(Role.SYSTEM, "be kind"), Message(Role.USER, "hello")),
        choices=(Choice(text="hi", reasoning="think", refusal="no", tool_calls=CALL), Choice(1, "hey")),
    )
    assert told(exchange) == [
        ("be kind", "system", "system", "prompt", True),
        ("hello", "user", "user", "prompt", True),
        ("think", "assistant", "reasoning", "completion", True),
        ("hi", "assistant", "completion", "completion", True),
        ("no", "assistant", "refusal", "completion", True),
        ('{"q": "x"}', "assistant", "tool_call", "completion", True),
        ("hey", "assistant", "completion", "completion", True),
    ]


def test_turns_up_to_the_last_assistant_turn_are_history() -> None:
    turns = (
        Message(Role.SYSTEM, "be kind"),
        Message(Role.USER, "one"),
        Message(Role.ASSISTANT, "two", tool_calls=CALL, reasoning="why"),
        Message(Role.TOOL, "result"),
        Message(Role.SYSTEM, "still kind"),
        Message(Role.USER, "three"),
    )
    assert told(Exchange("openai-chat", messages=turns)) == [
        ("be kind", "system", "system", "prompt", False),
        ("one", "user", "user", "prompt", False),
        ("why", "assistant", "reasoning", "prompt", False),
        ("two", "assistant", "history", "prompt", False),
        ('{"q": "x"}', "assistant", "tool_call", "prompt", False),
        ("result", "tool", "tool_result", "prompt", True),
        ("still kind", "system", "system", "prompt", False),
        ("three", "user", "user", "prompt", True),
    ]


def test_texts_of_an_unknown_format_are_read_too() -> None:
    (first, second) = records("e", Exchange("unknown", text_found=("a", "", "b")))
    assert (first.text, first.role, first.origin, first.direction) == (
        "a",
        Speaker.USER,
        Origin.UNKNOWN,
        Direction.PROMPT,
    )
    assert (second.text, second.position, second.exchange) == ("b", 1, "e")


def test_an_exchange_without_text_has_no_records() -> None:
    assert records("e", Exchange("openai-models")) == []
