"""`/conversations`: Mistral's, where each input is answered at once, whole or streamed; OpenAI's, which only store.

*Source*: https://docs.mistral.ai/api/#tag/beta.conversations, and the types of mistralai 2. A request with `inputs` is
Mistral's, and only its answer (`conversation.response`) is a generation; everything else is storage, as in `auxiliary`.
"""

from typing import Any, ClassVar, Final

from sidecar.wire import json_text, openai_prompt
from sidecar.wire.auxiliary import Auxiliary
from sidecar.wire.builder import ChoiceBuilder
from sidecar.wire.decoder import Call, Decoder
from sidecar.wire.exchange import Message, Operation, Role, ToolCall
from sidecar.wire.openai_usage import read_usage
from sidecar.wire.turn import role_of

_PARAMETERS: Final = ("agent_id", "agent_version", "store", "handoff_execution", "completion_args", "metadata")
_CALLS: Final = ("function.call", "tool.execution")


class Conversations(Auxiliary):
    """Reads what Mistral generates; of the rest, the texts that the client sends."""

    name: ClassVar[str] = "conversations"

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self._generates = self._streaming = self._ended = False

    def request(self, body: Any) -> None:
        if json_text.at(body, "inputs") is None or self.call.method != "POST":
            super().request(body)
            return
        exchange = self.exchange
        self._generates = True
        exchange.operation, exchange.provider = Operation.CHAT, "mistral_ai"
        exchange.request_model = json_text.maybe_text(body, "model") or json_text.maybe_text(body, "agent_id")
        exchange.stream = json_text.flag(body, "stream") or False
        exchange.add_parameters(body, *_PARAMETERS)
        exchange.add_system(json_text.text(body, "instructions"))
        self._inputs(body["inputs"])
        openai_prompt.add_tools(exchange, body)

    def _inputs(self, inputs: Any) -> None:
        for entry in inputs if isinstance(inputs, list) else [inputs]:
            kind = json_text.text(entry, "type")
            if kind == "function.result":
                text, call_id = json_text.text(entry, "result"), json_text.maybe_text(entry, "tool_call_id")
                self.exchange.add_message(Message(Role.TOOL, text, tool_call_id=call_id))
            elif kind in _CALLS:
                self.exchange.add_message(Message(Role.ASSISTANT, tool_calls=(_call(entry),)))
            else:
                parts = openai_prompt.read_content(entry if isinstance(entry, str) else json_text.at(entry, "content"))
                role = role_of(json_text.text(entry, "role"))
                text, reasoning = "".join(parts.texts), "".join(parts.reasonings)
                self.exchange.add_message(Message(role, text, media=tuple(parts.media), reasoning=reasoning))

    def response(self, body: Any) -> None:
        if not self._generates:
            return
        self._head(body)
        choice = self.exchange.choice()
        for entry in json_text.objects(body, "outputs"):
            kind = json_text.text(entry, "type")
            if kind in _CALLS:
                call = _call(entry)
                choice.add_call(call.id, call.name, call.arguments)
            elif kind == "message.output":
                self._content(choice, entry)
        read_usage(self.exchange, json_text.at(body, "usage"))

    def piece(self, name: str, data: bytes) -> None:
        if self._generates:
            Decoder.piece(self, name, data)

    def event(self, name: str, data: Any) -> None:
        self._streaming = True
        kind, choice = json_text.text(data, "type") or name, self.exchange.choice()
        if kind == "message.output.delta":
            self._content(choice, data)
        elif kind in ("function.call.delta", "tool.execution.started", "tool.execution.delta"):
            call, known = _call(data), choice.tool_call(json_text.maybe_text(data, "id"))
            known.id = call.id or known.id
            known.add_name(call.name)
            known.add(call.arguments)
        elif kind == "conversation.response.error":
            self.exchange.fail(json_text.maybe_text(data, "code"), json_text.text(data, "message"), in_stream=True)
        elif kind == "conversation.response.done":
            self._ended = True
            read_usage(self.exchange, json_text.at(data, "usage"))
        self._head(data)

    def _head(self, body: Any) -> None:
        exchange = self.exchange
        exchange.conversation_id = json_text.maybe_text(body, "conversation_id") or exchange.conversation_id

    def _content(self, choice: ChoiceBuilder, entry: Any) -> None:
        parts = openai_prompt.read_content(json_text.at(entry, "content"))
        choice.add_reasoning("".join(parts.reasonings))
        choice.add_text("".join(parts.texts))
        choice.media.extend(parts.media)
        self.exchange.response_model = json_text.maybe_text(entry, "model") or self.exchange.response_model

    def end(self) -> None:
        super().end()
        if self._streaming and not self._ended:
            self.exchange.complete = False


def _call(entry: Any) -> ToolCall:
    arguments = json_text.maybe_dump(json_text.at(entry, "arguments"))
    call_id = json_text.maybe_text(entry, "tool_call_id") or json_text.maybe_text(entry, "id")
    return ToolCall(call_id, json_text.text(entry, "name"), arguments)
