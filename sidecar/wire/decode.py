"""Capture in, Exchange out: the one entry of the wire decoders. Never raises, and bounded in time and memory.

Undoes content-encodings, recognises the format, has the bodies read and builds the Exchange. What could not be decoded
is said in `Exchange.decode_error`; what was cut, in `Exchange.complete`.
"""

from typing import Any, Final
from urllib.parse import unquote_plus

from sidecar.wire import bodies, providers, recognise, text_repair, upgraded
from sidecar.wire.anthropic import Anthropic, AnthropicComplete
from sidecar.wire.auxiliary import Auxiliary
from sidecar.wire.bedrock import BedrockConverse
from sidecar.wire.bedrock_invoke import BedrockInvoke
from sidecar.wire.capture import Body, Capture, Ending, Headers
from sidecar.wire.cohere import Cohere, CohereEmbed
from sidecar.wire.cohere_v1 import CohereV1
from sidecar.wire.content_encoding import MAX_DECODED_BYTES, Content, unpack
from sidecar.wire.conversations import Conversations
from sidecar.wire.decoder import Call, Decoder
from sidecar.wire.exchange import Exchange, Operation
from sidecar.wire.gemini import Gemini
from sidecar.wire.gemini_interactions import GeminiInteractions
from sidecar.wire.gemini_live import GeminiLive
from sidecar.wire.ollama import Ollama
from sidecar.wire.openai_assistants import OpenAIAssistants
from sidecar.wire.openai_chat import OpenAIChat
from sidecar.wire.openai_completions import OpenAICompletions
from sidecar.wire.openai_inputs import OpenAIEmbeddings, OpenAIModerations
from sidecar.wire.openai_media import OpenAIImages, OpenAISpeech, OpenAITranscriptions
from sidecar.wire.openai_realtime import OpenAIRealtime
from sidecar.wire.openai_responses import OpenAIResponses
from sidecar.wire.sagemaker import SageMaker
from sidecar.wire.sglang import SgLang
from sidecar.wire.tgi import Tgi
from sidecar.wire.unknown import Unknown

REQUEST_ID_HEADERS: Final = (
    "x-request-id",
    "request-id",
    "apim-request-id",
    "x-amzn-requestid",
    "x-goog-request-id",
    "x-ms-request-id",
)
_MAX_QUERY_FIELDS: Final = 64


def decode(
    capture: Capture,
    *,
    hint: str | None = None,
    provider: str | None = None,
    upstream_host: str | None = None,
    max_decoded_bytes: int = MAX_DECODED_BYTES,
) -> Exchange:
    """Return what `capture` says.

    `hint` names a format (a key of FORMATS) to decode as, whatever path and content say; `provider` is the
    `gen_ai.provider.name` where it is known; else `upstream_host` may tell it, then path and bodies do.
    """
    path, _, query = capture.target.partition("?")
    call = Call(
        method=capture.method,
        path=path,
        query=_query(query),
        request_headers=_headers(capture.request_headers),
        response_headers=_headers(capture.response_headers),
        status=capture.status,
        response_size_bytes=capture.response.size,
    )
    known_provider = provider or providers.of_host(upstream_host)
    try:
        return _decode(capture, call, hint, known_provider, max_decoded_bytes)
    except Exception:  # the boundary of the decoders: a flaw of ours must not be noticed by the traffic
        return Exchange(format=hint or recognise.by_path(path) or "unknown", decode_error="decoder_failed")


def _decode(capture: Capture, call: Call, hint: str | None, provider: str | None, limit: int) -> Exchange:
    request = _unpack(capture.request, call.request_headers.get("content-encoding"), limit)
    response = _unpack(capture.response, call.response_headers.get("content-encoding"), limit)
    cut = capture.ending is not Ending.COMPLETE or not response.complete
    body, flaw = (None, "") if capture.upgraded else bodies.parse(request, cut=cut or not request.complete)
    decoder = _decoder(call, hint, body, response)
    exchange = decoder.exchange
    if call.method in ("OPTIONS", "HEAD"):  # a browser's preflight asks no model
        exchange.operation = Operation.OTHER
    marked = providers.of_path(call.path) or providers.of_headers(call.path, call.response_headers)
    exchange.provider = provider or marked or exchange.provider
    exchange.complete = not cut and request.complete
    for problem in (request.flaw, flaw, response.flaw):
        if problem:
            exchange.fail_decoding(problem)
    try:
        if capture.upgraded:
            upgraded.read(decoder, request, response)
        else:
            bodies.read_request(decoder, request, body, capture.request.size - _kept(capture.request))
            bodies.read_response(decoder, response, cut=cut)
        decoder.end()
    except Exception:  # keep what was read before the flaw
        exchange.fail_decoding("decoder_failed")
    if provider is not None:
        exchange.provider = provider
    exchange.request_id = exchange.request_id or _request_id(call)
    return text_repair.repaired(
        exchange.build(duration_seconds=capture.ended_seconds, first_byte_seconds=_first_byte_seconds(capture))
    )


def _decoder(call: Call, hint: str | None, body: Any, response: Content) -> Decoder:
    """Return the format's decoder: as hinted, else by path, by the request's content, by the response's."""
    for name in (
        hint,
        recognise.by_path(call.path),
        recognise.by_request(body, call.path),
        recognise.by_response(response.head),
    ):
        if name in FORMATS:
            return FORMATS[name](call)
    return Unknown(call)


def _unpack(body: Body, encodings: str | None, limit: int) -> Content:
    return unpack(body, (encodings or "").split(","), limit)


def _kept(body: Body) -> int:
    return len(body.head) + len(body.tail)


def _headers(headers: Headers) -> dict[str, str]:
    """Return the headers by lower-case name; repeated ones are joined with a comma (RFC 9110 section 5.3)."""
    joined: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        joined[key] = f"{joined[key]},{value}" if key in joined else value
    return joined


def _query(query: str) -> dict[str, str]:
    pairs = (field.partition("=") for field in query.split("&", _MAX_QUERY_FIELDS)[:_MAX_QUERY_FIELDS])
    return {unquote_plus(name): unquote_plus(value) for name, _, value in pairs if name}


def _request_id(call: Call) -> str | None:
    return next((call.response_headers[name] for name in REQUEST_ID_HEADERS if call.response_headers.get(name)), None)


def _first_byte_seconds(capture: Capture) -> float | None:
    return capture.response.chunks[0][1] if capture.response.chunks else capture.response_head_seconds


FORMATS: Final[dict[str | None, type[Decoder]]] = {
    decoder.name: decoder
    for decoder in (
        OpenAIChat,
        OpenAICompletions,
        OpenAIResponses,
        OpenAIEmbeddings,
        OpenAIModerations,
        OpenAITranscriptions,
        OpenAISpeech,
        OpenAIImages,
        OpenAIAssistants,
        OpenAIRealtime,
        Anthropic,
        AnthropicComplete,
        Gemini,
        GeminiLive,
        GeminiInteractions,
        BedrockConverse,
        BedrockInvoke,
        SageMaker,
        Cohere,
        CohereV1,
        CohereEmbed,
        Ollama,
        Tgi,
        SgLang,
        Conversations,
        Auxiliary,
        Unknown,
    )
}
