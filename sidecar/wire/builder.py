"""The Exchange in the making: JSON and stream paths of a decoder feed the same one, so their results are equal.

Fragments accumulate per choice and per tool call; whole values are appended the same way. A later value of usage,
model or finish reason overwrites an earlier one (vLLM and Gemini send cumulative usage: the last one wins). Everything
is bounded: choices, tool calls, pieces, tool definitions.
"""

from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from sidecar.wire import json_text
from sidecar.wire.exchange import (
    Choice,
    Exchange,
    Media,
    Message,
    Operation,
    ProviderError,
    Role,
    Timings,
    ToolCall,
    Usage,
    UsageSource,
)

MAX_CHOICES: Final = 256  # OpenAI allows n = 128
MAX_TOOL_CALLS: Final = 1024  # per choice
MAX_NAME_CHARACTERS: Final = 1024  # of a tool
MAX_OUTPUT_TIMES: Final = 8192
MAX_DEFINITION_CHARACTERS: Final = 65_536
MAX_PARAMETER_CHARACTERS: Final = 4_096
MAX_ERROR_CHARACTERS: Final = 4_096
CREDENTIALS: Final = frozenset(
    ("authorization", "authorization_token", "headers")
)  # of an MCP server offered as a tool


class Arguments(Protocol):
    """Arguments that a format puts together itself."""

    def value(self) -> dict[str, object]:
        """Return them as far as they came."""


@dataclass(slots=True)
class ToolCallBuilder:
    """One tool call: `name` and `arguments` arrive in fragments, or at once."""

    owner: "ExchangeBuilder"
    id: str | None = None
    name: str = ""
    fragments: list[str] = field(default_factory=list)
    partial: "Arguments | None" = None  # where they arrive by place rather than as text

    def add(self, fragment: str) -> None:
        """Append a piece of the arguments' JSON text."""
        if fragment:
            self.fragments.append(fragment)
            self.owner.produced = True

    def add_value(self, arguments: object) -> None:
        """Append whole arguments: text as it is, an object as compact JSON, null as nothing."""
        self.add(json_text.maybe_dump(arguments))

    def replace(self, arguments: str) -> None:
        """Set the whole arguments, where a final event repeats what the fragments said."""
        self.fragments = [arguments] if arguments else []

    def add_name(self, fragment: str) -> None:
        """Append a piece of the name; one that repeats the whole name so far is passed over."""
        if fragment and fragment != self.name and len(self.name) < MAX_NAME_CHARACTERS:
            self.name += fragment
            self.owner.produced = True

    def looks_whole(self) -> bool:
        """Return whether the arguments end like a JSON object (a parse after every fragment would be quadratic)."""
        return bool(self.fragments) and self.fragments[-1].endswith("}")

    def build(self) -> ToolCall:
        arguments = "".join(self.fragments) if self.partial is None else json_text.dump(self.partial.value())
        return ToolCall(id=self.id, name=self.name, arguments=arguments)


@dataclass(slots=True)
class ChoiceBuilder:
    """One completion. Call the `add_*` methods with each piece of output, in order."""

    owner: "ExchangeBuilder"
    index: int
    texts: list[str] = field(default_factory=list)
    reasonings: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    calls: dict[object, ToolCallBuilder] = field(default_factory=dict)
    media: list[Media] = field(default_factory=list)
    finish_reason: str | None = None
    logprob_sum: float | None = None
    logprob_tokens: int = 0

    def add_text(self, fragment: str) -> None:
        if fragment:
            self.texts.append(fragment)
            self.owner.produced = True

    def add_reasoning(self, fragment: str) -> None:
        if fragment:
            self.reasonings.append(fragment)
            self.owner.produced = True

    def add_refusal(self, fragment: str) -> None:
        if fragment:
            self.refusals.append(fragment)
            self.owner.produced = True

    def add_logprob(self, logprob: float | None) -> None:
        if logprob is not None:
            self.logprob_sum = (self.logprob_sum or 0.0) + logprob
            self.logprob_tokens += 1

    def tool_call(self, key: object | None = None) -> ToolCallBuilder:
        """Return the call known by `key` (its index or id on the wire), new where it is not known; None: always new.

        Past MAX_TOOL_CALLS the last one is returned again.
        """
        if key is None:
            key = ("new", len(self.calls))
        known = self.calls.get(key)
        if known is None and len(self.calls) < MAX_TOOL_CALLS:
            known = self.calls[key] = ToolCallBuilder(self.owner)
            self.owner.produced = True
        return known or next(reversed(self.calls.values()))

    def add_call(self, call_id: str | None, name: str, arguments: object) -> None:
        """Append a whole call of a tool: arguments as text or as an object."""
        call = self.tool_call()
        call.id, call.name = call_id, name
        call.add_value(arguments)

    def build(self) -> Choice:
        return Choice(
            index=self.index,
            text="".join(self.texts),
            reasoning="".join(self.reasonings),
            refusal="".join(self.refusals),
            tool_calls=tuple(call.build() for call in self.calls.values()),
            finish_reason=self.finish_reason,
            media=tuple(self.media),
            logprob_sum=self.logprob_sum,
            logprob_tokens=self.logprob_tokens,
        )


