"""AWS Bedrock Converse: JSON and ConverseStream, as one vocabulary for all models.

*Source*: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html. The model is a path segment
(percent-encoded, perhaps an ARN) and is not repeated in the answer. Input tokens exclude the cache, so the parts are
added up. Usage comes after the stop, in `metadata`.
"""

import re
from typing import Any, ClassVar, Final
from urllib.parse import unquote

from sidecar.wire import json_text, media
from sidecar.wire.anthropic import settle_arguments
from sidecar.wire.builder import ChoiceBuilder, ToolCallBuilder
from sidecar.wire.decoder import Call, Decoder
from sidecar.wire.exchange import Media, Operation, Role
from sidecar.wire.turn import Turn, role_of

_PATH_MODEL: Final = re.compile(r"/model/([^/]+)/[^/]+$")
_PARAMETERS: Final = ("maxTokens", "temperature", "topP", "stopSequences")
_FILES: Final = ("image", "document", "video", "audio")
_MAX_DEPTH: Final = 2  # a tool's answer holds blocks; nothing deeper is defined


def path_model(path: str) -> str | None:
    """Return the model id or ARN that a Bedrock path names, decoded, or None."""
    found = _PATH_MODEL.search(path.rstrip("/"))
    return unquote(found.group(1)) if found else None


def error_type(call: Call) -> str | None:
    """Return the error that `x-amzn-ErrorType` names (without the address that may follow it), or None."""
    return call.response_headers.get("x-amzn-errortype", "").partition(":")[0] or None


class BedrockConverse(Decoder):
    """`/model/{id}/converse` and `/model/{id}/converse-stream`."""

    name: ClassVar[str] = "bedrock-converse"
    provider: ClassVar[str] = "aws.bedrock"
    operation: ClassVar[Operation] = Operation.CHAT

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.exchange.request_model = path_model(call.path)
        self._calls: dict[int, ToolCallBuilder] = {}
        self._streaming = self._stopped = False
        if call.path.rstrip("/").endswith("/count-tokens"):
            self.exchange.operation = Operation.COUNT_TOKENS

    def request(self, body: Any) -> None:
        exchange = self.exchange
        body = json_text.obj(body, "input", "converse") or body  # of a token count
        exchange.stream = self.call.path.rstrip("/").endswith("-stream")
        read_blocks(Turn(exchange, Role.SYSTEM), body, "system")
        for message in json_text.objects(body, "messages"):
            read_blocks(Turn(exchange, role_of(json_text.text(message, "role"))), message, "content")
        for tool in json_text.objects(body, "toolConfig", "tools"):
            self._tool(tool)
        exchange.add_parameters(json_text.at(body, "inferenceConfig"), *_PARAMETERS)
        exchange.add_parameters(body, "additionalModelRequestFields", "guardrailConfig", "performanceConfig")
        exchange.add_parameters(json_text.at(body, "toolConfig"), "toolChoice")
        exchange.user = json_text.maybe_text(body, "requestMetadata", "user")

    def _tool(self, tool: dict[str, Any]) -> None:
        name = json_text.maybe_text(tool, "toolSpec", "name") or json_text.maybe_text(tool, "systemTool", "name")
        if name:
            self.exchange.add_tool(name, next(iter(tool.values())))

    def response(self, body: Any) -> None:
        if self.exchange.operation is Operation.COUNT_TOKENS:
            self.exchange.set_usage(input=json_text.count(body, "inputTokens"))
            return
        choice = self.exchange.choice()
        for block in json_text.objects(body, "output", "message", "content"):
            self._block(choice, block)
        self._stop(body)
        self._count(json_text.obj(body, "usage"))

    def _block(self, choice: ChoiceBuilder, block: dict[str, Any]) -> None:
        choice.add_text(_text_of(block))
        choice.add_reasoning(json_text.text(block, "reasoningContent", "reasoningText", "text"))
        called = json_text.obj(block, "toolUse")
        if called:
            call_id, name = json_text.maybe_text(called, "toolUseId"), json_text.text(called, "name")
            choice.add_call(call_id, name, called.get("input"))
        choice.media.extend(files_of(block))

    def _stop(self, body: Any) -> None:
        reason = json_text.maybe_text(body, "stopReason")
        if reason:
            self.exchange.choice().finish_reason, self._stopped = reason, True

    def _count(self, usage: dict[str, Any]) -> None:
        uncached = json_text.count(usage, "inputTokens")
        read, written = json_text.count(usage, "cacheReadInputTokens"), json_text.count(usage, "cacheWriteInputTokens")
        self.exchange.set_usage(
            input=None if uncached is None else uncached + (read or 0) + (written or 0),
            output=json_text.count(usage, "outputTokens"),
            cached_input=read,
            cache_write_input=written,
        )

    def event(self, name: str, data: Any) -> None:
        self._streaming = True
        choice = self.exchange.choice()
        if name == "contentBlockStart":
            self._start(choice, data)
        elif name == "contentBlockDelta":
            self._delta(choice, json_text.at(data, "contentBlockIndex"), json_text.obj(data, "delta"))
        elif name == "messageStop":
            self._stop(data)
        elif name == "metadata":
            self._count(json_text.obj(data, "usage"))

    def _start(self, choice: ChoiceBuilder, data: Any) -> None:
        called = json_text.obj(data, "start", "toolUse")
        if called:
            call = choice.tool_call(str(json_text.at(data, "contentBlockIndex")))
            call.id, call.name = json_text.maybe_text(called, "toolUseId"), json_text.text(called, "name")
            self._calls[id(call)] = call

    def _delta(self, choice: ChoiceBuilder, index: Any, delta: dict[str, Any]) -> None:
        choice.add_text(json_text.text(delta, "text"))
        choice.add_reasoning(json_text.text(delta, "reasoningContent", "text"))
        if "toolUse" in delta:
            choice.tool_call(str(index)).add(json_text.text(delta, "toolUse", "input"))

    def error(self, body: Any) -> None:
        super().error(body)
        read_error_header(self)

    def end(self) -> None:
        if self._streaming and not self._stopped:
            self.exchange.complete = False
        for call in self._calls.values():
            settle_arguments(call, {})


