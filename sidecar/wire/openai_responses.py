"""OpenAI Responses: JSON, stream, background and WebSocket.

*Source*: https://platform.openai.com/docs/api-reference/responses and /responses-streaming. The last event repeats the
whole answer, so that is what is read; the deltas give the times, and the text where the stream was cut. Over a
WebSocket several answers may follow one another: each is a choice, and their usage adds up.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from sidecar.wire import json_text, openai_items, openai_prompt
from sidecar.wire.builder import ChoiceBuilder
from sidecar.wire.decoder import Call, Decoder
from sidecar.wire.exchange import Message, Operation, Role, Usage
from sidecar.wire.openai_chat import deployment_of
from sidecar.wire.openai_usage import added, read_usage

PARAMETERS: Final = (
    "temperature", "top_p", "max_output_tokens", "max_tool_calls", "tool_choice", "parallel_tool_calls", "reasoning",
    "text", "truncation", "store", "background", "include", "metadata", "service_tier", "top_logprobs", "modalities",
    "output_modalities", "voice",
)  # fmt: skip
_PENDING: Final = ("queued", "in_progress")
MAX_ITEMS: Final = 1024  # of one answer
_ENDED: Final = ("response.completed", "response.incomplete", "response.failed", "response.cancelled", "response.done")
# The kinds of fragments, by the end of an event's type less ".delta".
_TEXT, _REFUSAL, _REASONING, _ARGUMENTS = "text", "refusal", "reasoning", "arguments"
_DELTAS: Final = {
    "response.output_text.delta": _TEXT,
    "response.text.delta": _TEXT,
    "response.audio.transcript.delta": _TEXT,
    "response.audio_transcript.delta": _TEXT,
    "response.output_audio_transcript.delta": _TEXT,
    "response.refusal.delta": _REFUSAL,
    "response.reasoning_summary_text.delta": _REASONING,
    "response.reasoning_summary.delta": _REASONING,
    "response.reasoning_text.delta": _REASONING,
    "response.reasoning.delta": _REASONING,
    "response.function_call_arguments.delta": _ARGUMENTS,
    "response.custom_tool_call_input.delta": _ARGUMENTS,
    "response.mcp_call_arguments.delta": _ARGUMENTS,
    "response.code_interpreter_call_code.delta": _ARGUMENTS,
    "response.shell_call_command.delta": _ARGUMENTS,
    "session.output_transcript.delta": _TEXT,  # Realtime translation
}


@dataclass(slots=True)
class _Item:
    """One output item while it is streamed: as announced, its fragments, and whole once it is done."""

    announced: dict[str, Any] = field(default_factory=dict)
    fragments: dict[str, list[str]] = field(default_factory=dict)
    done: dict[str, Any] | None = None

    def add_to(self, choice: ChoiceBuilder) -> None:
        """Append the item, as far as it came."""
        if self.done is not None:
            openai_items.add_output(choice, self.done)
            return
        choice.add_reasoning("".join(self.fragments.get(_REASONING, ())))
        choice.add_text("".join(self.fragments.get(_TEXT, ())))
        choice.add_refusal("".join(self.fragments.get(_REFUSAL, ())))
        arguments = "".join(self.fragments.get(_ARGUMENTS, ()))
        kind = json_text.text(self.announced, "type")
        if arguments or openai_items.is_call(kind):
            call = {"name": kind, **self.announced, "type": "function_call", "arguments": arguments}
            openai_items.add_output(choice, call)


class OpenAIResponses(Decoder):
    """Reads `/responses` and what lies below it."""

    name: ClassVar[str] = "openai-responses"
    provider: ClassVar[str] = "openai"
    operation: ClassVar[Operation] = Operation.CHAT

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self._items: dict[int, _Item] = {}  # of the answer being streamed, by output index
        self.answers = self._begun = 0
        if call.path.endswith("/input_tokens"):
            self.exchange.operation = Operation.COUNT_TOKENS
        elif call.method == "DELETE" or call.path.endswith(("/input_items", "/cancel")):
            self.exchange.operation = Operation.OTHER

    def request(self, body: Any) -> None:
        exchange = self.exchange
        exchange.request_model = (
            json_text.maybe_text(body, "model") or exchange.request_model or deployment_of(self.call.path)
        )
        exchange.stream = json_text.flag(body, "stream") or False
        exchange.user = json_text.maybe_text(body, "user") or json_text.maybe_text(body, "safety_identifier")
        exchange.conversation_id = (
            json_text.maybe_text(body, "conversation", "id")
            or json_text.maybe_text(body, "conversation")
            or json_text.maybe_text(body, "previous_response_id")
        )
        exchange.add_parameters(body, *PARAMETERS)
        self.read_prompt(body)

    def read_prompt(self, body: Any) -> None:
        """Read the prompt and the tools of a request (or of a session)."""
        exchange = self.exchange
        instructions = json_text.at(body, "instructions")
        if isinstance(instructions, str):
            exchange.add_system(instructions)
        else:
            openai_items.add_input(exchange, instructions)
        for variable in json_text.obj(body, "prompt", "variables").values():
            parts = openai_prompt.read_content(variable)
            exchange.add_message(Message(Role.USER, "".join(parts.texts), media=tuple(parts.media)))
        openai_items.add_input(exchange, json_text.at(body, "input"))
        openai_prompt.add_tools(exchange, body)

    def response(self, body: Any) -> None:
        if json_text.text(body, "type") == "error":
            self._error(body)
        elif self.take_error(body, in_stream=self.exchange.stream) and "output" not in body:
            return
        elif self.exchange.operation is Operation.COUNT_TOKENS:
            self.exchange.set_usage(input=json_text.count(body, "input_tokens"))
        elif self.exchange.operation is not Operation.OTHER:
            self._answer(body)

    def event(self, name: str, data: Any) -> None:
        kind = json_text.text(data, "type") or name
        if kind in _DELTAS:
            self._delta(_DELTAS[kind], data)
        elif kind in _ENDED:
            self._answer(json_text.obj(data, "response"))
        elif kind == "response.created":
            self._begun += 1
            self._head(json_text.obj(data, "response"))
        elif kind == "response.output_item.added":
            self._item(data).announced = json_text.obj(data, "item")
        elif kind == "response.output_item.done":
            self._item(data).done = json_text.obj(data, "item")
        elif kind == "error" or json_text.obj(data, "error"):
            self._error(data)
        elif json_text.obj(data, "response"):
            self._head(data["response"])

    def client_message(self, data: Any) -> None:
        if json_text.text(data, "type") == "response.create":
            self.request(json_text.obj(data, "response") or data)
            self.exchange.stream = True  # over a WebSocket the request does not say so

    def end(self) -> None:
        if self._items or self._begun > self.answers:  # the stream was cut
            self.exchange.complete = False
        if self._items:  # what came of the answer
            self._finish_items(self.exchange.choice(self.answers))

    def _head(self, response: Any) -> None:
        exchange = self.exchange
        exchange.response_id = json_text.maybe_text(response, "id") or exchange.response_id
        exchange.response_model = json_text.maybe_text(response, "model") or exchange.response_model
        exchange.conversation_id = json_text.maybe_text(response, "conversation", "id") or exchange.conversation_id

    def _answer(self, response: Any) -> None:
        """Read a whole response object: one completion, unless it is still being made in the background."""
        self._head(response)
        if self.call.method == "GET" and self.call.status != 101 and _is_read_again(response):
            self.exchange.operation = Operation.OTHER
        if json_text.text(response, "status") in _PENDING and not json_text.items(response, "output"):
            return
        choice = self.exchange.choice(self.answers)
        output = json_text.objects(response, "output")
        repeated = bool(self._items)
        if output:
            self._items.clear()
        for item in output:
            openai_items.add_output(choice, item)
            openai_items.add_results(self.exchange, item)
        self._finish_items(choice)
        choice.finish_reason = _finish_reason(response) or choice.finish_reason
        error = json_text.obj(response, "error") or json_text.obj(response, "status_details", "error")
        if error:
            self.take_error({"error": error}, in_stream=self.exchange.stream)
        if self.exchange.operation is not Operation.OTHER:  # else its tokens were counted when it was made
            before, self.exchange.usage = self.exchange.usage, Usage()
            read_usage(self.exchange, json_text.at(response, "usage"))
            self.exchange.usage = added(before, self.exchange.usage)
        self.answers += 1
        if repeated:
            self.exchange.produced = False  # the deltas had their own times

    def _finish_items(self, choice: ChoiceBuilder) -> None:
        for _, item in sorted(self._items.items()):
            item.add_to(choice)
            openai_items.add_results(self.exchange, item.done or {})
        self._items.clear()

    def _item(self, data: Any) -> _Item:
        index = json_text.count(data, "output_index") or 0
        return self._items.setdefault(index if len(self._items) < MAX_ITEMS else next(iter(self._items)), _Item())

    def _delta(self, kind: str, data: Any) -> None:
        delta = json_text.text(data, "delta") or json_text.text(data, "delta", "text")
        if delta:
            self._item(data).fragments.setdefault(kind, []).append(delta)
            self.exchange.produced = True

    def _error(self, data: Any) -> None:
        in_stream = self.exchange.stream
        if not self.take_error(data, in_stream=in_stream):
            self.exchange.fail(json_text.maybe_text(data, "code"), json_text.text(data, "message"), in_stream=in_stream)


def _is_read_again(response: Any) -> bool:
    """Return whether a GET shows what another exchange generated: a stored answer, or one that is not there yet."""
    return json_text.flag(response, "background") is False or json_text.text(response, "status") in _PENDING


def _finish_reason(response: Any) -> str | None:
    """Return why the answer ended: the reason where the status is `incomplete`, else the status."""
    return (
        json_text.maybe_text(response, "incomplete_details", "reason")
        or json_text.maybe_text(response, "status_details", "reason")
        or json_text.maybe_text(response, "status")
    )
