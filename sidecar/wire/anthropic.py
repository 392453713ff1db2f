"""Anthropic Messages, JSON and stream, wherever it is served, and the legacy text completions.

*Source*: https://docs.anthropic.com/en/api/messages and /messages-streaming. Input tokens exclude the cache here, so
the parts are added up; `message_start` has a placeholder for the output count, `message_delta` the cumulative truth.
"""

import re
from typing import Any, ClassVar, Final
from urllib.parse import unquote

from sidecar.wire import json_text
from sidecar.wire.anthropic_prompt import CALL_TYPES, read_blocks, read_result
from sidecar.wire.builder import ChoiceBuilder, ToolCallBuilder
from sidecar.wire.decoder import Call, Decoder
from sidecar.wire.exchange import Message, Operation, Role
from sidecar.wire.turn import Turn, role_of

_PATH_MODEL: Final = re.compile(r"/models/([^/:]+?)(?::|%3A)", re.IGNORECASE)
_PARAMETERS: Final = (
    "max_tokens", "temperature", "top_p", "top_k", "stop_sequences", "tool_choice", "thinking", "service_tier",
    "output_config", "context_management", "max_tokens_to_sample",
)  # fmt: skip
_COUNTS: Final = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


class Anthropic(Decoder):
    """`/v1/messages`, its token count and its batches."""

    name: ClassVar[str] = "anthropic"
    provider: ClassVar[str] = "anthropic"
    operation: ClassVar[Operation] = Operation.CHAT

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self._usage: dict[str, int] = {}
        self._started: dict[int, tuple[ToolCallBuilder, Any]] = {}  # calls, and the `input` that their start holds
        self._streaming = self._stopped = False
        if call.path.rstrip("/").endswith("/count_tokens") or "/models/count-tokens" in call.path:  # Vertex AI
            self.exchange.operation = Operation.COUNT_TOKENS
        elif "/messages/batches" in call.path:
            self.exchange.operation = Operation.OTHER

    def request(self, body: Any) -> None:
        exchange = self.exchange
        exchange.request_model = json_text.maybe_text(body, "model") or path_model(self.call.path)
        exchange.stream = json_text.flag(body, "stream") or False
        exchange.user = json_text.maybe_text(body, "metadata", "user_id")
        exchange.add_parameters(body, *_PARAMETERS)
        if servers := [json_text.text(server, "name") for server in json_text.objects(body, "mcp_servers")]:
            exchange.set_parameter("mcp_servers", servers)  # by name: the rest holds their tokens
        for each in (body, *(json_text.obj(item, "params") for item in json_text.items(body, "requests"))):
            self._prompt(each)

    def _prompt(self, body: Any) -> None:
        read_blocks(Turn(self.exchange, Role.SYSTEM), json_text.at(body, "system"))
        for message in json_text.objects(body, "messages"):
            read_blocks(Turn(self.exchange, role_of(json_text.text(message, "role"))), message.get("content"))
        for tool in json_text.objects(body, "tools"):
            self.exchange.add_tool(json_text.maybe_text(tool, "name") or json_text.maybe_text(tool, "type"), tool)

    def response(self, body: Any) -> None:
        if self.exchange.operation is Operation.OTHER and json_text.obj(body, "result"):
            return self._batch_result(body)
        if self.exchange.operation is Operation.COUNT_TOKENS:
            self.exchange.set_usage(input=json_text.count(body, "input_tokens"))
        if self.exchange.operation is not Operation.CHAT:
            return None
        self._message(body, self.exchange.choice())
        self._count(json_text.obj(body, "usage"))
        return None

    def _message(self, message: Any, choice: ChoiceBuilder) -> None:
        """Read a whole message object."""
        self._head(message)
        for index, block in enumerate(json_text.objects(message, "content")):
            self._block(choice, index, block)
        self._finish(message)

    def _head(self, message: Any) -> None:
        self.exchange.response_id = json_text.maybe_text(message, "id") or self.exchange.response_id
        self.exchange.response_model = json_text.maybe_text(message, "model") or self.exchange.response_model

    def _finish(self, delta: Any) -> None:
        reason = json_text.maybe_text(delta, "stop_reason")
        if reason:
            self.exchange.choice().finish_reason = reason
            self.exchange.choice().add_refusal(json_text.text(delta, "stop_details", "explanation"))

    def _count(self, usage: dict[str, Any]) -> None:
        """Overwrite what `usage` says: the counts of a stream are cumulative."""
        made = json_text.obj(usage, "cache_creation")
        long, short = (json_text.count(made, f"ephemeral_{time}_input_tokens") for time in ("1h", "5m"))
        found = {name: json_text.count(usage, name) for name in _COUNTS}
        if found["cache_creation_input_tokens"] is None and made:
            found["cache_creation_input_tokens"] = (long or 0) + (short or 0)
        self._usage |= {name: count for name, count in found.items() if count is not None}
        read = self._usage.get("cache_read_input_tokens")
        written = self._usage.get("cache_creation_input_tokens")
        uncached = self._usage.get("input_tokens")
        self.exchange.set_usage(
            input=None if uncached is None else uncached + (read or 0) + (written or 0),
            output=self._usage.get("output_tokens"),
            cached_input=read,
            cache_write_input=written,
            cache_write_1h_input=long or None,
            reasoning=json_text.count(usage, "output_tokens_details", "thinking_tokens"),
        )

    def event(self, name: str, data: Any) -> None:
        if self.exchange.operation is Operation.OTHER:
            return self._batch_result(data)
        self._streaming = True
        read = _EVENTS.get(json_text.text(data, "type") or name)
        if read:
            read(self, data)
        return None

    def _batch_result(self, line: Any) -> None:
        """Read one line of a batch's results; its tokens were used by the batch, not by this download."""
        message = json_text.obj(line, "result", "message")
        choice = self.exchange.choice(len(self.exchange.choices))
        for index, block in enumerate(json_text.objects(message, "content")):
            self._block(choice, index, block)
        choice.finish_reason = json_text.maybe_text(message, "stop_reason")

    def _message_start(self, data: Any) -> None:
        message = json_text.obj(data, "message")
        self._message(message, self.exchange.choice())
        self._count({**json_text.obj(message, "usage"), "output_tokens": None, "output_tokens_details": None})

    def _block_start(self, data: Any) -> None:
        self._block(self.exchange.choice(), data.get("index"), json_text.obj(data, "content_block"), started=True)

    def _block(self, choice: ChoiceBuilder, key: object, block: dict[str, Any], *, started: bool = False) -> None:
        kind = json_text.text(block, "type")
        choice.add_text(json_text.text(block, "text") if kind == "text" else "")
        choice.add_reasoning(json_text.text(block, "thinking") if kind == "thinking" else "")
        choice.add_reasoning(json_text.text(block, "content") if kind == "compaction" else "")
        if kind.endswith("tool_result"):  # of a tool of the server: text that the model read before it went on
            read_result(Turn(self.exchange, Role.ASSISTANT), block)
        if kind not in CALL_TYPES:
            return
        call = choice.tool_call(str(key) if started else None)
        call.id, call.name = json_text.maybe_text(block, "id"), json_text.text(block, "name")
        if started:
            self._started[id(call)] = call, block.get("input")
        else:
            call.add_value(block.get("input"))

    def _block_delta(self, data: Any) -> None:
        choice, delta = self.exchange.choice(), json_text.obj(data, "delta")
        choice.add_text(json_text.text(delta, "text"))
        choice.add_reasoning(json_text.text(delta, "thinking"))
        if delta.get("type") == "compaction_delta":
            choice.add_reasoning(json_text.text(delta, "content"))
        if "partial_json" in delta:
            choice.tool_call(str(data.get("index"))).add(json_text.text(delta, "partial_json"))

    def _message_delta(self, data: Any) -> None:
        self._finish(json_text.obj(data, "delta"))
        self._count(json_text.obj(data, "usage"))

    def _message_stop(self, data: Any) -> None:  # noqa: ARG002
        self._stopped = True

    def _error(self, data: Any) -> None:
        if not self.take_error(data, in_stream=True):
            self.take_named_error(data)

    def end(self) -> None:
        if self._streaming and not self._stopped:
            self.exchange.complete = False
        for call, placeholder in self._started.values():
            settle_arguments(call, placeholder)


