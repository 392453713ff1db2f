"""Ollama's own API: chat, generate, embed; JSON lines unless `stream` is false.

*Source*: https://github.com/ollama/ollama/blob/main/docs/api.md. A line is a whole response object with a part of the
text; the last has `done`. `prompt_eval_count` is absent where the prompt was cached: the count is then not known.
"""

from typing import Any, ClassVar, Final

from sidecar.wire import json_text, media
from sidecar.wire.builder import ChoiceBuilder
from sidecar.wire.decoder import Call, Decoder
from sidecar.wire.exchange import Message, Operation, Role
from sidecar.wire.turn import Turn, role_of

_OPTIONS: Final = (
    "temperature", "top_p", "top_k", "min_p", "num_predict", "num_ctx", "seed", "stop", "repeat_penalty",
    "presence_penalty", "frequency_penalty",
)  # fmt: skip


class Ollama(Decoder):
    """`/api/chat`, `/api/generate`, `/api/embed` and `/api/embeddings`."""

    name: ClassVar[str] = "ollama"
    provider: ClassVar[str] = "ollama"
    operation: ClassVar[Operation] = Operation.CHAT
    streams_lines: ClassVar[bool] = True

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self._finished = False
        ending = call.path.rstrip("/").rpartition("/")[2]
        if ending == "generate":
            self.exchange.operation = Operation.TEXT_COMPLETION
        elif ending in ("embed", "embeddings"):
            self.exchange.operation = Operation.EMBEDDINGS

    def request(self, body: Any) -> None:
        exchange = self.exchange
        exchange.request_model = json_text.maybe_text(body, "model")
        exchange.stream = exchange.operation is not Operation.EMBEDDINGS and json_text.flag(body, "stream") is not False
        exchange.add_parameters(body, "format", "think", "keep_alive", "raw")
        exchange.add_parameters(json_text.at(body, "options"), *_OPTIONS)
        exchange.add_system(json_text.text(body, "system"))
        for message in json_text.objects(body, "messages"):
            self._message(message)
        for tool in json_text.objects(body, "tools"):
            exchange.add_tool(json_text.maybe_text(tool, "function", "name"), tool.get("function"))
        self._prompt(body)

    def _message(self, message: dict[str, Any]) -> None:
        turn = Turn(self.exchange, role_of(json_text.text(message, "role")))
        if turn.role is Role.TOOL:
            name = json_text.maybe_text(message, "tool_name") or json_text.maybe_text(message, "tool_call_id")
            return turn.tool_answer(name, json_text.text(message, "content"))
        turn.text.append(json_text.text(message, "content"))
        turn.reasoning.append(json_text.text(message, "thinking"))
        for call in json_text.objects(message, "tool_calls"):
            function = json_text.obj(call, "function")
            turn.tool_call(
                json_text.maybe_text(call, "id"), json_text.text(function, "name"), function.get("arguments")
            )
        self._images(turn, message)
        return turn.flush()

    def _prompt(self, body: Any) -> None:
        """Read the prompt of generate (with its suffix and images) or the inputs of embed."""
        turn = Turn(self.exchange, Role.USER)
        turn.text += [json_text.text(body, "prompt"), json_text.text(body, "suffix")]
        self._images(turn, body)
        turn.flush()
        for text in json_text.items(body, "input") or [json_text.at(body, "input")]:
            self.exchange.add_message(Message(Role.USER, text if isinstance(text, str) else ""))

    def _images(self, turn: Turn, body: Any) -> None:
        turn.media += [media.of_base64(None, image, "image") for image in json_text.items(body, "images")]

    def response(self, body: Any) -> None:
        exchange = self.exchange
        if self.take_error(body, in_stream=exchange.stream):
            return
        exchange.response_model = json_text.maybe_text(body, "model") or exchange.response_model
        exchange.set_usage(input=json_text.count(body, "prompt_eval_count"), output=json_text.count(body, "eval_count"))
        if exchange.operation is not Operation.EMBEDDINGS:
            self._generated(body, exchange.choice())

    def _generated(self, body: Any, choice: ChoiceBuilder) -> None:
        message = json_text.obj(body, "message")
        for source, text_name in ((message, "content"), (body, "response")):
            choice.add_reasoning(json_text.text(source, "thinking"))
            choice.add_text(json_text.text(source, text_name))
        for each in json_text.objects(message, "tool_calls"):
            call = json_text.obj(each, "function")
            choice.add_call(json_text.maybe_text(each, "id"), json_text.text(call, "name"), call.get("arguments"))
        choice.finish_reason = json_text.maybe_text(body, "done_reason") or choice.finish_reason
        self._finished = self._finished or json_text.flag(body, "done") is True

    def end(self) -> None:
        if self.exchange.stream and self.exchange.choices and not self._finished:
            self.exchange.complete = False
