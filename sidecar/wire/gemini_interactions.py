"""Google's Interactions API: one answer of a model or an agent as steps, whole, streamed or made in the background.

*Source*: https://ai.google.dev/api/interactions-api, and the types of google-genai 3. A step is a message, a thought, a
call of a tool or a tool's answer; earlier servers answer with `outputs`, bare contents. The last event need not repeat
the steps, so the streamed ones are put together and handled like whole ones. Thoughts and the prompts of built-in tools
are counted apart: they are added up here.
"""

from typing import Any, ClassVar, Final

from sidecar.wire import json_text, media
from sidecar.wire.builder import ChoiceBuilder
from sidecar.wire.decoder import Call, Decoder
from sidecar.wire.exchange import Media, Message, Operation, Role, ToolCall

_PARAMETERS: Final = (
    "agent", "agent_config", "background", "cached_content", "response_format", "response_mime_type",
    "response_modalities", "service_tier", "store",
)  # fmt: skip
MAX_STEPS: Final = 1024  # of one answer
PENDING: Final = ("queued", "in_progress")
_FOUND: Final = ("snippet", "content", "stdout", "output")  # where a tool of the server keeps text, beside "text"


class GeminiInteractions(Decoder):
    """`/interactions` and what lies below it."""

    name: ClassVar[str] = "gemini-interactions"
    provider: ClassVar[str] = "gcp.gemini"
    operation: ClassVar[Operation] = Operation.GENERATE_CONTENT

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self._steps: dict[int, dict[str, Any]] = {}  # of the answer being streamed, by index
        self._arguments: dict[int, list[str]] = {}
        self._streaming = self._ended = False
        if call.method == "DELETE" or call.path.endswith("/cancel"):
            self.exchange.operation = Operation.OTHER

    def request(self, body: Any) -> None:
        exchange = self.exchange
        exchange.request_model = json_text.maybe_text(body, "model") or json_text.maybe_text(body, "agent")
        exchange.stream = json_text.flag(body, "stream") or False
        exchange.conversation_id = json_text.maybe_text(body, "previous_interaction_id")
        exchange.add_parameters(body, *_PARAMETERS)
        for name, value in json_text.obj(body, "generation_config").items():
            exchange.set_parameter(name, value)
        exchange.add_system(json_text.text(body, "system_instruction"))
        self._input(json_text.at(body, "input"))
        for tool in json_text.objects(body, "tools"):
            exchange.add_tool(json_text.maybe_text(tool, "name") or json_text.maybe_text(tool, "type"), tool)

    def _input(self, value: Any) -> None:
        """Read a text, a content, a step, or a list of contents (one message) or of steps."""
        contents: list[Any] = []
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict) and not _is_content(each):
                self._prompt_step(each)
            else:
                contents.append(each)
        self._message(Role.USER, contents)

    def _prompt_step(self, step: dict[str, Any]) -> None:
        kind = json_text.text(step, "type")
        if kind == "thought":
            self.exchange.add_message(Message(Role.ASSISTANT, reasoning=_plain(step.get("summary"))[0]))
        elif kind.endswith("_call"):
            self.exchange.add_message(Message(Role.ASSISTANT, tool_calls=(_call(step),)))
        elif kind.endswith("_result"):
            self._result(step)
        else:  # `role` and `content`: a turn of earlier servers
            model = kind == "model_output" or json_text.text(step, "role") == "model"
            self._message(Role.ASSISTANT if model else Role.USER, step.get("content"))

    def _message(self, role: Role, content: Any) -> None:
        text, files = _plain(content)
        self.exchange.add_message(Message(role, text, media=files))

    def _result(self, step: dict[str, Any]) -> None:
        """Add what a tool answered, the client's or one of the server: foreign text that the model reads."""
        text, files = _found(step.get("result"))
        call_id = json_text.maybe_text(step, "call_id") or json_text.maybe_text(step, "name")
        self.exchange.add_message(Message(Role.TOOL, text, tool_call_id=call_id, media=files))

    def response(self, body: Any) -> None:
        self.take_error(body, in_stream=self._streaming)
        self._head(body)
        if self.exchange.operation is Operation.OTHER or json_text.text(body, "status") in PENDING:
            if self.call.method == "GET":
                self.exchange.operation = Operation.OTHER  # it only asked whether the answer is there
            return
        self._finish(body, json_text.objects(body, "steps") or json_text.objects(body, "outputs"))

    def event(self, name: str, data: Any) -> None:
        self._streaming = True
        kind = json_text.text(data, "event_type") or name
        if kind in ("step.start", "content.start"):
            self._started(data)
        elif kind in ("step.delta", "content.delta"):
            self._delta(data)
        elif kind in ("interaction.completed", "interaction.complete"):
            self._ended = True
            self._head(json_text.obj(data, "interaction"))
            self._finish(json_text.obj(data, "interaction"), self._streamed())
        else:
            self._head(json_text.obj(data, "interaction"))

    def _started(self, data: Any) -> None:
        step = json_text.obj(data, "step") or json_text.obj(data, "content")
        known = self._step(data)
        known.update({name: value for name, value in step.items() if name not in ("content", "summary")})
        for part in ("content", "summary"):
            if step.get(part):
                known.setdefault(part, []).extend(json_text.objects(step, part))
        self.exchange.produced = _has_text(step)

    def _delta(self, data: Any) -> None:
        step, delta = self._step(data), json_text.obj(data, "delta")
        kind = json_text.text(delta, "type")
        if kind == "arguments_delta":
            index = json_text.count(data, "index") or 0
            self._arguments.setdefault(index, []).append(json_text.text(delta, "arguments"))
        elif kind == "thought_summary":
            step.setdefault("summary", []).extend(json_text.objects(delta, "content"))
        elif kind.endswith(("_call", "_result")):
            step.update({name: value for name, value in delta.items() if value is not None})
        elif _is_content(delta):
            step.setdefault("content", []).append(delta)
        self.exchange.produced = kind not in ("thought_signature", "text_annotation_delta")

    def _step(self, data: Any) -> dict[str, Any]:
        index = json_text.count(data, "index") or 0
        return self._steps.setdefault(index if len(self._steps) < MAX_STEPS else next(iter(self._steps)), {})

    def _streamed(self) -> list[dict[str, Any]]:
        """Return the steps as a whole answer would have them."""
        for index, fragments in self._arguments.items():
            joined = "".join(fragments)
            parsed = json_text.maybe_load(joined) if joined else None
            if joined and index in self._steps:
                self._steps[index]["arguments"] = joined if parsed is None else parsed
        return [step for _, step in sorted(self._steps.items())]

    def _head(self, body: Any) -> None:
        exchange = self.exchange
        exchange.response_id = json_text.maybe_text(body, "id") or exchange.response_id
        exchange.response_model = (
            json_text.maybe_text(body, "model") or json_text.maybe_text(body, "agent") or exchange.response_model
        )
        self._count(json_text.obj(body, "usage"))

    def _finish(self, body: Any, steps: list[dict[str, Any]]) -> None:
        choice = self.exchange.choice()
        produced = self.exchange.produced
        for step in steps:
            self._output(choice, step)
        choice.finish_reason = json_text.maybe_text(body, "status") or choice.finish_reason
        self._steps, self._arguments = {}, {}
        if self._streaming:
            self.exchange.produced = produced  # the deltas had their own times

    def _output(self, choice: ChoiceBuilder, step: dict[str, Any]) -> None:
        kind = json_text.text(step, "type")
        if kind == "thought":
            choice.add_reasoning(_plain(step.get("summary"))[0])
        elif kind.endswith("_call"):
            call = _call(step)
            choice.add_call(call.id, call.name, call.arguments)
        elif kind.endswith("_result"):
            self._result(step)
        elif kind != "user_input":
            text, files = _plain([step] if _is_content(step) and "content" not in step else step.get("content"))
            choice.add_text(text)
            choice.media.extend(files)

    def _count(self, usage: dict[str, Any]) -> None:
        read = {name: json_text.count(usage, f"total_{name}_tokens") for name in _COUNTS}
        if read["input"] is None and read["output"] is None:
            return
        self.exchange.set_usage(
            input=None if read["input"] is None else read["input"] + (read["tool_use"] or 0),
            output=(read["output"] or 0) + (read["thought"] or 0),
            cached_input=read["cached"],
            reasoning=read["thought"],
        )

    def end(self) -> None:
        if self._streaming and not self._ended:
            self.exchange.complete = False
            if self._steps:
                self._finish({}, self._streamed())


