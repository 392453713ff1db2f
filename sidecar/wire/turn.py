"""A prompt turn in the making, for the formats that put several blocks into one: text, calls, answers of tools.

A tool's answer becomes a message of its own with role TOOL, in wire order, because that is where foreign text enters
a prompt; what stands before and after it stays with the role of the turn.
"""

from dataclasses import dataclass, field

from sidecar.wire import json_text
from sidecar.wire.builder import ExchangeBuilder
from sidecar.wire.exchange import Media, Message, Role, ToolCall


@dataclass(slots=True)
class Turn:
    """Collects blocks; call `flush` after the last one."""

    owner: ExchangeBuilder
    role: Role
    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    media: list[Media] = field(default_factory=list)

    def tool_call(self, call_id: str | None, name: str, arguments: object) -> None:
        """Add an earlier call of a tool: arguments as text or as an object."""
        self.calls.append(ToolCall(call_id, name, json_text.maybe_dump(arguments)))

    def tool_answer(self, call_id: str | None, text: str, media: tuple[Media, ...] = ()) -> None:
        """Add what a tool answered."""
        self.flush()
        self.owner.add_message(Message(Role.TOOL, text, tool_call_id=call_id, media=media))

    def flush(self) -> None:
        """Hand over what was collected as one message; nothing collected is no message."""
        message = Message(
            self.role,
            "".join(self.text),
            tool_calls=tuple(self.calls),
            media=tuple(self.media),
            reasoning="".join(self.reasoning),
        )
        self.owner.add_message(message)
        self.text, self.reasoning, self.calls, self.media = [], [], [], []


def role_of(name: str, default: Role = Role.USER) -> Role:
    """Return the role that a provider calls `name`."""
    return ROLES.get(name.lower(), default)


ROLES = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "model": Role.ASSISTANT,
    "chatbot": Role.ASSISTANT,
    "tool": Role.TOOL,
    "function": Role.TOOL,
}
