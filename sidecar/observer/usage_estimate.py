"""Tokens of an exchange whose provider did not say: an estimate, always marked as one.

A token is about four bytes of UTF-8: four characters of English (OpenAI's own rule of thumb), about one and a third of
Chinese or Japanese, whose characters take three bytes and about 0.7 tokens each.
"""

from dataclasses import replace
from typing import Final

from sidecar.wire.exchange import Exchange, Operation, Usage, UsageSource

BYTES_PER_TOKEN: Final = 4
MESSAGE_TOKENS: Final = 4  # role and separators of a chat turn (OpenAI cookbook, "num_tokens_from_messages")
GENERATING: Final = (Operation.CHAT, Operation.TEXT_COMPLETION, Operation.GENERATE_CONTENT)


def with_estimated_usage(exchange: Exchange) -> Exchange:
    """Return the exchange with estimated tokens where the provider said nothing of a generated answer."""
    if exchange.usage.source is not UsageSource.MISSING or exchange.operation not in GENERATING or not exchange.choices:
        return exchange
    return replace(exchange, usage=Usage(UsageSource.ESTIMATED, _input(exchange), _output(exchange)))


def _input(exchange: Exchange) -> int:
    texts = [exchange.tool_definitions]
    for message in exchange.messages:
        texts += [message.text, message.reasoning, *(call.arguments for call in message.tool_calls)]
    return tokens(texts) + MESSAGE_TOKENS * len(exchange.messages)


def _output(exchange: Exchange) -> int:
    texts: list[str] = []
    for choice in exchange.choices:
        texts += [choice.text, choice.reasoning, choice.refusal]
        texts += [part for call in choice.tool_calls for part in (call.name, call.arguments)]
    return tokens(texts)


def tokens(texts: list[str]) -> int:
    """Return the estimated number of tokens of some texts."""
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    return -(-size // BYTES_PER_TOKEN)