_COUNTS: Final = ("input", "output", "cached", "thought", "tool_use")
_CONTENTS: Final = ("text", "image", "audio", "video", "document")


def _is_content(value: dict[str, Any]) -> bool:
    return json_text.text(value, "type") in _CONTENTS


def _has_text(step: dict[str, Any]) -> bool:
    return bool(step.get("content") or step.get("summary") or step.get("arguments"))


def _plain(content: Any) -> tuple[str, tuple[Media, ...]]:
    """Return the text and the media of a text, a content or a list of them."""
    texts, files = [], []
    for each in content if isinstance(content, list) else [content]:
        kind = json_text.text(each, "type")
        texts.append(each if isinstance(each, str) else json_text.text(each, "text"))
        if kind in _CONTENTS[1:]:
            mime_type = json_text.maybe_text(each, "mime_type")
            files.append(media.of_base64(mime_type, json_text.at(each, "data"), kind))
    return "".join(texts), tuple(files)


def _found(result: Any) -> tuple[str, tuple[Media, ...]]:
    """Return what a tool answered: text as it is, contents as such, the texts of what was found, else as JSON."""
    inner = json_text.items(result, "items") or result
    text, files = _plain(inner)
    texts = [text] + [json_text.text(item, name) for item in json_text.objects(inner) for name in _FOUND]
    found = "\n".join(text for text in texts if text)
    return found or ("" if files or not result else json_text.dump(result)), files


def _call(step: dict[str, Any]) -> ToolCall:
    name = json_text.maybe_text(step, "name") or json_text.text(step, "type")
    call_id = json_text.maybe_text(step, "id") or json_text.maybe_text(step, "call_id")
    return ToolCall(call_id, name, json_text.maybe_dump(step.get("arguments")))
