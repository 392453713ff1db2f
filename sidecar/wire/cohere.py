"""Cohere: chat v2, as JSON and as a stream, and embeddings.

*Source*: https://docs.cohere.com/reference/chat, https://docs.cohere.com/docs/streaming. Counts are those
of `tokens`; `billed_units` leave out the vendor's own preamble and stand in only where `tokens` are absent. A tool plan
is what the model thinks before it calls, so it is kept as reasoning.
"""

from typing import Any, ClassVar, Final

from sidecar.wire import json_text, media
from sidecar.wire.builder import ChoiceBuilder
from sidecar.wire.decoder import Call, Decoder
from sidecar.wire.exchange import Media, Message, Operation, Role
from sidecar.wire.turn import Turn, role_of

_PARAMETERS: Final = (
    "temperature", "max_tokens", "p", "k", "seed", "stop_sequences", "response_format", "safety_mode", "tool_choice",
    "strict_tools", "frequency_penalty", "presence_penalty", "thinking", "citation_options", "num_generations",
    "input_type", "embedding_types", "truncate",
)  # fmt: skip


class Cohere(Decoder):
    """`/v2/chat`; the parts that v1 shares."""

    name: ClassVar[str] = "cohere"
    provider: ClassVar[str] = "cohere"
    operation: ClassVar[Operation] = Operation.CHAT

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self._streaming = self._finished = False

    def request(self, body: Any) -> None:
        self._common(body)
        for message in json_text.objects(body, "messages"):
            self._turn(message)
        self._documents(body)
        for tool in json_text.objects(body, "tools"):
            self.exchange.add_tool(json_text.maybe_text(tool, "function", "name"), tool.get("function"))

    def _common(self, body: Any) -> None:
        self.exchange.request_model = json_text.maybe_text(body, "model")
        self.exchange.stream = json_text.flag(body, "stream") or False
        self.exchange.add_parameters(body, *_PARAMETERS)

    def _turn(self, message: dict[str, Any]) -> None:
        turn = Turn(self.exchange, role_of(json_text.text(message, "role")))
        text, files = _content(message.get("content"))
        if turn.role is Role.TOOL:
            return turn.tool_answer(json_text.maybe_text(message, "tool_call_id"), text, files)
        turn.text.append(text)
        turn.media.extend(files)
        turn.reasoning += [json_text.text(message, "tool_plan"), _thinking(message.get("content"))]
        for call in json_text.objects(message, "tool_calls"):
            function = json_text.obj(call, "function")
            turn.tool_call(
                json_text.maybe_text(call, "id"), json_text.text(function, "name"), function.get("arguments")
            )
        return turn.flush()

    def _documents(self, body: Any) -> None:
        """Read retrieved documents: foreign text, so each is the answer of a tool."""
        for document in json_text.items(body, "documents"):
            name = json_text.maybe_text(document, "id")
            self.exchange.add_message(Message(Role.TOOL, _document(document), tool_call_id=name))

    def response(self, body: Any) -> None:
        self._head(body)
        self._message(json_text.obj(body, "message"))
        self._finish(body)

    def _head(self, body: Any) -> None:
        exchange = self.exchange
        exchange.response_id = json_text.maybe_text(body, "id") or exchange.response_id
        exchange.response_model = json_text.maybe_text(body, "model") or exchange.response_model

    def _message(self, message: dict[str, Any]) -> None:
        """Read a whole message, or what a delta holds of it: there `content` and `tool_calls` are single objects."""
        choice = self.exchange.choice()
        choice.add_reasoning(json_text.text(message, "tool_plan"))
        for block in json_text.objects(message, "content"):
            choice.add_text(json_text.text(block, "text"))
            choice.add_reasoning(json_text.text(block, "thinking"))
        for each in json_text.items(message, "tool_calls"):
            _add_call(choice, None, each)

    def _finish(self, body: Any) -> None:
        choice = self.exchange.choice()
        choice.finish_reason = json_text.maybe_text(body, "finish_reason") or choice.finish_reason
        self._count(json_text.obj(body, "usage"))

    def _count(self, usage: dict[str, Any]) -> None:
        tokens = json_text.obj(usage, "tokens") or json_text.obj(usage, "billed_units")
        self.exchange.set_usage(
            input=json_text.count(tokens, "input_tokens"),
            output=json_text.count(tokens, "output_tokens"),
            cached_input=json_text.count(usage, "cached_tokens"),
        )

    def event(self, name: str, data: Any) -> None:
        self._streaming = True
        kind = json_text.text(data, "type") or name
        delta = json_text.obj(data, "delta")
        if kind == "message-start":
            self._head(data)
        elif kind in ("tool-call-start", "tool-call-delta"):
            _add_call(self.exchange.choice(), str(data.get("index")), json_text.at(delta, "message", "tool_calls"))
        elif kind == "message-end":
            self._finished = True
            self._finish(delta)
            self.take_error(delta, in_stream=True)
        elif not self.take_error(data, in_stream=True):
            self._message(json_text.obj(delta, "message"))

    def end(self) -> None:
        if self._streaming and not self._finished:
            self.exchange.complete = False


class CohereEmbed(Cohere):
    """`/v1/embed` and `/v2/embed`: texts in, counts out; the vectors are not kept."""

    name: ClassVar[str] = "cohere-embed"
    operation: ClassVar[Operation] = Operation.EMBEDDINGS

    def request(self, body: Any) -> None:
        self._common(body)
        for text in json_text.items(body, "texts"):
            self.exchange.add_message(Message(Role.USER, text if isinstance(text, str) else ""))
        for each in json_text.objects(body, "inputs"):
            text, files = _content(each.get("content"))
            self.exchange.add_message(Message(Role.USER, text, media=files))
        images = [media.of_url(url, "image") for url in json_text.items(body, "images") if isinstance(url, str)]
        self.exchange.add_message(Message(Role.USER, media=tuple(images)))

    def response(self, body: Any) -> None:
        self._head(body)
        self._count(json_text.obj(body, "meta"))


def _add_call(choice: ChoiceBuilder, key: str | None, each: Any) -> None:
    call = choice.tool_call(key)
    call.id = json_text.maybe_text(each, "id") or call.id
    call.name = json_text.text(each, "function", "name") or call.name
    call.add_value(json_text.at(each, "function", "arguments"))


def _content(content: Any) -> tuple[str, tuple[Media, ...]]:
    """Return the text and the media of a message's content: a string or blocks (text, images, documents)."""
    if isinstance(content, str):
        return content, ()
    blocks = json_text.objects(content)
    texts = [json_text.text(block, "text") or _document(block.get("document")) for block in blocks]
    urls = [json_text.text(block, "image_url", "url") or json_text.text(block, "image_url") for block in blocks]
    return "".join(texts), tuple(media.of_url(url, "image") for url in urls if url)


def _thinking(content: Any) -> str:
    return "".join(json_text.text(block, "thinking") for block in json_text.objects(content))


def _document(document: Any) -> str:
    """Return the text of a document: a string, or its data (a string or fields) as JSON text."""
    data = document if isinstance(document, str) else json_text.at(document, "data")
    if data is None and isinstance(document, dict):
        data = document
    return json_text.maybe_dump(data)
