"""What watchers read of an exchange: its texts in wire order, each with role, origin and direction.

The prompt's turns up to the last assistant turn are history: an earlier exchange of the conversation carried them,
so they are not `fresh`. Tool definitions are configuration rather than conversation and are not read.
"""

from collections.abc import Iterator
from typing import Final

from sidecar.wire import exchange as wire
from watchers.watcher import Direction, Origin, Record, Role

ROLES: Final = {
    wire.Role.SYSTEM: (Role.SYSTEM, Origin.SYSTEM),
    wire.Role.USER: (Role.USER, Origin.USER),
    wire.Role.ASSISTANT: (Role.ASSISTANT, Origin.HISTORY),
    wire.Role.TOOL: (Role.TOOL, Origin.TOOL_RESULT),
}

Text = tuple[str, Role, Origin, Direction, bool]


def records(exchange_id: str, exchange: wire.Exchange) -> list[Record]:
    """Return the exchange's texts; empty ones are left out, so that `position` counts the texts there are."""
    texts = [text for text in (*_prompt(exchange), *_found(exchange), *_completions(exchange)) if text[0]]
    return [Record(exchange_id, position, *text) for position, text in enumerate(texts)]


def _prompt(exchange: wire.Exchange) -> Iterator[Text]:
    turns = exchange.messages
    history = max((i + 1 for i, turn in enumerate(turns) if turn.role is wire.Role.ASSISTANT), default=0)
    for index, turn in enumerate(turns):
        fresh = index >= history and not (history and turn.role is wire.Role.SYSTEM)
        role, origin = ROLES[turn.role]
        yield turn.reasoning, role, Origin.REASONING, Direction.PROMPT, fresh
        yield turn.text, role, origin, Direction.PROMPT, fresh
        for call in turn.tool_calls:
            yield call.arguments, role, Origin.TOOL_CALL, Direction.PROMPT, fresh


def _found(exchange: wire.Exchange) -> Iterator[Text]:
    for text in exchange.text_found:
        yield text, Role.USER, Origin.UNKNOWN, Direction.PROMPT, True


def _completions(exchange: wire.Exchange) -> Iterator[Text]:
    for choice in exchange.choices:
        yield choice.reasoning, Role.ASSISTANT, Origin.REASONING, Direction.COMPLETION, True
        yield choice.text, Role.ASSISTANT, Origin.COMPLETION, Direction.COMPLETION, True
        yield choice.refusal, Role.ASSISTANT, Origin.REFUSAL, Direction.COMPLETION, True
        for call in choice.tool_calls:
            yield call.arguments, Role.ASSISTANT, Origin.TOOL_CALL, Direction.COMPLETION, True
