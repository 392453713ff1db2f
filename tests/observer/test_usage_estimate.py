"""Tokens where the provider did not say."""

from sidecar.observer.usage_estimate import tokens, with_estimated_usage
from sidecar.wire.exchange import Choice, Exchange, Message, Operation, Role, ToolCall, Usage, UsageSource


def test_a_silent_providers_answer_is_estimated_and_marked() -> None:
    calls = (ToolCall("1", "find", '{"a": 1}'),)
    exchange = Exchange(
        "openai-chat",
        operation=Operation.CHAT,
        messages=(Message(Role.SYSTEM, "be kind!"), Message(Role.USER, "hello there, you")),
        choices=(Choice(text="hi", tool_calls=calls),),
    )
    assert with_estimated_usage(exchange).usage == Usage(UsageSource.ESTIMATED, input=14, output=4)


def test_what_the_provider_said_is_kept() -> None:
    said = Exchange(
        "openai-chat", operation=Operation.CHAT, usage=Usage(UsageSource.PROVIDER, input=1), choices=(Choice(text="x"),)
    )
    assert with_estimated_usage(said) == said


def test_what_generated_nothing_is_not_estimated() -> None:
    embedding = Exchange("openai-embeddings", operation=Operation.EMBEDDINGS, messages=(Message(Role.USER, "x"),))
    failed = Exchange("openai-chat", operation=Operation.CHAT, messages=(Message(Role.USER, "x"),))
    assert with_estimated_usage(embedding).usage.source is UsageSource.MISSING
    assert with_estimated_usage(failed).usage.source is UsageSource.MISSING


def test_four_bytes_a_token() -> None:
    assert [tokens([text]) for text in ("", "a", "abcd", "abcde", "日本語", "\ud800")] == [0, 1, 1, 2, 3, 1]