class ExchangeBuilder:
    """Collects what a decoder finds; plain attributes may be set directly."""

    def __init__(self, format_: str, operation: Operation = Operation.UNKNOWN, provider: str = "unknown") -> None:
        self.format = format_
        self.operation = operation
        self.provider = provider
        self.request_model: str | None = None
        self.response_model: str | None = None
        self.stream = False
        self.messages: list[Message] = []
        self.tools: list[str] = []
        self.definitions: list[object] = []
        self.parameters: dict[str, str] = {}
        self.choices: dict[int, ChoiceBuilder] = {}
        self.usage = Usage()
        self.error: ProviderError | None = None
        self.response_id: str | None = None
        self.request_id: str | None = None
        self.system_fingerprint: str | None = None
        self.conversation_id: str | None = None
        self.user: str | None = None
        self.text_found: list[str] = []
        self.complete = True
        self.decode_error: str | None = None
        self.produced = False  # output was added since the last `mark`
        self._output_seconds: list[float] = []

    def add_message(self, message: Message) -> None:
        """Append a prompt turn, in wire order; one that holds nothing is left out."""
        if message != Message(message.role):
            self.messages.append(message)

    def add_system(self, text: str) -> None:
        """Append system text; the empty one is left out."""
        self.add_message(Message(Role.SYSTEM, text))

    def add_tool(self, name: str | None, definition: object) -> None:
        """Record an offered tool and its definition (description, schema) as found on the wire, less its credentials."""
        if name:
            self.tools.append(name)
        if isinstance(definition, dict) and not CREDENTIALS.isdisjoint(definition):
            definition = {key: value for key, value in definition.items() if key not in CREDENTIALS}
        self.definitions.append(definition)

    def add_parameters(self, body: object, *names: str) -> None:
        """Record the request parameters `names` that `body` has (null counts as absent)."""
        for name in names:
            value = json_text.at(body, name)
            if value is not None:
                self.set_parameter(name, value)

    def set_parameter(self, name: str, value: object) -> None:
        """Record one parameter as JSON text (a string keeps its quotes)."""
        dumped = json_text.dump([value])[1:-1]
        self.parameters[name] = dumped[:MAX_PARAMETER_CHARACTERS]

    def choice(self, index: int | None = 0) -> ChoiceBuilder:
        """Return the completion `index`, new where it is not known; past MAX_CHOICES, the last one again."""
        index = index or 0
        known = self.choices.get(index)
        if known is None:
            if len(self.choices) >= MAX_CHOICES:
                return next(reversed(self.choices.values()))
            known = self.choices[index] = ChoiceBuilder(self, index)
        return known

    def set_usage(self, **counts: int | None) -> None:
        """Overwrite the token counts (fields of `Usage`) that are given and not None, as the provider said them.

        `input` includes cached tokens and `output` includes reasoning: the caller adds where a provider excludes.
        """
        said = {name: count for name, count in counts.items() if count is not None}
        if said:
            self.usage = replace(self.usage, source=UsageSource.PROVIDER, **said)

    def fail(self, type_: str | None, message: str = "", *, in_stream: bool = False) -> None:
        """Record the provider's error; the first one is kept."""
        if self.error is None:
            self.error = ProviderError(type_ or "unknown", message[:MAX_ERROR_CHARACTERS], in_stream)

    def fail_decoding(self, reason: str) -> None:
        """Record why decoding was not whole, as a short class; the first one is kept."""
        self.decode_error = self.decode_error or reason

    def mark(self, seconds: float | None) -> None:
        """Note that what was added since the last mark arrived at `seconds`; called by the driver after each piece."""
        if self.produced and seconds is not None and len(self._output_seconds) < MAX_OUTPUT_TIMES:
            self._output_seconds.append(seconds)
        self.produced = False

    def build(self, *, duration_seconds: float = 0.0, first_byte_seconds: float | None = None) -> Exchange:
        """Return the Exchange."""
        times = tuple(self._output_seconds) if self.stream else ()
        return Exchange(
            format=self.format,
            provider=self.provider,
            operation=self.operation,
            request_model=self.request_model,
            response_model=self.response_model,
            stream=self.stream,
            messages=tuple(self.messages),
            tools=tuple(self.tools),
            tool_definitions=self._tool_definitions(),
            parameters=tuple(sorted(self.parameters.items())),
            choices=self._choices(),
            usage=self.usage,
            error=self.error,
            response_id=self.response_id,
            request_id=self.request_id,
            system_fingerprint=self.system_fingerprint,
            conversation_id=self.conversation_id,
            user=self.user,
            timings=Timings(duration_seconds, first_byte_seconds, times[0] if times else None, times),
            complete=self.complete,
            text_found=tuple(self.text_found),
            decode_error=self.decode_error,
        )

    def _choices(self) -> tuple[Choice, ...]:
        """Return the completions in order; one that an error came instead of is none."""
        built = [choice.build() for _, choice in sorted(self.choices.items())]
        return tuple(choice for choice in built if self.error is None or choice != Choice(choice.index))

    def _tool_definitions(self) -> str:
        return json_text.dump(self.definitions, MAX_DEFINITION_CHARACTERS) if self.definitions else ""