class AnthropicComplete(Decoder):
    """`/v1/complete`: `prompt` to `completion`, as JSON or as `completion` events."""

    name: ClassVar[str] = "anthropic-complete"
    provider: ClassVar[str] = "anthropic"
    operation: ClassVar[Operation] = Operation.TEXT_COMPLETION

    def request(self, body: Any) -> None:
        self.exchange.request_model = json_text.maybe_text(body, "model")
        self.exchange.stream = json_text.flag(body, "stream") or False
        self.exchange.user = json_text.maybe_text(body, "metadata", "user_id")
        self.exchange.add_parameters(body, *_PARAMETERS)
        self.exchange.add_message(Message(Role.USER, json_text.text(body, "prompt")))

    def response(self, body: Any) -> None:
        choice = self.exchange.choice()
        choice.add_text(json_text.text(body, "completion"))
        choice.finish_reason = json_text.maybe_text(body, "stop_reason") or choice.finish_reason
        self.exchange.response_id = json_text.maybe_text(body, "id") or self.exchange.response_id
        self.exchange.response_model = json_text.maybe_text(body, "model") or self.exchange.response_model

    def event(self, name: str, data: Any) -> None:
        if not self.take_error(data, in_stream=True) and name != "ping":
            self.response(data)


def path_model(path: str) -> str | None:
    """Return the model that a Vertex AI path names (`…/models/{model}:rawPredict`), or None."""
    found = _PATH_MODEL.search(path)
    return unquote(found.group(1)) if found else None


def settle_arguments(call: ToolCallBuilder, placeholder: Any) -> None:
    """Give streamed arguments the form that the whole message has: compact JSON; what is no JSON stays as it came."""
    streamed = "".join(call.fragments)
    parsed = json_text.maybe_load(streamed) if streamed else placeholder
    if isinstance(parsed, dict):
        call.replace(json_text.dump(parsed))


_EVENTS: Final = {
    "message_start": Anthropic._message_start,
    "content_block_start": Anthropic._block_start,
    "content_block_delta": Anthropic._block_delta,
    "message_delta": Anthropic._message_delta,
    "message_stop": Anthropic._message_stop,
    "error": Anthropic._error,
}
