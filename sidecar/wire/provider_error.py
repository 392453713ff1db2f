"""The error objects of the providers: one reader for all their shapes.

OpenAI and look-alikes {"error": {"message", "type", "code"}}; Anthropic {"type": "error", "error": {"type",
"message"}}; Google {"error": {"status", "message", "code"}}, also inside an array; Ollama {"error": "text"}; TGI
{"error", "error_type"}; AWS {"message", "__type"}; Cohere {"message", "id"}; FastAPI {"detail"}; vLLM {"object":
"error", "message", "type"}.
"""

from typing import Any, Final

from sidecar.wire import json_text
from sidecar.wire.exchange import ProviderError

MAX_TYPE_CHARACTERS: Final = 100
MAX_MESSAGE_CHARACTERS: Final = 4_096


def find(body: Any, status: int | None) -> ProviderError:
    """Return the error in an error answer's `body`; where it names no type, the type is the HTTP status."""
    if isinstance(body, str):
        return ProviderError(str(status or "unknown"), body[:MAX_MESSAGE_CHARACTERS])
    return maybe_find(body) or _outer(body, str(status or "unknown"))


def maybe_find(body: Any, *, in_stream: bool = False) -> ProviderError | None:
    """Return the error that `body` announces under "error", or None where there is none (null and absent alike)."""
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    inner = json_text.at(body, "error")
    if isinstance(inner, str) and inner:
        type_ = json_text.maybe_text(body, "error_type") or json_text.maybe_text(body, "type") or "error"
        return _error(type_, inner, in_stream)
    if not isinstance(inner, dict) or not inner:
        return None
    return _error(_type(inner) or "error", _message(inner), in_stream)


def named(body: Any) -> ProviderError:
    """Return the error of a stream's event that is called `error`, whatever its data is: flat fields, or text."""
    if isinstance(body, str):
        return _error("error", body, in_stream=True)
    return _error(_type(body) or "error" if isinstance(body, dict) else "error", _message(body), in_stream=True)


def _outer(body: Any, status: str) -> ProviderError:
    type_ = json_text.maybe_text(body, "__type") or json_text.maybe_text(body, "type")
    return _error(type_ or status, _message(body), in_stream=False)


def _type(error: dict[str, Any]) -> str | None:
    """Return the error's name: a word before a number (Azure gives `"type": null, "code": "content_filter"`)."""
    named = [error.get(name) for name in ("type", "status", "code")]
    words = [word for word in named if isinstance(word, str) and word]
    numbers = [json_text.maybe_text(number) for number in named]
    return next((found for found in (*words, *numbers) if found), None)


def _message(error: Any) -> str:
    return json_text.maybe_dump(json_text.at(error, "message") or json_text.at(error, "detail"))


def _error(type_: str, message: str, in_stream: bool) -> ProviderError:
    return ProviderError(type_[:MAX_TYPE_CHARACTERS], message[:MAX_MESSAGE_CHARACTERS], in_stream)
