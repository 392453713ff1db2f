"""The decoded exchange: one request and its answer under one vocabulary, whatever the wire format.

Names follow the OpenTelemetry GenAI semantic conventions where they have one. Every field has a neutral
default: a decoder fills in what it finds, and malformed input gives an Exchange with `decode_error`, never an
exception. Equality is by value, so that "streamed or not, split anywhere" can be tested with `==`.
"""

from dataclasses import dataclass, field
from enum import StrEnum


class Operation(StrEnum):
    """`gen_ai.operation.name`, with our own names where the conventions have none."""

    CHAT = "chat"
    TEXT_COMPLETION = "text_completion"
    GENERATE_CONTENT = "generate_content"
    EMBEDDINGS = "embeddings"
    MODERATION = "moderation"
    TRANSCRIPTION = "transcription"
    SPEECH = "speech"
    IMAGE = "image_generation"
    REALTIME = "realtime"
    COUNT_TOKENS = "count_tokens"
    OTHER = "other"  # a known call that generates nothing: models, files, health
    UNKNOWN = "unknown"


class Role(StrEnum):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class UsageSource(StrEnum):
    PROVIDER = "provider"
    ESTIMATED = "estimated"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Media:
    """A non-text part, summarised: never its bytes. `size_bytes` is None for a reference by URL."""

    kind: str  # image, audio, file, video, document
    mime_type: str | None = None
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """`arguments` is JSON text as the model wrote it (objects on the wire are dumped compactly)."""

    id: str | None
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One prompt turn. Text parts are concatenated in order; a tool's answer has role TOOL."""

    role: Role
    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    media: tuple[Media, ...] = ()
    reasoning: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """One completion; several when n > 1 or several candidates."""

    index: int = 0
    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None  # as the provider said it
    media: tuple[Media, ...] = ()
    logprob_sum: float | None = None  # natural log, over `logprob_tokens`
    logprob_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens under one vocabulary (WIRE.md section 14): as the provider said, never recomputed.

    `input` includes cached tokens and `output` includes reasoning in every format, so that providers can be
    added up; the others are parts of these two (prices need them). None: not said.
    """

    source: UsageSource = UsageSource.MISSING
    input: int | None = None
    output: int | None = None
    cached_input: int | None = None
    cache_write_input: int | None = None
    reasoning: int | None = None
    cache_write_1h_input: int | None = None  # part of `cache_write_input`, at a higher price (Anthropic)
    audio_input: int | None = None
    cached_audio_input: int | None = None  # part of `audio_input` and of `cached_input`
    audio_output: int | None = None


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds since the request began; None where it did not happen.

    `output_chunk_seconds` holds the arrival of each piece that carried generated text, reasoning or tool
    arguments (bounded; the first entry is the first token).
    """

    duration_seconds: float = 0.0
    first_byte_seconds: float | None = None
    first_token_seconds: float | None = None
    output_chunk_seconds: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ProviderError:
    """What the provider answered instead of, or in the middle of, a completion."""

    type: str  # low-cardinality: the provider's error type or code, else the HTTP status
    message: str = ""
    in_stream: bool = False


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request/response pair, decoded."""

    format: str  # the decoder's name: "openai-chat", "anthropic", ... or "unknown"
    provider: str = "unknown"  # gen_ai.provider.name: openai, anthropic, gcp.gemini, aws.bedrock, ...
    operation: Operation = Operation.UNKNOWN
    request_model: str | None = None
    response_model: str | None = None
    stream: bool = False
    messages: tuple[Message, ...] = ()
    tools: tuple[str, ...] = ()  # names of the tools offered
    tool_definitions: str = ""  # their descriptions and schemas as JSON text (bounded)
    parameters: tuple[tuple[str, str], ...] = ()  # temperature, max_tokens, ...: sorted, as JSON text
    choices: tuple[Choice, ...] = ()
    usage: Usage = field(default_factory=Usage)
    error: ProviderError | None = None
    response_id: str | None = None
    request_id: str | None = None
    system_fingerprint: str | None = None
    conversation_id: str | None = None
    user: str | None = None  # the request's own end-user field, raw: hash before any sink
    timings: Timings = field(default_factory=Timings)
    complete: bool = True  # False: cut by either side, or captured in part
    text_found: tuple[str, ...] = ()  # texts of an unknown format, in wire order
    decode_error: str | None = None  # a short class such as "bad_json", never traffic text
