"""Google Gemini and Vertex AI: generateContent and its streams, embeddings, token counts; and the Live API.

*Source*: https://ai.google.dev/api/generate-content and https://ai.google.dev/api/live. A streamed piece is a whole
response object with partial parts, so one reader serves both. Names come in camel case or snake case. Thoughts are not
in `candidatesTokenCount`, nor the prompts of built-in tools in `promptTokenCount`: they are added up here.
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import Any, ClassVar, Final
from urllib.parse import unquote

from sidecar.wire import json_text, media
from sidecar.wire.builder import ChoiceBuilder, ExchangeBuilder
from sidecar.wire.decoder import Call, Decoder
from sidecar.wire.exchange import Media, Message, Operation, Role
from sidecar.wire.turn import Turn, role_of

_PATH: Final = re.compile(
    r"/(?:(?:models|publishers/[^/]+/models)/([^/]+?)|((?:tunedModels|endpoints)/[^/]+?))(?::|%3A)(\w+)$"
)
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_PARAMETERS: Final = (
    "temperature", "topP", "topK", "maxOutputTokens", "candidateCount", "stopSequences", "seed", "presencePenalty",
    "frequencyPenalty", "responseMimeType", "responseSchema", "responseJsonSchema", "responseModalities",
    "responseLogprobs", "logprobs", "thinkingConfig", "mediaResolution", "speechConfig",
)  # fmt: skip
_OPERATIONS: Final = {
    "counttokens": Operation.COUNT_TOKENS,
    "embedcontent": Operation.EMBEDDINGS,
    "batchembedcontents": Operation.EMBEDDINGS,
    "predict": Operation.EMBEDDINGS,
}


def field(body: Any, name: str) -> Any:
    """Return the value of `name` (camel case) in `body`, also where it is written in snake case, or None."""
    found = json_text.at(body, name)
    return json_text.at(body, _snake(name)) if found is None else found


@cache
def _snake(name: str) -> str:
    return _CAMEL.sub("_", name).lower()


class Gemini(Decoder):
    """`models/{model}:{verb}` in all its mounts; the verb tells the operation, path or body the model."""

    name: ClassVar[str] = "gemini"
    provider: ClassVar[str] = "gcp.gemini"
    operation: ClassVar[Operation] = Operation.GENERATE_CONTENT
    streams_array: ClassVar[bool] = True

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        found = _PATH.search(call.path.rstrip("/"))
        model, other, verb = found.groups() if found else (None, None, "")
        self._verb = verb.lower()
        self._finished = self._streaming = False
        self.exchange.request_model = unquote(model or other or "") or None
        self.exchange.operation = _OPERATIONS.get(self._verb, self.exchange.operation)

    def request(self, body: Any) -> None:
        self.exchange.stream = self._verb.startswith("stream")
        self._set_model(json_text.maybe_text(body, "model"))
        read_prompt(self.exchange, body)
        read_prompt(self.exchange, field(body, "generateContentRequest"))
        for each in (body, *json_text.objects(body, "requests")):
            read_contents(self.exchange, json_text.at(each, "content"))
            self._set_model(json_text.maybe_text(each, "model"))
        for instance in json_text.objects(body, "instances"):
            text = json_text.text(instance, "content") or json_text.text(instance, "prompt")
            self.exchange.add_message(Message(Role.USER, text))

    def _set_model(self, model: str | None) -> None:
        if self.exchange.request_model is None and model:
            self.exchange.request_model = model.removeprefix("models/")

    def response(self, body: Any) -> None:
        self.take_error(body, in_stream=self._streaming)
        if self.exchange.operation is Operation.EMBEDDINGS:
            return self._embeddings(body)
        if self.exchange.operation is Operation.GENERATE_CONTENT:
            self._generated(body)
        return None

    def event(self, name: str, data: Any) -> None:  # noqa: ARG002
        self._streaming = True
        self.response(data)

    def _generated(self, body: Any) -> None:
        self.exchange.response_model = json_text.maybe_text(field(body, "modelVersion")) or self.exchange.response_model
        self.exchange.response_id = json_text.maybe_text(field(body, "responseId")) or self.exchange.response_id
        for candidate in json_text.objects(body, "candidates"):
            self._candidate(candidate)
        feedback = field(body, "promptFeedback")
        blocked = json_text.maybe_text(field(feedback, "blockReason"))
        if blocked:
            self._blocked(blocked, json_text.text(field(feedback, "blockReasonMessage")))
        read_usage(self.exchange, field(body, "usageMetadata"), "candidatesTokenCount")

    def _candidate(self, candidate: dict[str, Any]) -> None:
        choice = self.exchange.choice(json_text.count(candidate, "index"))
        read_parts(choice, json_text.at(candidate, "content"))
        for token in json_text.objects(field(field(candidate, "logprobsResult"), "chosenCandidates")):
            choice.add_logprob(json_text.number(field(token, "logProbability")))
        reason = json_text.maybe_text(field(candidate, "finishReason"))
        if reason:
            choice.finish_reason, self._finished = reason, True

    def _blocked(self, reason: str, message: str) -> None:
        choice = self.exchange.choice()
        choice.finish_reason, self._finished = reason, True
        choice.add_refusal(message)

    def _embeddings(self, body: Any) -> None:
        tokens = json_text.count(field(body, "usageMetadata"), "promptTokenCount")
        for prediction in json_text.objects(body, "predictions"):
            counted = json_text.count(prediction, "embeddings", "statistics", "token_count")
            tokens = tokens if counted is None else (tokens or 0) + counted
        self.exchange.set_usage(input=tokens)

    def end(self) -> None:
        if self._streaming and not self._finished:
            self.exchange.complete = False


class GeminiLive(Decoder):
    """The Live API over WebSocket: binary or text messages of JSON; each turn of the model is a choice."""

    name: ClassVar[str] = "gemini-live"
    provider: ClassVar[str] = "gcp.gemini"
    operation: ClassVar[Operation] = Operation.REALTIME

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self._turn = 0
        self._heard: list[str] = []  # what the user said, as transcribed so far
        self._spent: dict[str, int] = {}  # of the turns before this one
        self._latest: dict[str, int] = {}

    def client_message(self, data: Any) -> None:
        setup = field(data, "setup")
        model = json_text.maybe_text(setup, "model")
        if model:
            self.exchange.request_model = model.rpartition("models/")[2]
        read_prompt(self.exchange, setup)
        read_contents(self.exchange, field(field(data, "clientContent"), "turns"))
        spoken = field(data, "realtimeInput")
        self.exchange.add_message(Message(Role.USER, json_text.text(spoken, "text")))
        responses = field(field(data, "toolResponse"), "functionResponses")
        read_contents(self.exchange, {"parts": [{"functionResponse": each} for each in json_text.objects(responses)]})

    def server_message(self, data: Any) -> None:
        content = field(data, "serverContent")
        self._heard.append(json_text.text(field(content, "inputTranscription"), "text"))
        calls = json_text.objects(field(field(data, "toolCall"), "functionCalls"))
        spoken = json_text.text(field(content, "outputTranscription"), "text")
        if calls or spoken or field(content, "modelTurn"):
            self._model_turn(field(content, "modelTurn"), spoken, calls)
        self._count(field(data, "usageMetadata"))
        self._turn_ends(content)

    def _model_turn(self, turn: Any, spoken: str, calls: Iterable[dict[str, Any]]) -> None:
        self._settle_heard()
        choice = self.exchange.choice(self._turn)
        read_parts(choice, turn)
        choice.add_text(spoken)
        for each in calls:
            _read_call(choice, each)

    def _settle_heard(self) -> None:
        self.exchange.add_message(Message(Role.USER, "".join(self._heard)))
        self._heard = []

    def _turn_ends(self, content: Any) -> None:
        interrupted = json_text.flag(content, "interrupted")
        if not (interrupted or json_text.flag(field(content, "turnComplete"))):
            return
        if self._turn in self.exchange.choices:
            self.exchange.choice(self._turn).finish_reason = "interrupted" if interrupted else "turn_complete"
            self._turn += 1
        self._spent = {name: self._spent.get(name, 0) + value for name, value in self._latest.items()}
        self._latest = {}

    def _count(self, usage: Any) -> None:
        """Add up the turns: each says what it cost by itself, its last message counts."""
        counted = read_counts(usage, "responseTokenCount")
        if counted:
            self._latest = counted
            totals = {name: self._spent.get(name, 0) + self._latest.get(name, 0) for name in self._spent | counted}
            self.exchange.set_usage(**totals)

    def end(self) -> None:
        self._settle_heard()


def read_prompt(exchange: ExchangeBuilder, body: Any) -> None:
    """Read system instruction, contents, tools and parameters of a generateContent request."""
    read_contents(exchange, field(body, "systemInstruction"), Role.SYSTEM)
    read_contents(exchange, field(body, "contents"))
    for tool in json_text.objects(body, "tools"):
        _read_tool(exchange, tool)
    config = field(body, "generationConfig")
    for name in _PARAMETERS:
        value = field(config, name)
        if value is not None:
            exchange.set_parameter(_snake(name), value)


def _read_tool(exchange: ExchangeBuilder, tool: dict[str, Any]) -> None:
    """Record function declarations by name, a built-in tool (googleSearch, ...) by its key."""
    declarations = json_text.objects(field(tool, "functionDeclarations"))
    for declaration in declarations:
        exchange.add_tool(json_text.maybe_text(declaration, "name"), declaration)
    if not declarations:
        exchange.add_tool(next(iter(tool), None), tool)


def read_contents(exchange: ExchangeBuilder, contents: Any, role: Role | None = None) -> None:
    """Add the messages of one content or several; text by itself counts as a content of the user."""
    if isinstance(contents, str):
        exchange.add_message(Message(role or Role.USER, contents))
    for each in contents if isinstance(contents, list) else [contents]:
        turn = Turn(exchange, role or role_of(json_text.text(each, "role")))
        for part in json_text.items(each, "parts") or json_text.objects(each, "parts"):
            _read_prompt_part(turn, part)
        turn.flush()


def _read_prompt_part(turn: Turn, part: Any) -> None:
    text = part if isinstance(part, str) else json_text.text(part, "text")
    (turn.reasoning if json_text.flag(part, "thought") else turn.text).append(text)
    called, answered = json_text.obj(field(part, "functionCall")), json_text.obj(field(part, "functionResponse"))
    if called:
        turn.tool_call(json_text.maybe_text(called, "id"), json_text.text(called, "name"), called.get("args"))
    if answered:
        call_id = json_text.maybe_text(answered, "id") or json_text.maybe_text(answered, "name")
        turn.tool_answer(call_id, json_text.dump(answered.get("response") or ""))
    _read_code(turn, part)
    turn.media.extend(media_of(part))


def _read_code(turn: Turn, part: Any) -> None:
    code, result = json_text.obj(field(part, "executableCode")), json_text.obj(field(part, "codeExecutionResult"))
    if code:
        turn.tool_call(None, "code_execution", code)
    if result:
        turn.tool_answer("code_execution", json_text.text(result, "output"))


def media_of(part: Any) -> list[Media]:
    """Return the summary of what a part holds inline or refers to."""
    inline, linked = json_text.obj(field(part, "inlineData")), json_text.obj(field(part, "fileData"))
    found = []
    if inline:
        found.append(media.of_base64(json_text.maybe_text(field(inline, "mimeType")), inline.get("data")))
    if linked:
        mime_type = json_text.maybe_text(field(linked, "mimeType"))
        found.append(media.of_url(json_text.text(field(linked, "fileUri")), media.kind_of(mime_type), mime_type))
    return found


def read_parts(choice: ChoiceBuilder, content: Any) -> None:
    """Add the parts that the model wrote to `choice`."""
    for part in json_text.objects(content, "parts"):
        text = json_text.text(part, "text")
        if json_text.flag(part, "thought"):
            choice.add_reasoning(text)
        else:
            choice.add_text(text)
        _read_call(choice, json_text.obj(field(part, "functionCall")))
        code = json_text.obj(field(part, "executableCode"))
        if code:
            _read_call(choice, {"name": "code_execution", "args": code})
        choice.media.extend(media_of(part))


def _read_call(choice: ChoiceBuilder, called: dict[str, Any]) -> None:
    name = json_text.text(called, "name")
    if name:
        call = choice.tool_call()
        call.id, call.name = json_text.maybe_text(called, "id"), name
        call.add_value({} if called.get("args") is None else called["args"])


def read_usage(exchange: ExchangeBuilder, usage: Any, output_name: str) -> None:
    """Overwrite the usage: it is cumulative, the last one wins."""
    counted = read_counts(usage, output_name)
    if counted:
        exchange.set_usage(**counted)


def read_counts(usage: Any, output_name: str) -> dict[str, int]:
    """Return the counts of a `usageMetadata` by the names of `set_usage`; a missing output count is none yet."""
    prompt = json_text.count(field(usage, "promptTokenCount"))
    output = json_text.count(field(usage, output_name))
    thoughts = json_text.count(field(usage, "thoughtsTokenCount"))
    if prompt is None and output is None:
        return {}
    counts = {
        "input": None if prompt is None else prompt + (json_text.count(field(usage, "toolUsePromptTokenCount")) or 0),
        "output": (output or 0) + (thoughts or 0),
        "cached_input": json_text.count(field(usage, "cachedContentTokenCount")),
        "reasoning": thoughts,
    }
    return {name: value for name, value in counts.items() if value is not None}