def read_error_header(decoder: Decoder) -> None:
    """Take the error's type from the header, where AWS puts it."""
    named, error = error_type(decoder.call), decoder.exchange.error
    if named and error:
        decoder.exchange.error = None
        decoder.exchange.fail(named, error.message)


def read_blocks(turn: Turn, body: Any, name: str) -> None:
    """Add the content blocks at `name` to `turn` and hand the turn over."""
    for block in json_text.objects(body, name):
        turn.text.append(_text_of(block))
        turn.reasoning.append(json_text.text(block, "reasoningContent", "reasoningText", "text"))
        turn.media.extend(files_of(block))
        _read_tool_block(turn, block)
    turn.flush()


def _read_tool_block(turn: Turn, block: dict[str, Any]) -> None:
    called, answered = json_text.obj(block, "toolUse"), json_text.obj(block, "toolResult")
    if called:
        turn.tool_call(json_text.maybe_text(called, "toolUseId"), json_text.text(called, "name"), called.get("input"))
    if answered:
        inner = json_text.objects(answered, "content")
        text = "".join(_text_of(each) or json_text.dump(each.get("json") or "") for each in inner)
        files = tuple(found for each in inner for found in files_of(each))
        turn.tool_answer(json_text.maybe_text(answered, "toolUseId"), text, files)


def _text_of(block: dict[str, Any], depth: int = 0) -> str:
    """Return the text of a block: plain, guarded, cited, of a search result, or of a text document."""
    found = json_text.text(block, "text") or json_text.text(block, "guardContent", "text", "text")
    if found or depth >= _MAX_DEPTH:
        return found
    nested = [
        *json_text.objects(block, "citationsContent", "content"),
        *json_text.objects(block, "searchResult", "content"),
        *json_text.objects(block, "document", "source", "content"),
    ]
    return json_text.text(block, "document", "source", "text") + "".join(_text_of(each, depth + 1) for each in nested)


def files_of(block: dict[str, Any]) -> list[Media]:
    """Return the summaries of the block's image, document, video or audio."""
    return [_file(kind, json_text.obj(block, kind)) for kind in _FILES if json_text.obj(block, kind)]


def _file(kind: str, part: dict[str, Any]) -> Media:
    name = json_text.maybe_text(part, "format")
    family = "application" if kind == "document" else kind
    return media.of_base64(f"{family}/{name}" if name else None, json_text.at(part, "source", "bytes"), kind)
